"""Whole runs over what is there twice, dated beyond the calendar or worth more than a sum can hold."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import Row, SparkSession

from rfm_spark.core.config import Config
from rfm_spark.core.errors import GateError
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import current, of_run
from rfm_spark.lake.store import Store
from rfm_spark.pipeline import Outcome
from tests.effort import only_in_full
from tests.helpers import config_for, purchases, rows_of, run_tiny, write_source

RELAXED = {"max_staleness_days": None}


def measures(spark: SparkSession, config: Config, outcome: Outcome) -> list[dict[str, Any]]:
    rows = of_run(spark, LakeLocation.of(config), "segments", outcome.run_id)
    return rows_of(rows.select("customer_id", "frequency", "monetary"))


def ledger_row(spark: SparkSession, config: Config, outcome: Outcome) -> Row:
    return Store(spark, LakeLocation.of(config)).read("runs").where(f"run_id = '{outcome.run_id}'").collect()[0]


@only_in_full
def test_a_date_beyond_the_calendar_does_not_stop_the_next_run(spark: SparkSession, tmp_path: Path) -> None:
    columns = {"customer_id": "who", "order_id": "ord", "order_ts": "CAST(at AS timestamp)", "amount": "amount"}
    source = {"path": str(tmp_path / "source"), "format": "delta", "columns": columns}
    config = config_for(tmp_path, sources={"transactions": source}, quality={**RELAXED, "max_reject_share": None})

    def append(*rows: tuple[str, str, str, int]) -> None:
        frame = spark.createDataFrame(rows, "who STRING, ord STRING, at STRING, amount INT")
        frame.write.format("delta").mode("append").save(str(tmp_path / "source"))

    append(("a", "1", "2024-05-01", 5), ("b", "2", "202406", 7), ("c", "3", "-0044-03-15", 7))
    first = run_tiny(spark, config)
    append(("a", "4", "2024-07-01", 5))
    # Nothing up to the day changed; to know that, all days are looked at.
    assert run_tiny(spark, config).run_id == first.run_id
    append(("a", "5", "2024-05-02", 5))
    second = run_tiny(spark, config)
    assert second.run_id != first.run_id
    assert measures(spark, config, second) == [{"customer_id": "a", "frequency": 2, "monetary": Decimal("10.00")}]


def test_sums_that_no_whole_number_holds_are_one_sentence(spark: SparkSession, tmp_path: Path) -> None:
    rows = spark.range(10_000).selectExpr(
        "'a' AS customer", "CAST(id AS STRING) AS `order`", "timestamp'2024-05-01' AS at",
        "CAST(9999999999999.99 AS DECIMAL(18,2)) AS amount",
    )  # fmt: skip
    rows.write.format("delta").save(str(tmp_path / "source"))
    with pytest.raises(GateError, match="more than a sum of cents can hold"):
        run_tiny(spark, config_for(tmp_path, quality=RELAXED))


def test_a_delivery_that_came_twice_counts_once(spark: SparkSession, tmp_path: Path) -> None:
    lines = purchases()
    dropping = {"checks": {"exact_duplicate": "repair"}}
    clean, twice = config_for(tmp_path, name="clean"), config_for(tmp_path, name="twice", quality=dropping)
    write_source(spark, tmp_path / "source", lines)
    wanted = measures(spark, clean, run_tiny(spark, clean))
    orders = rows_of(current(spark, LakeLocation.of(clean), "orders"))
    # All but three customers have every line twice.
    write_source(spark, tmp_path / "source", [line for line in lines if line[0] > "c03"], mode="append")
    outcome = run_tiny(spark, twice)
    assert measures(spark, twice, outcome) == wanted
    store = Store(spark, LakeLocation.of(twice))
    assert rows_of(current(spark, store.location, "orders", twice.name)) == orders
    row = ledger_row(spark, twice, outcome)
    copies = sum(line[0] > "c03" for line in lines)
    assert row["rows"]["transactions.repaired.exact_duplicate"] == row["rows"]["transactions.duplicates"] == copies
    # Nobody who did not ask for it loses the second scan of an article.
    asked = config_for(tmp_path, name="scanned")
    outcome = run_tiny(spark, asked)
    row = ledger_row(spark, asked, outcome)
    worth = sum(Decimal(line[3]) for line in lines if line[0] > "c03")
    assert row["rows"]["transactions.flagged.exact_duplicate"] == copies
    assert row["money"]["transactions.flagged.exact_duplicate"] == worth
    assert row["money"]["sales"] == worth + sum(Decimal(line[3]) for line in lines)
    assert any(f"{copies:,} rows of sources.transactions worth {worth:,.2f} are" in said for said in outcome.warnings)


@only_in_full
def test_copies_dated_after_the_day_are_no_second_order(spark: SparkSession, tmp_path: Path) -> None:
    later = [("c01", "later", datetime(2024, 7, 10, 12), "5.00"), ("new", "later", datetime(2024, 7, 11, 12), "7.00")]
    write_source(spark, tmp_path / "source", [*purchases(), *later, *later])
    config = config_for(tmp_path, quality={"checks": {"exact_duplicate": "repair"}})
    outcome = run_tiny(spark, config)
    store = Store(spark, LakeLocation.of(config))
    row = ledger_row(spark, config, outcome)
    # Of four rows dated after the day two are copies: they don't count on any day.
    assert (row["rows"]["transactions.repaired.exact_duplicate"], row["rows"]["transactions.later"]) == (2, 2)
    found = current(spark, store.location, "orders").where("order_id = 'later'").orderBy("gross").collect()
    assert [(r["gross"], r["lines"]) for r in found] == [(Decimal("5.00"), 1), (Decimal("7.00"), 1)]
