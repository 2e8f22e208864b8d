"""Amounts of different currencies never meet: each customer counts in the currency of their latest purchase."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
import yaml
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from rfm_spark.cli.main import main
from rfm_spark.core.config import Config
from rfm_spark.core.errors import ConfigError, GateError
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import current, of_run
from rfm_spark.lake.store import Store
from rfm_spark.pipeline import Outcome
from rfm_spark.report.build import build_report
from rfm_spark.report.collect import collect
from tests.helpers import ROOT, run_tiny
from tests.scopes.world import AS_OF, orders, scoped, write, write_records

RFM = {"window_days": 365, "scope": ["currency"], "smallest_scope": 20}


@pytest.fixture(scope="module")
def world(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, Outcome, Path]:
    folder = tmp_path_factory.mktemp("currencies")
    write(session, folder)
    config = scoped(folder, currency=True, rfm=RFM, lifecycle={"enabled": True}, cohorts={"enabled": True})
    run_tiny(session, config, AS_OF - timedelta(days=30))
    return config, run_tiny(session, config, AS_OF), folder


def expected() -> pd.DataFrame:
    """Per customer: currency of the latest purchase (the first code of several), and orders in it."""
    lines = orders(AS_OF)
    lines["day"] = lines["at"].dt.date
    latest = lines.sort_values(["day", "currency"], ascending=[False, True]).groupby("customer")["currency"].first()
    own = lines[lines["currency"] == lines["customer"].map(latest)]
    inside = own[own["day"] > AS_OF - timedelta(days=365)]
    cents = (inside["amount"] * 100).round().astype(int).groupby(inside["customer"]).sum()
    found = pd.DataFrame({"scope": latest})
    found["frequency"] = inside.groupby("customer").size()
    found["cents"] = cents
    found["orders"] = own.groupby("customer").size()
    found["elsewhere"] = lines.groupby("customer").size() - found["orders"]
    return found.fillna(0).sort_index()


def test_only_orders_in_a_customers_own_currency_count(
    spark: SparkSession, world: tuple[Config, Outcome, Path]
) -> None:
    config, outcome, _ = world
    rows = of_run(spark, LakeLocation.of(config), "segments", outcome.run_id).toPandas()
    ours, theirs = rows.set_index("customer_id").sort_index(), expected()
    assert (ours["scope"] == theirs["scope"]).all()
    assert (ours["frequency"] == theirs["frequency"]).all()
    assert (ours["orders"] == theirs["orders"]).all()
    assert [int(amount * 100) for amount in ours["monetary"]] == theirs["cents"].astype(int).tolist()
    elsewhere = int(theirs["elsewhere"].sum())
    assert elsewhere > 20
    assert any(f"{elsewhere} purchases are in another currency" in warning for warning in outcome.warnings)


def test_nothing_adds_amounts_of_both(spark: SparkSession, world: tuple[Config, Outcome, Path]) -> None:
    config, outcome, _ = world
    location = LakeLocation.of(config)
    for table in ("segment_summary", "segment_transitions", "lifecycle_summary", "lifecycle_transitions"):
        rows = of_run(spark, location, table, outcome.run_id).where("scope = 'all'").toPandas()
        assert len(rows) > 2
        if "mean_monetary" in rows:
            assert rows["mean_monetary"].isna().all()
        amounts = rows["revenue"].dropna()
        assert (amounts == 0).all(), table
    ledger = Store(spark, location).rows("runs", run_id=outcome.run_id)[0]["money"]
    totals = expected().groupby("scope")["cents"].sum()
    assert ledger == {f"monetary.{name}": Decimal(int(cents)) / 100 for name, cents in totals.items()}
    features = of_run(spark, location, "distributions", outcome.run_id).where("scope = 'all'").toPandas()["feature"]
    assert "monetary" not in set(features)


def test_cuts_of_money_are_each_currencys_own(spark: SparkSession, world: tuple[Config, Outcome, Path]) -> None:
    config, outcome, _ = world
    cuts = of_run(spark, LakeLocation.of(config), "segment_cuts", outcome.run_id).toPandas()
    money = cuts[cuts["measure"] == "monetary"].set_index("scope")["cuts_of"].to_dict()
    assert money == {"CHF": "CHF", "EUR": "EUR"}


def test_pages_of_all_show_no_amounts(spark: SparkSession, world: tuple[Config, Outcome, Path]) -> None:
    config, outcome, _ = world
    location = LakeLocation.of(config)
    page = build_report(collect(spark, location, outcome.run_id), config.display)
    assert "Amounts of different currencies are never added up" in page
    theirs = build_report(collect(spark, location, outcome.run_id, "CHF"), config.display)
    assert "only CHF" in theirs


def test_two_runs_and_other_rules_are_compared_without_amounts(
    world: tuple[Config, Outcome, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    _, _, folder = world
    lake = ["--lake", str(folder / "lake"), "--format", "csv"]
    assert main(["compare", "runs", *lake]) == 0
    rows = pd.read_csv(StringIO(capsys.readouterr().out))
    assert len(rows) > 3
    assert rows["revenue"].isna().all()
    assert main(["compare", "runs", *lake[:2]]) == 0
    printed = capsys.readouterr().out
    assert "From, to" in printed
    assert not re.search(r"\d\.\d\d\b", printed.replace("%", ""))
    assert main(["rules", "preview", "classic", "--lake", str(folder / "lake")]) == 0
    assert not re.search(r"\d\.\d\d\b", capsys.readouterr().out.replace("%", ""))


def test_cut_points_of_money_have_a_currency(
    spark: SparkSession, world: tuple[Config, Outcome, Path], tmp_path: Path
) -> None:
    _, outcome, folder = world
    frozen = {**RFM, "scoring": {"method": "frozen", "run": outcome.run_id}}
    only = scoped(folder, name="later", currency=True, rfm=frozen)
    assert run_tiny(spark, only, AS_OF).run_id
    lines = spark.read.format("delta").load(str(folder / "source"))
    other = lines.withColumn("currency", F.expr("if(customer LIKE 'fr%', 'JPY', currency)"))
    other.write.format("delta").save(str(tmp_path / "source"))
    spark.read.format("delta").load(str(folder / "records")).write.format("delta").save(str(tmp_path / "records"))
    config = scoped(tmp_path, name="yen", currency=True, rfm=frozen).model_copy(update={"lake": world[0].lake})
    with pytest.raises(ConfigError, match=f"run {outcome.run_id} has no cut points for amounts of JPY"):
        run_tiny(spark, config, AS_OF)
    fixed = {"method": "fixed", "cuts": {"r": [1, 2, 3, 4], "f": [1, 2, 3, 4], "m": [1, 2, 3, 4]}}
    with pytest.raises(ConfigError, match="can't be combined with fixed cut points, which are of one currency"):
        scoped(folder, currency=True, rfm={**RFM, "scoring": fixed})


def test_a_refund_in_another_currency_lowers_nothing_and_is_counted(spark: SparkSession, tmp_path: Path) -> None:
    rows = [("ann", "1", 10, "100.00", "EUR"), ("ann", "1", 12, "-30.00", "USD"), ("ben", "2", 9, "50.00", "EUR")]
    lines = spark.createDataFrame(
        [(c, o, datetime(2024, 6, day), Decimal(amount), currency) for c, o, day, amount, currency in rows],
        "customer string, `order` string, at timestamp, amount decimal(12,2), currency string",
    )
    lines.write.format("delta").save(str(tmp_path / "source"))
    write_records(spark, tmp_path)
    config = scoped(
        tmp_path, currency=True, rfm={"scope": ["currency"], "smallest_scope": 1}, cohorts={"enabled": True}
    )
    outcome = run_tiny(spark, config, AS_OF)
    found = of_run(spark, LakeLocation.of(config), "segments", outcome.run_id).collect()
    assert {row["customer_id"]: row["monetary"] for row in found} == {"ann": Decimal(100), "ben": Decimal(50)}
    orders_told = current(spark, LakeLocation.of(config), "orders").where("customer_id = 'ann'").collect()
    assert {row["currency"]: row["net"] for row in orders_told} == {"EUR": Decimal(100), "USD": Decimal(-30)}
    cohorts = of_run(spark, LakeLocation.of(config), "cohorts", outcome.run_id).collect()
    assert [(row["customers"], row["orders"], row["revenue"]) for row in cohorts] == [(2, 2, None)]
    counted = Store(spark, LakeLocation.of(config)).rows("runs", run_id=outcome.run_id)[0]["rows"]
    assert counted["transactions.flagged.refund_without_sale"] == 1


def test_cohorts_count_orders_in_the_own_currency_alone(
    spark: SparkSession, world: tuple[Config, Outcome, Path]
) -> None:
    config, outcome, _ = world
    rows = of_run(spark, LakeLocation.of(config), "cohorts", outcome.run_id).toPandas()
    assert rows["orders"].sum() == expected()["orders"].sum()
    assert rows["revenue"].isna().all()
    tables = of_run(spark, LakeLocation.of(config), "segments", outcome.run_id)
    assert rows.groupby("cohort_month")["customers"].first().sum() == tables.count()


def test_who_changes_currency_is_judged_by_that_of_today(spark: SparkSession, tmp_path: Path) -> None:
    lines = orders(AS_OF)
    moved, new = [f"de{n}" for n in range(2, 12)], [f"de{n}" for n in range(12, 22)]
    later = [
        (customer, f"later {customer}", datetime(2024, 7, 10, 12), 40.0, "CHF" if customer in moved else "JPY")
        for customer in (*moved, *new)
    ]
    kinds = "customer string, `order` string, at timestamp, amount decimal(12,2), currency string"

    def lake_of(rows: list[tuple[str, str, datetime, float, str]]) -> None:
        exact = [(c, o, at, Decimal(str(amount)), currency) for c, o, at, amount, currency in rows]
        found = spark.createDataFrame(exact, kinds)
        found.write.format("delta").mode("overwrite").save(str(tmp_path / "source"))

    first = [(c, o, at.to_pydatetime(), amount, currency) for c, o, at, amount, currency in lines.itertuples(False)]
    lake_of(first)
    write_records(spark, tmp_path)
    config = scoped(tmp_path, currency=True, rfm=RFM)
    run_tiny(spark, config, AS_OF)
    lake_of([*first, *later])
    second = run_tiny(spark, config, AS_OF + timedelta(days=31))
    rows = of_run(spark, LakeLocation.of(config), "segments", second.run_id).toPandas().set_index("customer_id")
    assert set(rows.loc[moved, "scope"]) == {"CHF"}
    assert set(rows.loc[new, "scope"]) == {"JPY"}
    # A scope too new for cut points of money then: their score is left as it is, and so no threshold moved them.
    assert "masked" not in set(rows.loc[new, "move_cause"])


def test_rules_and_subscriptions_have_one_currency(spark: SparkSession, tmp_path: Path) -> None:
    document = yaml.safe_load((ROOT / "conf" / "segments" / "rf_grid.yml").read_text(encoding="utf-8"))
    first = document["segments"][0]
    first["when"] = [first["when"], {"monetary": {"min": 500}}]
    rules = tmp_path / "rules.yml"
    rules.write_text(yaml.safe_dump(document), encoding="utf-8")
    write(spark, tmp_path)
    with pytest.raises(ConfigError, match=r"limits of monetary are of one currency, and rfm\.scope has several"):
        run_tiny(spark, scoped(tmp_path, currency=True, rfm=RFM, segments={"rules": str(rules)}), AS_OF)


def test_without_the_scope_two_currencies_stop_the_run(spark: SparkSession, tmp_path: Path) -> None:
    write(spark, tmp_path)
    with pytest.raises(GateError, match=r"part customers by rfm\.scope: \[currency\]"):
        run_tiny(spark, scoped(tmp_path, currency=True, rfm={"window_days": 365}), AS_OF)
