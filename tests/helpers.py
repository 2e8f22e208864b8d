"""Small worlds and quiet doubles of what people provide: a clock, a progress listener."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from rfm_spark.core.config import Config, config_model
from rfm_spark.core.loading import validate
from rfm_spark.pipeline import Outcome, run

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = {"customer_id": "customer", "order_id": "order", "order_ts": "at", "amount": "amount"}
AS_OF = date(2024, 6, 30)


class Clock:
    """Ticks a second at each look, so that order in the ledger is certain."""

    def __init__(self) -> None:
        self.moment = datetime(2024, 7, 1, tzinfo=timezone.utc)

    def __call__(self) -> datetime:
        self.moment += timedelta(seconds=1)
        return self.moment


CLOCK = Clock()


class Stages:
    """Remembers the stages that were run; can stop one like a crash would."""

    def __init__(self, fail_at: str | None = None) -> None:
        self.seen: list[str] = []
        self.done: list[str] = []
        self.fail_at = fail_at

    def started(self, title: str, waits_for: str) -> None:
        assert waits_for
        self.seen.append(title)
        if title == self.fail_at:
            raise RuntimeError(f"stopped at {title}")

    def finished(self, title: str, rows: int | None, seconds: float) -> None:
        assert title in self.seen
        assert title not in self.done
        self.done.append(title)


def rfm_spark(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, with Spark's own defaults (AQE on, several partitions)."""
    command = [sys.executable, "-m", "rfm_spark", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def purchases(customers: int = 24) -> list[tuple[str, str, datetime, str]]:
    """A year of orders: customer i buys i times, the more often the nearer to the end."""
    rows = []
    for i in range(1, customers + 1):
        for j in range(i):
            day = datetime(2024, 6, 30, 12) - timedelta(days=(j * 9 + customers - i) * 2)
            rows.append((f"c{i:02d}", f"o{i}-{j}", day, f"{i * 3 + j}.{i:02d}"))
    return rows


def write_source(
    spark: SparkSession, path: Path, rows: list[tuple[str, str, datetime, str]], mode: str = "overwrite"
) -> None:
    """A Delta table of transaction lines."""
    frame = spark.createDataFrame(rows, "customer string, `order` string, at timestamp, amount string")
    frame.selectExpr("customer", "`order`", "at", "cast(amount as decimal(12,2)) as amount").write.format("delta").mode(
        mode
    ).save(str(path))


def config_for(folder: Path, **changes: Any) -> Config:
    """A configuration over `folder`/source with the lake in `folder`/lake."""
    document: dict[str, Any] = {
        "name": "tiny",
        "lake": {"root": str(folder / "lake")},
        "sources": {"transactions": {"path": str(folder / "source"), "format": "delta", "columns": COLUMNS}},
        "rfm": {"window_days": 365},
        "clusters": {"enabled": False},
    }
    return validate(config_model(), {**document, **changes}, "tiny.yml")


def run_tiny(spark: SparkSession, config: Config, as_of: date = AS_OF, **options: Any) -> Outcome:
    """One run with a ticking clock and a listener."""
    known = {"clock": CLOCK, "progress": Stages(), **options}
    return run(spark, config, as_of, **known)


def rows_of(frame: DataFrame, *ignored: str) -> list[dict[str, Any]]:
    """All rows in a comparable order, without the named columns."""
    kept = [row.asDict(recursive=True) for row in frame.drop(*ignored).collect()]
    return sorted(kept, key=lambda row: str(sorted(row.items())))


def commits(folder: Path) -> dict[str, int]:
    """Delta commits per table of a lake."""
    return {log.parent.name: len(list(log.glob("*.json"))) for log in sorted(folder.glob("*/_delta_log"))}


def shuffle(spark: SparkSession, source: Path, target: Path) -> None:
    """The same Delta table elsewhere, its rows in another order and in several files."""
    rows = spark.read.format("delta").load(str(source))
    rows.repartition(3, F.rand(5)).sortWithinPartitions(F.rand(6)).write.format("delta").save(str(target))
