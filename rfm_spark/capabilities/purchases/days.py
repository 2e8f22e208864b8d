"""Lines to the days of orders: what an order came to on each of its days, in rows that add up from batch to batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.capabilities.purchases.duplicates import ACCOUNTS, content_hash, duplicate_sketch, may_repeat
from rfm_spark.capabilities.purchases.orders import Grain
from rfm_spark.core.batches import MODULUS

# What of a line shapes the rows that it is added up to, beside what adds up.
ATTRIBUTES = ("currency", "channel")
# What a fingerprint says where a row's lines and cents are; and by what its cents are told from its lines, any numbers.
_CONTENT = ("customer_id", "order_id", "day", "currency", "channel")
_WEIGHTS = ((182_741_983, 94_513_171), (57_920_309, 231_006_527))
_BITS = 28


@dataclass(frozen=True)
class DayShape:
    """What rows of `order_days` have for one source.

    Attributes:
        grain: what is one order where lines have no order_id.
        attributes: those of currency and channel that are mapped.
    """

    grain: Grain
    attributes: tuple[str, ...] = ()

    @classmethod
    def of(cls, source: TransactionsSource) -> DayShape:
        """As mapped; an amount that comes as text may bring a currency."""
        channel = ("channel",) if "channel" in source.columns else ()
        return cls(source.order_grain, ("currency", *channel))

    @property
    def keys(self) -> tuple[str, ...]:
        """Columns of which each combination is a row; of grain `row` equal lines are one, `lines` orders of it."""
        line = ("order_ts", "sale_cents", "refund_cents") if self.grain == "row" else ()
        return ("customer_id", "order_id", "day", "marks", *self.attributes, *line)


def order_days(lines: DataFrame, shape: DayShape, *, looks: bool) -> DataFrame:
    """Rows of table `order_days`, without reading and batch, of lines that count once each.

    One shuffle by order: the lines of a customer with a tenth of them all don't end in one task.

    Args:
        lines: of `lines.typed_lines`, accepted ones.
        shape: of the source.
        looks: whether orders whose lines may repeat are marked as `may_repeat`.
    """
    sent = _typed(_together(lines, shape, looks=looks))
    is_sale = F.col("sale_cents") > 0
    repeats = {"lines": F.count(F.lit(1)), **(duplicate_sketch() if looks else {})}
    if shape.grain == "row":
        grouped = sent.groupBy(*shape.keys).agg(F.count(F.lit(1)).alias("lines"))
        known = grouped.withColumns(
            {
                "last_sale_ts": F.when(is_sale, F.col("order_ts")),
                "last_line_ts": F.col("order_ts"),
                "sale_cents": F.col("sale_cents") * F.col("lines"),
                "refund_cents": F.col("refund_cents") * F.col("lines"),
                "may_repeat": (F.col("lines") > 1) & F.lit(looks),
            }
        )
    else:
        known = sent.groupBy(*shape.keys).agg(
            F.sum("sale_cents").alias("sale_cents"),
            F.sum("refund_cents").alias("refund_cents"),
            F.max(F.when(is_sale, F.col("order_ts"))).alias("last_sale_ts"),
            F.max("order_ts").alias("last_line_ts"),
            *(value.alias(name) for name, value in repeats.items()),
        )
        known = known.withColumn("may_repeat", may_repeat("lines") if looks else F.lit(False))
        known = known.drop(*duplicate_sketch())
    return _complete(known)


def days_of_known_lines(lines: DataFrame, shape: DayShape) -> DataFrame:
    """The same of lines that were compared with each other.

    Args:
        lines: of `duplicates.distinct_lines`.
        shape: of the source.
    """
    # Lines that are taken off have the time of those that they are copies of.
    counts = F.col("lines") != 0
    dated = lines.withColumnRenamed("order_date", "day").withColumn("order_id", _order(shape))
    grouped = dated.groupBy(*shape.keys, "seen_until").agg(
        *(F.sum(name).alias(name) for name in ACCOUNTS if name != "line_cents"),
        F.sum("sale_cents").alias("sales"),
        F.sum("refund_cents").alias("refunds"),
        F.max(F.when(counts & (F.col("sale_cents") != 0), F.col("order_ts"))).alias("last_sale_ts"),
        F.max(F.when(counts, F.col("order_ts"))).alias("last_line_ts"),
    )
    return _complete(
        grouped.withColumns(
            {"sale_cents": F.col("sales"), "refund_cents": F.col("refunds"), "may_repeat": F.lit(False)}
        ).drop("sales", "refunds")
    )


def visible(rows: DataFrame, as_of: date | None) -> DataFrame:
    """Rows of `order_days` that count as of a date; as of the end of all days for None."""
    if as_of is None:
        return rows.where(F.col("seen_until").isNull())
    day = F.lit(as_of)
    return rows.where((F.col("day") <= day) & (F.col("seen_until").isNull() | (F.col("seen_until") >= day)))


def fingerprint_halves(grain: Grain) -> tuple[Column, Column]:
    """Two BIGINT per row of `order_days`, whose sums are a fingerprint of lines and money: remainders of MODULUS.

    They add up as what they tell of does. An order's day has one fingerprint, in however many rows and batches it came.
    """
    names = (*_CONTENT, "last_line_ts") if grain == "row" else _CONTENT
    # The hash passes over nulls: an order x of nobody would be nobody's order x.
    hashed = F.xxhash64(*names, F.array(*(F.col(name).isNull() for name in names)))
    places = (hashed, F.shiftrightunsigned(hashed, _BITS))
    low, high = (_weighed(place, weights) for place, weights in zip(places, _WEIGHTS, strict=True))
    return low, high


def _weighed(place: Column, weights: tuple[int, int]) -> Column:
    modulus = F.lit(MODULUS).cast("bigint")
    sales, refunds = (
        F.pmod(F.col(name), modulus) * F.lit(weight).cast("bigint")
        for name, weight in zip(("sale_cents", "refund_cents"), weights, strict=True)
    )
    content = F.pmod(F.col("lines") + sales + refunds, modulus)
    return F.pmod(content * place.bitwiseAND(F.lit((1 << _BITS) - 1).cast("bigint")), modulus)


def _together(lines: DataFrame, shape: DayShape, *, looks: bool) -> DataFrame:
    """Lines of an order in one partition; only what can't be derived again travels there."""
    sent: Sequence[Column] = (
        F.col("customer_id"),
        *((F.col("order_id"),) if shape.grain is None else ()),
        F.col("order_ts"),
        (F.col("sale_cents") - F.col("refund_cents")).alias("line_cents"),
        F.col("marks"),
        *(F.col(name) for name in shape.attributes),
        *((content_hash(lines).alias("line_hash"),) if looks and shape.grain != "row" else ()),
    )
    keys = {None: ("customer_id", "order_id"), "day": ("customer_id",), "row": ("customer_id", "order_ts")}[shape.grain]
    # Asked for before the aggregation: of lines that hardly share an order, adding up on both sides costs more.
    return lines.select(*sent).repartition(*(F.col(name) for name in keys))


def _typed(sent: DataFrame) -> DataFrame:
    shape_id = {"day": F.to_date("order_ts")}
    typed = sent.withColumns(shape_id)
    if "order_id" not in sent.columns:
        typed = typed.withColumn("order_id", F.lit(None).cast("string"))
    zero = F.lit(0).cast("bigint")
    return typed.withColumns(
        {"sale_cents": F.greatest("line_cents", zero), "refund_cents": F.greatest(-F.col("line_cents"), zero)}
    )


def _order(shape: DayShape) -> Column:
    return F.col("order_id") if shape.grain is None else F.lit(None).cast("string")


def _complete(rows: DataFrame) -> DataFrame:
    zero, none = F.lit(0).cast("bigint"), F.lit(None)
    absent = {
        "seen_until": none.cast("date"), **dict.fromkeys(ACCOUNTS[2:], zero),
        **{name: none.cast("string") for name in ATTRIBUTES}, "replaces": F.lit(False),
    }  # fmt: skip
    return rows.withColumns({name: value for name, value in absent.items() if name not in rows.columns})
