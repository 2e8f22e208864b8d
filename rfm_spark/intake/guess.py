"""A mapping for a source nobody has described: a sample proposes it, one pass over all rows settles the dates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.core.session import session_settings
from rfm_spark.intake.guess_found import Found, Guess, how_sure, identifier
from rfm_spark.intake.guess_roles import Roles, assign
from rfm_spark.intake.guess_values import DateForm, Profile
from rfm_spark.intake.guess_yaml import render

__all__ = ["Found", "Guess", "guess", "render"]

SAMPLE_ROWS = 10_000
# The look must not depend on the machine's time zone; the written configuration says UTC too.
_UTC = {"spark.sql.session.timeZone": "UTC"}
_NESTED = ("array", "map", "struct", "binary", "variant")
_CANCELLED = r"^C\d+$"


@dataclass(frozen=True)
class _Reading:
    """What one way to read the dates gives over all rows."""

    form: DateForm
    rows: int
    oldest: date | None
    newest: date | None


def guess(raw: DataFrame, where: str = "the source", *, sample_rows: int = SAMPLE_ROWS) -> Guess:
    """Find out which columns of a source are the customer, the order, its time and the money.

    Args:
        raw: rows of the source, typed or all text.
        where: the source, for messages.
        sample_rows: how many of the first rows are looked at closely; they stay together, so that orders are whole.

    Returns:
        The mapping with its reasons. Dates, refunds and currencies are checked over all rows.

    Raises:
        SourceError: a column that is needed was not found.
    """
    with session_settings(raw.sparkSession, _UTC):
        roles = assign(_profiles(raw, sample_rows), where)
        totals = raw.agg(*_totals(roles)).collect()[0].asDict()
    readings = [
        _Reading(form, totals[f"d{at}_rows"], _day(totals[f"d{at}_low"]), _day(totals[f"d{at}_high"]))
        for at, form in enumerate(roles.date.dates)
    ]
    # The first of equals is the likelier one.
    best = max(readings, key=lambda reading: reading.rows)
    others = [reading for reading in readings if reading is not best and reading.rows == best.rows]
    found = {column.ours: column for column in roles.found}
    found["order_ts"] = _order_ts(roles, best, others, totals)
    if roles.order is not None and "is_return" not in found and totals["cancelled"]:
        found["is_return"] = _cancellations(roles.order, totals["cancelled"])
    return Guess(
        found=tuple(found[ours] for ours in _ORDER if ours in found),
        order_grain=None if roles.order is not None else "day",
        rows=totals["rows"],
        oldest=best.oldest,
        newest=best.newest,
        currency=totals["currency"] if totals["currency"] == totals["currency_high"] else None,
        remarks=(*roles.remarks, *_remarks(totals, best, others)),
    )


_ORDER = ("customer_id", "order_id", "order_ts", "amount", "quantity", "unit_price", "is_return", "currency", "channel",
          "line_id", "product_id")  # fmt: skip


def _profiles(raw: DataFrame, sample_rows: int) -> list[Profile]:
    kinds = {field.name: field.dataType.simpleString() for field in raw.schema.fields}
    flat = [name for name, kind in kinds.items() if not kind.startswith(_NESTED)]
    texts = [F.trim(F.col(_quoted(name)).cast("string")).alias(f"c{at}") for at, name in enumerate(flat)]
    rows = raw.limit(sample_rows).select(*texts).collect() if flat else []
    return [Profile(name, kinds[name], tuple(row[at] or None for row in rows)) for at, name in enumerate(flat)]


def _totals(roles: Roles) -> list[Column]:
    columns = [F.count(F.lit(1)).alias("rows"), F.count(F.col(_quoted(roles.date.name))).alias("dated")]
    for at, form in enumerate(roles.date.dates):
        day = F.expr(form.sql).cast("date")
        columns += [
            F.count(day).alias(f"d{at}_rows"),
            # As text, because a date before year 1 or after 9999 has no Python value.
            F.min(day).cast("string").alias(f"d{at}_low"),
            F.max(day).cast("string").alias(f"d{at}_high"),
        ]
    refund = F.lit(False)
    for sql in roles.amounts:
        refund = refund | F.coalesce(F.expr(f"try_cast({sql} as decimal(38, 12)) < 0"), F.lit(False))
    order = F.col(_quoted(roles.order.name)).cast("string") if roles.order else F.lit("")
    currency = F.col(_quoted(roles.currency.name)) if roles.currency else F.lit(None).cast("string")
    customer = F.trim(F.col(_quoted(roles.customer.name)).cast("string"))
    return [
        *columns,
        F.count_if(refund).alias("negative"),
        F.count_if(order.rlike(_CANCELLED)).alias("cancelled"),
        F.count_if(order.rlike(r"^\d+$")).alias("numbered"),
        F.count_if(customer.isNull() | (customer == "")).alias("anonymous"),
        F.min(currency).alias("currency"),
        F.max(currency).alias("currency_high"),
    ]


def _order_ts(roles: Roles, best: _Reading, others: list[_Reading], totals: Mapping[str, Any]) -> Found:
    named = f"named {roles.date.name}" if roles.date_score else "no name to go by"
    why = f"{named}; {best.form.label}, {best.rows:,} of {totals['dated']:,} readable"
    sure = "unsure" if others else how_sure(roles.date_score)
    return Found("order_ts", best.form.text, why, sure, tuple(other.form.text for other in others))


def _cancellations(order: Profile, rows: int) -> Found:
    why = f"order ids of C and digits, as invoicing systems number cancellations; rows with one: {rows:,}"
    return Found("is_return", f"{identifier(order.name)} LIKE 'C%'", why, "likely")


def _remarks(totals: Mapping[str, Any], best: _Reading, others: list[_Reading]) -> list[str]:
    remarks = []
    for other in others:
        remarks.append(
            f"Month and day are ambiguous: no row tells {best.form.label} ({best.oldest} to {best.newest}) from "
            f"{other.form.label} ({other.oldest} to {other.newest}). Check columns.order_ts before you trust a result."
        )
    if best.rows < totals["dated"]:
        unread = totals["dated"] - best.rows
        remarks.append(f"Rows with a date that can't be read: {unread:,}. A run rejects them with the reason bad_date.")
    if totals["negative"]:
        remarks.append(f"Rows with negative amounts: {totals['negative']:,}. They count as refunds without a mapping.")
    if totals["anonymous"]:
        remarks.append(f"Rows without a customer: {totals['anonymous']:,}. A run sets them apart as anonymous.")
    if totals["currency"] != totals["currency_high"]:
        remarks.append(
            f"There are amounts in {totals['currency']} and {totals['currency_high']}, which are never added up: a run "
            "stops until columns.amount converts them."
        )
    return remarks


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text and re.match(r"\d{4}-\d{2}-\d{2}$", text) else None


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
