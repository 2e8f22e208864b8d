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
from rfm_spark.core.table import ALL, SCOPE_COLUMN
from rfm_spark.report.section import Reader

Record: TypeAlias = Mapping[str, Any]
Find: TypeAlias = Callable[[str, str, str], Iterable[Record]]
EVENTS = ("survived", "split", "absorbed", "disappeared", "emerged")


def read_clusters(reader: Reader) -> ClusterData:
    """Clusters of a run, and the model that assigned its customers with its scan and lineage, as far as there are."""
    return ClusterData(
        profiles_of(reader.rows(CLUSTER_PROFILES.name)),
        # Other runs may have trained it.
        gathered(
            reader.run.model_version,
            lambda table, column, value: reader.tables.rows(table, **{column: value}),
            reader.scope,
        ),
    )


def gathered(version: str | None, find: Find, scope: str = ALL) -> ModelFacts | None:
    """The model of a version with its scan and lineage; None without one, or in a lake that does not have it.

    Args:
        version: that a run assigned its customers by; None without clusters.
        find: finds the rows of a table where a column has a value.
        scope: whose clusters are told of: those that its customers are in, or of everybody all there are.
    """
    rows = [] if version is None else list(find(CLUSTER_MODELS.name, "model_version", version))
    mine = _part_of(rows, scope)
    found = model_of(rows if mine is None else [mine])
    if found is None or (mine is None and scope != ALL and _is_parted(rows)):
        return None
    if scope == ALL and _is_parted(rows):
        # How each was found is told of a scope; there is nothing that all have in common.
        return _together(found, rows)
    of = ALL if mine is None else mine.get(SCOPE_COLUMN) or ALL
    parent_version = found.parent_version
    older = [] if parent_version is None else list(find(CLUSTER_MODELS.name, "model_version", parent_version))
    parent = model_of(older)
    # A run that kept an older model, or trained a mere challenger, has no scan of this one: the training run has.
    scan = [] if found.trained_on is None else find(CLUSTER_SCAN.name, "run_id", found.trained_on)
    lineage = find(CLUSTER_LINEAGE.name, "model_version", found.version)
    return replace(
        found,
        parent_as_of=None if parent is None else parent.trained_as_of,
        parent_names={cluster: name for row in older for cluster, name in _names(row).items()},
        scan=scan_of(row for row in scan if (row.get(SCOPE_COLUMN) or ALL) == of),
        lineage=lineage_of(row for row in lineage if (row.get(SCOPE_COLUMN) or ALL) == of),
    )


def _part_of(rows: Iterable[Record], scope: str) -> Record | None:
    """The row of the part that the customers of a scope are assigned by."""
    own = next((row for row in rows if (row.get(SCOPE_COLUMN) or ALL) == scope), None)
    return own or next((row for row in rows if scope in (row.get("also_of") or ())), None)


def _is_parted(rows: list[Record]) -> bool:
    return len(rows) > 1 or any(row.get("also_of") or (row.get(SCOPE_COLUMN) or ALL) != ALL for row in rows)


def _together(found: ModelFacts, rows: Iterable[Record]) -> ModelFacts:
    names = {cluster: name for row in rows for cluster, name in _names(row).items()}
    return replace(
        found, k=len(names), names=names, decided=None, origin=None, silhouette=None, ari_floor=None,
        prediction_strength=None, null_strength=None,
    )  # fmt: skip


def _names(row: Record) -> dict[int, str]:
    ids = row.get("cluster_ids") or range(1, row["k"] + 1)
    return dict(zip(ids, row.get("names") or (), strict=False))


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
    return ModelFacts(
        version=row["model_version"],
        k=row["k"],
        names=_names(row),
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
