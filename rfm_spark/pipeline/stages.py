"""The stages of a run, in order, as data: what each reads and writes, and the function that does it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.clusters.assign import assigned
from rfm_spark.capabilities.movement.moves import cluster_transitions, flicker, segment_changes, segment_transitions
from rfm_spark.capabilities.movement.tables import CLUSTER_TRANSITIONS
from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.capabilities.purchases.lines import accepted_until
from rfm_spark.capabilities.purchases.orders import kept_orders
from rfm_spark.capabilities.purchases.tables import ORDERS
from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.capabilities.rfm.cuts import (
    CutSet,
    as_rows,
    fixed_cuts,
    from_rows,
    measure_ranks,
    quantile_cuts,
    unseen_groups,
)
from rfm_spark.capabilities.rfm.scores import scored_customers
from rfm_spark.capabilities.segments.config import SegmentsConfig
from rfm_spark.capabilities.segments.load import rule_params
from rfm_spark.capabilities.segments.rules import segment_column
from rfm_spark.capabilities.segments.spells import SPELL_COLUMNS, with_spells
from rfm_spark.capabilities.segments.summary import segment_summary
from rfm_spark.capabilities.segments.tables import SEGMENTS
from rfm_spark.core.config import digest
from rfm_spark.core.errors import ConfigError
from rfm_spark.pipeline.clustering import cluster, profile_rows, scan_rows
from rfm_spark.pipeline.comparing import Side, compared, definition_changed, rows_of, side_of
from rfm_spark.pipeline.context import RunContext
from rfm_spark.pipeline.drifting import measure_drift
from rfm_spark.pipeline.interacting import interact
from rfm_spark.pipeline.joining import with_behaviour
from rfm_spark.pipeline.late import of_orders
from rfm_spark.pipeline.looking import each_once
from rfm_spark.pipeline.measuring import measure
from rfm_spark.pipeline.writing import Content, collected

# What may go on beside the stages that follow, and how many rows it dealt with.
Later = Callable[[], int]


@dataclass(frozen=True)
class Stage:
    """One step of a run.

    Attributes:
        title: what a person sees while it runs.
        reads: sources and tables it needs; `previous` ones are the previous run's.
        writes: tables it writes.
        work: does it, and says how many rows it dealt with (None when there was nothing to do); or begins it, and gives
            what is left to do while the run goes on.
        waits_for: what takes the time, for the person who waits.
    """

    title: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    work: Callable[[RunContext], int | Later | None]
    waits_for: str


def _look_for_late_rows(run: RunContext) -> int | None:
    dates = run.touched()
    if dates:
        shown = ", ".join(day.isoformat() for day in dates[:6]) + (", …" if len(dates) > 6 else "")
        run.warnings.append(
            f"late rows: what was published as of {shown} has other rows by now ({len(dates)} as-of dates); --restate "
            "redoes just these"
        )
    return len(dates) or None


def _keep_orders(run: RunContext) -> int | Later | None:
    source = run.config.part(TransactionsSource)
    mapping = json.dumps(
        [source.as_read(), run.config.timezone, run.quality.checks, run.quality.max_quantity], sort_keys=True
    )
    reflects = json.dumps(
        {"config": run.config.name, "source": of_orders(run.inputs), "mapping": digest(mapping)[:16]}, sort_keys=True
    )
    if run.store.exists(ORDERS.name) and run.store.last_metadata(ORDERS.name) == reflects:
        # As many as when they were written: a run that begins again tells the same of them.
        made = run.store.commit_saying(ORDERS.name, reflects)
        rows = run.store.row_count(ORDERS.name) if made.rows is None else made.rows
        return run.writer.keep(ORDERS.name, made.version, rows)
    lines = each_once(run, accepted_until(run.known_judged.lines, None))
    orders = kept_orders(
        lines, source.order_grain, [name for name in ("currency", "channel") if name in source.columns]
    )

    return lambda: run.writer.replace(ORDERS, orders, reflects)


def _score(run: RunContext) -> int:
    measures, scoring = run.known_measures, run.config.part(RfmConfig).scoring
    if scoring.method == "quantile":
        run.cut_sets, ranks = quantile_cuts(measures, scoring)
    else:
        run.cut_sets = fixed_cuts(scoring) if scoring.method == "fixed" else _frozen_cuts(run, scoring.run or "")
        ranks = measure_ranks(measures, scoring)
    for cut_set in run.cut_sets:
        if cut_set.distinct_scores < cut_set.bins and cut_set.cuts:
            place = f" within {cut_set.within}" if cut_set.within else ""
            run.warnings.append(
                f"{cut_set.measure.upper()}{place}: cut points coincide, {cut_set.distinct_scores} of {cut_set.bins} "
                "scores occur"
            )
    scored = with_behaviour(
        run, scored_customers(measures, run.config.part(RfmConfig), run.cut_sets, ranks, run.moments)
    )
    run.scored = run.hold(scored) if run.few_customers else scored
    if scoring.method == "frozen":
        _tell_of_unseen(run, run.scored)
    return len(run.cut_sets)


def _tell_of_unseen(run: RunContext, scored: DataFrame) -> None:
    if not any(cut_set.within for cut_set in run.cut_sets):
        return
    unseen = unseen_groups(scored, run.cut_sets)
    if unseen:
        groups = ", ".join(f"{count:,} in {within}" for within, count in unseen.items())
        run.warnings.append(
            f"run {run.config.part(RfmConfig).scoring.run} had no buyers in some groups of its nested cuts; customers "
            f"there were scored by the cuts of the nearest group: {groups}"
        )


def _frozen_cuts(run: RunContext, frozen: str) -> list[CutSet]:
    rows = run.store.rows("segment_cuts", run_id=frozen)
    cut_sets = from_rows(rows, method="frozen")
    bins = run.config.part(RfmConfig).scoring.bins
    wrong = sorted({c.measure for c in cut_sets if c.bins != getattr(bins, c.measure)})
    if not cut_sets or wrong:
        problem = f"has other bins for {', '.join(wrong)}; set rfm.scoring.bins as it has" if wrong else "has no cuts"
        raise ConfigError("rfm.scoring.run", [f"run {frozen} {problem}"])
    return cut_sets


def _name_segments(run: RunContext) -> int:
    scored = _have(run.scored)
    if run.model is not None:
        scored = assigned(scored, run.model)
    empty = [(name, kind) for name, kind, _ in SEGMENTS.columns if name not in scored.columns]
    blank = {name: F.lit(None).cast(kind.lower()) for name, kind in empty if name not in ("run_id", "segment")}
    complete = scored.withColumns({**blank, "scope": F.lit("all"), "as_of_date": F.lit(run.as_of)})
    named = complete.withColumn("segment", segment_column(run.rule_map, rule_params(run.config)))
    spelled = with_spells(named, _before(run), run.config.part(SegmentsConfig).confirm_runs)
    cuts = [*as_rows(run.cut_sets), *run.engagement_cuts]
    if run.few_customers:
        # What is written is what is looked at from here on.
        held = run.hold(spelled)
        run.segments = held.select(
            *(F.col(name).cast(kind.lower()).alias(name) for name, kind, _ in SEGMENTS.columns[1:])
        )
        run.write_later({SEGMENTS.name: held})
        run.write({"segment_cuts": cuts, **scan_rows(run)})
        return run.rows["customers"]
    run.write({SEGMENTS.name: spelled, "segment_cuts": cuts, **scan_rows(run)})
    # Not at its version: time travel builds a snapshot of its own, and nobody else writes this run's slice.
    run.segments = run.of_run(SEGMENTS.name, run.run_id)
    return run.rows["segments"]


def _before(run: RunContext) -> DataFrame | None:
    """Spells of the previous run, where its segments mean the same."""
    if run.previous is None:
        return None
    run.definition_changed = definition_changed(_side(run), side_of(run.store, run.previous))
    if run.definition_changed:
        return None
    return rows_of(run.store, SEGMENTS.name, run.previous.run_id).select("customer_id", *SPELL_COLUMNS)


def _side(run: RunContext) -> Side:
    document = json.loads(run.config.canonical(run.rule_map.model_dump(mode="json")))
    segments = run.segments if run.segments is not None else rows_of(run.store, SEGMENTS.name, run.run_id)
    return Side(run.run_id, document, run.model.version if run.model is not None else None, segments)


def _summarise(run: RunContext) -> int:
    segments = _have(run.segments)
    contents: dict[str, Content] = {
        "segment_summary": collected(segment_summary(segments, run.rule_map)), **profile_rows(run, segments)
    }  # fmt: skip
    if run.previous is not None:
        before = side_of(run.store, run.previous)
        moved = run.hold(compared(run.store, run.config.name, _side(run), before))
        run.flicker = flicker(moved)
        run.write_later({"segment_changes": segment_changes(moved)})
        contents["segment_transitions"] = collected(segment_transitions(moved))
        if run.model is not None and before.model_version is not None:
            contents[CLUSTER_TRANSITIONS.name] = collected(cluster_transitions(moved))
    run.write(contents)
    return sum(run.rows[name] for name in contents)


def _have(frame: DataFrame | None) -> DataFrame:
    if frame is None:
        raise RuntimeError("a stage ran before the one whose frame it needs")
    return frame


STAGES = (
    Stage(
        "Measures of every customer", ("transactions",), ("rejects",), measure,
        "Spark reads every line, checks it and adds it up by customer",
    ),
    Stage(
        "Interactions",
        ("events", "messages", "previous engagement"),
        ("interactions", "engagement", "engagement_summary", "tracking", "rejects"),
        interact,
        "Spark reads events and messages",
    ),
    Stage("Late rows", ("transactions",), (), _look_for_late_rows, "earlier dates are compared with the source"),
    Stage(
        "Orders kept", ("transactions",), ("orders",), _keep_orders,
        "Spark reads every line and writes the orders, beside what follows",
    ),
    Stage("Cut points", ("transactions",), (), _score, "exact quantiles of all customers"),
    Stage(
        "Clusters", ("transactions",), (), cluster,
        "models of several sizes are fitted on samples and compared",
    ),
    Stage(
        "Segments", ("previous segments",), ("segments", "segment_cuts", "cluster_scan"), _name_segments,
        "rules are applied, and a row per customer is written",
    ),
    Stage(
        "Summaries and changes",
        ("segments", "segment_cuts", "previous segments", "previous segment_cuts"),
        ("segment_summary", "cluster_profiles", "segment_changes", "segment_transitions", "cluster_transitions"),
        _summarise,
        "customers are compared with the run before",
    ),
    Stage(
        "Drift",
        ("segments", "previous distributions", "previous cluster_models"),
        ("distributions", "drift", "cluster_models", "cluster_lineage"),
        measure_drift,
        "distributions are compared with earlier ones",
    ),
)  # fmt: skip
