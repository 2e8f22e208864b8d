"""Cluster models as people read them: all of a segmentation, or one in full."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from typing import Any

from rfm_spark.capabilities.clusters.features import Feature
from rfm_spark.capabilities.clusters.model import ClusterModel
from rfm_spark.capabilities.clusters.models import ModelRow
from rfm_spark.capabilities.clusters.segmentation import Segmentation, segmentation, why_replaced
from rfm_spark.capabilities.clusters.tables import CLUSTER_LINEAGE, CLUSTER_PROFILES
from rfm_spark.capabilities.clusters.whole import WholeModel
from rfm_spark.core.desk import Desk
from rfm_spark.core.printing import Shown, cell
from rfm_spark.core.table import ALL

_LOOKED_AT = {"grid": "cells", "sample": "customers drawn"}
_EVENT = ("event", "old_ids", "new_ids", "overlap")
_LISTED = (
    "model_version STRING, trained_as_of DATE, k INT, decided STRING, silhouette DOUBLE, min_stability DOUBLE, "
    "parent_version STRING, origin STRING, role STRING, clusters ARRAY<STRUCT<id: INT, name: STRING>>, "
    "scope STRING"
)


def list_models(options: argparse.Namespace, desk: Desk) -> int:
    """Print all models, oldest first, with what each is to the next run."""
    known = segmentation(desk)
    models, roles = known.models.all(), known.roles()
    parts = [(model, part) for model in models for part in model.model.parts]
    rows = [(*_facts(model, part), roles[model.version], _named(part), part.scope) for model, part in parts]
    if options.format != "table":
        desk.rows(desk.spark.createDataFrame(rows, _LISTED), options.format)
        return 0
    if not models:
        print(f"segmentation {known.name} has no cluster model; run it with clusters.enabled: true")
        return 0
    header = ("version", "trained as of", "k", "decided", "silhouette", "min Jaccard", "parent", "origin", "role")
    named = [(row[0], Shown(at), name, row[-1]) for row in rows for at, name in row[-2]]
    if any(model.model.is_parted for model in models):
        desk.table((*header, "scope"), [(*row[:-2], row[-1]) for row in rows])
        desk.heading("Clusters")
        desk.table(("version", "id", "name", "scope"), named)
    else:
        desk.table(header, [row[:-2] for row in rows])
        desk.heading("Clusters")
        desk.table(("version", "id", "name"), [row[:-1] for row in named])
    champion = known.champion()
    why = None if champion is None or champion.pinned else why_replaced(known, champion.model)
    if champion is not None and why:
        print(
            f"\nthe next run trains a new model: {why}; `rfm-spark clusters pin {champion.model.version}` prevents it"
        )
    return 0


def _facts(model: ModelRow, part: ClusterModel) -> tuple[Any, ...]:
    least = min(part.jaccard) if part.jaccard else None
    return (
        model.version, model.trained_as_of, part.k, part.decided, part.silhouette, least, model.parent_version,
        part.origin,
    )  # fmt: skip


def _named(part: ClusterModel) -> list[tuple[int, str]]:
    return list(zip(part.ids, part.names, strict=True))


def show_model(options: argparse.Namespace, desk: Desk) -> int:
    """Print one model: how it was made, its features, centres in their own units, and lineage."""
    known = segmentation(desk)
    model = known.models.get(options.version).model
    print(f"Model {model.version} of {known.name}, {known.roles()[model.version]}")
    for part in model.parts:
        _show_part(desk, known, part, alone=not model.is_parted)
    _show_lineage(desk, model)
    return 0


def _show_part(desk: Desk, known: Segmentation, model: ClusterModel, *, alone: bool) -> None:
    if not alone:
        also = f", who are assigned for {', '.join(model.also_of)}" if model.also_of else ""
        desk.heading(f"Customers of {model.scope}" if model.scope != ALL else f"All customers{also}")
    quality = ", ".join(
        f"{name} {cell(value)}"
        for name, value in (
            ("silhouette", model.silhouette),
            ("prediction strength", model.strength),
            ("to exceed", model.null_strength),
            ("ARI of reseeding alone", model.ari_floor),
            ("spread of the restarts", model.restart_spread),
        )
        if value is not None
    )
    print(
        f"  trained as of {model.trained_as_of} on {model.customers:,} customers, parent {model.parent_version or '–'}"
    )
    looked_at = f"{model.cells:,} {_LOOKED_AT[model.cells_kind]}"
    print(f"  k = {model.k} ({model.decided}), centres from the {model.origin} start, {looked_at}")
    print(f"  {quality}")
    desk.heading("Features")
    header = ("feature", "transform", "mean", "sd", "weight", "clipped to", "stand-in", "missing")
    desk.table(header, [_feature_row(feature) for feature in model.space.features])
    if model.space.dropped:
        print(f"left out, since no two customers differ in it: {', '.join(model.space.dropped)}")
    sizes = _sizes(known, model)
    desk.heading("Clusters, with their centres in the features' own units" if model.space.features else "Clusters")
    desk.table(
        ("id", "name", "customers", "share", "Jaccard", *model.space.columns),
        [_cluster_row(model, at, sizes) for at in range(model.k)],
    )
    if not sizes:
        print("no sizes: no run was published under it on the day it was trained")


def _feature_row(feature: Feature) -> tuple[Any, ...]:
    ends = "–"
    if feature.low is not None or feature.high is not None:
        low, high = (cell(None if end is None else _own(feature, end)) for end in (feature.low, feature.high))
        ends = f"{low} to {high}"
    share = f"{feature.missing:.1%}"
    return (
        feature.column, feature.transform, feature.mean, feature.scale, feature.weight, ends,
        _own(feature, feature.fill), Shown(share),
    )  # fmt: skip


def _cluster_row(model: ClusterModel, at: int, sizes: Mapping[int, tuple[int, float]]) -> tuple[Any, ...]:
    features, centre = model.space.features, model.centres[at]
    customers, share = sizes.get(model.ids[at], (0, 0.0)) if sizes else (None, None)
    shown = None if share is None else Shown(f"{share:.1%}")
    own = [_own(f, x / math.sqrt(f.weight) * f.scale + f.mean) for f, x in zip(features, centre, strict=True)]
    jaccard = model.jaccard[at] if model.jaccard else None
    return (model.ids[at], model.names[at], customers, shown, jaccard, *own)


def _own(feature: Feature, value: float) -> float:
    """A transformed value in the feature's own unit."""
    return math.expm1(value) if feature.transform == "log1p" else value


def _sizes(known: Segmentation, model: ClusterModel) -> dict[int, tuple[int, float]]:
    # A challenger's training run published the champion's clusters.
    if not any(run.run_id == model.trained_on == model.version == run.model_version for run in known.complete):
        return {}
    rows = known.desk.tables.rows(CLUSTER_PROFILES.name, run_id=model.trained_on)
    found = [row for row in rows if (row["scope"] or ALL) == model.scope]
    return {row["cluster_id"]: (row["customers"], row["share"]) for row in found}


def _show_lineage(desk: Desk, model: WholeModel) -> None:
    if model.parent_version is None or not desk.tables.exists(CLUSTER_LINEAGE.name):
        return
    found = desk.tables.rows(CLUSTER_LINEAGE.name, model_version=model.version)
    desk.heading(f"What became of the clusters of {model.parent_version}")
    events = sorted(([row[name] for name in _EVENT] for row in found), key=lambda event: (event[1], event[0], event[2]))
    desk.table(_EVENT, events)
