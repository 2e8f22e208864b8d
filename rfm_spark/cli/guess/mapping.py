"""A mapping for a source nobody has described: a sample proposes it, passes over all rows settle dates and figures."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.cli.guess.dates import DateForm
from rfm_spark.cli.guess.draft import Draft, drafted
from rfm_spark.cli.guess.events import events_source
from rfm_spark.cli.guess.exports import export_date, export_draft, recognised
from rfm_spark.cli.guess.found import Answer, Events, Found, Guess, Question, how_sure
from rfm_spark.cli.guess.look import measured, profiles, value_counts
from rfm_spark.cli.guess.questions import Open
from rfm_spark.cli.guess.roles import date_column
from rfm_spark.cli.guess.values import Profile
from rfm_spark.cli.guess.yaml_text import render
from rfm_spark.core.reading.mapping import LENIENT
from rfm_spark.core.session import session_settings

__all__ = ["Found", "Guess", "guess", "render"]

SAMPLE_ROWS = 10_000
# The look must not depend on the machine's time zone; the written configuration says UTC too.
_SETTINGS = {"spark.sql.session.timeZone": "UTC", **LENIENT}
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
        The mapping with its reasons and questions. Dates, statuses, refunds, currencies and what each answer to a
        question gives are counted over all rows.

    Raises:
        SourceError: a column that is needed was not found.
    """
    with session_settings(raw.sparkSession, _SETTINGS):
        look, draft = _drafted(raw, where, sample_rows)
        rows = raw if draft.where is None else raw.where(F.expr(draft.where))
        totals = rows.agg(*_totals(draft)).collect()[0].asDict()
        readings = [
            _Reading(form, totals[f"d{at}_rows"], _day(totals[f"d{at}_low"]), _day(totals[f"d{at}_high"]))
            for at, form in enumerate(draft.dates)
        ]
        # The first of equals is the likelier one.
        best = max(readings, key=lambda reading: reading.rows)
        others = [reading for reading in readings if reading is not best and reading.rows == best.rows]
        questions = (*_dates_in_question(best, others), *measured(rows, _of_days(draft.open, best.form)))
        events = _events(raw, draft, look, best.form)
    return _guessed(draft, totals, best, others, questions, events)


def _drafted(raw: DataFrame, where: str, sample_rows: int) -> tuple[list[Profile], Draft]:
    counted: dict[str, dict[str, int]] = {}

    def counting(profile: Profile) -> dict[str, int]:
        if profile.name not in counted:
            counted[profile.name] = value_counts(raw, profile)
        return counted[profile.name]

    look, _ = profiles(raw, sample_rows)
    export = recognised([profile.name for profile in look])
    if export is not None and export_date(export, look) is not None:
        return look, export_draft(export, look, counting, where)
    dated = date_column(look)
    # Read again with the times, so that columns and times are of the same rows.
    look, moments = profiles(raw, sample_rows, dated[0].dates[0].sql if dated else None)
    return look, drafted(look, moments, counting, where)


def _of_days(questions: Sequence[Open], form: DateForm) -> list[Open]:
    day = f"cast({form.sql} as date)"
    return [
        replace(ask, readings=tuple(replace(one, sql=one.sql.replace("{day}", day)) for one in ask.readings))
        for ask in questions
    ]


def _events(raw: DataFrame, draft: Draft, look: Sequence[Profile], form: DateForm) -> Events | None:
    if draft.events is not None:
        return replace(draft.events, columns={**draft.events.columns, "event_ts": form.text})
    if draft.log is None:
        return None
    customer = next(found.text for found in draft.found if found.ours == "customer_id")
    seen = value_counts(raw, draft.log.column)
    return events_source(draft.log, seen, {"customer_id": customer, "event_ts": form.text}, look)


def _dates_in_question(best: _Reading, others: Sequence[_Reading]) -> list[Question]:
    if not others:
        return []
    answers = [
        Answer(f"order_ts: {one.form.text}", f"{one.form.label}: {one.oldest} to {one.newest}")
        for one in (best, *others)
    ]
    return [Question("order_ts", "Which one is the month, and which the day? No row tells.", tuple(answers))]


def _guessed(
    draft: Draft,
    totals: Mapping[str, Any],
    best: _Reading,
    others: list[_Reading],
    questions: tuple[Question, ...],
    events: Events | None,
) -> Guess:
    found = {column.ours: column for column in draft.found}
    found["order_ts"] = _order_ts(draft, best, others, totals)
    if draft.order is not None and draft.export is None and "is_return" not in found and totals["cancelled"]:
        found["is_return"] = _cancellations(draft.order, totals["cancelled"])
    asked = {question.ours for question in questions}
    return Guess(
        found=tuple(
            replace(found[ours], how_sure="unsure") if ours in asked and ours != "order_ts" else found[ours]
            for ours in _ORDER
            if ours in found
        ),
        order_grain=draft.order_grain,
        rows=totals["rows"],
        oldest=best.oldest,
        newest=best.newest,
        currency=totals["currency"] if totals["currency"] == totals["currency_high"] else None,
        remarks=(*draft.remarks, *_remarks(totals, best, others)),
        where=draft.where,
        counts=draft.counts,
        questions=questions,
        events=events,
        export=draft.export,
    )


_ORDER = ("customer_id", "order_id", "order_ts", "amount", "quantity", "unit_price", "is_return", "currency", "channel",
          "line_id", "product_id")  # fmt: skip


def _totals(draft: Draft) -> list[Column]:
    columns = [F.count(F.lit(1)).alias("rows"), F.count(F.expr(draft.date)).alias("dated")]
    for at, form in enumerate(draft.dates):
        day = F.expr(form.sql).cast("date")
        columns += [
            F.count(day).alias(f"d{at}_rows"),
            # As text, because a date before year 1 or after 9999 has no Python value.
            F.min(day).cast("string").alias(f"d{at}_low"),
            F.max(day).cast("string").alias(f"d{at}_high"),
        ]
    refund = F.lit(False)
    for sql in draft.amounts:
        refund = refund | F.coalesce(F.expr(f"try_cast({sql} as decimal(38, 12)) < 0"), F.lit(False))
    order = F.expr(draft.order).cast("string") if draft.order else F.lit("")
    currency = F.upper(F.trim(F.expr(draft.currency))) if draft.currency else F.lit(None).cast("string")
    customer = F.trim(F.expr(draft.customer).cast("string"))
    return [
        *columns,
        F.count_if(refund).alias("negative"),
        F.count_if(order.rlike(_CANCELLED)).alias("cancelled"),
        F.count_if(order.rlike(r"^\d+$")).alias("numbered"),
        F.count_if(customer.isNull() | (customer == "")).alias("anonymous"),
        F.min(currency).alias("currency"),
        F.max(currency).alias("currency_high"),
    ]


def _order_ts(draft: Draft, best: _Reading, others: list[_Reading], totals: Mapping[str, Any]) -> Found:
    why = f"{draft.date_why}; {best.form.label}, {best.rows:,} of {totals['dated']:,} readable"
    return Found("order_ts", best.form.text, why, "unsure" if others else how_sure(draft.date_score))


def _cancellations(order: str, rows: int) -> Found:
    why = f"order ids of C and digits, as invoicing systems number cancellations; rows with one: {rows:,}"
    return Found("is_return", f"{order} LIKE 'C%'", why, "likely")


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
