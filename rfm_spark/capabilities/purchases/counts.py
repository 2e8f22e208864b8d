"""What one pass over a source saw: rows and money by verdict, dates, volume, and a fingerprint of what counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import reduce
from typing import Any, Literal

from pyspark.sql import Column, DataFrame, Observation, Row
from pyspark.sql import functions as F

from rfm_spark.capabilities.purchases.checks import LINE_CHECKS
from rfm_spark.core.reading.checks import ANONYMOUS
from rfm_spark.core.reading.ids import non_ascii
from rfm_spark.core.reading.mapping import FILTERED
from rfm_spark.core.reading.verdicts import codes_of, place_of

# The last week against the mean of the four before it.
RECENT_DAYS = 7
TRAILING_WEEKS = 4
# Two pieces of 28 bits: their sums stay within a BIGINT for thirty billion rows, in any order of adding.
_PIECE = (1 << 28) - 1
_TALLIES = 10_000
# What of a line, beside its money, shapes results; and how the fingerprint is made of it: earlier lakes have others.
_CONTENT = ("customer_id", "order_id", "line_id", "order_ts", "currency", "channel", "reason")
_EDITION = "2:"
# Money is added up in two parts of each number: the cents of ten thousand absurd rows would not fit one BIGINT.
_PART_BITS = 30
_PART = (1 << _PART_BITS) - 1
_EPOCH = date(1970, 1, 1)
# Where the currency of a line is told: nowhere; in amounts that may bring one; in a column that every line should fill.
CurrencyOrigin = Literal["nowhere", "amounts", "column"]


@dataclass(frozen=True)
class LineCounts:
    """Figures of a source's rows.

    Attributes:
        read: rows of the source.
        read_cents: their money, refunds negative; a row without a usable amount has none.
        filtered: rows outside the source's condition; None where it has none.
        filtered_cents: their money.
        rejected: rows per reason, anonymous ones among them.
        rejected_cents: money of rejected rows.
        marked: accepted rows per check that repaired or flagged them.
        later: accepted rows dated after as_of.
        later_cents: their money.
        newest: date of the newest accepted row up to as_of.
        oldest: date of the oldest accepted row.
        currencies: smallest and largest currency code up to as_of; empty for a line that lacks what is mapped.
        recent: accepted rows of the last 7 days up to as_of.
        trailing: accepted rows of the 28 days before these.
        non_ascii_ids: accepted rows with an id beyond ASCII.
        fingerprint: a fingerprint of the rows dated up to as_of that doesn't depend on their order.
    """

    read: int
    read_cents: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    rejected_cents: int = 0
    marked: dict[str, int] = field(default_factory=dict)
    later: int = 0
    later_cents: int = 0
    newest: date | None = None
    oldest: date | None = None
    currencies: tuple[str | None, str | None] = (None, None)
    recent: int = 0
    trailing: int = 0
    non_ascii_ids: int = 0
    fingerprint: str = ""
    filtered: int | None = None
    filtered_cents: int = 0

    @property
    def reject_share(self) -> float:
        """Rejected rows with a customer, as a share of all rows with a customer."""
        anonymous = self.rejected.get(ANONYMOUS, 0)
        known = self.read - anonymous - (self.filtered or 0)
        return (sum(self.rejected.values()) - anonymous) / known if known else 0.0

    @property
    def volume_ratio(self) -> float | None:
        """Rows of the last week against the mean week of the four before; None where these had none."""
        return self.recent * TRAILING_WEEKS / self.trailing if self.trailing else None


def observed(
    lines: DataFrame,
    observation: Observation,
    as_of: date,
    *,
    currency: CurrencyOrigin = "amounts",
    filters: bool = False,
) -> DataFrame:
    """Count while the lines flow by, in the pass that uses them.

    Args:
        lines: of `lines.typed_lines`.
        observation: `line_counts` reads it after the first action.
        as_of: last day that counts.
        currency: where it is told, so that several are noticed.
        filters: whether the source has a condition.
    """
    return lines.observe(observation, *_figures(as_of, currency, filters=filters))


def counted_apart(
    lines: DataFrame, as_of: date, *, currency: CurrencyOrigin = "amounts", filters: bool = False
) -> LineCounts:
    """The same counts in a pass of their own.

    Where no line reaches the end of a plan, adaptive execution cuts off the branch in which an observation lies.
    """
    return _counts(lines.agg(*_figures(as_of, currency, filters=filters)).collect()[0].asDict())


def line_counts(observation: Observation) -> LineCounts | None:
    """Read the counts of `observed` once the lines have been used; None where nothing was observed."""
    try:
        return _counts(observation.get)
    except Exception:
        # What an observation that never ran answers differs between versions of Spark.
        return None


def _figures(as_of: date, origin: CurrencyOrigin, *, filters: bool) -> list[Column]:
    net, moment = F.col("sale_cents") - F.col("refund_cents"), F.col("order_ts")
    accepted = F.col("reason").isNull()
    outside = F.coalesce(F.col("reason") == FILTERED, F.lit(False)) if filters else F.lit(False)
    until, week = _midnight(as_of + timedelta(days=1)), _midnight(as_of - timedelta(days=RECENT_DAYS - 1))
    month = _midnight(as_of - timedelta(days=RECENT_DAYS * (TRAILING_WEEKS + 1) - 1))
    dated, counted, later = moment < until, accepted & (moment < until), accepted & (moment >= until)
    further = (F.coalesce(non_ascii(F.col(name)), F.lit(False)) for name in ("order_id", "line_id"))
    foreign = reduce(lambda left, right: left | right, further, non_ascii(F.col("customer_id")))
    low, high = fingerprint_sums(dated & ~outside if filters else dated)
    # A line without what the others have is another currency: nobody knows that it is the same.
    told = F.coalesce(F.col("currency"), F.lit("")) if origin == "column" else F.col("currency")
    currency = F.when(counted, told)
    currencies = [F.min(currency).alias("first_currency"), F.max(currency).alias("last_currency")]
    return [
        F.count(F.lit(1)).alias("read"),
        *_summed(net, "read_cents"),
        # One aggregate for all checks, which passes over clean rows: a count for each would be paid by every row.
        _tally(F.when(~accepted, place_of("reason", LINE_CHECKS))).alias("rejected"),
        _tally(F.when(F.col("marks") != 0, F.col("marks"))).alias("marked"),
        *_summed(F.when(~accepted & ~outside if filters else ~accepted, net), "rejected_cents"),
        *((_count(outside).alias("filtered"), *_summed(F.when(outside, net), "filtered_cents")) if filters else ()),
        _count(later).alias("later"),
        *_summed(F.when(later, net), "later_cents"),
        F.unix_date(F.to_date(F.max(F.when(counted, moment)))).alias("newest"),
        F.unix_date(F.to_date(F.min(F.when(accepted, moment)))).alias("oldest"),
        *(currencies if origin != "nowhere" else ()),
        _count(counted & (moment >= week)).alias("recent"),
        _count(counted & (moment >= month) & (moment < week)).alias("trailing"),
        _count(accepted & foreign).alias("foreign"),
        low.alias("low"),
        high.alias("high"),
    ]


def _counts(seen: Mapping[str, Any]) -> LineCounts:
    marked: dict[str, int] = {}
    for marks, rows in _tallied(seen["marked"]):
        for code in codes_of(marks, LINE_CHECKS):
            marked[code] = marked.get(code, 0) + rows
    return LineCounts(
        read=int(seen["read"]),
        read_cents=_sum_of(seen, "read_cents"),
        rejected={LINE_CHECKS[place].code: rows for place, rows in _tallied(seen["rejected"])},
        rejected_cents=_sum_of(seen, "rejected_cents"),
        marked=marked,
        later=int(seen["later"]),
        later_cents=_sum_of(seen, "later_cents"),
        newest=_date_of(seen["newest"]),
        oldest=_date_of(seen["oldest"]),
        currencies=(seen.get("first_currency"), seen.get("last_currency")),
        recent=int(seen["recent"]),
        trailing=int(seen["trailing"]),
        non_ascii_ids=int(seen["foreign"]),
        fingerprint=fingerprint_text(int(seen["low"] or 0), int(seen["high"] or 0)),
        filtered=int(seen["filtered"]) if "filtered" in seen else None,
        filtered_cents=_sum_of(seen, "filtered_cents") if "filtered" in seen else 0,
    )


def _summed(cents: Column, name: str) -> tuple[Column, Column]:
    high, low = F.shiftright(cents, _PART_BITS), cents.bitwiseAND(F.lit(_PART).cast("bigint"))
    return F.sum(high).alias(f"{name}_high"), F.sum(low).alias(f"{name}_low")


def _sum_of(seen: Mapping[str, Any], name: str) -> int:
    return (int(seen[f"{name}_high"] or 0) << _PART_BITS) + int(seen[f"{name}_low"] or 0)


def day_number(day: date) -> int:
    """Days since 1970-01-01, as Spark counts them: it has days that Python's dates can't hold."""
    return (day - _EPOCH).days


def _date_of(number: int | None) -> date | None:
    """The date of a day's number, or the nearest one that Python has."""
    if number is None:
        return None
    first, last = day_number(date.min), day_number(date.max)
    return _EPOCH + timedelta(days=min(max(number, first), last))


