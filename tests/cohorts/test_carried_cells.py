"""Cells carried from the run before are those made anew, whatever came late, was corrected or is gone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession

from rfm_spark.capabilities.cohorts.cells import Cell, carried, cells_of, cohort_rows
from rfm_spark.capabilities.cohorts.config import CohortsConfig
from rfm_spark.capabilities.cohorts.step import CohortSettings, carried_cells, ordered
from rfm_spark.capabilities.purchases.artefacts import MeasuredAgain, orders_until
from rfm_spark.capabilities.purchases.batches import live_rows
from rfm_spark.capabilities.purchases.carry import Before, rows_of_some, touched
from rfm_spark.capabilities.purchases.look import LineLook, measured
from rfm_spark.capabilities.purchases.settings import WindowSettings
from rfm_spark.core.batches import Batches
from tests.behaviour.test_carry import LINES, ROWS, SOURCE, START, Row, batch, frame

# Days of ROWS lie in two weeks.
WEEKS = CohortSettings(
    CohortsConfig(enabled=True, period="week"), SOURCE, "net", None, amounts_apart=False, has_tiers=False
)
ALL_HISTORY = WindowSettings(None, "net")
DATES = (START + timedelta(days=7), START + timedelta(days=8))


def cells(rows: DataFrame, known: Batches, as_of: date) -> list[Cell]:
    held = rows.where(rows["batch_id"].isin(known.ids))
    return cells_of(ordered(orders_until(held, known, SOURCE, as_of), WEEKS), "week")


def carried_and_anew(
    spark: SparkSession, rows: Sequence[Row], now: Batches, seen: Batches, dates: tuple[date, date]
) -> tuple[list[Cell] | None, list[Cell]]:
    """Cells as of the second of two dates; batches that were seen by the first one are a base."""
    every, (then, as_of) = frame(spark, rows).localCheckpoint(), dates
    before = cohort_rows(cells(every, seen, then), then, "week", 30, {})
    customers = touched(every, now, Before(then, seen), as_of, ALL_HISTORY)
    assert customers is not None
    again = MeasuredAgain(rows_of_some(every, customers).localCheckpoint(), now, Before(then, seen))
    held = live_rows(every.where(every["batch_id"].isin(now.ids)), now)
    buyers = measured(held, LineLook(as_of, now, LINES, ALL_HISTORY)).where("recency_days IS NOT NULL")
    return carried_cells(again, buyers, as_of, WEEKS, before), cells(every, now, as_of)


@given(rows=ROWS, seen=st.integers(1, 3), p=st.integers(0, 11), later=st.integers(1, 8))
# A late order makes its customer begin a week earlier: all that they did since changes its cohort.
@example(rows=[Row(1, "a", "x", 7, 500, 0), Row(2, "a", "y", 0, 500, 0)], seen=1, p=8, later=1)
# A refund of long ago that came late leaves a cohort without customers.
@example(
    rows=[Row(1, "a", "x", 0, 500, 0), Row(1, "b", "z", 7, 500, 0), Row(2, "a", "x", 3, 0, 500)], seen=1, p=8, later=1
)
# A second order in a week adds none who is active.
@example(
    rows=[Row(1, "a", "x", 0, 500, 0), Row(1, "b", "z", 0, 700, 0), Row(2, "a", "y", 3, 500, 0)], seen=1, p=2, later=3
)
def test_carried_cells_are_those_made_anew(spark: SparkSession, rows: list[Row], seen: int, p: int, later: int) -> None:
    batches = [batch(number, [row for row in rows if row.batch == number]) for number in (1, 2, 3)]
    dates = (START + timedelta(days=p), START + timedelta(days=p + later))
    found, anew = carried_and_anew(spark, rows, Batches(tuple(batches)), Batches(tuple(batches[:seen])), dates)
    assert found == anew


@given(old=ROWS, new=ROWS, p=st.integers(0, 11), later=st.integers(1, 8))
# b is gone, and with them the only cohort of their week; c orders less.
@example(
    old=[Row(1, "a", "x", 0, 500, 0), Row(1, "b", "y", 7, 500, 0), Row(1, "c", "z", 1, 900, 0)],
    new=[Row(1, "a", "x", 0, 500, 0), Row(1, "c", "z", 1, 500, 0)], p=8, later=1,
)  # fmt: skip
def test_a_source_written_whole_takes_away_what_is_gone(
    spark: SparkSession, old: list[Row], new: list[Row], p: int, later: int
) -> None:
    old, new = [row._replace(batch=1) for row in old], [row._replace(batch=2) for row in new]
    batches = [batch(1, old, "rebuild"), batch(2, new, "rebuild")]
    dates = (START + timedelta(days=p), START + timedelta(days=p + later))
    found, anew = carried_and_anew(spark, [*old, *new], Batches(tuple(batches)), Batches(tuple(batches[:1])), dates)
    assert found == anew


def test_rows_that_do_not_count_all_customers_are_no_base(spark: SparkSession) -> None:
    """Somebody of the run before is in no cell of it: rows were lost, or another version wrote them."""
    rows = [Row(1, "a", "x", 0, 500, 0), Row(2, "b", "y", 8, 500, 0)]
    batches = Batches((batch(1, rows[:1]), batch(2, rows[1:])))
    every, first = frame(spark, rows), Batches(batches.known[:1])
    customers = touched(every, batches, Before(DATES[0], first), DATES[1], ALL_HISTORY)
    assert customers is not None
    again = MeasuredAgain(rows_of_some(every, customers), batches, Before(DATES[0], first))
    buyers = measured(every, LineLook(DATES[1], batches, LINES, ALL_HISTORY))
    before = cohort_rows(cells(every, first, DATES[0]), DATES[0], "week", 30, {})
    assert carried_cells(again, buyers, DATES[1], WEEKS, before) == cells(every, batches, DATES[1])
    short = [{**row, "active": 0} for row in before]
    assert carried_cells(again, buyers, DATES[1], WEEKS, short) is None


def test_what_is_carried_adds_up_by_hand() -> None:
    one, two = date(2024, 1, 1), date(2024, 1, 8)
    began = date(2024, 1, 3)
    before: list[dict[str, Any]] = cohort_rows(
        [Cell(one, one, began, 3, 4, 1001), Cell(one, two, began, 1, 1, 250)], date(2024, 1, 14), "week", 0, {}
    )
    # One of three began a week later than was known, and took an order of theirs along.
    changes = [Cell(one, one, began, -1, -1, -300), Cell(two, two, two, 1, 1, 300), Cell(one, two, began, -1, -1, -250)]
    assert carried(before, changes, {one: began, two: two}) == [
        Cell(one, one, began, 2, 3, 701), Cell(two, two, two, 1, 1, 300),
    ]  # fmt: skip
    assert carried(before, changes, {two: two}) == [Cell(two, two, two, 1, 1, 300)]


@pytest.mark.parametrize("window", [None, 5])
def test_customers_who_only_left_the_window_change_no_cell(spark: SparkSession, window: int | None) -> None:
    """They are measured again; what they had is taken off and added again."""
    rows = [Row(1, "a", "x", 3, 500, 0), Row(1, "b", "y", 4, 500, 0)]
    known = Batches((batch(1, rows),))
    every = frame(spark, rows)
    before, settings = Before(DATES[0], known), WindowSettings(window, "net")
    customers = touched(every, known, before, DATES[1], settings)
    assert customers is not None
    assert {row["customer_id"] for row in customers.collect()} == ({"a"} if window else set())
    again = MeasuredAgain(rows_of_some(every, customers), known, before)
    buyers = measured(every, LineLook(DATES[1], known, LINES, settings))
    then = cohort_rows(cells(every, known, DATES[0]), DATES[0], "week", 30, {})
    assert carried_cells(again, buyers, DATES[1], WEEKS, then) == cells(every, known, DATES[1])
