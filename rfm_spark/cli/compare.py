"""`rfm-spark compare runs A B`: who moved between two runs and why, and what drifted."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from rfm_spark.capabilities.drift.comparing import compare_columns
from rfm_spark.capabilities.drift.distributions import from_rows
from rfm_spark.capabilities.drift.figures import Figure, all_at_once, is_alarm
from rfm_spark.capabilities.drift.tables import DISTRIBUTIONS
from rfm_spark.capabilities.drift.verdict import verdict
from rfm_spark.capabilities.movement.comparing import changed_between, compared, side_of
from rfm_spark.capabilities.movement.moves import Flicker, cluster_transitions, flicker, segment_transitions
from rfm_spark.capabilities.movement.tables import CAUSES, CLUSTER_CAUSES, NO_SEGMENT
from rfm_spark.cli import console
from rfm_spark.cli.places import place_of, run_of, session
from rfm_spark.cli.reading import print_rows
from rfm_spark.core.errors import ConfigError, LakeError
from rfm_spark.core.runs import RunRow
from rfm_spark.core.session import persisted
from rfm_spark.lake.place import Place
from rfm_spark.lake.store import Store

_SHOWN = 15


def compare_command(options: argparse.Namespace) -> int:
    """Compare the newest run (or B) with the one before it (or A)."""
    place, name = place_of(options)
    spark = session(options)
    before, now = _pair(spark, place, name, options.before, options.now)
    store = Store(spark, place)
    moved = compared(store, now.config_name, side_of(store, now), side_of(store, before))
    with persisted(moved) as kept:
        transitions = segment_transitions(kept).orderBy(F.desc("customers"), "from_segment", "to_segment")
        if options.format != "table":
            print_rows(transitions.drop("scope"), options.format)
            return 0
        _print_moves(before, now, transitions.collect(), flicker(kept))
        _print_clusters(before, now, cluster_transitions(kept))
    _print_drift(store, before, now)
    return 0


def _pair(
    spark: SparkSession, place: Place, name: str | None, before: str | None, now: str | None
) -> tuple[RunRow, RunRow]:
    """Both runs; without any the newest and the one it follows, with one it and the one it follows."""
    last = run_of(spark, place, name, now or before)
    if now is not None:
        first = run_of(spark, place, name, before)
    else:
        if last.previous_run_id is None:
            raise LakeError(
                f"run {last.run_id} is the first of {last.config_name}: there is nothing to compare it with; "
                "`rfm-spark runs` lists others"
            )
        first = run_of(spark, place, name, last.previous_run_id)
    if first.config_name != last.config_name:
        problem = f"{first.run_id} is of {first.config_name}, {last.run_id} of {last.config_name}; take two of one"
        raise ConfigError("compare runs", [problem])
    if first.as_of > last.as_of:
        raise ConfigError("compare runs", [f"{first.run_id} is the later one; give the earlier run first"])
    if first.run_id == last.run_id:
        raise ConfigError("compare runs", [f"{first.run_id} twice; give two runs"])
    return first, last


def _print_moves(before: RunRow, now: RunRow, rows: Sequence[Row], moves: Flicker) -> None:
    changed = [row for row in rows if row["from_segment"] != row["to_segment"]]
    staying = moves.both - moves.moved
    print(f"{now.run_id} against {before.run_id}: {moves.both:,} customers in both, {staying:,} in the same segment")
    if moves.both:
        print(
            f"{moves.moved:,} moved ({moves.moved / moves.both:.1%}), {moves.returned:,} of them back to where they "
            f"were a run earlier; {moves.confirmed_moved:,} moved in confirmed_segment"
        )
    console.heading("Why")
    sums: Mapping[str, int] = {cause: sum(row[cause] for row in rows) for cause in CAUSES}
    console.table(("cause", "customers", "what it means"), [(c, n, _MEANING[c]) for c, n in sums.items() if n])
    console.heading("From, to")
    shown = changed[:_SHOWN]
    console.table(
        ("from", "to", "customers", "of from", "95 % interval", "revenue", "mostly", ""),
        [_move(row) for row in shown],
    )
    if len(changed) > len(shown):
        print(f"… and {len(changed) - len(shown)} more; --format csv has all")


_MEANING = {
    "inactivity": "time passed without a new line",
    "behaviour": "new purchases or returns",
    "thresholds": "only the cut points moved",
    "both": "the customer and the cut points moved",
    "definition": "rules, scoring or windows changed",
    "entered": "first purchase",
    "left": "no purchase any more, or gone from the source",
    "masked": "would have moved, but for the moving cut points",
}


def _move(row: Row) -> tuple[Any, ...]:
    causes = {cause: row[cause] for cause in CAUSES if row[cause]}
    most = max(causes, key=lambda cause: causes[cause], default="")
    interval = f"{row['low']:.1%} – {row['high']:.1%}"
    revenue = Decimal(row["revenue"] or 0)
    few = "few customers" if row["small"] and row["from_segment"] != NO_SEGMENT else ""
    return row["from_segment"], row["to_segment"], row["customers"], f"{row['share']:.1%}", interval, revenue, most, few


def _print_clusters(before: RunRow, now: RunRow, transitions: DataFrame) -> None:
    if now.model_version is None or before.model_version is None:
        return
    rows = transitions.collect()
    sums = {cause: sum(row[cause] for row in rows) for cause in CLUSTER_CAUSES}
    stayed = sum(row["customers"] for row in rows) - sum(sums.values())
    console.heading("Clusters")
    same = now.model_version == before.model_version
    print("the same model" if same else f"model {now.model_version} instead of {before.model_version}")
    meaning = {"migration": "the customer moved", "relabelling": "the model draws other borders"}
    told = [("same cluster", stayed, ""), *((c, n, meaning.get(c, "")) for c, n in sums.items() if n)]
    console.table(("what", "customers", ""), told)


def _print_drift(store: Store, before: RunRow, now: RunRow) -> None:
    console.heading("Drift")
    if not store.exists(DISTRIBUTIONS.name):
        print("not known: neither run kept how its customers are spread")
        return
    today = from_rows(store.rows(DISTRIBUTIONS.name, run_id=now.run_id))
    figures: list[Figure] = []
    if today:
        same_model = now.model_version == before.model_version
        changed = changed_between(side_of(store, now), side_of(store, before))
        figures = all_at_once(compare_columns(store, before, today, same_model=same_model, same_definition=not changed))
    if not figures:
        print("not known: one of the runs did not keep how its customers are spread")
        return
    found = verdict(figures)
    print(f"{found.severity}: {found.sentence}")
    told = [_figure(figure) for figure in figures if is_alarm(figure)]
    if told:
        console.table(("figure", "of", "value", "severity", "in words"), told)


def _figure(figure: Figure) -> tuple[Any, ...]:
    value = "" if figure.value is None else f"{figure.value:.3f}"
    return figure.metric, figure.subject, value, figure.severity, figure.detail
