"""The stages of a run, in order, as data: what each reads and writes, and the function that does it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pyspark.sql import DataFrame, Observation
from pyspark.sql import functions as F

from rfm_spark.behaviour.rfm import customer_measures, window_start
from rfm_spark.clusters.features import FeatureSpace, feature_space, feature_values
from rfm_spark.clusters.model import ClusterModel, assigned, fit
from rfm_spark.clusters.profiles import cluster_names, cluster_profiles
from rfm_spark.core.config import digest
from rfm_spark.core.errors import ConfigError, GateError
from rfm_spark.core.schemas import CLUSTER_MODELS, ORDERS, SEGMENTS
from rfm_spark.core.stats import exact_moments
from rfm_spark.drift.movement import moves, segment_changes, segment_transitions
from rfm_spark.intake.gates import breaches, mixed_currencies
from rfm_spark.intake.lines import ANONYMOUS, LineCounts, accepted_until, line_counts, observed, rejects, typed_lines
from rfm_spark.intake.orders import build_orders, kept_orders
from rfm_spark.lake.ledger import RunRow
from rfm_spark.pipeline.context import RunContext
from rfm_spark.segments.cuts import CutSet, as_rows, fixed_cuts, from_rows, measure_ranks, quantile_cuts, with_scores
from rfm_spark.segments.load import rule_params
from rfm_spark.segments.rules import RuleMap, segment_column
from rfm_spark.segments.scored import scored_customers, with_codes, z_values
from rfm_spark.segments.summary import segment_summary


@dataclass(frozen=True)
class Stage:
    """One step of a run.

    Attributes:
        title: what a person sees while it runs.
        reads: tables (or sources) it needs.
        writes: tables it writes.
        work: does it, and says how many rows it dealt with (None when there was nothing to do).
    """

    title: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    work: Callable[[RunContext], int | None]


def _measure(run: RunContext) -> int:
    source, rfm = run.config.sources.transactions, run.config.rfm
    lines_seen, customers_seen = Observation(), Observation()
    lines = typed_lines(run.source.frame, source)
    used = accepted_until(observed(lines, lines_seen, run.as_of), run.as_of)
    orders = build_orders(used, source.order_grain, window_start(run.as_of, rfm.window_days))
    customers = customer_measures(orders, run.as_of, rfm.window_days, rfm.refunds).observe(
        customers_seen,
        F.count(F.lit(1)).alias("customers"),
        F.count("recency_days").alias("buyers"),
        F.count(F.when(F.col("frequency") > 0, 1)).alias("active"),
        F.sum(F.when(F.col("recency_days").isNotNull(), F.col("monetary"))).alias("monetary"),
    )
    run.measures = run.hold(customers.where(F.col("recency_days").isNotNull()))
    wanted = z_values(rfm.z_log) | (feature_values(run.config.clusters.features) if run.config.clusters.enabled else {})
    # The first action on the persisted frame: it fills the cache and the observations on its way.
    run.moments = exact_moments(run.measures, wanted)
    counts, seen = line_counts(lines_seen), customers_seen.get
    run.counts = counts
    run.rows |= {
        "transactions.read": counts.read,
        "transactions.rejected": sum(counts.rejected.values()),
        "transactions.anonymous": counts.rejected.get(ANONYMOUS, 0),
        "transactions.later": counts.later,
        "customers": int(seen["buyers"]),
        "customers.never_purchased": int(seen["customers"]) - int(seen["buyers"]),
        "customers.active": int(seen["active"]),
    }
    run.money |= {
        "sales": Decimal(counts.sales_cents) / 100,
        "refunds": Decimal(counts.refund_cents) / 100,
        "monetary": seen["monetary"] or Decimal(0),
    }
    if counts.rejected:
        run.write({"rejects": rejects(lines, source)})
    _gate(run, counts)
    return counts.read


def _gate(run: RunContext, counts: LineCounts) -> None:
    mixed = mixed_currencies(counts)
    if mixed:
        raise GateError(mixed)
    found = breaches(counts, run.config.quality, run.as_of)
    if found and run.config.quality.on_breach == "fail":
        look = f"; see them with `rfm-spark show rejects --run {run.run_id}`" if counts.rejected else ""
        raise GateError("; ".join(found) + look + "; nothing was published")
    run.warnings += found
    if counts.rejected:
        reasons = ", ".join(f"{name} {n:,}" for name, n in counts.rejected.items())
        run.warnings.append(f"{sum(counts.rejected.values()):,} rows rejected: {reasons}")
    if run.rows["customers"] and not run.rows["customers.active"]:
        run.warnings.append("no purchase in the window: every frequency is 0")


def _keep_orders(run: RunContext) -> int | None:
    source = run.config.sources.transactions
    mapping = json.dumps(source.model_dump(mode="json"), sort_keys=True) + run.config.timezone
    reflects = json.dumps(
        {"config": run.config.name, "source": run.source.version, "mapping": digest(mapping)[:16]}, sort_keys=True
    )
    if run.store.exists(ORDERS.name) and run.store.last_metadata(ORDERS.name) == reflects:
        run.outputs[ORDERS.name] = run.store.version_of(ORDERS.name, reflects)
        return None
    lines = accepted_until(typed_lines(run.source.frame, source), None)
    version = run.store.replace(ORDERS, kept_orders(lines, source.order_grain), reflects)
    run.outputs[ORDERS.name] = version
    run.rows[ORDERS.name] = run.store.read(ORDERS.name, version).count()
    return run.rows[ORDERS.name]


def _score(run: RunContext) -> int:
    measures, scoring = _have(run.measures), run.config.rfm.scoring
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
    run.scored = scored_customers(measures, run.config.rfm, run.cut_sets, ranks, run.moments)
    return len(run.cut_sets)


def _frozen_cuts(run: RunContext, frozen: str) -> list[CutSet]:
    rows = [row.asDict() for row in run.of_run("segment_cuts", frozen).collect()]
    cut_sets = from_rows(rows, method="frozen")
    bins = run.config.rfm.scoring.bins
    wrong = sorted({c.measure for c in cut_sets if c.bins != getattr(bins, c.measure)})
    if not cut_sets or wrong:
        problem = f"has other bins for {', '.join(wrong)}; set rfm.scoring.bins as it has" if wrong else "has no cuts"
        raise ConfigError("rfm.scoring.run", [f"run {frozen} {problem}"])
    return cut_sets


def _cluster(run: RunContext) -> int | None:
    config, measures = run.config.clusters, _have(run.measures)
    if not config.enabled or not run.rows["customers"]:
        return None
    space = feature_space(run.moments, config.features)
    if space.dropped:
        run.warnings.append(f"clusters: {', '.join(space.dropped)} has the same value for everyone and was dropped")
    if space.columns:
        centres, inertia = fit(measures, space, config.k, config.seed)
    else:
        space, centres, inertia = FeatureSpace((), (), (), space.dropped), ((),), 0.0
    if len(centres) < config.k:
        run.warnings.append(f"clusters: only {len(centres)} distinct groups for k = {config.k}")
    run.model = ClusterModel(run.run_id, space, centres, cluster_names(centres, space), inertia, run.run_id)
    return len(centres)


def _name_segments(run: RunContext) -> int:
    scored = _have(run.scored)
    if run.model is not None:
        scored = assigned(scored, run.model)
    empty = [(name, kind) for name, kind, _ in SEGMENTS.columns if name not in scored.columns]
    blank = {name: F.lit(None).cast(kind.lower()) for name, kind in empty if name not in ("run_id", "segment")}
    complete = scored.withColumns({**blank, "scope": F.lit("all"), "as_of_date": F.lit(run.as_of)})
    named = complete.withColumn("segment", segment_column(run.rule_map, rule_params(run.config)))
    rows = {
        "segments": named.withColumn("confirmed_segment", F.col("segment")),
        "segment_cuts": run.small_frame("segment_cuts", as_rows(run.cut_sets)),
    }
    run.segments = run.write(rows)["segments"]
    if run.model is not None:
        run.store.insert_new(CLUSTER_MODELS, dict(run.model.as_row()), keys=("model_version",))
    return run.rows["segments"]


def _summarise(run: RunContext) -> int:
    segments = _have(run.segments)
    frames = {"segment_summary": segment_summary(segments, run.rule_map)}
    if run.model is not None:
        frames["cluster_profiles"] = cluster_profiles(segments, run.model.centres, run.model.space)
    if run.previous is not None:
        moved = run.hold(moved_since(run, run.previous))
        frames |= {"segment_changes": segment_changes(moved), "segment_transitions": segment_transitions(moved)}
    run.write(frames)
    return sum(run.rows[name] for name in frames)


def moved_since(run: RunContext, previous: RunRow) -> DataFrame:
    """Customers of this run and an earlier one, with the cause of each move."""
    before = json.loads(previous.config)
    now = json.loads(run.config.canonical(run.rule_map.model_dump(mode="json")))
    changed = _definition(before, run.rule_map) != _definition(now, run.rule_map)
    old_cuts = from_rows(row.asDict() for row in run.of_run("segment_cuts", previous.run_id).collect())
    old_map = RuleMap.model_validate(before["segments"]["rule_map"])
    old_params = {"new_within_days": float(before["segments"]["new_within_days"])}
    # Percentiles, z-scores and tiers stay today's: their old distribution is not kept, and cuts don't shape them.
    rescored = with_scores(_have(run.segments).withColumnRenamed("segment", "segment_now"), old_cuts)
    rescored = with_codes(rescored, run.config.rfm)
    scored = rescored.withColumn("segment_before_cuts", segment_column(old_map, old_params)).select(
        "customer_id", F.col("segment_now").alias("segment"), "segment_before_cuts", "monetary"
    )
    new_line = F.col("last_line_date") > F.lit(previous.as_of)
    lines = _have(run.measures).select("customer_id", new_line.alias("has_new_line"))
    return moves(
        scored.join(lines, "customer_id", "inner"),
        run.of_run("segments", previous.run_id).select("customer_id", "segment", "monetary"),
        previous.run_id,
        definition_changed=changed,
    )


def _definition(document: dict[str, Any], rule_map: RuleMap) -> dict[str, Any]:
    """What makes segments mean something else when it changes: rules, scoring, windows, the mapping of the source."""
    parts = {part: document[part] for part in ("rfm", "segments", "sources", "timezone")}
    # The sketch's error shapes no result.
    scoring = {key: value for key, value in document["rfm"]["scoring"].items() if key != "relative_error"}
    parts["rfm"] = {**document["rfm"], "scoring": scoring}
    if any(column.startswith("cluster") or column == "second_distance" for column in rule_map.columns()):
        parts["clusters"] = document["clusters"]
    return parts


def _have(frame: DataFrame | None) -> DataFrame:
    if frame is None:
        raise RuntimeError("a stage ran before the one whose frame it needs")
    return frame


STAGES = (
    Stage("Measures of every customer", ("transactions",), ("rejects",), _measure),
    Stage("Orders kept", ("transactions",), ("orders",), _keep_orders),
    Stage("Cut points", ("transactions",), (), _score),
    Stage("Clusters", ("transactions",), (), _cluster),
    Stage("Segments", (), ("segments", "segment_cuts", "cluster_models"), _name_segments),
    Stage(
        "Summaries and changes",
        ("segments", "segment_cuts"),
        ("segment_summary", "cluster_profiles", "segment_changes", "segment_transitions"),
        _summarise,
    ),
)
