"""Cluster models as people read them: which segmentation, all of its models, one model in full."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from rfm_spark.capabilities.clusters.config import ClustersConfig
from rfm_spark.capabilities.clusters.features import Feature
from rfm_spark.capabilities.clusters.model import ClusterModel, definition_of
from rfm_spark.capabilities.clusters.models import CHALLENGER, Champion, ModelRow, Models, champion_of
from rfm_spark.capabilities.clusters.tables import CLUSTER_LINEAGE, CLUSTER_PROFILES
from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.cli import console
from rfm_spark.cli.places import config_of
from rfm_spark.cli.reading import print_rows
from rfm_spark.core.errors import ConfigError, LakeError
from rfm_spark.core.runs import RunRow
from rfm_spark.lake.ledger import Ledger
from rfm_spark.lake.place import Place
from rfm_spark.lake.store import Store

_DAY = timedelta(days=1)
_LOOKED_AT = {"grid": "cells", "sample": "customers drawn"}
_LISTED = (
    "model_version STRING, trained_as_of DATE, k INT, decided STRING, silhouette DOUBLE, min_stability DOUBLE, "
    "parent_version STRING, origin STRING, role STRING, clusters ARRAY<STRUCT<id: INT, name: STRING>>"
)


@dataclass(frozen=True)
class Segmentation:
    """One segmentation of a lake: its models, and its complete runs, oldest as-of date first, at least one."""

    spark: SparkSession
    place: Place
    name: str
    models: Models
    complete: Sequence[RunRow]

    @property
    def next_date(self) -> date:
        """First as-of date that no published run has reached."""
        return self.complete[-1].as_of + _DAY

    def champion(self) -> Champion | None:
        """Of the next run."""
        newest = json.loads(self.complete[-1].config)
        return champion_of(
            self.models.all(),
            self.models.decisions(),
            self.complete,
            self.next_date,
            by_rule=newest.get("drift", {}).get("policy") == "promote",
        )

    @property
    def pinned(self) -> str | None:
        """Version of the pinned model, if there is one."""
        champion = self.champion()
        return champion.model.version if champion is not None and champion.pinned else None

    def roles(self) -> dict[str, str]:
        """What each model is to the next run: champion, pinned, challenger, earlier, … by version."""
        models, decisions = self.models.all(), self.models.decisions()
        champion = champion_of(models, decisions, self.complete, self.next_date)
        first = None if champion is None else champion.model.version
        published = {run.run_id for run in self.complete}
        promoted = [d for d in decisions if d.action == "promote"]
        coming = {d.model_version: d.effective_from for d in promoted if d.effective_from > self.next_date}
        found = {}
        for model in models:
            if champion is not None and model.version == first:
                role = "pinned" if champion.pinned else "champion"
            elif model.trained_on not in published:
                role = "unpublished"
            elif model.version in coming:
                role = f"champion from {coming[model.version]}"
            else:
                waits = model.version.endswith(CHALLENGER) and model.parent_version == first
                role = "challenger" if waits else "earlier"
            found[model.version] = role
        return found

    def usable(self, version: str) -> ModelRow:
        """A model that people may decide on.

        Raises:
            ConfigError: no such model, or only a run that crashed knows it.
        """
        model = self.models.get(version)
        if model.trained_on not in {run.run_id for run in self.complete}:
            problem = (
                f"model {version} comes from run {model.trained_on}, which was never published; take one that "
                "`rfm-spark clusters list` does not call unpublished"
            )
            raise ConfigError("clusters", [problem])
        return model


def segmentation(spark: SparkSession, place: Place, name: str | None) -> Segmentation:
    """The segmentation a configuration names, or the only one of the lake.

    Raises:
        ConfigError: the lake holds several, and none was named.
        LakeError: no complete run.
    """
    store = Store(spark, place)
    complete = Ledger(store).complete(name)
    names = sorted({run.config_name for run in complete})
    if not names:
        raise LakeError(f"lake {place}: no complete run{f' of {name}' if name else ''}; `rfm-spark run` makes one")
    if len(names) > 1:
        raise ConfigError("clusters", [f"lake {place} holds {', '.join(names)}; name one of them with -c CONF"])
    return Segmentation(spark, place, names[0], Models(store, names[0]), complete)


def list_models(options: argparse.Namespace, known: Segmentation) -> None:
    """Print all models, oldest first, with what each is to the next run."""
    models, roles = known.models.all(), known.roles()
    rows = [(*_facts(model), roles[model.version], _named(model)) for model in models]
    if options.format != "table":
        print_rows(known.spark.createDataFrame(rows, _LISTED), options.format)
        return
    if not models:
        print(f"segmentation {known.name} has no cluster model; run it with clusters.enabled: true")
        return
    header = ("version", "trained as of", "k", "decided", "silhouette", "min Jaccard", "parent", "origin", "role")
    console.table(header, [row[:-1] for row in rows])
    console.heading("Clusters")
    console.table(
        ("version", "id", "name"), [(row[0], console.Shown(at), name) for row in rows for at, name in row[-1]]
    )
    champion = known.champion()
    why = None if champion is None or champion.pinned else why_replaced(options, known, champion.model)
    if champion is not None and why:
        print(
            f"\nthe next run trains a new model: {why}; `rfm-spark clusters pin {champion.model.version}` prevents it"
        )


def _facts(model: ModelRow) -> tuple[Any, ...]:
    row = model.row
    least = min(row["stability"]) if row["stability"] else None
    return (
        model.version, model.trained_as_of, row["k"], row["decided"], row["silhouette"], least, model.parent_version,
        row["origin"],
    )  # fmt: skip


def _named(model: ModelRow) -> list[tuple[int, str]]:
    shown = ClusterModel.from_row(model.row)
    return list(zip(shown.ids, shown.names, strict=True))


def why_replaced(options: argparse.Namespace, known: Segmentation, model: ModelRow) -> str | None:
    """Why the next run would train a model all the same if this one is champion and not pinned; None if it wouldn't."""
    if options.config is not None:
        given = config_of(options)
        config, rfm = given.part(ClustersConfig), given.part(RfmConfig)
    else:
        newest = json.loads(known.complete[-1].config)
        config, rfm = ClustersConfig.model_validate(newest["clusters"]), RfmConfig.model_validate(newest["rfm"])
    if not config.enabled:
        return None
    if model.row["decided"] == "degenerate":
        return f"model {model.version} had too few distinct customers to choose from"
    if model.row["definition"] != definition_of(config, rfm):
        return f"model {model.version} was trained under another `clusters` configuration, or `rfm` one of its features"
    return None