def _tally(value: Column) -> Column:
    # Exact while there are fewer distinct values than bins: only bins of one value are then ever merged.
    return F.histogram_numeric(value.cast("double"), F.lit(_TALLIES))


def _tallied(bins: Sequence[Row] | None) -> list[tuple[int, int]]:
    # Partitions bring a bin each for the same value.
    found: dict[int, int] = {}
    for row in bins or ():
        value = round(row["x"])
        found[value] = found.get(value, 0) + round(row["y"])
    return sorted(found.items())


def _midnight(day: date) -> Column:
    return F.lit(day.isoformat()).cast("timestamp")


def fingerprint_sums(counts: Column) -> tuple[Column, Column]:
    """Two sums that together are a fingerprint of the lines for which `counts` holds, whatever their order."""
    net = F.col("sale_cents") - F.col("refund_cents")
    # The hash passes over nulls: an order x without a line id would be a line x without an order id.
    missing = (F.col(name).isNull().cast("int") * F.lit(1 << place) for place, name in enumerate(_CONTENT))
    hashed = F.xxhash64(*_CONTENT, net, reduce(Column.__add__, missing))
    piece = F.lit(_PIECE).cast("bigint")
    low, high = hashed.bitwiseAND(piece), F.shiftrightunsigned(hashed, 28).bitwiseAND(piece)
    return F.sum(F.when(counts, low)), F.sum(F.when(counts, high))


def fingerprint_text(low: int, high: int) -> str:
    """The fingerprint as it is kept in the ledger."""
    return f"{_EDITION}{low:x}.{high:x}"


def is_comparable(fingerprint: str) -> bool:
    """Whether a fingerprint of the ledger was made as today's are."""
    return fingerprint.startswith(_EDITION)


def fingerprints_by_day(lines: DataFrame) -> DataFrame:
    """The pieces of the fingerprint per day; added up to a day they give `LineCounts.fingerprint` as of it.

    Filtered rows are none of it.

    Returns:
        day (see `day_number`), low, high; a few thousand rows at most.
    """
    low, high = fingerprint_sums(F.lit(True))
    counts = F.coalesce(F.col("reason") != FILTERED, F.lit(True))
    dated = lines.where(F.col("order_date").isNotNull() & counts)
    return dated.groupBy(F.unix_date("order_date").alias("day")).agg(low.alias("low"), high.alias("high"))


def _count(condition: Column) -> Column:
    return F.count(F.when(condition, 1))
