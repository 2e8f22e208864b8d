"""Rows of subscriptions: typed, each accepted or rejected with a reason, and marked where flagged."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.subscriptions.checks import SUBSCRIPTION_CHECKS
from rfm_spark.capabilities.subscriptions.config import SubscriptionsSource
from rfm_spark.capabilities.subscriptions.words import ENDED, INTERVAL_WORDS, INTERVALS, PAUSED, STATUS_WORDS
from rfm_spark.core.money import cents
from rfm_spark.core.reading.ids import (
    id_text,
    is_placeholder,
    is_text,
    trimmed,
    unicode_changes,
    untidy,
    with_normal_ids,
)
from rfm_spark.core.reading.mapping import A_TIME, FILTERED, LENIENT, Wanted, filtered_or, mapped_columns
from rfm_spark.core.reading.places import CORRUPT
from rfm_spark.core.reading.typed import Kinds, kinds_of, moment_of
from rfm_spark.core.reading.verdicts import marks_of, reason_of
from rfm_spark.core.session import session_settings, settled

_WANTED: Wanted = {"start_date": A_TIME, "end_date": A_TIME}


def validated_subscriptions(raw: DataFrame, source: SubscriptionsSource) -> DataFrame:
    """Every row of the source with its verdict.

    Args:
        raw: rows of the source.
        source: its mapping.

    Returns:
        customer_id, subscription_id STRING (where the source has none, of the customer and the plan), start_date DATE,
        end_date DATE (the first day on which it runs no more; null for one that goes on), plan STRING, cents BIGINT
        (of a month, rounded half-up; 0 while paused), reason STRING (null when accepted, `filtered` outside the
        source's condition), marks BIGINT (see `core.reading.verdicts`, with SUBSCRIPTION_CHECKS), record STRUCT.

    Raises:
        SourceError: a mapped column is missing or of an unusable type.
    """
    with session_settings(raw.sparkSession, LENIENT):
        rows = mapped_columns(raw, source.columns, _WANTED, "subscriptions", source.where)
        kinds = kinds_of(rows)
        values = rows.select(*_values(rows, source, kinds))
        known = with_normal_ids(values, unicode_changes(values, ("customer_id",)), ("customer_id",))
        found = _conditions(known, source)
        checks = source.quality.checks
        reason = filtered_or(known, reason_of(found, checks, SUBSCRIPTION_CHECKS))
        paused = F.coalesce(F.col("status") == PAUSED, F.lit(False))
        validated = known.select(
            "customer_id",
            F.coalesce("subscription_id", "plan", F.lit("")).alias("subscription_id"),
            "start_date",
            "end_date",
            "plan",
            F.when(paused, F.lit(0).cast("bigint")).otherwise(F.col("cents")).alias("cents"),
            reason.alias("reason"),
            F.when(reason.isNull(), marks_of(found, checks, SUBSCRIPTION_CHECKS)).otherwise(F.lit(0)).alias("marks"),
            "record",
        )
        return settled(validated)


def _values(rows: DataFrame, source: SubscriptionsSource, kinds: Kinds) -> list[Column]:
    end = F.to_date(moment_of("end_date", kinds)) if "end_date" in kinds else F.lit(None).cast("date")
    after = F.date_add(end, 1) if source.end_is_last_day else end
    return [
        trimmed(id_text("customer_id", kinds["customer_id"])).alias("customer_id"),
        (untidy(F.col("customer_id")) if is_text(kinds["customer_id"]) else F.lit(False)).alias("untidy"),
        _text("subscription_id", kinds).alias("subscription_id"),
        _text("plan", kinds).alias("plan"),
        F.to_date(moment_of("start_date", kinds)).alias("start_date"),
        after.alias("end_date"),
        _is_given("end_date", kinds).alias("end_given"),
        _months(source, kinds).alias("months"),
        _monthly(source, kinds).alias("cents"),
        _word("status", kinds, _with_own(STATUS_WORDS, source.statuses)).alias("status"),
        _is_given("status", kinds).alias("status_given"),
        *(F.col(name) for name in (FILTERED, "record") if name in rows.columns),
    ]


def _conditions(values: DataFrame, source: SubscriptionsSource) -> dict[str, Column]:
    customer, end = F.col("customer_id"), F.col("end_date")
    found = {
        "anonymous": customer.isNull() | (customer == ""),
        "bad_date": F.col("start_date").isNull() | (F.col("end_given") & end.isNull()),
        "unknown_interval": F.col("months").isNull(),
        "bad_amount": F.col("cents").isNull() & F.col("months").isNotNull(),
        "end_before_start": end < F.col("start_date"),
        "ended_without_end": (F.col("status") == ENDED) & end.isNull(),
        "negative_mrr": F.col("cents") < 0,
        "placeholder_id": is_placeholder(customer),
        "unknown_status": F.col("status_given") & F.col("status").isNull(),
        "zero_mrr": (F.col("cents") == 0) & F.coalesce(F.col("status") != PAUSED, F.lit(True)),
        "id_whitespace": F.col("untidy"),
        "id_unicode": F.col("id_changed"),
    }
    if CORRUPT in values.select("record.*").columns:
        found["malformed"] = F.col("record").getField(CORRUPT).isNotNull()
    return {code: F.coalesce(condition, F.lit(False)) for code, condition in found.items()}


def _months(source: SubscriptionsSource, kinds: Kinds) -> Column:
    if "interval" not in kinds:
        return F.lit(1)
    own = {word: INTERVALS[name] for name, words in source.intervals.items() for word in words}
    return _lookup("interval", {**INTERVAL_WORDS, **{word.lower(): months for word, months in own.items()}})


def _monthly(source: SubscriptionsSource, kinds: Kinds) -> Column:
    """Cents of a month: of what is paid in an interval, less the discount in it, its part, rounded half-up."""
    name = "mrr" if "mrr" in kinds else "amount"
    paid = cents(F.col(name), kinds[name])
    if "discount" in kinds:
        off = cents(F.col("discount"), kinds["discount"])
        # One that can't be read must not pass for none.
        paid = paid - F.when(_is_given("discount", kinds), off).otherwise(F.lit(0).cast("bigint"))
    months = _months(source, kinds).cast("decimal(3,0)")
    return F.round(paid.cast("decimal(18,0)") / months, 0).cast("bigint")


def _with_own(known: dict[str, str], own: dict[str, tuple[str, ...]]) -> dict[str, str]:
    return {**known, **{word.lower(): ours for ours, words in own.items() for word in words}}


def _word(name: str, kinds: Kinds, words: dict[str, str]) -> Column:
    return _lookup(name, words) if name in kinds else F.lit(None).cast("string")


def _lookup(name: str, words: dict[str, str] | dict[str, int]) -> Column:
    pairs = [F.lit(part) for word, ours in words.items() for part in (word, ours)]
    return F.element_at(F.create_map(*pairs), F.lower(F.trim(F.col(name).cast("string"))))


def _text(name: str, kinds: Kinds) -> Column:
    return F.nullif(F.trim(F.col(name).cast("string")), F.lit("")) if name in kinds else F.lit(None).cast("string")


def _is_given(name: str, kinds: Kinds) -> Column:
    if name not in kinds:
        return F.lit(False)
    return F.coalesce(F.trim(F.col(name).cast("string")) != "", F.lit(False))