def show_model(options: argparse.Namespace, known: Segmentation) -> None:
    """Print one model: how it was made, its features, centres in their own units, and lineage."""
    model = ClusterModel.from_row(known.models.get(options.version).row)
    quality = ", ".join(
        f"{name} {console.cell(value)}"
        for name, value in (
            ("silhouette", model.silhouette),
            ("prediction strength", model.strength),
            ("to exceed", model.null_strength),
            ("ARI of reseeding alone", model.ari_floor),
            ("spread of the restarts", model.restart_spread),
        )
        if value is not None
    )
    print(f"Model {model.version} of {known.name}, {known.roles()[model.version]}")
    print(
        f"  trained as of {model.trained_as_of} on {model.customers:,} customers, parent {model.parent_version or '–'}"
    )
    looked_at = f"{model.cells:,} {_LOOKED_AT[model.cells_kind]}"
    print(f"  k = {model.k} ({model.decided}), centres from the {model.origin} start, {looked_at}")
    print(f"  {quality}")
    console.heading("Features")
    header = ("feature", "transform", "mean", "sd", "weight", "drawn in to", "stand-in", "missing")
    console.table(header, [_feature_row(feature) for feature in model.space.features])
    if model.space.dropped:
        print(f"left out, since no two customers differ in it: {', '.join(model.space.dropped)}")
    sizes = _sizes(known, model)
    console.heading("Clusters, with their centres in the features' own units" if model.space.features else "Clusters")
    console.table(
        ("id", "name", "customers", "share", "Jaccard", *model.space.columns),
        [_cluster_row(model, at, sizes) for at in range(model.k)],
    )
    if not sizes:
        print("no sizes: no run was published under it on the day it was trained")
    _show_lineage(known, model)


def _feature_row(feature: Feature) -> tuple[Any, ...]:
    ends = "–"
    if feature.low is not None or feature.high is not None:
        low, high = (console.cell(None if end is None else _own(feature, end)) for end in (feature.low, feature.high))
        ends = f"{low} to {high}"
    share = f"{feature.missing:.1%}"
    return (
        feature.column, feature.transform, feature.mean, feature.scale, feature.weight, ends,
        _own(feature, feature.fill), console.Shown(share),
    )  # fmt: skip


def _cluster_row(model: ClusterModel, at: int, sizes: Mapping[int, tuple[int, float]]) -> tuple[Any, ...]:
    features, centre = model.space.features, model.centres[at]
    customers, share = sizes.get(model.ids[at], (0, 0.0)) if sizes else (None, None)
    shown = None if share is None else console.Shown(f"{share:.1%}")
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
    found = Store(known.spark, known.place).rows(CLUSTER_PROFILES.name, run_id=model.trained_on)
    return {row["cluster_id"]: (row["customers"], row["share"]) for row in found}


def _show_lineage(known: Segmentation, model: ClusterModel) -> None:
    store = Store(known.spark, known.place)
    if model.parent_version is None or not store.exists(CLUSTER_LINEAGE.name):
        return
    events = store.read(CLUSTER_LINEAGE.name).where(F.col("model_version") == F.lit(model.version))
    console.heading(f"What became of the clusters of {model.parent_version}")
    print_rows(events.select("event", "old_ids", "new_ids", "overlap").orderBy("old_ids", "event", "new_ids"), "table")
