"""Membership intervals against a plain reading of the runs: as of any day, as known on any day."""

from __future__ import annotations

import itertools
import random
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from pyspark.sql import SparkSession

from rfm_spark.capabilities.segments.tables import SEGMENTS
from rfm_spark.core.schemas import RUNS
from rfm_spark.lake.history import members, segment_history
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.store import Store

DATES = [date(2024, 1, 31), date(2024, 2, 29), date(2024, 3, 31), date(2024, 4, 30), date(2024, 5, 31)]
# Run: as-of date, and day of 2024 on which it was published. February came in twice, January three times.
RUNS_MADE = {
    "2024-01-31-00000001": (DATES[0], date(2024, 2, 1)),
    "2024-02-29-00000001": (DATES[1], date(2024, 3, 1)),
    "2024-01-31-00000002": (DATES[0], date(2024, 3, 5)),
    "2024-03-31-00000001": (DATES[2], date(2024, 4, 1)),
    "2024-02-29-00000002": (DATES[1], date(2024, 4, 7)),
    "2024-04-30-00000001": (DATES[3], date(2024, 5, 1)),
    "2024-01-31-00000002-2": (DATES[0], date(2024, 5, 9)),
    "2024-05-31-00000001": (DATES[4], date(2024, 6, 1)),
}
Belief = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def lake(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[LakeLocation, Belief]:
    """Runs whose customers hop between segments, and what each run says."""
    location = LakeLocation(root=str(tmp_path_factory.mktemp("history")))
    store = Store(session, location)
    draws = random.Random(5)
    message: Belief = {
        run: {f"c{i}": draws.choice("aab") for i in range(12) if draws.random() < 0.85} for run in RUNS_MADE
    }
    blank: dict[str, Any] = dict.fromkeys(SEGMENTS.names)
    rows = [
        {**blank, "run_id": run, "as_of_date": RUNS_MADE[run][0], "scope": "all", "customer_id": customer,
         "segment": value, "confirmed_segment": "steady", "cluster_id": 1 if value == "a" else None}
        for run, customers in message.items()
        for customer, value in customers.items()
    ]  # fmt: skip
    store.prepare(SEGMENTS)
    frame = session.createDataFrame([tuple(row[n] for n in SEGMENTS.names) for row in rows], SEGMENTS.ddl)
    frame.coalesce(1).write.format("delta").mode("append").save(f"{location.root}/segments")
    empty: dict[str, Any] = dict.fromkeys(RUNS.names)
    ledger = [
        {**empty, "run_id": run, "as_of_date": as_of, "config_name": "shop",
         "finished_at": datetime(known.year, known.month, known.day, 4, tzinfo=timezone.utc)}
        for run, (as_of, known) in RUNS_MADE.items()
    ]  # fmt: skip
    # A run that never came to its end, and another segmentation.
    store.insert_new(
        RUNS, [*ledger, {**ledger[0], "run_id": "2024-01-31-99999999", "config_name": "other"}], ("run_id",)
    )
    return location, message


def believed(message: Belief, day: date, known_on: date) -> dict[str, str]:
    """By definition: the newest run known by then, of the last as-of date known by then."""
    known = [(as_of, published, run) for run, (as_of, published) in RUNS_MADE.items() if published <= known_on]
    past = [one for one in known if one[0] <= day]
    return message[max(past)[2]] if past else {}


@pytest.mark.parametrize("known_on", [date(2024, 3, 4), date(2024, 4, 6), date(2024, 12, 31)])
def test_members_of_any_day_as_known_on_any_day(
    spark: SparkSession, lake: tuple[LakeLocation, Belief], known_on: date
) -> None:
    location, message = lake
    rows = (
        segment_history(spark, location, "shop", known_on).where("superseded_by IS NULL AND kind = 'segment'").collect()
    )
    for day in (DATES[0] - timedelta(days=1), *DATES, date(2024, 2, 10), date(2024, 4, 1), date(2024, 7, 1)):
        found = {
            row["customer_id"]: row["value"]
            for row in rows
            if row["valid_from"] <= day and (row["valid_to"] is None or day <= row["valid_to"])
        }
        assert found == believed(message, day, known_on), day
    day = date(2024, 4, 1)
    mine = members(spark, location, "a", day, known_on=known_on, config_name="shop").collect()
    assert sorted(row["customer_id"] for row in mine) == sorted(
        customer for customer, value in believed(message, day, known_on).items() if value == "a"
    )


def test_what_holds_has_no_overlap_and_what_was_believed_stays(
    spark: SparkSession, lake: tuple[LakeLocation, Belief]
) -> None:
    location, message = lake
    rows = segment_history(spark, location, "shop").where("kind = 'segment'").collect()
    held: dict[str, list[tuple[date, date]]] = {}
    for row in rows:
        if row["superseded_by"] is None:
            held.setdefault(row["customer_id"], []).append((row["valid_from"], row["valid_to"] or date.max))
    for spells in held.values():
        spells.sort()
        assert all(before[1] < after[0] for before, after in itertools.pairwise(spells))
    superseded = {
        (row["run_id"], row["customer_id"]): (row["value"], row["superseded_by"], row["valid_from"], row["valid_to"])
        for row in rows
        if row["superseded_by"] is not None
    }
    follows = {
        "2024-01-31-00000001": "2024-01-31-00000002",
        "2024-01-31-00000002": "2024-01-31-00000002-2",
        "2024-02-29-00000001": "2024-02-29-00000002",
    }
    ends = {DATES[0]: date(2024, 2, 28), DATES[1]: date(2024, 3, 30)}
    assert superseded == {
        (run, customer): (value, by, RUNS_MADE[run][0], ends[RUNS_MADE[run][0]])
        for run, by in follows.items()
        for customer, value in message[run].items()
    }


def test_intervals_are_as_long_as_they_can_be(spark: SparkSession, lake: tuple[LakeLocation, Belief]) -> None:
    location, message = lake
    steady = segment_history(spark, location, "shop").where("kind = 'confirmed_segment' AND superseded_by IS NULL")
    current = [
        "2024-01-31-00000002-2",
        "2024-02-29-00000002",
        *list(RUNS_MADE)[3:4],
        *list(RUNS_MADE)[5:6],
        *list(RUNS_MADE)[7:],
    ]
    present = {customer: [customer in message[run] for run in current] for run in current for customer in message[run]}
    found: dict[str, int] = {}
    for row in steady.collect():
        found[row["customer_id"]] = found.get(row["customer_id"], 0) + 1
    spells = {name: sum(here and not before for before, here in zip([False, *there], there, strict=False))
              for name, there in present.items()}  # fmt: skip
    assert found == spells
    kinds = {row["kind"] for row in segment_history(spark, location).select("kind").distinct().collect()}
    assert kinds == {"segment", "confirmed_segment", "cluster"}
