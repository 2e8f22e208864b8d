"""The drift stage: how this run's customers and clusters differ from the previous run's and from the training's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rfm_spark.clusters.model import ClusterModel
from rfm_spark.core.schemas import DISTRIBUTIONS, DRIFT
from rfm_spark.drift.clusters import cluster_figures, stability_figures
from rfm_spark.drift.distributions import Distribution, as_rows, distributions, from_rows
from rfm_spark.drift.figures import (
    PREVIOUS,
    TRAINING,
    Figure,
    column_figures,
    volume_figure,
)
from rfm_spark.drift.movement import Flicker
from rfm_spark.drift.verdict import CLUSTER_SHARES, SHARES, verdict
from rfm_spark.lake.ledger import RunRow
from rfm_spark.lake.models import Models
from rfm_spark.lake.store import Store
from rfm_spark.pipeline.clustering import keep_model
from rfm_spark.pipeline.comparing import rows_of
from rfm_spark.pipeline.context import RunContext

MEASURES = ("recency_days", "frequency", "monetary")


def measure_drift(run: RunContext) -> int | None:
    """Write `distributions` and `drift`, fill the verdict, and keep the model with its reference."""
    if run.segments is None or not run.rows["customers"]:
        keep_model(run)
        return None
    features = run.model.space.columns if run.model is not None else ()
    numbers = [*MEASURES, *(name for name in features if name not in (*MEASURES, *SHARES))]
    categories = [*SHARES, *([CLUSTER_SHARES] if run.model is not None else [])]
    found = distributions(run.segments, numbers, categories)
    frames = {DISTRIBUTIONS.name: run.small_frame(DISTRIBUTIONS.name, as_rows(found))}
    today = {one.feature: one for one in found}
    figures = _figures(run, today)
    previous_id = run.previous.run_id if run.previous is not None else None
    if figures:
        run.verdict = verdict(figures)
        figures.append(run.verdict.as_figure())
        frames[DRIFT.name] = run.small_frame(DRIFT.name, [figure.as_row(previous_id) for figure in figures])
    run.write(frames)
    _keep_with_reference(run, today)
    return len(figures) or None


def compare_columns(
    store: Store, previous: RunRow, today: Mapping[str, Distribution], *, same_model: bool
) -> list[Figure]:
    """Figures of columns and volumes against an earlier run; none where that run kept no distributions."""
    if not store.exists(DISTRIBUTIONS.name):
        return []
    rows = rows_of(store, DISTRIBUTIONS.name, previous.run_id).collect()
    before = from_rows([row.asDict() for row in rows])
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
    figures: list[Figure] = []
    previous, model = run.previous, run.model
    if previous is not None:
        same_model = model is not None and previous.model_version == model.version
        figures += compare_columns(run.store, previous, today, same_model=same_model)
        if run.flicker is not None:
            figures += movement_figures(run.flicker)
            figures += _stability(run, previous, run.flicker)
    champion = run.planned_model.champion
    if champion is not None and champion.reference and run.champion_check is not None:
        trained = from_rows(champion.reference)
        figures += column_figures(trained, today, TRAINING)
    if champion is not None and run.champion_check is not None:
        figures += cluster_figures(champion, run.champion_check)
    return figures


def _stability(run: RunContext, previous: RunRow, moves: Flicker) -> list[Figure]:
    model = run.model
    if model is None or previous.model_version is None or not moves.clustered:
        return []
    before = model
    if previous.model_version != model.version:
        before = ClusterModel.from_row(Models(run.store, run.config.name).get(previous.model_version).row)
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
