"""Transaction lines: typed, in cents, and each either accepted or rejected with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from pyspark.sql import Column, DataFrame, Observation
from pyspark.sql import functions as F
from pyspark.sql.types import DoubleType, FloatType

from rfm_spark.core.config import TransactionsSource
from rfm_spark.core.money import cents
from rfm_spark.core.session import session_settings
from rfm_spark.intake.mapping import LENIENT, mapped

ANONYMOUS = "anonymous"
REASONS = (ANONYMOUS, "bad_date", "before_1970", "missing_order_id", "bad_amount")
_DETAIL_OF = {
    ANONYMOUS: "customer_id", "bad_date": "order_ts", "before_1970": "order_ts",
    "missing_order_id": "order_id", "bad_amount": "amount",
}  # fmt: skip


@dataclass(frozen=True)
class LineCounts:
    """What one pass over a source saw.

    Attributes:
        read: rows of the source.
        rejected: rows per reason, anonymous ones among them.
        later: accepted rows dated after as_of.
        newest: date of the newest accepted row up to as_of.
        oldest: date of the oldest accepted row.
        sales_cents: sale lines up to as_of.
        refund_cents: refund lines up to as_of.
        currencies: smallest and largest currency code up to as_of, where one is mapped.
    """

    read: int
    rejected: dict[str, int]
    later: int
    newest: date | None
    oldest: date | None
    sales_cents: int
    refund_cents: int
    currencies: tuple[str | None, str | None]

    @property
    def accepted(self) -> int:
        """Rows that were usable."""
        return self.read - sum(self.rejected.values())

    @property
    def reject_share(self) -> float:
        """Rejected rows with a customer, as a share of all rows with a customer."""
        anonymous = self.rejected.get(ANONYMOUS, 0)
        known = self.read - anonymous
        return (sum(self.rejected.values()) - anonymous) / known if known else 0.0


def typed_lines(raw: DataFrame, source: TransactionsSource) -> DataFrame:
    """Every row of the source with its verdict.

    Args:
        raw: rows of the source.
        source: its mapping.

    Returns:
        customer_id STRING, order_id STRING (null without one), order_ts TIMESTAMP, order_date DATE, sale_cents BIGINT,
        refund_cents BIGINT, currency STRING, channel STRING, reason STRING (null when accepted), record STRUCT.

    Raises:
        SourceError: a mapped column is missing or of an unusable type.
    """
    rows = mapped(raw, source)
    with session_settings(raw.sparkSession, LENIENT):
        typed = rows.select(
            _customer(rows).alias("customer_id"),
            _optional(rows, "order_id"),
            F.col("order_ts").cast("timestamp").alias("order_ts"),
            _amount(rows).alias("cents"),
            (F.coalesce(F.col("is_return"), F.lit(False)) if "is_return" in rows.columns else F.lit(False)).alias(
                "is_return"
            ),
            _optional(rows, "currency"),
            _optional(rows, "channel"),
            "record",
        )
        reason = _reason(needs_order_id=source.order_grain is None)
        sale = F.when(~F.col("is_return") & (F.col("cents") > 0), F.col("cents")).otherwise(F.lit(0).cast("bigint"))
        refund = F.when(F.col("is_return") | (F.col("cents") < 0), F.abs("cents")).otherwise(F.lit(0).cast("bigint"))
        return typed.select(
            "customer_id",
            "order_id",
            "order_ts",
            F.to_date("order_ts").alias("order_date"),
            sale.alias("sale_cents"),
            refund.alias("refund_cents"),
            "currency",
            "channel",
            reason.alias("reason"),
            "record",
        )


def observed(lines: DataFrame, observation: Observation, as_of: date) -> DataFrame:
    """Count while the lines flow by, in the pass that uses them.

    Args:
        lines: of `typed_lines`.
        observation: `line_counts` reads it after the first action.
        as_of: last day that counts.
    """
    accepted = F.col("reason").isNull()
    counted = accepted & (F.col("order_date") <= F.lit(as_of))
    per_reason = [F.count(F.when(F.col("reason") == name, 1)).alias(name) for name in REASONS]
    return lines.observe(
        observation,
        F.count(F.lit(1)).alias("read"),
        *per_reason,
        F.count(F.when(accepted & (F.col("order_date") > F.lit(as_of)), 1)).alias("later"),
        F.max(F.when(counted, F.col("order_date"))).alias("newest"),
        F.min(F.when(accepted, F.col("order_date"))).alias("oldest"),
        F.sum(F.when(counted, F.col("sale_cents"))).alias("sales"),
        F.sum(F.when(counted, F.col("refund_cents"))).alias("refunds"),
        F.min(F.when(counted, F.col("currency"))).alias("first_currency"),
        F.max(F.when(counted, F.col("currency"))).alias("last_currency"),
    )


def line_counts(observation: Observation) -> LineCounts:
    """Read the counts of `observed` once the lines have been used."""
    seen = observation.get
    return LineCounts(
        read=int(seen["read"]),
        rejected={name: int(seen[name]) for name in REASONS if seen[name]},
        later=int(seen["later"]),
        newest=seen["newest"],
        oldest=seen["oldest"],
        sales_cents=int(seen["sales"] or 0),
        refund_cents=int(seen["refunds"] or 0),
        currencies=(seen["first_currency"], seen["last_currency"]),
    )


def accepted_until(lines: DataFrame, as_of: date | None) -> DataFrame:
    """Usable lines dated up to as_of (all of them for None), without the columns only rejects need."""
    kept = lines.where(F.col("reason").isNull()).drop("reason", "record")
    if as_of is None:
        return kept
    return kept.where(F.col("order_ts") < F.lit((as_of + timedelta(days=1)).isoformat()).cast("timestamp"))


def rejects(lines: DataFrame, source: TransactionsSource, name: str = "transactions") -> DataFrame:
    """Rejected rows, each with its reason and the row as it was read.

    Returns:
        source, reason, detail (the mapped value that was not usable), record (JSON).
    """
    raw_columns = set(lines.select("record.*").columns)
    detail = F.lit(None).cast("string")
    for reason, column in _DETAIL_OF.items():
        text = source.columns.get(column, "quantity, unit_price" if column == "amount" else column)
        value = F.col("record").getField(text).cast("string") if text in raw_columns else F.lit(text)
        shown = F.concat(F.lit(f"{column} = "), F.coalesce(value, F.lit("null")))
        detail = F.when(F.col("reason") == reason, shown).otherwise(detail)
    return lines.where(F.col("reason").isNotNull()).select(
        F.lit(name).alias("source"),
        "reason",
        detail.alias("detail"),
        F.to_json("record", {"ignoreNullFields": "false"}).alias("record"),
    )


def _customer(rows: DataFrame) -> Column:
    if not isinstance(rows.schema["customer_id"].dataType, (FloatType, DoubleType)):
        return _text("customer_id")
    # Ids that went through floating point: 17850.0 is 17850, and NaN was an empty cell.
    number = F.col("customer_id").cast("double")
    whole = F.when(number == F.floor(number), F.floor(number).cast("string")).otherwise(number.cast("string"))
    return F.when(~F.isnan(number), whole)


def _text(name: str) -> Column:
    return F.trim(F.col(name).cast("string"))


def _optional(rows: DataFrame, name: str) -> Column:
    return (_text(name) if name in rows.columns else F.lit(None).cast("string")).alias(name)


def _amount(rows: DataFrame) -> Column:
    if "amount" in rows.columns:
        return cents(F.col("amount"), rows.schema["amount"].dataType)
    # Decimals before the product: integers would wrap silently. Nine places each make an exact product of eighteen.
    product = F.col("quantity").cast("decimal(19,9)") * F.col("unit_price").cast("decimal(18,9)")
    return cents(product, rows.select(product.alias("p")).schema["p"].dataType)


def _reason(*, needs_order_id: bool) -> Column:
    blank = F.col("customer_id").isNull() | (F.col("customer_id") == "")
    reason = F.when(blank, ANONYMOUS).when(F.col("order_ts").isNull(), "bad_date")
    reason = reason.when(F.col("order_ts") < F.lit("1970-01-01").cast("timestamp"), "before_1970")
    if needs_order_id:
        reason = reason.when(F.col("order_id").isNull() | (F.col("order_id") == ""), "missing_order_id")
    return reason.when(F.col("cents").isNull(), "bad_amount")
