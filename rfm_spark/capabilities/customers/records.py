"""Records of customers: who is known by a day, whether they ordered or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from rfm_spark.capabilities.customers.config import CustomersSource
from rfm_spark.core.hashing import as_fingerprint, summed_hashes
from rfm_spark.core.reading.ids import id_text, is_placeholder, trimmed, unicode_changes, with_normal_ids
from rfm_spark.core.reading.mapping import A_TIME, FILTERED, LENIENT, Wanted, mapped_columns
from rfm_spark.core.reading.typed import kinds_of, moment_of
from rfm_spark.core.session import session_settings, settled

_WANTED: Wanted = {"created_ts": A_TIME}


def attribute(name: str) -> str:
    """What the column of an attribute is called on its way, whatever its name is."""
    return f"_attribute_{name}"


def validated_customers(raw: DataFrame, source: CustomersSource, as_of: date) -> DataFrame:
    """Every record of the source with its verdict.

    Args:
        raw: rows of the source.
        source: its mapping.
        as_of: last day that counts.

    Returns:
        customer_id STRING, created_ts TIMESTAMP, the attributes as STRING, named by `attribute`, reason STRING (null
        when accepted; anonymous, placeholder_id, filtered, or later for a record that was made after as_of).

    Raises:
        SourceError: a mapped column is missing or of an unusable type.
    """
    with session_settings(raw.sparkSession, LENIENT):
        mapping = {**source.columns, **source.attributes}
        rows = mapped_columns(raw, mapping, _WANTED, "customers", source.where)
        kinds = kinds_of(rows)
        created = moment_of("created_ts", kinds) if "created_ts" in kinds else F.lit(None).cast("timestamp")
        outside = F.col(FILTERED) if FILTERED in rows.columns else F.lit(False)
        values = rows.select(
            trimmed(id_text("customer_id", kinds["customer_id"])).alias("customer_id"),
            created.alias("created_ts"),
            outside.alias("is_outside"),
            *(_text(name).alias(attribute(name)) for name in source.attributes),
        )
        known = with_normal_ids(values, unicode_changes(values, ("customer_id",)), ("customer_id",))
        customer = F.col("customer_id")
        tomorrow = F.lit((as_of + timedelta(days=1)).isoformat()).cast("timestamp")
        reason = (
            F.when(F.col("is_outside"), "filtered")
            .when(customer.isNull() | (customer == ""), "anonymous")
            .when(is_placeholder(customer), "placeholder_id")
            .when(F.col("created_ts") >= tomorrow, "later")
        )
        own = (attribute(name) for name in source.attributes)
        return settled(known.select("customer_id", "created_ts", *own, reason.alias("reason")))


def attributes_of(accepted: DataFrame, names: Sequence[str]) -> DataFrame:
    """What the latest record of each customer on record says of them: customer_id, once each, and the attributes.

    Args:
        accepted: of `validated_customers`, without a reason.
        names: of attributes. Of records of one moment, or without one, the first in the alphabet counts.
    """
    if not names:
        return accepted.select("customer_id").distinct()
    own = [attribute(name) for name in names]
    latest = Window.partitionBy("customer_id").orderBy(
        F.desc_nulls_last("created_ts"), *(F.asc_nulls_last(name) for name in own)
    )
    return accepted.withColumn("place", F.row_number().over(latest)).where("place = 1").select("customer_id", *own)


@dataclass(frozen=True)
class RecordsSeen:
    """What the ledger says of records.

    Attributes:
        rows: counts: read, accepted, later, and rejected by reason.
        fingerprint: of those that are accepted, whatever their order.
    """

    rows: Mapping[str, int]
    fingerprint: str


def records_seen(records: DataFrame, names: Sequence[str], source: str) -> RecordsSeen:
    """Count records, and take a fingerprint of what counts of them.

    Args:
        records: of `validated_customers`.
        names: of the attributes that count.
        source: its name.
    """
    # Where nothing parts customers, when they were changed says nothing.
    shaping = ("customer_id", "created_ts", *map(attribute, names)) if names else ("customer_id",)
    sums = (F.count(F.lit(1)), *summed_hashes([F.col(name) for name in shaping]))
    by_reason = {row[0]: row for row in records.groupBy("reason").agg(*sums).collect()}
    accepted = by_reason.get(None, (None, 0, 0, 0))
    counts = {reason: int(row[1]) for reason, row in by_reason.items()}
    return RecordsSeen(_rows(counts, source), as_fingerprint(accepted[2], accepted[3]))


def _rows(found: dict[str | None, int], source: str) -> dict[str, int]:
    rows = {f"{source}.read": sum(found.values()), f"{source}.accepted": found.pop(None, 0)}
    later = found.pop("later", 0)
    rejected = {f"{source}.rejected.{name}": count for name, count in sorted(found.items(), key=str)}
    return {**rows, f"{source}.later": later, **rejected}


def _text(name: str) -> Column:
    return F.nullif(F.trim(F.col(name).cast("string")), F.lit(""))
