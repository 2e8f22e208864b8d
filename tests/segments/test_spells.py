"""How long a customer has been in a segment, and the segment that flapping control shows."""

from __future__ import annotations

import random
from itertools import groupby

import pytest
from pyspark.sql import DataFrame, SparkSession

from rfm_spark.capabilities.segments.spells import SPELL_COLUMNS, with_spells

Row = tuple[str, int, str | None]


def run_through(spark: SparkSession, days: list[dict[str, str]], confirm_runs: int) -> list[dict[str, Row]]:
    """Per run and customer: confirmed_segment, segment_runs, segment_before."""
    before: DataFrame | None = None
    found = []
    for day in days:
        now = spark.createDataFrame(sorted(day.items()), "customer_id string, segment string")
        joined = now if before is None else now.join(before, "customer_id", "left")
        spelled = with_spells(joined, confirm_runs, goes_on=before is not None)
        rows = spelled.select("customer_id", *SPELL_COLUMNS).collect()
        # As each run reads the one before it: from rows, not from a growing plan.
        before = spark.createDataFrame(
            rows,
            "customer_id string, was_segment string, was_confirmed_segment string, was_segment_runs int, "
            "was_segment_before string",
        )
        found.append({row[0]: (row[2], row[3], row[4]) for row in rows})
    return found


def expected(history: list[str | None], confirm_runs: int) -> list[Row | None]:
    """The same by definition, for one customer; None where they are not in the run."""
    found: list[Row | None] = []
    confirmed: str | None = None
    spell: list[str] = []
    for segment in history:
        if segment is None:
            spell, confirmed = [], None
            found.append(None)
            continue
        spell.append(segment)
        runs = len(list(next(groupby(reversed(spell)))[1]))
        if confirmed is None or runs >= confirm_runs:
            confirmed = segment
        others = [name for name, _ in groupby(spell)]
        found.append((confirmed, runs, others[-2] if len(others) > 1 else None))
    return found


@pytest.mark.parametrize("confirm_runs", [1, 2, 3])
def test_spells_are_those_of_each_customers_history(spark: SparkSession, confirm_runs: int) -> None:
    draws = random.Random(confirm_runs)
    histories = {f"c{i}": [draws.choice(["a", "a", "b", "c", None]) for _ in range(6)] for i in range(30)}
    histories["flaps"] = ["a", "b", "a", "b", "a", "b"]
    histories["steady"] = ["a"] * 6
    days = [{name: h[at] for name, h in histories.items() if h[at] is not None} for at in range(6)]
    found = run_through(spark, [{k: v or "" for k, v in day.items()} for day in days], confirm_runs)
    for name, history in histories.items():
        assert [run.get(name) for run in found] == expected(history, confirm_runs), name
    flapping = [run["flaps"][0] for run in found]
    assert flapping == (["a", "b"] * 3 if confirm_runs == 1 else ["a"] * 6)
