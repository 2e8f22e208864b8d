"""Tracking health of single series, worked by hand."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from rfm_spark.capabilities.drift.tracking import Health, tracking_health, warnings

AS_OF = date(2024, 6, 30)
START = AS_OF - timedelta(days=90)


def series(rows: dict[int, int]) -> dict[date, int]:
    """Rows by days before as_of."""
    return {AS_OF - timedelta(days=before): count for before, count in rows.items()}


def health(rows: dict[int, int]) -> Health:
    # A second series shows how far back the source reaches.
    both = {("web", "search"): series(rows), ("web", "page_view"): series(dict.fromkeys(range(90), 100))}
    return next(one for one in tracking_health("events", both, AS_OF, START) if one.kind == "search")


@pytest.mark.parametrize(
    ("rows", "status"),
    [
        (dict.fromkeys(range(90), 20), "ok"),
        (dict.fromkeys(range(2, 90), 20), "stopped"),
        # Half a row a day: two silent days are nothing.
        (dict.fromkeys(range(2, 90, 2), 1), "sparse"),
        # Silent each weekend, and now for two days.
        ({day: 20 for day in range(2, 90) if day % 7 not in (0, 1)}, "ok"),
        ({day: 8 if day < 7 else 20 for day in range(90)}, "low"),
        ({day: 45 if day < 7 else 20 for day in range(90)}, "high"),
        (dict.fromkeys(range(5), 20), "new"),
        ({3: 5}, "new"),
        ({60: 5}, "sparse"),
    ],
)
def test_the_status_of_a_series(rows: dict[int, int], status: str) -> None:
    assert health(rows).status == status


def test_figures_of_a_series() -> None:
    one = health({day: 8 if day < 7 else 20 for day in range(90)})
    assert (one.recent, one.weekly_mean, one.ratio) == (56, 140, 0.4)
    assert (one.first_day, one.last_day) == (AS_OF - timedelta(days=89), AS_OF)
    assert (one.silent_days, one.usual_silence) == (0, 0)
    gaps = health({day: 20 for day in range(2, 90) if day % 7 not in (0, 1)})
    assert (gaps.silent_days, gaps.usual_silence) == (2, 2)


def test_what_stopped_is_a_warning_and_comes_first() -> None:
    both = {
        ("app", "video_play"): series(dict.fromkeys(range(4, 90), 30)),
        ("web", "page_view"): series(dict.fromkeys(range(90), 100)),
    }
    found = tracking_health("events", both, AS_OF, START)
    assert [one.status for one in found] == ["stopped", "ok"]
    assert warnings(found) == [
        "tracking: video_play of app in sources.events stopped: no row since 2024-06-26 (4 days; never silent for more "
        "than 0 before), 30.0 a day before; look at the tracker"
    ]


def test_a_source_of_a_week_has_no_past_to_compare_with() -> None:
    found = tracking_health("events", {("web", "search"): series(dict.fromkeys(range(7), 50))}, AS_OF, START)
    assert [(one.status, one.weekly_mean) for one in found] == [("sparse", None)]
    assert found[0].detail == "less than 5 weeks of history: too short to compare with"


def test_few_rows_of_a_long_history_are_said_to_be_few() -> None:
    assert health({60: 5}).detail == "0 rows in the four weeks before: too few to tell"
