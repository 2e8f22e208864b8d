"""Runs that cluster customers within their market: one model, whose parts are those of runs on each market alone."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession

from rfm_spark.capabilities.clusters.models import Models
from rfm_spark.capabilities.clusters.whole import WholeModel
from rfm_spark.cli.main import main
from rfm_spark.core.config import Config
from rfm_spark.core.errors import ConfigError
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import of_run
from rfm_spark.lake.store import Store
from rfm_spark.pipeline import Outcome
from rfm_spark.report.build import build_report
from rfm_spark.report.collect import collect
from tests.helpers import run_tiny
from tests.scopes.world import AS_OF, NOBODY_KNOWS, scoped, write

LATER = date(2024, 7, 31)
RFM = {"window_days": 365, "scope": ["country"], "smallest_scope": 50}
# Standings are of a scope: what they are made of is parted as well.
CLUSTERS: dict[str, Any] = {
    "enabled": True, "k_range": [2, 3], "fallback_k": 3, "features": ["recency_days", "monetary", "f_pct"],
}  # fmt: skip
PORTUGAL = [f"pt{number}" for number in range(1, 71)]
_KINDS = "customer string, changed timestamp, country string"


def with_portugal(spark: SparkSession, folder: Path) -> None:
    """A market that opens in July."""
    draws = np.random.default_rng(5)
    rows = [
        (customer, f"{customer}-{order}", datetime(2024, 7, int(draws.integers(1, 30)), 12), float(amount), "EUR")
        for customer in PORTUGAL
        for order, amount in enumerate(draws.lognormal(5, 1, 4).round(2))
    ]
    kinds = "customer string, `order` string, at timestamp, amount double, currency string"
    lines = spark.createDataFrame(rows, kinds).selectExpr(
        "customer", "`order`", "at", "cast(amount as decimal(12,2)) amount", "currency"
    )
    lines.write.format("delta").mode("append").save(str(folder / "source"))
    known = spark.createDataFrame([(customer, datetime(2024, 7, 1), "PT") for customer in PORTUGAL], _KINDS)
    known.write.format("delta").mode("append").save(str(folder / "records"))


Runs = tuple[Config, list[Outcome], Path]


@pytest.fixture(scope="module")
def runs(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """A first date, a later one with a new market, and that one again with a refit."""
    folder = tmp_path_factory.mktemp("clusters")
    write(session, folder, LATER)
    config = scoped(folder, rfm=RFM, clusters=CLUSTERS)
    outcomes = [run_tiny(session, config, AS_OF)]
    with_portugal(session, folder)
    outcomes.append(run_tiny(session, config, LATER))
    outcomes.append(run_tiny(session, config, LATER, refit=True))
    return config, outcomes, folder


def people(spark: SparkSession, config: Config, outcome: Outcome) -> pd.DataFrame:
    rows = of_run(spark, LakeLocation.of(config), "segments", outcome.run_id).toPandas()
    return rows.set_index("customer_id").sort_index()


def model_in(spark: SparkSession, config: Config, version: str) -> WholeModel:
    return Models(Store(spark, LakeLocation.of(config)), "tiny").get(version).model


def table(spark: SparkSession, config: Config, outcome: Outcome, name: str) -> DataFrame:
    return of_run(spark, LakeLocation.of(config), name, outcome.run_id)


@pytest.mark.parametrize("market", ["DE", "FR"])
def test_clusters_of_a_scope_are_those_of_a_run_on_it_alone(spark: SparkSession, runs: Runs, market: str) -> None:
    config, outcomes, folder = runs
    where = f"customer LIKE '{market.lower()}%'"
    alone = scoped(folder, f"lake_{market}", where, rfm={"window_days": 365}, clusters=CLUSTERS)
    other = run_tiny(spark, alone, AS_OF)
    theirs, ours = people(spark, alone, other), people(spark, config, outcomes[0]).query("scope == @market")
    part = model_in(spark, config, outcomes[0].run_id).part(market)
    whole = model_in(spark, alone, other.run_id).part("all")
    assert part is not None
    assert whole is not None
    same = (
        "centres", "names", "k", "decided", "silhouette", "inertia", "sizes", "jaccard", "space", "reference",
        "ari_floor",
    )  # fmt: skip
    assert [getattr(part, name) for name in same] == [getattr(whole, name) for name in same]
    assert (ours["cluster_id"] - theirs["cluster_id"] == part.ids[0] - 1).all()
    exact = ["cluster_name", "cluster_distance", "second_distance"]
    pd.testing.assert_frame_equal(ours[exact], theirs[exact])
    scans = [
        table(spark, one, made, "cluster_scan").toPandas() for one, made in ((config, outcomes[0]), (alone, other))
    ]
    mine = scans[0].query("scope == @market").reset_index(drop=True)
    pd.testing.assert_frame_equal(mine.drop(columns=["scope", "run_id"]), scans[1].drop(columns=["scope", "run_id"]))


def test_small_scopes_share_clusters_of_everybody_and_are_named(spark: SparkSession, runs: Runs) -> None:
    config, outcomes, _ = runs
    model, ours = model_in(spark, config, outcomes[0].run_id), people(spark, config, outcomes[0])
    assert [part.scope for part in model.parts] == ["DE", "FR", "all"]
    shared = model.part("all")
    assert shared is not None
    assert shared.also_of == ("LI", "unknown")
    assert shared.customers == len(ours)
    assert set(ours.query("scope in ('LI', 'unknown')")["cluster_id"]) <= set(shared.ids)
    assert set(ours.loc[list(NOBODY_KNOWS), "cluster_id"]) <= set(shared.ids)
    assert len(set(model.ids)) == model.k == sum(part.k for part in model.parts)
    assert any("are put into clusters of all customers: LI (8), unknown (3)" in one for one in outcomes[0].warnings)


def test_a_new_market_has_no_clusters_until_a_refit(spark: SparkSession, runs: Runs) -> None:
    config, outcomes, _ = runs
    ours = people(spark, config, outcomes[1])
    new = ours.query("scope == 'PT'")
    assert len(new) == len(PORTUGAL)
    assert new[["cluster_id", "cluster_name", "cluster_distance", "model_version"]].isna().all().all()
    others = ours.query("scope != 'PT'")
    assert set(others["model_version"]) == {outcomes[0].run_id}
    assert others["cluster_id"].notna().all()
    told = [one for one in outcomes[1].warnings if "PT (70)" in one]
    assert any("run --refit" in one for one in told)
    again = people(spark, config, outcomes[2])
    assert again["cluster_id"].notna().all()
    assert not any("PT (70)" in one for one in outcomes[2].warnings)
    refit, before = (model_in(spark, config, outcomes[at].run_id) for at in (2, 0))
    part = refit.part("PT")
    assert part is not None
    assert min(part.ids) > before.last_id
    assert set(again.query("scope == 'PT'")["cluster_id"]) == set(part.ids)
    assert refit.parent_version == before.version
    lineage = Store(spark, LakeLocation.of(config)).rows("cluster_lineage", model_version=refit.version)
    assert {row["scope"] for row in lineage} == {"DE", "FR", "all"}


def test_moves_between_clusters_are_told_by_their_ids(spark: SparkSession, runs: Runs) -> None:
    config, outcomes, _ = runs
    first, second, again = (people(spark, config, outcome) for outcome in outcomes)
    moved = table(spark, config, outcomes[1], "cluster_transitions").toPandas()
    both = first.join(second["cluster_id"].rename("now"), how="inner")
    expected = both.groupby(["cluster_id", "now"]).size()
    counted = moved.dropna(subset=["from_cluster", "to_cluster"]).set_index(["from_cluster", "to_cluster"])["customers"]
    assert {ends: n for ends, n in counted.items() if n} == expected.to_dict()
    # Under the model before everybody is where they were put in the first run of the day.
    kept = again.join(second["cluster_id"].rename("unrefitted"), how="inner").query("scope != 'PT'")
    stayed = kept.query("unrefitted == previous_cluster_id and unrefitted != cluster_id")
    assert set(stayed["cluster_move_cause"]) == {"relabelling"}


def test_profiles_are_shares_of_a_scope_and_of_everybody(spark: SparkSession, runs: Runs) -> None:
    config, outcomes, _ = runs
    ours = people(spark, config, outcomes[1])
    profiles = table(spark, config, outcomes[1], "cluster_profiles").toPandas()
    assert set(profiles["scope"]) == {"all", "DE", "FR", "LI", "unknown"}
    for scope, mine in [("all", ours), *ours.query("scope != 'PT'").groupby("scope")]:
        theirs = profiles[profiles["scope"] == scope].set_index("cluster_id")
        grouped = mine.dropna(subset=["cluster_id"]).groupby("cluster_id")
        assert theirs["customers"].to_dict() == grouped.size().to_dict()
        assert theirs["share"].to_dict() == pytest.approx((grouped.size() / len(mine)).to_dict())
        assert theirs["revenue"].to_dict() == grouped["monetary"].sum().to_dict()
        for cluster, row in theirs.iterrows():
            members = mine[mine["cluster_id"] == cluster]
            near = members.reset_index().sort_values(["cluster_distance", "customer_id"])["customer_id"]
            assert list(row["medoids"]) == list(near[:3])
            means = {one["feature"]: one["mean"] for one in row["features"]}
            assert means["recency_days"] == pytest.approx(members["recency_days"].mean())


def test_drift_of_clusters_is_told_by_scope(spark: SparkSession, runs: Runs) -> None:
    config, outcomes, _ = runs
    drift = table(spark, config, outcomes[1], "drift").toPandas()
    assert set(drift[drift["metric"] == "regret"]["scope"]) == {"DE", "FR", "all"}
    spread = drift[drift["metric"] == "spread"]
    model = model_in(spark, config, outcomes[0].run_id)
    for part in model.parts:
        assert set(spread[spread["scope"] == part.scope]["subject"]) <= {str(cluster) for cluster in part.ids}
    trained = drift[(drift["against"] == "training") & (drift["metric"] == "psi")]
    assert {"DE", "FR"} <= set(trained[trained["subject"] == "monetary"]["scope"])


def test_commands_and_the_report_know_of_parts(
    spark: SparkSession, runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    config, outcomes, folder = runs
    lake = ["--lake", str(folder / "lake")]

    def said(*arguments: str, code: int = 0) -> str:
        capsys.readouterr()
        assert main([*arguments, *lake]) == code
        return capsys.readouterr().out

    first, _, refit = (outcome.run_id for outcome in outcomes)
    listed = said("clusters", "list")
    assert "scope" in listed
    assert sum(line.startswith(refit) for line in listed.splitlines()) >= 4
    shown = said("clusters", "show", refit)
    assert all(f"Customers of {scope}" in shown for scope in ("DE", "FR", "PT"))
    assert "All customers, who are assigned for LI, unknown" in shown
    compared = said("clusters", "compare", first, refit, "--run", refit)
    assert "70 customers are of scopes that A or B has no clusters for" in compared
    assert "Customers of DE by cluster of A" in compared
    assert all("different from what was published: 0 cluster_id" in said("clusters", "rescore", run)
               for run in (first, outcomes[1].run_id, refit))  # fmt: skip
    assert "is pinned" in said("clusters", "pin", first)
    by_currency = scoped(folder, currency=True, rfm={**RFM, "scope": ["currency"]}, clusters=CLUSTERS)
    with pytest.raises(ConfigError, match=r"trained under another scope, would compare amounts of several"):
        run_tiny(spark, by_currency, LATER + timedelta(days=31))
    assert "is no longer pinned" in said("clusters", "unpin")
    assert "is champion of tiny" in said("clusters", "promote", first)
    assert "none: the model has no clusters for customers of PT" in said("explain", "pt3", "--run", outcomes[1].run_id)
    fr = people(spark, config, outcomes[2]).loc["fr3"]
    assert f"cluster    {int(fr['cluster_id'])} {fr['cluster_name']}" in said("explain", "fr3", "--run", refit)
    location = LakeLocation.of(config)
    model = model_in(spark, config, refit)
    for scope in ("all", "FR", "LI"):
        data = collect(spark, location, refit, scope).sections["clusters"]
        part = model.shown_to(scope)
        assert part is not None
        wanted = model.ids if scope == "all" else part.ids
        assert set(data.model.names) == set(wanted)
        assert len(data.model.scan) == (0 if scope == "all" else 2)
        assert {one.cluster_id for one in data.profiles} <= set(wanted)
        assert build_report(collect(spark, location, refit, scope), config.display)


def test_amounts_of_currencies_share_no_clusters(spark: SparkSession, tmp_path: Path) -> None:
    write(spark, tmp_path)
    rfm = {"window_days": 365, "scope": ["currency"], "smallest_scope": 50}
    config = scoped(tmp_path, currency=True, rfm=rfm, clusters=CLUSTERS)
    outcome = run_tiny(spark, config, AS_OF)
    model, ours = model_in(spark, config, outcome.run_id), people(spark, config, outcome)
    assert [part.scope for part in model.parts] == ["EUR"]
    assert ours.query("scope == 'CHF'")["cluster_id"].isna().all()
    assert ours.query("scope == 'EUR'")["cluster_id"].notna().all()
    assert any("get none, since amounts of different currencies are never compared: CHF" in w for w in outcome.warnings)
    profiles = table(spark, config, outcome, "cluster_profiles").toPandas()
    assert set(profiles["scope"]) == {"EUR"}
    later = run_tiny(spark, config, LATER)
    assert people(spark, config, later).query("scope == 'EUR'")["model_version"].eq(outcome.run_id).all()
    assert any("CHF (" in warning and "get none" in warning for warning in later.warnings)
