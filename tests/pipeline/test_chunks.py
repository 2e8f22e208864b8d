"""History that arrives in parts: a first build in chunks, holes that are filled later, a backfill of many dates."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from rfm_spark.core.config import Config
from rfm_spark.core.schemas import tables
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import of_run
from rfm_spark.lake.store import Store
from rfm_spark.pipeline import backfill_dates
from tests.effort import amount
from tests.helpers import config_for, purchases, rows_of, run_tiny

RELAXED = {"max_staleness_days": None, "min_volume_ratio": None, "max_volume_ratio": None,
           "batch": {"min_volume_ratio": None}}  # fmt: skip
COLUMNS = {"customer_id": "who", "order_id": "ord", "order_ts": "day", "amount": "money"}
END = date(2024, 6, 30)
# Two years of them, or one.
LINES = purchases(amount(24, 42))


def deliver(folder: Path, months: Iterable[str]) -> None:
    """A file of each month's lines."""
    folder.mkdir(exist_ok=True)
    for month in months:
        mine = [row for row in LINES if f"{row[2]:%Y-%m}" == month]
        text = "who,ord,day,money\n" + "".join(f"{who},{order},{at},{money}\n" for who, order, at, money in mine)
        (folder / f"{month}.csv").write_text(text, encoding="utf-8")


def months() -> list[str]:
    return sorted({f"{row[2]:%Y-%m}" for row in LINES})


def config_of(folder: Path, lake: str, **rfm: object) -> Config:
    source = {"path": str(folder / "in"), "format": "csv", "options": {"header": True}, "columns": COLUMNS}
    return config_for(
        folder, lake={"root": str(folder / lake)}, sources={"transactions": source}, quality=RELAXED, rfm=rfm
    )


def measures(spark: SparkSession, config: Config, run_id: str) -> list[dict[str, object]]:
    """Of one run; what a run before knew is no measure."""
    return rows_of(of_run(spark, LakeLocation.of(config), "measures", run_id), "run_id", "is_corrected")


@pytest.mark.parametrize("window", amount([45], [1, 45, None]))
def test_chunks_holes_and_windows_end_where_one_build_does(
    spark: SparkSession, tmp_path: Path, window: int | None
) -> None:
    every = months()
    # The tail of the window lies within a day of orders, and the hole before and behind it.
    hole, rest = every[-4:-2], [month for month in every if month not in every[-4:-2]]
    config = config_of(tmp_path, "chunks", window_days=window)
    for chunk in (rest[: len(rest) // 2], rest[len(rest) // 2 :]):
        deliver(tmp_path / "in", chunk)
        run_tiny(spark, config, END - timedelta(days=1))
    deliver(tmp_path / "in", hole)
    run_tiny(spark, config, END, verify=True)
    last = run_tiny(spark, config, END + timedelta(days=1), verify=True)
    whole = config_of(tmp_path, "whole", window_days=window)
    once = run_tiny(spark, whole, END + timedelta(days=1))
    assert measures(spark, config, last.run_id) == measures(spark, whole, once.run_id)


def test_a_backfill_of_months_is_that_many_builds(spark: SparkSession, tmp_path: Path) -> None:
    """Every month's figures by pandas from the lines; in proofs every table of each from a lake of its own."""
    deliver(tmp_path / "in", months())
    config = config_of(tmp_path, "lake", window_days=90)
    days = backfill_dates(END - timedelta(days=amount(92, 730)), END, "1mo")
    runs = [run_tiny(spark, config, day) for day in days]
    assert len(runs) == amount(4, 24)
    for run in runs:
        found = {str(row["customer_id"]): row for row in measures(spark, config, run.run_id)}
        assert {who: (row["recency_days"], row["frequency"], row["monetary"]) for who, row in found.items()} == counted(
            run.as_of, 90
        )
    for run in runs[-amount(1, 24) :]:
        alone = config_of(tmp_path, f"alone {run.as_of}", window_days=90)
        once = run_tiny(spark, alone, run.as_of)
        for name in ("measures", "segment_cuts", "segment_summary", "distributions"):
            if tables()[name].kind == "run" and Store(spark, LakeLocation.of(alone)).exists(name):
                left, right = (
                    rows_of(of_run(spark, LakeLocation.of(one), name, run_id), "run_id", "is_corrected")
                    for one, run_id in ((config, run.run_id), (alone, once.run_id))
                )
                assert left == right, (name, run.as_of)


def counted(as_of: date, window: int) -> dict[str, tuple[object, ...]]:
    """Recency, frequency and monetary by pandas: lines of an order are one purchase, and none is a refund."""
    lines = pd.DataFrame(LINES, columns=["who", "order", "at", "money"])
    lines["day"] = pd.to_datetime(lines["at"]).dt.date
    lines["cents"] = (lines["money"].astype(float) * 100).round().astype(int)
    assert (lines["cents"] > 0).all()
    orders = lines[lines["day"] <= as_of].groupby(["who", "order"], as_index=False).agg(
        day=("day", "max"), cents=("cents", "sum")
    )  # fmt: skip
    inside = orders[orders["day"] > as_of - timedelta(days=window)]
    money, count = inside.groupby("who")["cents"].sum().to_dict(), inside.groupby("who").size().to_dict()
    last = orders.groupby("who")["day"].max().to_dict()
    return {
        str(who): ((as_of - day).days, int(count.get(who, 0)), Decimal(int(money.get(who, 0))) / 100)
        for who, day in last.items()
    }
