"""Drift through runs: what is written, printed and decided."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from rfm_spark.capabilities.clusters.assign import assigned
from rfm_spark.capabilities.clusters.champion import planned_model
from rfm_spark.capabilities.clusters.model import ClusterModel
from rfm_spark.capabilities.clusters.models import CHALLENGER, Models
from rfm_spark.capabilities.movement.tables import CAUSES
from rfm_spark.cli.main import main
from rfm_spark.core.config import Config, DisplayConfig
from rfm_spark.lake.history import members, segment_history
from rfm_spark.lake.ledger import Ledger
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import current, of_run
from rfm_spark.lake.store import Store
from rfm_spark.pipeline import Outcome
from rfm_spark.pipeline.prepared import Ahead
from rfm_spark.report.build import build_report
from rfm_spark.report.collect import collect
from tests.effort import only_in_full
from tests.helpers import ROOT, config_for, run_tiny, write_source
from tests.report.example import Page, section

JUNE, JULY, AUGUST, SEPTEMBER = date(2024, 6, 30), date(2024, 7, 31), date(2024, 8, 31), date(2024, 9, 30)


def shop(factor: float = 1.0) -> list[tuple[str, str, datetime, str]]:
    """Orders of 400 customers; from August on they spend `factor` times as much, and a quarter falls silent."""
    draws = np.random.default_rng(11)
    rows = []
    for i in range(400):
        rate = draws.gamma(1.5, 1.2)
        for month in range(12):
            for n in range(draws.poisson(rate)):
                at = datetime(2023, 10, 1) + timedelta(days=30.4 * month + float(draws.uniform(0, 30)))
                changed = at >= datetime(2024, 8, 1) and factor != 1
                if changed and i % 4 == 0:
                    continue
                amount = draws.lognormal(3, 0.8) * (factor if changed else 1)
                rows.append((f"c{i:03d}", f"o{i}-{month}-{n}", at.replace(microsecond=0), f"{amount:.2f}"))
    return rows


def shop_config(folder: Path, **changes: Any) -> Config:
    given: dict[str, Any] = {
        "clusters": {"enabled": True, "k": 3},
        "quality": {"max_staleness_days": None, "max_volume_ratio": None, "min_volume_ratio": None},
        "rfm": {"window_days": 90},
        **changes,
    }
    return config_for(folder, **given)


@pytest.fixture(scope="module")
def changed(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Config, list[Outcome]]:
    """June and July alike, August another world."""
    folder = tmp_path_factory.mktemp("drift")
    write_source(session, folder / "source", shop(factor=25.0))
    config = shop_config(folder)
    days = (JUNE, JULY, AUGUST)
    return folder, config, [run_tiny(session, config, day, fail_on="moderate") for day in days]


def figures_of(spark: SparkSession, config: Config, run_id: str) -> dict[tuple[str, str, str], Any]:
    rows = of_run(spark, LakeLocation.of(config), "drift", run_id).collect()
    return {(row["metric"], row["subject"], row["against"]): row for row in rows}


def test_the_verdict_and_its_figures_are_written(
    spark: SparkSession, changed: tuple[Path, Config, list[Outcome]]
) -> None:
    _, config, (june, july, august) = changed
    # Nothing to compare the first run with.
    assert (june.verdict, june.exit_code) == ("", 0)
    assert july.exit_code == 0
    assert "nothing drifted" in july.verdict or "small changes" in july.verdict or "too few" in july.verdict
    assert august.exit_code == 4
    assert "monetary (major" in august.verdict
    verdicts = {run.run_id: run.drift_verdict for run in Ledger(Store(spark, LakeLocation.of(config))).complete()}
    assert verdicts[june.run_id] is None
    assert verdicts[august.run_id] == "major"
    figures = figures_of(spark, config, august.run_id)
    assert figures["verdict", "all", "previous"]["detail"] == august.verdict
    assert {"psi", "w1", "volume", "regret", "ari", "spread", "centre_shift", "moved", "flapping", "members_held"} <= {
        metric for metric, _, _ in figures
    }
    assert figures["psi", "monetary", "training"]["severity"] == "major"
    assert {row["previous_run_id"] for row in figures.values()} == {july.run_id}


def test_distributions_are_those_of_the_segments(
    spark: SparkSession, changed: tuple[Path, Config, list[Outcome]]
) -> None:
    _, config, runs = changed
    location = LakeLocation.of(config)
    mine = of_run(spark, location, "segments", runs[2].run_id).toPandas()
    kept = {row["feature"]: row for row in of_run(spark, location, "distributions", runs[2].run_id).collect()}
    values = mine["monetary"].astype(float).to_numpy()
    cells = (np.sign(values) * np.floor(np.log1p(np.abs(values)) * 256 + 0.5)).astype(int)
    there, counts = np.unique(cells, return_counts=True)
    assert (kept["monetary"]["cells"], kept["monetary"]["counts"]) == (there.tolist(), counts.tolist())
    shares = mine["segment"].value_counts()
    assert dict(zip(kept["segment"]["labels"], kept["segment"]["counts"], strict=True)) == shares.to_dict()
    model = Models(Store(spark, location), config.name).get(runs[0].run_id)
    assert [one["feature"] for one in model.row["reference"]] == ["recency_days", "frequency", "monetary"]
    assert sum(model.row["sizes"]) == model.row["customers"]


def test_moves_of_clusters_and_flapping_reconcile(
    spark: SparkSession, changed: tuple[Path, Config, list[Outcome]]
) -> None:
    _, config, (_, july, august) = changed
    location = LakeLocation.of(config)
    before, now = (of_run(spark, location, "segments", run.run_id).toPandas().set_index("customer_id")
                   for run in (july, august))  # fmt: skip
    both = before.join(now, how="inner", lsuffix="_was")
    rows = of_run(spark, location, "cluster_transitions", august.run_id).collect()
    assert sum(row["customers"] for row in rows) == len(before.index.union(now.index))
    stayed = sum(row["customers"] for row in rows if row["from_cluster"] == row["to_cluster"])
    assert stayed == (both["cluster_id"] == both["cluster_id_was"]).sum()
    # One model throughout: whoever changed cluster moved by themselves.
    moved = sum(row["customers"] for row in rows) - stayed
    assert sum(row["migration"] + row["entered"] + row["left"] for row in rows) == moved
    assert sum(row[cause] for row in rows for cause in ("relabelling", "both")) == 0
    figures = figures_of(spark, config, august.run_id)
    share = (both["segment"] != both["segment_was"]).mean()
    assert figures["moved", "segment", "previous"]["value"] == pytest.approx(share)
    assert figures["members_held", "clusters", "previous"]["value"] == pytest.approx(stayed / len(both))


def test_runs_are_compared_on_demand(
    changed: tuple[Path, Config, list[Outcome]], spark: SparkSession, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, config, (june, july, august) = changed
    lake = ("--lake", str(folder / "lake"))
    assert main(["compare", "runs", *lake]) == 0
    said = capsys.readouterr().out
    assert f"{august.run_id} against {july.run_id}" in said
    assert "the same model" in said
    assert "major: " in said
    stored = of_run(spark, LakeLocation.of(config), "segment_transitions", august.run_id).collect()
    assert main(["compare", "runs", august.run_id, *lake, "--format", "json"]) == 0
    printed = [yaml.safe_load(line) for line in capsys.readouterr().out.splitlines()]
    columns = ("from_segment", "to_segment", "customers", *CAUSES)
    counts = [sorted(tuple(row[name] for name in columns) for row in rows) for rows in (printed, stored)]
    assert counts[0] == counts[1]
    assert main(["compare", "runs", june.run_id, august.run_id, *lake]) == 0
    assert f"{august.run_id} against {june.run_id}" in capsys.readouterr().out
    assert main(["compare", "runs", june.run_id, june.run_id, *lake]) == 2
    assert "twice" in capsys.readouterr().err
    assert main(["compare", "runs", june.run_id, *lake]) == 2
    assert "first of tiny" in capsys.readouterr().err
    assert main(["show", "segment_history", *lake, "--where", "customer_id = 'c001'"]) == 0
    assert "valid_from" in capsys.readouterr().out


def test_a_repeat_is_asked_anew_what_to_fail_on(
    spark: SparkSession, changed: tuple[Path, Config, list[Outcome]], tmp_path: Path
) -> None:
    _, config, (_, _, august) = changed
    file = tmp_path / "shop.yml"
    document = config.model_dump(mode="json", by_alias=True, exclude_none=True)
    # Limits that are off are none in the file too.
    document["quality"] |= {"max_staleness_days": None, "max_volume_ratio": None, "min_volume_ratio": None}
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    command = ["run", "-c", str(file), "--as-of", AUGUST.isoformat()]
    assert main(command) == 0
    assert main([*command, "--fail-on", "major"]) == 4
    assert (
        current(spark, LakeLocation.of(config), "segments").select("run_id").distinct().collect()[0][0] == august.run_id
    )


def test_the_queries_of_the_document_answer(spark: SparkSession, changed: tuple[Path, Config, list[Outcome]]) -> None:
    _, config, (_, _, august) = changed
    location = LakeLocation.of(config)
    segment_history(spark, location).createOrReplaceTempView("its_history")
    text = (ROOT / "docs" / "drift.md").read_text(encoding="utf-8")
    statements = [one for block in re.findall(r"```sql\n(.*?)```", text, re.DOTALL) for one in block.split(";")]
    assert len(statements) == 3
    for name, ours in (
        ("main.rfm.segment_history", "its_history"), ("main.rfm.segments", location.table("segments")),
        ("main.rfm.runs", location.table("runs")), ("'C42'", "'c001'"), ("'shop'", "'tiny'"),
        ("2024-05-15", "2024-09-05"), ("2024-06-01", "2100-01-01"),
    ):  # fmt: skip
        statements = [statement.replace(name, ours) for statement in statements]
    stays, changes, champions = (spark.sql(statement).toPandas() for statement in statements)
    mine = segment_history(spark, location).where("kind = 'segment'").toPandas()
    ended = mine[mine["valid_to"].notna()]
    days = (pd.to_datetime(ended["valid_to"]) - pd.to_datetime(ended["valid_from"])).dt.days + 1
    expected = days.groupby(ended["value"]).agg(["size", "mean"])
    assert dict(zip(stays["value"], zip(stays["spells"], stays["days"], strict=True), strict=True)) == {
        value: (row["size"], pytest.approx(row["mean"])) for value, row in expected.iterrows()
    }
    assert list(changes["value"]) == list(mine[mine["customer_id"] == "c001"].sort_values("valid_from")["value"])
    known = of_run(spark, location, "segments", august.run_id).where("segment = 'champions'")
    expected_ids = {row["customer_id"] for row in known.select("customer_id").collect()}
    assert set(champions["customer_id"]) == expected_ids
    assert {
        row["customer_id"] for row in members(spark, location, "champions", date(2024, 9, 5)).collect()
    } == expected_ids


def test_the_report_tells_of_drift(spark: SparkSession, changed: tuple[Path, Config, list[Outcome]]) -> None:
    folder, _, (_, _, august) = changed
    html = section(
        build_report(collect(spark, LakeLocation(root=str(folder / "lake")), august.run_id), DisplayConfig()), "drift"
    )
    text = " ".join(Page(html).text.split())
    assert "Major." in text
    assert "Drift over 2 runs" in text
    assert "kept their cluster" in text
    assert html.count("<svg") == 3


@only_in_full
def test_policies_decide_who_assigns_after_a_major_verdict(
    spark: SparkSession, changed: tuple[Path, Config, list[Outcome]]
) -> None:
    folder, config, (june, _, august) = changed
    store = Store(spark, LakeLocation.of(config))
    ledger, challenger = Ledger(store), f"{august.run_id}{CHALLENGER}"

    def planned(policy: str, day: date = SEPTEMBER) -> tuple[str | None, bool]:
        plan = planned_model(
            Ahead(shop_config(folder, drift={"policy": policy}), day, ledger.complete(), store, ledger.configs)
        )
        return plan.champion.version if plan.champion is not None else None, plan.trains

    assert planned("monitor") == (june.run_id, False)
    assert planned("refit_when_major") == (june.run_id, True)
    assert planned("refit_when_major", AUGUST) == (june.run_id, False)
    assert planned("promote") == (challenger, False)
    before = {run.run_id: run.model_version for run in ledger.complete()}
    promoted = run_tiny(spark, shop_config(folder, drift={"policy": "promote"}), SEPTEMBER)
    after = {run.run_id: run.model_version for run in ledger.complete()}
    assert after == {**before, promoted.run_id: challenger}
    # What assigned a published run stays, whatever the policy says by now.
    assert planned("monitor", date(2024, 10, 31)) == (challenger, False)
    # The model of before assigns today's customers: who stays where they were under it was moved by the new one.
    location = LakeLocation.of(config)
    rows = of_run(spark, location, "cluster_transitions", promoted.run_id).collect()
    old = ClusterModel.from_row(Models(store, config.name).get(june.run_id).row)
    today = of_run(spark, location, "segments", promoted.run_id).withColumnRenamed("cluster_id", "is_now")
    ids = assigned(today, old).select("customer_id", "is_now", F.col("cluster_id").alias("by_old")).toPandas()
    was = of_run(spark, location, "segments", august.run_id).select("customer_id", F.col("cluster_id").alias("was"))
    both = ids.merge(was.toPandas(), on="customer_id")
    moved = both[both["was"] != both["is_now"]]
    expected = {
        "migration": int((moved["by_old"] == moved["is_now"]).sum()),
        "relabelling": int((moved["by_old"] == moved["was"]).sum()),
    }
    expected["both"] = len(moved) - sum(expected.values())
    assert expected["migration"] > 0
    assert {cause: sum(row[cause] for row in rows) for cause in expected} == expected


def test_another_definition_is_no_drift_of_the_customers(
    spark: SparkSession, changed: tuple[Path, Config, list[Outcome]]
) -> None:
    folder, config, (_, _, august) = changed
    other = shop_config(folder, rfm={"window_days": 365}, clusters={"enabled": False})
    done = run_tiny(spark, other, date(2024, 8, 31), force=True, fail_on="moderate")
    assert done.run_id != august.run_id
    assert done.exit_code == 0
    assert "defined otherwise" in done.verdict
    figures = figures_of(spark, config, done.run_id)
    assert not [key for key in figures if key[0] == "psi"]
    causes = of_run(spark, LakeLocation.of(config), "segment_changes", done.run_id).select("cause").distinct().collect()
    assert {row["cause"] for row in causes} <= {"definition", "entered", "left"}
