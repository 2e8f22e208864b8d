"""What one pass over an interaction source saw: rows by verdict, and accepted ones by channel, type and day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.core.hashing import as_fingerprint, summed_hashes
from rfm_spark.core.reading.checks import Check
from rfm_spark.core.reading.ids import non_ascii
from rfm_spark.core.reading.mapping import FILTERED
from rfm_spark.core.reading.verdicts import codes_of

_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class InteractionCounts:
    """Figures of a source's rows.

    Attributes:
        read: rows looked at.
        filtered: of them, rows outside the source's condition.
        rejected: rows per reason, anonymous ones among them.
        marked: accepted rows per check that repaired or flagged them.
        later: accepted rows dated after as_of.
        newest: date of the newest accepted row up to as_of.
        series: rows per day of each channel and type, accepted and dated up to as_of.
        non_ascii_ids: accepted rows with a customer id beyond ASCII.
        nameless: of `series`, rows without a name of their session, by channel and type.
        fingerprint: a fingerprint of the rows dated up to as_of that doesn't depend on their order.
    """

    read: int
    rejected: dict[str, int] = field(default_factory=dict)
    marked: dict[str, int] = field(default_factory=dict)
    later: int = 0
    newest: date | None = None
    series: dict[tuple[int, int], dict[date, int]] = field(default_factory=dict)
    non_ascii_ids: int = 0
    nameless: dict[tuple[int, int], int] = field(default_factory=dict)
    fingerprint: str = ""
    filtered: int = 0


def tallied(rows: DataFrame, content: Sequence[Column], nameless: Column | None = None) -> DataFrame:
    """Rows by verdict, channel, type and day; a few thousand rows at most.

    Args:
        rows: of `events.validated_events` or `messages.validated_messages`: reason, marks, channel, type, event_date.
        content: what of a row shapes results.
        nameless: whether a row lacks the name of its session; None where sessions have none.

    Returns:
        reason, marks, channel, type, day INT (days since 1970; null for rejected rows), rows, foreign (with ids beyond
        ASCII), nameless, low, high BIGINT.
    """
    low, high = summed_hashes(content)
    accepted = F.col("reason").isNull()
    # Rejected rows may have any day at all.
    keys = [F.when(accepted, F.col(name)).alias(name) for name in ("channel", "type")]
    day = F.when(accepted, F.unix_date("event_date")).alias("day")
    return rows.groupBy("reason", "marks", *keys, day).agg(
        F.count(F.lit(1)).alias("rows"),
        F.count(F.when(non_ascii(F.col("customer_id")), 1)).alias("foreign"),
        F.count(F.when(F.lit(False) if nameless is None else nameless, 1)).alias("nameless"),
        low.alias("low"),
        high.alias("high"),
    )


def interaction_counts(found: DataFrame, checks: Sequence[Check], as_of: date) -> InteractionCounts:
    """Read a tally.

    Args:
        found: of `tallied`.
        checks: catalogue of the source.
        as_of: last day that counts.
    """
    read = later = foreign = low = high = filtered = 0
    rejected: dict[str, int] = {}
    marked: dict[str, int] = {}
    series: dict[tuple[int, int], dict[date, int]] = {}
    nameless: dict[tuple[int, int], int] = {}
    for row in found.collect():
        read += row["rows"]
        if row["reason"] == FILTERED:
            filtered += row["rows"]
            continue
        if row["reason"] is not None:
            rejected[row["reason"]] = rejected.get(row["reason"], 0) + row["rows"]
            continue
        foreign += row["foreign"]
        for code in codes_of(row["marks"], checks):
            marked[code] = marked.get(code, 0) + row["rows"]
        day = _EPOCH + timedelta(days=min(row["day"], (date.max - _EPOCH).days))
        if day > as_of:
            later += row["rows"]
            continue
        low, high = low + row["low"], high + row["high"]
        key = row["channel"], row["type"]
        days = series.setdefault(key, {})
        days[day] = days.get(day, 0) + row["rows"]
        nameless[key] = nameless.get(key, 0) + row["nameless"]
    newest = max((day for days in series.values() for day in days), default=None)
    order = [check.code for check in checks]
    return InteractionCounts(
        read,
        dict(sorted(rejected.items(), key=lambda item: order.index(item[0]))),
        dict(sorted(marked.items(), key=lambda item: order.index(item[0]))),
        later,
        newest,
        series,
        foreign,
        {key: rows for key, rows in nameless.items() if rows},
        as_fingerprint(low, high),
        filtered,
    )
