"""A source that grows night by night, with all that earlier batches are needed for, and a lake of its batches."""

from __future__ import annotations

import shutil
from datetime import date, datetime, timedelta
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from rfm_spark.core.config import Config
from rfm_spark.pipeline import Outcome, late_dates
from tests.helpers import COLUMNS, config_for, purchases, run_tiny

Lines = list[tuple[str, str, int, datetime | None, str]]
SCHEMA = "customer string, `order` string, line int, at timestamp, amount string"
QUALITY = {
    "max_staleness_days": None, "min_volume_ratio": None, "max_volume_ratio": None, "max_reject_share": None,
    "batch": {"max_reject_share": None},
}  # fmt: skip
NIGHTS = [date(2024, month, day) for month, day in ((2, 29), (3, 31), (4, 30), (6, 27), (6, 28), (6, 29), (6, 30))]


def moment(month: int, day: int) -> datetime:
    return datetime(2024, month, day, 12)


def old_lines() -> Lines:
    """Orders of before March; every other one has two lines."""
    made = [(customer, order, 1, at - timedelta(days=150), amount) for customer, order, at, amount in purchases(8)]
    return [*made, *((customer, order, 2, at, "5.00") for customer, order, _, at, _ in made[::2])]


def write(spark: SparkSession, table: str, lines: Lines) -> None:
    rows = spark.createDataFrame(lines, SCHEMA).withColumn("amount", F.col("amount").cast("decimal(12,2)"))
    rows.write.format("delta").mode("append").save(table)


def night(spark: SparkSession, table: str, number: int) -> None:
    """What arrives before a night: each has something that earlier batches are needed for."""
    first = old_lines()
    known = first[0]
    if number == 1:
        # New orders, and rows that are rejected.
        write(spark, table, [("c20", "n1", 1, moment(3, 9), "10.00"), ("c21", "n2", 1, None, "1.00"), known])
    elif number == 2:
        # A row of another day that comes late, and a later version of a line.
        write(spark, table, [("c08", "late", 1, moment(3, 2), "9.00"), ("c20", "n1", 1, moment(4, 9), "12.00")])
    elif number == 3:
        spark.sql(f"UPDATE delta.`{table}` SET amount = 77 WHERE customer = 'c08' AND `order` = '{first[-1][1]}'")
        spark.sql(f"DELETE FROM delta.`{table}` WHERE customer = '{first[3][0]}' AND `order` = '{first[3][1]}'")
    elif number == 4:
        # A refund leaves nothing of an order.
        write(spark, table, [("c20", "n1", 2, moment(6, 20), "-12.00"), ("c22", "n4", 1, moment(6, 21), "3.00")])
    elif number == 5:
        write(spark, table, [("c22", "n5", 1, moment(6, 27), "4.00"), ("c21", "n2", 1, None, "1.00")])
    elif number == 6:
        # The same line as in a batch that was folded, a late one, a refund, and one that is rejected.
        write(spark, table, [known, ("c20", "n9", 1, moment(2, 2), "2.00"), ("c22", "n4", 2, moment(6, 30), "-3.00"),
                             ("c23", "n2", 1, None, "1.00")])  # fmt: skip


class Nights:
    """A source that grows, a lake after six nights, and copies of it."""

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        self.spark, self.folder, self.copies = spark, folder, 0
        self.source = str(folder / "source")
        spark.sql(f"CREATE TABLE delta.`{self.source}` (customer STRING, `order` STRING, line INT, at TIMESTAMP, "
                  "amount DECIMAL(12,2)) USING DELTA TBLPROPERTIES (delta.enableChangeDataFeed = true)")  # fmt: skip
        write(spark, self.source, old_lines())
        self.runs: dict[int, Outcome] = {}
        for number in range(6):
            night(spark, self.source, number)
            if number in (1, 4, 5):
                self.runs[number] = run_tiny(spark, self.config("lake"), NIGHTS[number])
            else:
                # Takes in what arrived, and makes no run.
                late_dates(spark, self.config("lake"), NIGHTS[number])

    def config(self, lake: str, batches: int = 3) -> Config:
        place = {"path": self.source, "format": "delta", "columns": {**COLUMNS, "line_id": "line"}}
        return config_for(
            self.folder, lake={"root": str(self.folder / lake)}, sources={"transactions": place}, quality=QUALITY,
            rfm={"window_days": 180}, retention={"daily": 1, "batches": batches},
        )  # fmt: skip

    def copied(self, batches: int = 3) -> Config:
        self.copies += 1
        shutil.copytree(self.folder / "lake", self.folder / f"lake{self.copies}")
        return self.config(f"lake{self.copies}", batches)
