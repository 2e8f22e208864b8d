"""`rfm-spark backtest`: a model fitted on an earlier day, and its forecasts against what customers did after it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import accumulate
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.clv.cells import Counted, cell_columns, cells_of, counted, spend_cells_of, spends_of
from rfm_spark.capabilities.clv.choosing import chosen_fit, spend_model
from rfm_spark.capabilities.clv.config import ClvConfig
from rfm_spark.capabilities.clv.fitting import Fit
from rfm_spark.capabilities.clv.forecasting import CELL, Ahead, ExpectedMapper, totals
from rfm_spark.capabilities.clv.held_out import (
    Bought,
    Span,
    days_after,
    days_by_week,
    first_day,
    known_then,
    with_later,
)
from rfm_spark.capabilities.clv.models import MODELS
from rfm_spark.capabilities.clv.tables import BACKTESTS
from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.capabilities.segments.tables import SEGMENTS
from rfm_spark.core.cells import fine_cell
from rfm_spark.core.desk import Desk
from rfm_spark.core.digests import digest
from rfm_spark.core.errors import ConfigError
from rfm_spark.core.printing import Shown
from rfm_spark.core.runs import RunDetails, current_runs
from rfm_spark.core.scopes import parted_by
from rfm_spark.core.session import persisted
from rfm_spark.core.stats import ExactSum
from rfm_spark.core.table import ALL

_KEY = "backtest"
_NOBODY, _TENTHS = "(none)", 10


@dataclass(frozen=True)
class Backtest:
    """A test of forecasts.

    Attributes:
        span: days that the model was fitted on, and those held out.
        model: of orders, that was used.
        wanted: that was asked for.
        warnings: what a reader should know of the fits.
        rows: of table `backtests`, without keys.
    """

    span: Span
    model: str
    wanted: str
    warnings: tuple[str, ...]
    rows: tuple[Mapping[str, Any], ...]


def backtest(options: argparse.Namespace, desk: Desk) -> int:
    """Fit on an earlier day, compare with what came, print it and keep it in `backtests`.

    Raises:
        ConfigError: no such model, no day that leaves something on both sides, or too few repeat customers.
        LakeError: there is no run, or its orders can't be told any more.
    """
    run = desk.run(options.run)
    document = json.loads(run.config)
    clv = ClvConfig.model_validate((document.get("predict") or {}).get("clv") or {})
    model = options.model or clv.model
    if model not in MODELS:
        raise ConfigError(_KEY, [f"--model {model} is none; there are {', '.join(sorted(MODELS))}"])
    if not document["sources"].get("transactions"):
        raise ConfigError(_KEY, ["forecasts are of orders, and sources.transactions is not connected"])
    bought = _bought(desk, run, document)
    span = _span(bought, run.as_of, options.calibrate_until)
    with ExitStack() as stack:
        known = stack.enter_context(persisted(known_then(bought, span.until)))
        later = stack.enter_context(persisted(days_after(bought, known, span)))
        joined = with_later(known, later).join(_segments(desk, run, span), "customer_id", "left")
        people = stack.enter_context(persisted(joined))
        weeks = days_by_week(later, span)
        found = tested(people, weeks, span, model, clv.smallest, apart=bought.by_currency)
    _keep(desk, run, found)
    _print(desk, found)
    return 0


def tested(
    customers: DataFrame, weeks: Mapping[date, int], span: Span, model: str, smallest: int, *, apart: bool
) -> Backtest:
    """Forecasts against what came.

    Args:
        customers: of `held_out.with_later`, with segment STRING (null where it is not known).
        weeks: of `held_out.days_by_week`.
        span: days.
        model: of orders.
        smallest: customers who ordered on two days that it needs.
        apart: whether amounts are of several currencies.

    Raises:
        ConfigError: there are too few of them.
    """
    cells = cells_of(customers)
    seen = counted(cells)
    repeaters = int(seen.cells.loc[seen.cells["repeat_days"] > 0, "customers"].sum())
    if repeaters < smallest:
        raise ConfigError(
            _KEY,
            [f"{repeaters:,} customers had ordered on two days by {span.until}, and {smallest:,} are needed; calibrate "
             "on a later day, or lower predict.clv.smallest"],
        )  # fmt: skip
    chosen = chosen_fit(model, seen.histories(1.0))
    schema = ", ".join([*(f"{name} INT" for name in CELL), "expected DOUBLE"])
    told = cells.mapInPandas(ExpectedMapper(chosen.fit, span.days), schema)
    spend = None if apart else spend_model(ALL, spends_of(spend_cells_of(customers)), smallest)
    worth = F.lit(0.0) if spend is None else spend.model.value
    keys = {f"_{name}": one.cast("int") for name, one in cell_columns().items()}
    expected = told.select(*(F.col(name).alias(f"_{name}") for name in CELL), "expected")
    known = customers.withColumns({**keys, "worth": worth}).join(expected, list(keys))
    rows = (*_groups(known, chosen.fit, seen, span, apart=apart), *_weeks(chosen.fit, seen, weeks, span))
    return Backtest(span, chosen.fit.model, model, (*chosen.warnings, *(() if spend is None else spend.warnings)), rows)


def _groups(known: DataFrame, fit: Fit, seen: Counted, span: Span, *, apart: bool) -> list[dict[str, Any]]:
    """Rows of all, of segments and of tenths: sums by segment and by what is expected, so that few come here."""
    orders, money, expected = ExactSum("predicted_orders"), ExactSum("predicted_spend"), F.col("expected")
    counts = known.groupBy("segment", fine_cell(expected).alias("cell")).agg(
        F.count(F.lit(1)).alias("customers"), F.sum("later_days").alias("actual_orders"),
        F.sum("later_cents").alias("later_cents"),
        *orders.columns(expected), *money.columns(expected * F.col("worth")),
    )  # fmt: skip
    told = counts.withColumns({one.name: one.column for one in (orders, money)})
    sums = told.toPandas().sort_values(["segment", "cell"], ignore_index=True)
    total = totals(fit, seen.histories(1.0), Ahead((span.days,), 1.0, 0.0))[0]
    rows = [{"kind": "total", "name": ALL, **_sums(sums, apart=apart), "low": total.low, "high": total.high}]
    if sums["segment"].notna().any():
        sums["segment"] = sums["segment"].fillna(_NOBODY)
        rows += [{"kind": "segment", "name": str(n), **_sums(m, apart=apart)} for n, m in sums.groupby("segment")]
    tenths = sums.groupby(_deciles(sums))
    return rows + [{"kind": "decile", "name": str(n), **_sums(m, apart=apart)} for n, m in tenths]


def _weeks(fit: Fit, seen: Counted, weeks: Mapping[date, int], span: Span) -> list[dict[str, Any]]:
    past = seen.histories(1.0)
    rows = []
    for end, came in zip(weeks, accumulate(weeks.values()), strict=True):
        expected = float(past.customers @ fit.buying.expected(fit.values, past, float((end - span.until).days)))
        rows.append(
            {"kind": "week", "name": end.isoformat(), "customers": round(past.total), "predicted_orders": expected,
             "actual_orders": came, "predicted_spend": None, "actual_spend": None}
        )  # fmt: skip
    return rows


def _sums(mine: pd.DataFrame, *, apart: bool) -> dict[str, Any]:
    cents = int(mine["later_cents"].sum())
    return {
        "customers": int(mine["customers"].sum()), "predicted_orders": float(mine["predicted_orders"].sum()),
        "actual_orders": int(mine["actual_orders"].sum()),
        "predicted_spend": None if apart else float(mine["predicted_spend"].sum()),
        "actual_spend": None if apart else Decimal(cents) / 100,
    }  # fmt: skip


def _deciles(sums: pd.DataFrame) -> pd.Series[int]:
    """Tenth of the customers by what is expected of each; who has the same history is in the same one."""
    by_cell = sums.groupby("cell")["customers"].sum().sort_index()
    middle = by_cell.cumsum() - by_cell / 2
    tenth = np.ceil(middle / by_cell.sum() * _TENTHS).clip(1, _TENTHS).astype(int)
    return sums["cell"].map(tenth)


def _bought(desk: Desk, run: RunDetails, document: Mapping[str, Any]) -> Bought:
    rows, batches = desk.read_for("orders", run)
    source = TransactionsSource.model_validate(document["sources"]["transactions"])
    return Bought(rows, batches, source, document["rfm"]["refunds"], parted_by(document))


def _span(bought: Bought, as_of: date, asked: date | None) -> Span:
    first = first_day(bought)
    if first is None or first >= as_of:
        raise ConfigError(_KEY, ["there are no orders before the run's date, so nothing can be held out"])
    until = asked or first + timedelta(days=(as_of - first).days // 2)
    if not first <= until < as_of:
        raise ConfigError(
            _KEY,
            [f"--calibrate-until {until} leaves nothing on one side; orders are from {first}, and the run is as of "
             f"{as_of}"],
        )  # fmt: skip
    return Span(until, as_of)


def _segments(desk: Desk, run: RunDetails, span: Span) -> DataFrame:
    """Segments that customers were published in as of the day; of nobody where no run is of that day."""
    then = current_runs(desk.complete(run.config_name), run.config_name).get(span.until)
    if then is None or not then.has_rows:
        return desk.spark.createDataFrame([], "customer_id string, segment string")
    return desk.tables.of_runs(SEGMENTS.name, [then.run_id]).select("customer_id", "segment")


def _keep(desk: Desk, run: RunDetails, found: Backtest) -> None:
    span, model = found.span, found.model
    names = {"config_name": run.config_name, "run_id": run.run_id, "wanted": found.wanted}
    days = {"calibrated_until": span.until, "until": span.end}
    text = json.dumps([*names.values(), *(day.isoformat() for day in days.values())])
    backtest_id = digest(text)[:16]
    if desk.tables.exists(BACKTESTS.name):
        desk.tables.delete_rows(BACKTESTS, {"backtest_id": backtest_id})
    empty = dict.fromkeys(BACKTESTS.names)
    keys = {
        "backtest_id": backtest_id,
        **names,
        **days,
        "model": model,
        "notes": list(found.warnings),
        "tested_at": desk.now(),
    }
    desk.tables.insert_new(BACKTESTS, [{**empty, **keys, **row} for row in found.rows], ("backtest_id", "kind", "name"))


def _print(desk: Desk, found: Backtest) -> None:
    for warning in found.warnings:
        print(f"note: {warning}")
    span = found.span
    desk.heading(f"{found.model} fitted until {span.until}, against what came until {span.end}")
    total = next(row for row in found.rows if row["kind"] == "total")
    low, high, came = total["low"], total["high"], total["actual_orders"]
    interval = ""
    if low is not None and high is not None:
        interval = (
            f" (95 % interval {low:,.1f} to {high:,.1f}: what came is {'' if low <= came <= high else 'not '}in it)"
        )
    print(
        f"{total['customers']:,} customers: {total['predicted_orders']:,.1f} days with an order expected, {came:,} came"
        f"{interval}"
    )
    header = ("", "customers", "expected", "came", "spend expected", "spend came")
    for kind in ("segment", "decile"):
        lines = [row for row in found.rows if row["kind"] == kind]
        if lines:
            desk.table((kind, *header[1:]), [_line(row) for row in _sorted(lines)])


def _sorted(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(rows, key=lambda row: (int(row["name"]) if row["kind"] == "decile" else 0, row["name"]))


def _line(row: Mapping[str, Any]) -> tuple[Any, ...]:
    spends = [row["predicted_spend"], row["actual_spend"]]
    return (
        row["name"], Shown(f"{row['customers']:,}"), Shown(f"{row['predicted_orders']:,.1f}"),
        Shown(f"{row['actual_orders']:,}"), *(Shown("–" if one is None else f"{one:,.2f}") for one in spends),
    )  # fmt: skip
