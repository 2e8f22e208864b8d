"""What flows by while lines are read, and the same counted for itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pyspark.sql import Column, DataFrame, Observation, Row
from pyspark.sql import functions as F

from rfm_spark.capabilities.purchases.values import IDS
from rfm_spark.core.reading.ids import non_ascii
from rfm_spark.core.reading.mapping import FILTERED

# Money is added up in two parts of each number: the cents of ten thousand absurd rows would not fit one BIGINT.
_PART_BITS = 30
_PART = (1 << _PART_BITS) - 1


@dataclass(frozen=True)
class Seen:
    """What flowed by while the lines were read, at least: an executor that is lost makes some count twice."""

    read: int
    read_cents: int
    rejected: int
    filtered: int
    non_ascii: int

    def less(self, other: Seen | None) -> Seen:
        """Without what another flow had, if there was one."""
        return (
            self
            if other is None
            else replace(self, read=self.read - other.read, read_cents=self.read_cents - other.read_cents)
        )


def watched() -> list[Column]:
    """What an observation of lines counts."""
    net = F.col("sale_cents") - F.col("refund_cents")
    outside = F.coalesce(F.col("reason") == FILTERED, F.lit(False))
    ids = [F.coalesce(non_ascii(F.col(name)), F.lit(False)) for name in IDS]
    return [
        F.count(F.lit(1)).alias("read"),
        *money_parts("cents", net),
        F.count_if(F.col("reason").isNotNull() & ~outside).alias("rejected"),
        F.count_if(outside).alias("filtered"),
        F.count_if(F.col("reason").isNull() & (ids[0] | ids[1] | ids[2])).alias("non_ascii"),
    ]


def observed(watch: Observation) -> Seen | None:
    """What flowed by; None where nothing did: what an observation that never ran answers differs between versions."""
    try:
        return _seen(watch.get)
    except Exception:
        return None


def counted_apart(lines: DataFrame) -> Seen:
    """The same counts in a pass of their own, whose result doesn't depend on attempts."""
    return _seen(lines.agg(*watched()).collect()[0].asDict())


def _seen(values: Mapping[str, Any]) -> Seen:
    counts = (int(values[name]) for name in ("rejected", "filtered", "non_ascii"))
    return Seen(int(values["read"]), money_of(values, "cents"), *counts)


def money_parts(name: str, cents: Column | None = None) -> tuple[Column, Column]:
    """Sums of cents in two parts, which `money_of` puts together; of the lines' money for None."""
    net = F.col("sale_cents") - F.col("refund_cents") if cents is None else cents
    high, low = F.shiftright(net, _PART_BITS), net.bitwiseAND(F.lit(_PART).cast("bigint"))
    return F.sum(high).alias(f"{name}_high"), F.sum(low).alias(f"{name}_low")


def money_of(values: Mapping[str, Any] | Row, name: str) -> int:
    """Cents of `money_parts`."""
    return (int(values[f"{name}_high"] or 0) << _PART_BITS) + int(values[f"{name}_low"] or 0)


def by_reason(lines: DataFrame) -> dict[str, tuple[int, int]]:
    """Rows and cents of lines that don't count, by reason."""
    rows = lines.where(F.col("reason").isNotNull()).groupBy("reason")
    summed = rows.agg(F.count(F.lit(1)).alias("rows"), *money_parts("cents")).collect()
    return {row["reason"]: (int(row["rows"]), money_of(row, "cents")) for row in summed}


def earliest(lines: DataFrame, reason: str) -> int | None:
    """The first moment of lines that were rejected for a reason, in microseconds since 1970."""
    mine = lines.where(F.col("reason") == reason)
    found: int | None = mine.agg(F.min(F.unix_micros("order_ts")).alias("first")).collect()[0]["first"]
    return found


def less(found: Mapping[str, tuple[int, int]], gone: Mapping[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """Counts by reason, without those of other lines."""
    pairs = {reason: (found.get(reason, (0, 0)), gone.get(reason, (0, 0))) for reason in {*found, *gone}}
    return {reason: (now[0] - then[0], now[1] - then[1]) for reason, (now, then) in pairs.items()}
