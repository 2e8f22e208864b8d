"""Rows of the lake become what the report shows of clusters, also where an older version wrote fewer columns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from rfm_spark.capabilities.clusters.section.data import FeatureValues, ModelFacts
from rfm_spark.capabilities.clusters.section.rows import Find, gathered, lineage_of, model_of, profiles_of, scan_of
from tests.report.example import older_row, scan_line

EARLY = {"model_version": "m", "k": 2, "names": ["low", "high"], "origin": "driver", "trained_on": "r"}


def test_rows_of_profiles_are_read_most_revenue_first() -> None:
    new = {
        "cluster_id": 7,
        "insight": "Look.",
        "features": [{"feature": "frequency", "mean": 2.5, "median": 2.0, "q1": 1.0, "q3": 3.0, "z": -0.5}],
        "medoids": ["c2", "c1"],
        "segments": {"new": 1, "loyal": 4},
    }
    found = profiles_of([older_row("low", 5, "1"), {**older_row("high", 5, "2"), **new}])
    assert [row.name for row in found] == ["high", "low"]
    assert found[0] == replace(
        found[1],
        name="high",
        revenue=Decimal(2),
        note="Look.",
        cluster_id=7,
        features=(FeatureValues("frequency", 2.5, 2.0, 1.0, 3.0, -0.5),),
        medoids=("c2", "c1"),
        segments={"loyal": 4, "new": 1},
    )


def test_null_columns_of_a_migrated_row_are_as_if_missing() -> None:
    new = ("cluster_id", "insight", "features", "medoids", "segments")
    row = older_row("average", 5, "1")
    assert profiles_of([{**row, **dict.fromkeys(new)}]) == profiles_of([row])


def test_the_row_of_an_early_model_numbers_its_clusters_from_one() -> None:
    row = EARLY
    assert model_of([row]) == ModelFacts("m", 2, {1: "low", 2: "high"}, trained_on="r", origin="driver")
    assert model_of([{**row, "cluster_ids": [3, 8]}]) == ModelFacts(
        "m", 2, {3: "low", 8: "high"}, trained_on="r", origin="driver"
    )
    assert model_of([]) is None


def test_rows_of_the_scan_are_read_by_k_whatever_columns_they_have() -> None:
    line = scan_line(3, 2.0, 0.5, chosen=True, knee=True, stable=True, restart_spread=0.1, separation=3.5)
    row = dict(vars(line))
    older = {
        name: value for name, value in row.items() if name not in ("restart_spread", "knee", "stable", "separation")
    }
    found = scan_of([row, {**older, "k": 2}])
    assert found == (
        replace(line, k=2, restart_spread=None, knee=False, stable=None, separation=None),
        line,
    )


def test_events_are_read_in_the_order_they_are_told() -> None:
    made = [
        ("emerged", [], [5], 0.1),
        ("split", [2], [2, 4], 0.9),
        ("survived", [3], [3], 0.7),
        ("survived", [2], [2], 0.6),
    ]
    rows = [dict(zip(("event", "old_ids", "new_ids", "overlap"), one, strict=True)) for one in made]
    assert [(event.event, event.old_ids) for event in lineage_of(rows)] == [
        ("survived", (2,)), ("survived", (3,)), ("split", (2,)), ("emerged", ()),
    ]  # fmt: skip


def lake(**tables: list[dict[str, Any]]) -> Find:
    def find(table: str, column: str, value: str) -> Iterable[Mapping[str, Any]]:
        return [row for row in tables.get(table, []) if row.get(column) == value]

    return find


def test_the_scan_is_that_of_the_run_that_trained_the_model() -> None:
    lines = [dict(vars(scan_line(k, 1.0, 0.5)), run_id=run_id) for k, run_id in ((2, "r"), (3, "r"), (4, "later"))]
    parent = {**EARLY, "model_version": "p", "names": ["a", "b"], "trained_as_of": dt.date(2017, 1, 31)}
    challenger = {**EARLY, "model_version": "later-challenger", "trained_on": "later", "parent_version": "m"}
    events = [
        {"model_version": version, "event": event, "old_ids": [1], "new_ids": [1], "overlap": 0.5}
        for version, event in (("m", "survived"), ("later-challenger", "split"))
    ]
    find = lake(
        cluster_models=[challenger, {**EARLY, "parent_version": "p"}, parent],
        cluster_scan=lines,
        cluster_lineage=events,
    )
    found = gathered("m", find)
    assert found is not None
    assert [line.k for line in found.scan] == [2, 3]
    assert [event.event for event in found.lineage] == ["survived"]
    assert (found.parent_names, found.parent_as_of) == ({1: "a", 2: "b"}, dt.date(2017, 1, 31))


def test_a_lake_without_the_other_tables_still_has_its_model() -> None:
    assert gathered("m", lake(cluster_models=[EARLY])) == model_of([EARLY])


def test_without_a_model_nothing_is_gathered() -> None:
    assert gathered(None, lake(cluster_models=[EARLY])) is None
    assert gathered("other", lake(cluster_models=[EARLY])) is None
    assert gathered("m", lake()) is None
