"""Which dates `run` does: later ones follow a forced date only where that is asked for."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from rfm_spark import pipeline
from rfm_spark.cli import running
from rfm_spark.cli.main import main

MONTHS = [date(2024, month, 1) for month in range(1, 9)]


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[tuple[date, bool]]:
    """Dates that were run, and whether they were forced, in a lake of eight dates of which each outdates the next."""
    ran: list[tuple[date, bool]] = []

    def once(spark: Any, config: Any, as_of: date, *, force: bool, **_: Any) -> Any:
        ran.append((as_of, force))
        return SimpleNamespace(exit_code=0)

    monkeypatch.setattr(running, "run_once", once)
    for name in ("config_of", "must_be_usable"):
        monkeypatch.setattr(running, name, lambda _: SimpleNamespace(timezone="UTC"))
    monkeypatch.setattr(running, "session", lambda *_: None)
    monkeypatch.setattr(pipeline, "outdated_dates", lambda _, __, day: [later for later in MONTHS if later > day])
    monkeypatch.setattr(pipeline, "late_dates", lambda *_: [])
    return ran


def test_a_forced_old_date_says_what_it_outdates_and_leaves_it(
    done: list[tuple[date, bool]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "-c", "x.yml", "--as-of", "2024-01-01", "--force"]) == 0
    assert done == [(MONTHS[0], True)]
    assert capsys.readouterr().err == (
        "7 later as-of dates are compared with what this run supersedes (2024-02-01, 2024-03-01, 2024-04-01, "
        "2024-05-01, 2024-06-01, 2024-07-01, …); --cascade makes them anew\n"
    )
    assert main(["run", "-c", "x.yml", "--as-of", "2024-07-01", "--force"]) == 0
    assert capsys.readouterr().err.startswith(
        "1 later as-of date is compared with what this run supersedes (2024-08-01)"
    )
    assert main(["run", "-c", "x.yml", "--as-of", "2024-08-01", "--force"]) == 0
    assert capsys.readouterr().err == ""


def test_with_cascade_later_dates_are_made_anew_in_order_and_not_forced(done: list[tuple[date, bool]]) -> None:
    assert main(["run", "-c", "x.yml", "--as-of", "2024-05-01", "--force", "--cascade"]) == 0
    assert done == [(day, day == MONTHS[4]) for day in MONTHS[4:]]


def test_a_forced_backfill_goes_through_its_own_dates_alone(
    done: list[tuple[date, bool]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "-c", "x.yml", "--from", "2024-03-01", "--to", "2024-05-01", "--force"]) == 0
    assert done == [(day, True) for day in MONTHS[2:5]]
    assert capsys.readouterr().err.startswith("3 later as-of dates are compared")


def test_without_force_later_dates_follow_as_before(done: list[tuple[date, bool]]) -> None:
    assert main(["run", "-c", "x.yml", "--as-of", "2024-07-01"]) == 0
    assert done == [(MONTHS[6], False), (MONTHS[7], False)]


def test_cascade_alone_means_nothing(done: list[tuple[date, bool]], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "-c", "x.yml", "--cascade"]) == 2
    assert "--cascade goes with --force" in capsys.readouterr().err
    assert done == []
