"""The drift stage: how this run's customers and clusters differ from the previous run's and from the training's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rfm_spark.capabilities.clusters.config import ClustersConfig
from rfm_spark.capabilities.clusters.model import ClusterModel, definition_of
from rfm_spark.capabilities.clusters.models import Models
from rfm_spark.capabilities.drift.clusters import cluster_figures, stability_figures
from rfm_spark.capabilities.drift.config import DriftConfig
from rfm_spark.capabilities.drift.distributions import Distribution, as_rows, distributions, from_rows
from rfm_spark.capabilities.drift.figures import (
    PREVIOUS,
    RATE,
    TRAINING,
    Figure,
    all_at_once,
    column_figures,
    is_alarm,
    volume_figure,
)
from rfm_spark.capabilities.drift.rates import rate_figures, rate_warnings
from rfm_spark.capabilities.drift.tables import DISTRIBUTIONS, DRIFT
from rfm_spark.capabilities.drift.verdict import CLUSTER_SHARES, SHARES, TIER_SHARES, verdict
from rfm_spark.capabilities.engagement.config import MessagesSource
from rfm_spark.capabilities.movement.moves import Flicker
from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.core.runs import RunRow
from rfm_spark.lake.store import Store
from rfm_spark.pipeline.clustering import keep_model
from rfm_spark.pipeline.context import RunContext
from rfm_spark.pipeline.writing import Content

MEASURES = ("recency_days", "frequency", "monetary")


def measure_drift(run: RunContext) -> int | None:
    """Write `distributions` and `drift`, fill the verdict, and keep the model with its reference."""
    if run.segments is None or not run.rows["customers"]:
        keep_model(run)
        return _nobody_left(run)
    features = run.model.space.columns if run.model is not None else ()
    numbers = [*MEASURES, *(name for name in features if name not in (*MEASURES, *SHARES))]
    categories = [*SHARES, *([CLUSTER_SHARES] if run.model is not None else [])]
    if run.config.find(MessagesSource) is not None:
        categories.append(TIER_SHARES)
    found = distributions(run.segments, numbers, categories)
    contents: dict[str, Content] = {DISTRIBUTIONS.name: as_rows(found)}
    today = {one.feature: one for one in found}
    figures = _figures(run, today)
    run.write({**contents, **_judged(run, figures)})
    _keep_with_reference(run, today)
    return len(figures) or None


def _judged(run: RunContext, figures: list[Figure]) -> dict[str, Content]:
    """Fill the verdict, warn of rates; the rows of `drift`, where there are figures."""
    told = list(figures)
    # Quiet rates alone are nothing to sum up: nothing else was compared.
    if any(figure.metric != RATE or is_alarm(figure) for figure in figures):
        run.verdict = verdict(figures)
        told.append(run.verdict.as_figure())
    run.warnings += rate_warnings(figures, run.rates)
    previous_id = run.previous.run_id if run.previous is not None else None
    return {DRIFT.name: [figure.as_row(previous_id) for figure in told]} if told else {}


def _nobody_left(run: RunContext) -> int | None:
    """A source that became empty is the gravest drift of all."""
    before = 0 if run.previous is None else run.previous.rows.get("customers", 0)
    figures = [volume_figure("customers", before, 0)] if before else []
    figures = all_at_once(figures + rate_figures(run.rates, run.config.part(DriftConfig).rates.smallest_fall))
    run.write(_judged(run, figures))
    return len(figures) or None


def compare_columns(
    store: Store, previous: RunRow, today: Mapping[str, Distribution], *, same_model: bool, same_definition: bool
) -> list[Figure]:
    """Figures of columns and volumes against an earlier run; none where that run kept no distributions.

    Where rules, scoring, windows or the mapping changed, columns differ by that: only customers are counted.
    """
    if not same_definition:
        figures = [Figure("definition", "all", PREVIOUS, None, detail="rules, scoring, windows or the mapping changed")]
        if "customers" in previous.rows:
            figures.append(volume_figure("customers", previous.rows["customers"], today["frequency"].customers))
        return figures
    before = from_rows(store.rows(DISTRIBUTIONS.name, run_id=previous.run_id))
    if not same_model:
        # Other models' clusters are others, even where their ids live on.
        before.pop(CLUSTER_SHARES, None)
    figures = column_figures(before, today, PREVIOUS)
    figures += [
        volume_figure(name, previous.rows[name], now) for name, now in _volumes(today).items() if name in previous.rows
    ]
    return figures


def movement_figures(moves: Flicker) -> list[Figure]:
    """How many moved, and how many of these just came back: the noise that cuts a few days apart make."""
    if not moves.both:
        return []
    shares = {
        "moved": (moves.moved, "share of customers whose segment differs"),
        "flicker": (moves.returned, "share of customers who are back in the segment they left a run ago"),
        "confirmed_moved": (moves.confirmed_moved, "share of customers whose confirmed_segment differs"),
    }
    return [
        Figure(metric, "segment", PREVIOUS, count / moves.both, detail=words)
        for metric, (count, words) in shares.items()
    ]


def _figures(run: RunContext, today: Mapping[str, Distribution]) -> list[Figure]:
    figures = rate_figures(run.rates, run.config.part(DriftConfig).rates.smallest_fall)
    previous, model = run.previous, run.model
    if previous is not None:
        same_model = model is not None and previous.model_version == model.version
        figures += compare_columns(
            run.store, previous, today, same_model=same_model, same_definition=not run.definition_changed
        )
        if run.flicker is not None:
            figures += movement_figures(run.flicker)
            figures += _stability(run, previous, run.flicker)
    champion, check = run.planned_model.champion, run.champion_check
    # Under other features, or windows of theirs, today's customers lie elsewhere by definition.
    if champion is not None and check is not None and _means_the_same(run, champion):
        figures += column_figures(from_rows(champion.reference), today, TRAINING) if champion.reference else []
        figures += cluster_figures(champion, check)
    return all_at_once(figures)


def _means_the_same(run: RunContext, champion: ClusterModel) -> bool:
    return champion.definition == definition_of(run.config.part(ClustersConfig), run.config.part(RfmConfig))


def _stability(run: RunContext, previous: RunRow, moves: Flicker) -> list[Figure]:
    model = run.model
    if model is None or previous.model_version is None or not moves.clustered:
        return []
    before = model
    if previous.model_version != model.version:
        found = Models(run.store, run.config.name).find(previous.model_version)
        if found is None:
            return []
        before = ClusterModel.from_row(found.row)
    return stability_figures((before.ids, model.ids), (before.names, model.names), moves.kept_cluster, moves.clustered)


def _volumes(today: Mapping[str, Distribution]) -> dict[str, int]:
    frequency = today["frequency"]
    return {"customers": frequency.customers, "customers.active": frequency.present - frequency.zeros}


def _keep_with_reference(run: RunContext, today: Mapping[str, Distribution]) -> None:
    """Models that this run trained remember how their customers are spread."""

    def with_reference(model: ClusterModel) -> ClusterModel:
        named = [today[name] for name in model.space.columns if name in today]
        rows = tuple(
            {"feature": d.feature, "cells": list(d.cells), "counts": list(d.counts), "missing": d.missing}
            for d in named
            if not d.is_category
        )
        return replace(model, reference=rows)

    if run.training is not None:
        run.training = replace(run.training, model=with_reference(run.training.model))
    if run.challenger is not None:
        run.challenger = replace(run.challenger, model=with_reference(run.challenger.model))
    keep_model(run)
