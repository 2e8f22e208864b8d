"""`rfm-spark compare runs A B`: who moved between two runs and why, and what drifted."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pyspark.sql import DataFrame

from rfm_spark.capabilities.movement.comparing import changed_between, compared_runs, side_of
from rfm_spark.capabilities.movement.moves import (
    Flapping,
    back_and_forth,
    clusters_moved,
    flapping,
    segments_moved,
    without_amounts,
)
from rfm_spark.capabilities.movement.tables import CAUSES, CLUSTER_CAUSES, NO_SEGMENT, SEGMENT_TRANSITIONS
from rfm_spark.capabilities.movement.transitions import cluster_transitions, segment_transitions
from rfm_spark.capabilities.rfm.words import measure_words
from rfm_spark.core.comparison import ComparedRuns, print_what_others_know
from rfm_spark.core.desk import Desk
from rfm_spark.core.errors import ConfigError, LakeError
from rfm_spark.core.runs import RunDetails
from rfm_spark.core.scopes import amounts_apart
from rfm_spark.core.session import persisted

_SHOWN = 15
_KEYS = ("run_id", "as_of_date")


def compare_runs(options: argparse.Namespace, desk: Desk) -> int:
    """Compare the newest run (or B) with the one before it (or A).

    Raises:
        ConfigError: the runs are no pair.
        LakeError: there is none, or nothing came before it.
    """
    before, now = _pair(desk, options.before, options.now)
    with persisted(compared_runs(desk.tables, now, before)) as kept:
        moved = segments_moved(kept)
        if any(amounts_apart(json.loads(run.config)) for run in (before, now)):
            moved = without_amounts(moved)
        found = segment_transitions(moved, before.run_id)
        transitions = sorted(found, key=lambda row: (-row["customers"], row["from_segment"], row["to_segment"]))
        if options.format != "table":
            desk.rows(_as_frame(kept, transitions), options.format)
            return 0
        clusters = clusters_moved(kept)
        _print_moves(desk, before, now, transitions, flapping(moved, clusters, *back_and_forth(kept)))
        _print_clusters(desk, before, now, cluster_transitions(clusters, before.run_id))
    changed = changed_between(side_of(desk.tables, now), side_of(desk.tables, before))
    print_what_others_know(ComparedRuns(before, now, definition_changed=changed), desk)
    return 0


def _as_frame(moved: DataFrame, transitions: Sequence[Mapping[str, Any]]) -> DataFrame:
    shown = [(name, kind) for name, kind, _ in SEGMENT_TRANSITIONS.columns if name not in (*_KEYS, "scope")]
    schema = ", ".join(f"{name} {kind}" for name, kind in shown)
    return moved.sparkSession.createDataFrame([tuple(row[name] for name, _ in shown) for row in transitions], schema)


def _pair(desk: Desk, before: str | None, now: str | None) -> tuple[RunDetails, RunDetails]:
    """Both runs; without any the newest and the one it follows, with one it and the one it follows."""
    last = desk.run(now or before)
    if now is not None:
        first = desk.run(before)
    else:
        if last.previous_run_id is None:
            raise LakeError(
                f"run {last.run_id} is the first of {last.config_name}: there is nothing to compare it with; "
                "`rfm-spark runs` lists others"
            )
        first = desk.run(last.previous_run_id)
    if first.config_name != last.config_name:
        problem = f"{first.run_id} is of {first.config_name}, {last.run_id} of {last.config_name}; take two of one"
        raise ConfigError("compare runs", [problem])
    if first.as_of > last.as_of:
        raise ConfigError("compare runs", [f"{first.run_id} is the later one; give the earlier run first"])
    if first.run_id == last.run_id:
        raise ConfigError("compare runs", [f"{first.run_id} twice; give two runs"])
    return first, last


def _print_moves(
    desk: Desk, before: RunDetails, now: RunDetails, rows: Sequence[Mapping[str, Any]], moves: Flapping
) -> None:
    changed = [row for row in rows if row["from_segment"] != row["to_segment"]]
    staying = moves.both - moves.moved
    print(f"{now.run_id} against {before.run_id}: {moves.both:,} customers in both, {staying:,} in the same segment")
    if moves.both:
        print(
            f"{moves.moved:,} moved ({moves.moved / moves.both:.1%}), {moves.returned:,} of them back to where they "
            f"were a run earlier; {moves.confirmed_moved:,} moved in confirmed_segment"
        )
    desk.heading("Why")
    sums: Mapping[str, int] = {cause: sum(row[cause] or 0 for row in rows) for cause in CAUSES}
    meaning = _MEANING if measure_words(json.loads(now.config)).is_usual else _MEANING | _OF_USAGE
    desk.table(("cause", "customers", "what it means"), [(c, n, meaning[c]) for c, n in sums.items() if n])
    desk.heading("From, to")
    shown = changed[:_SHOWN]
    desk.table(
        ("from", "to", "customers", "of from", "95 % interval", "revenue", "mostly", ""),
        [_move(row) for row in shown],
    )
    if len(changed) > len(shown):
        print(f"… and {len(changed) - len(shown)} more; --format csv has all")


_MEANING = {
    "inactivity": "time passed without a new line",
    "behaviour": "new purchases or returns",
    "correction": "the source corrected earlier lines",
    "thresholds": "only the cut points moved",
    "both": "the customer and the cut points moved",
    "definition": "rules, scoring or windows changed",
    "entered": "first purchase",
    "left": "no purchase any more, or gone from the source",
    "masked": "would have moved, but for the moving cut points",
}

_OF_USAGE = {
    "inactivity": "time passed, and nothing else that the measures count",
    "behaviour": "new events, or another amount a month",
    "correction": "the source corrected earlier events",
    "entered": "known for the first time",
    "left": "gone from the sources",
}


def _move(row: Mapping[str, Any]) -> tuple[Any, ...]:
    causes = {cause: row[cause] for cause in CAUSES if row[cause]}
    most = max(causes, key=lambda cause: causes[cause], default="")
    interval = f"{row['low']:.1%} – {row['high']:.1%}"
    few = "few customers" if row["small"] and row["from_segment"] != NO_SEGMENT else ""
    ends, share = (row["from_segment"], row["to_segment"]), f"{row['share']:.1%}"
    return *ends, row["customers"], share, interval, row["revenue"], most, few


def _print_clusters(desk: Desk, before: RunDetails, now: RunDetails, rows: Sequence[Mapping[str, Any]]) -> None:
    if now.model_version is None or before.model_version is None:
        return
    sums = {cause: sum(row[cause] for row in rows) for cause in CLUSTER_CAUSES}
    stayed = sum(row["customers"] for row in rows) - sum(sums.values())
    desk.heading("Clusters")
    same = now.model_version == before.model_version
    print("the same model" if same else f"model {now.model_version} instead of {before.model_version}")
    meaning = {"migration": "the customer moved", "relabelling": "the model draws other borders"}
    lines = [("same cluster", stayed, ""), *((c, n, meaning.get(c, "")) for c, n in sums.items() if n)]
    desk.table(("what", "customers", ""), lines)
