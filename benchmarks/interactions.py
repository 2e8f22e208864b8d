"""Events to customer features, against the bare group-by of the same columns with given session ids.

    python -m benchmarks.interactions --events 50000000 --customers 2000000

Both read the same generated Delta table and write to Spark's sink that keeps nothing. The bare one groups by customer
and session, then by customer, counts each type, sessions and bounces over all days, and checks nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from pathlib import Path

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.job import spark_session
from benchmarks.measure import timed
from rfm_spark.capabilities.events.checks import EVENT_CHECKS
from rfm_spark.capabilities.events.config import EventsSource, InteractionsConfig
from rfm_spark.capabilities.events.interactions import (
    Features,
    customer_interactions,
    events_each_once,
    interaction_rows,
)
from rfm_spark.capabilities.events.rows import counted, validated_events
from rfm_spark.core.reading.interaction_counts import interaction_counts, tallied
from rfm_spark.core.reading.interactions import Reading

ROOT = Path(__file__).resolve().parents[1]
AS_OF = date(2025, 12, 31)
LAST_SECOND = 1_767_225_599
SEED = 7
# Events of one session, on average.
PER_SESSION = 5
TYPES = ("page_view", "page_view", "page_view", "view", "view", "search", "filter", "addToCart", "play", "click")
COLUMNS = {"customer_id": "customer_id", "event_ts": "ts", "event_type": "action", "session_id": "session"}


def event_lines(spark: SparkSession, events: int, customers: int) -> DataFrame:
    """Events of sessions within the last 90 days, every value a hash of an id."""
    session = F.expr(f"id div {PER_SESSION}")
    who = F.floor(F.pow(_share("who", session), F.lit(1.5)) * customers)
    began = F.lit(LAST_SECOND) - F.floor(_share("when", session) * (90 * 86_400))
    kind = (F.floor(_share("what", F.col("id")) * len(TYPES)) + 1).cast("int")
    return spark.range(events).select(
        F.concat(F.lit("C"), who.cast("string")).alias("customer_id"),
        F.concat(F.lit("S"), session.cast("string")).alias("session"),
        F.timestamp_seconds(began - (F.col("id") % PER_SESSION) * 60).alias("ts"),
        F.element_at(F.array(*map(F.lit, TYPES)), kind).alias("action"),
    )


def bare(events: DataFrame) -> DataFrame:
    """What anybody would write: two group-bys, one window, no checks."""
    kinds = sorted(set(TYPES))
    counts = [F.count(F.when(F.col("action") == kind, 1)).alias(kind) for kind in kinds]
    sessions = events.groupBy("customer_id", "session").agg(
        F.min("ts").alias("first"), F.max("ts").alias("last"), F.count(F.lit(1)).alias("n"), *counts
    )
    seconds = F.unix_seconds("last") - F.unix_seconds("first")
    return sessions.groupBy("customer_id").agg(
        F.count(F.lit(1)).alias("sessions"),
        F.count(F.when(F.col("n") == 1, 1)).alias("bounces"),
        F.avg(seconds).alias("mean_seconds"),
        F.max("last").alias("last_event"),
        *(F.sum(kind).alias(kind) for kind in kinds),
    )


def ours(events: DataFrame, *, given: bool) -> DataFrame:
    """What a run does: verdicts and counts of every row, three windows, sessions given or cut by silence."""
    columns = COLUMNS if given else {name: text for name, text in COLUMNS.items() if name != "session_id"}
    source = EventsSource.model_validate({"path": "x", "format": "delta", "columns": columns, "preset": "inhouse"})
    rows = validated_events(events, source, Reading(first_day=date(2025, 10, 2)))
    content = [F.col(name) for name in ("customer_id", "event_ts", "type", "channel", "session_id", "event_id")]
    interaction_counts(tallied(rows, content), EVENT_CHECKS, AS_OF)
    config = InteractionsConfig()
    features = Features(AS_OF, config, has_session=given)
    people = customer_interactions(events_each_once(counted(rows, AS_OF), features), features)
    return interaction_rows(people, config.windows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Time the three, one after the other, and print ratios to the bare one."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.interactions", description=__doc__)
    parser.add_argument("--events", type=int, default=50_000_000)
    parser.add_argument("--customers", type=int, default=2_000_000)
    parser.add_argument("--data", type=Path, default=ROOT / "bench-data")
    options = parser.parse_args(arguments)
    spark = spark_session("interactions")
    table = options.data.resolve() / f"events-{options.events}-{options.customers}"
    if not (table / "_delta_log").is_dir():
        event_lines(spark, options.events, options.customers).write.format("delta").save(str(table))
    events = spark.read.format("delta").load(str(table))
    works: dict[str, Callable[[], DataFrame]] = {
        "bare group-by": lambda: bare(events),
        "rfm-spark, sessions given": lambda: ours(events, given=True),
        "rfm-spark, cut by silence": lambda: ours(events, given=False),
    }
    _sink(bare(events))
    base = 0.0
    for name, work in works.items():
        timing = timed(name, partial(_run, work))
        base = base or timing.seconds
        sys.stdout.write(f"{name:28} {timing.seconds:8.1f} s  {timing.seconds / base:5.2f}\n")
        sys.stdout.flush()
    return 0


def _share(purpose: str, key: Column) -> Column:
    """A number from 0 to 1 from the hash of a key."""
    return F.pmod(F.xxhash64(F.lit(SEED), F.lit(purpose), key), F.lit(1_000_000)) / F.lit(1_000_000.0)


def _run(work: Callable[[], DataFrame]) -> None:
    _sink(work())


def _sink(frame: DataFrame) -> None:
    frame.write.format("noop").mode("overwrite").save()


if __name__ == "__main__":
    sys.exit(main())
