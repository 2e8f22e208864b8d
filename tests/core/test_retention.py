"""Which runs keep their rows: by hand for a year of nights, and what holds of any runs, days and limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfm_spark.core.command import hours_argument
from rfm_spark.core.errors import ConfigError
from rfm_spark.core.retention import RetentionConfig, retained
from rfm_spark.core.runs import RunRow
from tests.helpers import config_for


def a_run(day: date, number: int = 1, previous: str | None = None) -> RunRow:
    return RunRow(f"{day}-{number:08x}", day, "shop", "{}", previous, 0, finished_at=number)


def nights(start: date, end: date) -> list[RunRow]:
    found: list[RunRow] = []
    for i in range((end - start).days + 1):
        found.append(a_run(start + timedelta(days=i), previous=found[-1].run_id if found else None))
    return found


def days(runs: Sequence[RunRow]) -> list[str]:
    return [str(run.as_of) for run in runs]


def test_a_year_of_nights_by_hand() -> None:
    runs = nights(date(2024, 1, 10), date(2024, 12, 20))
    kept = retained(runs, RetentionConfig(), date(2024, 12, 20))
    months = ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30", "2024-05-31", "2024-06-30", "2024-07-31",
              "2024-08-31", "2024-09-30", "2024-10-31"]  # fmt: skip
    # 35 days, both ends included, begin on 16 November.
    assert days(kept)[:11] == [*months, "2024-11-16"]
    assert len(kept) == len(months) + 35
    few = retained(runs, RetentionConfig(daily=3, monthly=2), date(2024, 12, 20))
    assert days(few) == ["2024-11-30", "2024-12-18", "2024-12-19", "2024-12-20"]
    none = retained(runs, RetentionConfig(daily=1, monthly=0), date(2024, 12, 20))
    # The run before the newest is what the newest date would be compared with again.
    assert days(none) == ["2024-12-19", "2024-12-20"]


def test_superseded_runs_go_with_the_days_and_the_month_keeps_what_is_current() -> None:
    january, newest = date(2024, 1, 31), date(2024, 6, 30)
    runs = [
        a_run(january - timedelta(days=1)),
        a_run(january, 1),
        a_run(january, 2),
        a_run(newest, 1),
        a_run(newest, 2),
    ]
    kept = retained(runs, RetentionConfig(), newest)
    assert [run.run_id for run in kept] == ["2024-01-31-00000002", "2024-06-30-00000001", "2024-06-30-00000002"]
    # Where the last date of a month lost its rows under another setting, the one before it stands for the month.
    gone = [replace(run, retired_at=1) if run.as_of == january else run for run in runs]
    assert days(retained(gone, RetentionConfig(), newest))[0] == "2024-01-30"


def test_the_newest_run_keeps_what_it_was_compared_with() -> None:
    old, restated, newest = a_run(date(2024, 1, 1), 1), a_run(date(2024, 1, 1), 2), date(2024, 6, 30)
    runs = [old, restated, a_run(newest, 1, previous=old.run_id)]
    assert retained(runs, RetentionConfig(daily=1, monthly=0), newest) == runs
    assert retained([], RetentionConfig(), newest) == []


MOMENTS = st.dates(date(2022, 1, 1), date(2024, 12, 31))
RETENTIONS = st.builds(
    RetentionConfig, daily=st.integers(1, 400), monthly=st.one_of(st.just("forever"), st.integers(0, 30))
)


@st.composite
def any_runs(draw: st.DrawFn) -> list[RunRow]:
    """Dates with one to three runs each; the ledger's order."""
    dates = sorted(draw(st.sets(MOMENTS, min_size=1, max_size=40)))
    return [a_run(day, number + 1) for day in dates for number in range(draw(st.integers(1, 3)))]


@given(any_runs(), RETENTIONS, MOMENTS)
def test_the_newest_stays_days_are_whole_and_a_month_has_one_more_at_most(
    runs: list[RunRow], retention: RetentionConfig, as_of: date
) -> None:
    kept = retained(runs, retention, as_of)
    assert runs[-1] in kept
    recent = [run for run in runs if (as_of - run.as_of).days < retention.daily]
    assert [run for run in kept if run in recent] == recent
    current = {run.as_of: run for run in runs}
    older = [run for run in kept if run not in recent]
    assert all(run == current[run.as_of] for run in older)
    last_two = {run.run_id for run in list(current.values())[-2:]}
    months = [(run.as_of.year, run.as_of.month) for run in older if run.run_id not in last_two]
    assert len(months) == len(set(months))
    if retention.monthly == "forever":
        every = {(run.as_of.year, run.as_of.month) for run in runs}
        assert {(run.as_of.year, run.as_of.month) for run in kept} == every


@given(any_runs(), RETENTIONS, MOMENTS, st.integers(0, 500))
def test_what_is_dropped_stays_dropped_and_doing_it_again_drops_nothing(
    runs: list[RunRow], retention: RetentionConfig, as_of: date, later: int
) -> None:
    def after(kept: list[RunRow]) -> list[RunRow]:
        return [run if run in kept else replace(run, retired_at=1) for run in runs]

    kept = retained(runs, retention, as_of)
    assert retained(after(kept), retention, as_of) == kept
    # Time goes on, or less is to be kept: never more than before.
    assert set(days(retained(runs, retention, as_of + timedelta(days=later)))) <= set(days(kept))
    fewer = retention.model_copy(update={"daily": max(1, retention.daily - later)})
    assert set(days(retained(runs, fewer, as_of))) <= set(days(kept))


@pytest.mark.parametrize(
    ("given_", "says"),
    [
        ({"monthly": "always"}, "retention.monthly: give a number of months from 0 on, or forever"),
        ({"monthly": -1}, "retention.monthly: give a number of months from 0 on, or forever"),
        ({"daily": 0}, "retention.daily: input should be greater than or equal to 1, not 0"),
        ({"batches": 1}, "retention.batches: input should be greater than or equal to 2, not 1"),
        ({"weekly": 3}, "retention.weekly: unknown key"),
    ],
)
def test_what_retention_can_not_be(given_: dict[str, Any], says: str, tmp_path: Any) -> None:
    with pytest.raises(ConfigError, match=says):
        config_for(tmp_path, retention=given_)


def test_retention_shapes_no_result(tmp_path: Any) -> None:
    config = config_for(tmp_path, retention={"daily": 7, "monthly": 12, "batches": 2})
    assert config.canonical() == config_for(tmp_path).canonical()


def test_times_are_hours() -> None:
    assert [hours_argument(text) for text in ("36h", "7d", "2w", "0h")] == [36, 168, 336, 0]
    for wrong in ("7", "d", "", "-1d", "7 d", "1.5d", "7m"):
        with pytest.raises(Exception, match="is not a time such as"):
            hours_argument(wrong)
