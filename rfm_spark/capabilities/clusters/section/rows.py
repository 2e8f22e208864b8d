"""Clusters and their model from rows of the lake, whose tables may lack what an older version did not write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeAlias

from rfm_spark.capabilities.clusters.section.data import (
    ClusterData,
    ClusterProfile,
    FeatureValues,
    LineageEvent,
    ModelFacts,
    ScanLine,
)
from rfm_spark.capabilities.clusters.tables import CLUSTER_LINEAGE, CLUSTER_MODELS, CLUSTER_PROFILES, CLUSTER_SCAN
from rfm_spark.report.section import Reader

Record: TypeAlias = Mapping[str, Any]
Find: TypeAlias = Callable[[str, str, str], Iterable[Record]]
EVENTS = ("survived", "split", "absorbed", "disappeared", "emerged")


def read_clusters(reader: Reader) -> ClusterData:
    """Clusters of a run, and the model that assigned its customers with its scan and lineage, as far as there are."""
    return ClusterData(
        profiles_of(reader.rows(CLUSTER_PROFILES.name)),
        # Other runs may have trained it.
        gathered(reader.run.model_version, lambda table, column, value: reader.tables.rows(table, **{column: value})),
    )


def gathered(version: str | None, find: Find) -> ModelFacts | None:
    """The model of a version with its scan and lineage; None without one, or in a lake that does not have it.

    Args:
        version: that a run assigned its customers by; None without clusters.
        find: finds the rows of a table where a column has a value.
    """
    found = None if version is None else model_of(find(CLUSTER_MODELS.name, "model_version", version))
    if found is None:
        return None
    parent_version = found.parent_version
    parent = None if parent_version is None else model_of(find(CLUSTER_MODELS.name, "model_version", parent_version))
    # A run that kept an older model, or trained a mere challenger, has no scan of this one: the training run has.
    scan = () if found.trained_on is None else scan_of(find(CLUSTER_SCAN.name, "run_id", found.trained_on))
    return replace(
        found,
        parent_as_of=None if parent is None else parent.trained_as_of,
        parent_names={} if parent is None else parent.names,
        scan=scan,
        lineage=lineage_of(find(CLUSTER_LINEAGE.name, "model_version", found.version)),
    )


def profiles_of(rows: Iterable[Record]) -> tuple[ClusterProfile, ...]:
    """Clusters with customers from rows of `cluster_profiles`, most revenue first."""
    found = (
        ClusterProfile(
            name=row["name"],
            customers=row["customers"],
            revenue=row["revenue"] or Decimal(0),
            mean_recency=row["mean_recency"],
            mean_frequency=row["mean_frequency"],
            mean_monetary=row["mean_monetary"],
            note=row.get("insight") or "",
            cluster_id=row.get("cluster_id"),
            features=tuple(
                FeatureValues(*(values[name] for name in ("feature", "mean", "median", "q1", "q3", "z")))
                for values in row.get("features") or ()
            ),
            medoids=tuple(row.get("medoids") or ()),
            segments=dict(sorted((row.get("segments") or {}).items())),
        )
        for row in rows
    )
    return tuple(sorted(found, key=lambda p: (-p.revenue, p.name)))


def model_of(rows: Iterable[Record]) -> ModelFacts | None:
    """The model of a row of `cluster_models`, if there is one; its scan and lineage are in other tables."""
    row = next(iter(rows), None)
    if row is None:
        return None
    ids = row.get("cluster_ids") or range(1, row["k"] + 1)
    return ModelFacts(
        version=row["model_version"],
        k=row["k"],
        names=dict(zip(ids, row.get("names") or (), strict=False)),
        trained_on=row.get("trained_on"),
        trained_as_of=row.get("trained_as_of"),
        decided=row.get("decided"),
        origin=row.get("origin"),
        parent_version=row.get("parent_version"),
        silhouette=row.get("silhouette"),
        ari_floor=row.get("ari_floor"),
        prediction_strength=row.get("prediction_strength"),
        null_strength=row.get("null_strength"),
    )


def scan_of(rows: Iterable[Record]) -> tuple[ScanLine, ...]:
    """Rows of `cluster_scan`, ascending by k."""
    found = (
        ScanLine(
            k=row["k"],
            inertia=row["inertia"],
            silhouette=row["silhouette"],
            prediction_strength=row["prediction_strength"],
            null_strength=row["null_strength"],
            jaccard_min=row["jaccard_min"],
            smallest_share=row["smallest_share"],
            separation=row.get("separation"),
            restart_spread=row.get("restart_spread"),
            knee=bool(row.get("knee")),
            stable=row.get("stable"),
            chosen=bool(row["chosen"]),
        )
        for row in rows
    )
    return tuple(sorted(found, key=lambda line: line.k))


def lineage_of(rows: Iterable[Record]) -> tuple[LineageEvent, ...]:
    """Rows of `cluster_lineage`: what lived on first, what is new last."""
    found = (
        LineageEvent(row["event"], tuple(row["old_ids"] or ()), tuple(row["new_ids"] or ()), row["overlap"])
        for row in rows
    )
    return tuple(sorted(found, key=_place))


def _place(event: LineageEvent) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    known = EVENTS.index(event.event) if event.event in EVENTS else len(EVENTS)
    return known, event.old_ids, event.new_ids
