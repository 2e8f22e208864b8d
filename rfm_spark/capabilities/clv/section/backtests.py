"""The section of the report on the newest backtest: what was expected of an earlier day on, and what came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from rfm_spark.capabilities.clv.section.forecasts import STOPS
from rfm_spark.capabilities.clv.tables import BACKTESTS
from rfm_spark.capabilities.segments.words import segment_names
from rfm_spark.core.table import ALL
from rfm_spark.report.badges import REAL, source_badge
from rfm_spark.report.drawing import as_svg
from rfm_spark.report.figures import Figure
from rfm_spark.report.section import Drawn, Facts, Reader
from rfm_spark.report.tracking import tracked
from rfm_spark.report.wording import Numbers, day


@dataclass(frozen=True)
class GroupTest:
    """What was expected of a group of customers, and what came."""

    name: str
    customers: int
    predicted: float
    actual: int
    predicted_spend: float | None
    actual_spend: float | None


@dataclass(frozen=True)
class BacktestData:
    """The newest backtest up to a run; none where nobody made one.

    Attributes:
        model: of orders, that was used.
        until: last day that the model was fitted on; None without a backtest.
        end: last day that was forecast.
        total: of all customers.
        interval: of it; None where it is not known.
        segments: by segment, where a run is of that day.
        deciles: by tenth of what was expected, 10 is most.
        weeks: last day, expected and came up to it.
    """

    model: str = ""
    until: date | None = None
    end: date | None = None
    total: GroupTest | None = None
    interval: tuple[float, float] | None = None
    segments: tuple[GroupTest, ...] = ()
    deciles: tuple[GroupTest, ...] = ()
    weeks: tuple[tuple[date, float, int], ...] = ()


@dataclass(frozen=True)
class BacktestTable:
    """Lines of groups: a name and cells."""

    title: str
    lines: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class BacktestPart:
    """The section, ready to print."""

    sentence: str
    figure: Figure
    tables: tuple[BacktestTable, ...]


def read_backtest(reader: Reader) -> BacktestData:
    """The newest backtest of the segmentation up to the run; of all customers alone."""
    if reader.scope != ALL or not reader.tables.exists(BACKTESTS.name):
        return BacktestData()
    rows = reader.tables.rows(BACKTESTS.name, config_name=reader.run.config_name)
    return backtest_of([row for row in rows if row["until"] <= reader.run.as_of])


def backtest_of(rows: Iterable[Mapping[str, Any]]) -> BacktestData:
    """The newest one of rows of `backtests`: of the latest day, and of these the one made last."""
    known = sorted(rows, key=lambda row: (row["until"], row["tested_at"], row["backtest_id"]))
    if not known:
        return BacktestData()
    mine = [row for row in known if row["backtest_id"] == known[-1]["backtest_id"]]
    by_kind = {kind: [row for row in mine if row["kind"] == kind] for kind in ("total", "segment", "decile", "week")}
    total = by_kind["total"][0]
    return BacktestData(
        model=total["model"],
        until=total["calibrated_until"],
        end=total["until"],
        total=_group(total),
        interval=None if total["low"] is None else (total["low"], total["high"]),
        segments=tuple(sorted(map(_group, by_kind["segment"]), key=lambda one: (-one.predicted, one.name))),
        deciles=tuple(sorted(map(_group, by_kind["decile"]), key=lambda one: -int(one.name))),
        weeks=tuple(
            sorted(
                (date.fromisoformat(row["name"]), row["predicted_orders"], row["actual_orders"])
                for row in by_kind["week"]
            )
        ),
    )


def _group(row: Mapping[str, Any]) -> GroupTest:
    actual = row["actual_spend"]
    return GroupTest(
        row["name"], row["customers"], row["predicted_orders"], row["actual_orders"], row["predicted_spend"],
        None if actual is None else float(actual),
    )  # fmt: skip


def draw_backtest(data: BacktestData, facts: Facts, say: Numbers) -> Drawn:
    """Everything the section says; None without a backtest."""
    if data.total is None or data.until is None or data.end is None:
        return Drawn(REAL, None)
    within = ""
    if data.interval is not None:
        low, high = data.interval
        inside = "inside" if low <= data.total.actual <= high else "outside"
        within = f", {inside} the 95 % interval of {say.count(low)} to {say.count(high)}"
    sentence = (
        f"A model of {STOPS[data.model]} that knew orders until {day(data.until)} expected "
        f"{say.count(data.total.predicted)} days with an order of {say.count(data.total.customers)} customers until "
        f"{day(data.end)}; {say.count(data.total.actual)} came{within}."
    )
    off = data.total.actual / data.total.predicted - 1 if data.total.predicted else None
    title = f"What came was {say.percent(abs(off or 0.0))} {'more' if (off or 0) >= 0 else 'less'} than was expected"
    weeks = [(f"{end:%Y-%m-%d}", expected, float(came)) for end, expected, came in data.weeks]
    texts = (say.count(data.total.predicted), say.count(data.total.actual))
    drawn = as_svg(tracked(weeks, texts), "backtest", title)
    figure = Figure(title, drawn, "Days with an order since then, added up week by week: expected (dashed), and come.")
    names = segment_names(facts.settings)
    tables = [BacktestTable("Tenth", tuple((one.name, _cells(one, say)) for one in data.deciles))]
    if data.segments:
        lines = tuple((names.label(one.name), _cells(one, say)) for one in data.segments)
        tables.insert(0, BacktestTable("Segment then", lines))
    return Drawn(source_badge(facts.settings, "transactions"), BacktestPart(sentence, figure, tuple(tables)))


def _cells(one: GroupTest, say: Numbers) -> tuple[str, ...]:
    return (
        say.count(one.customers), say.count(one.predicted), say.count(one.actual), say.whole_money(one.predicted_spend),
        say.whole_money(one.actual_spend),
    )  # fmt: skip
