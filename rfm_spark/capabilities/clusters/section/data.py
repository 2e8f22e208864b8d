"""What the report shows of clusters and their model, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from rfm_spark.report.profiles import Profile


@dataclass(frozen=True)
class FeatureValues:
    """One feature of one cluster's customers, in its own unit.

    Attributes:
        feature: the column.
        mean: None where no customer has a value; likewise the others.
        median: lower middle value.
        q1: lower quartile.
        q3: upper quartile.
        z: mean on the standardised scale, against all customers in training.
    """

    feature: str
    mean: float | None
    median: float | None
    q1: float | None
    q3: float | None
    z: float | None


@dataclass(frozen=True)
class ScanLine:
    """What speaks for and against one number of clusters, as table `cluster_scan` has it.

    Attributes:
        k: number of clusters.
        null_strength: what prediction_strength has to exceed; None where that is too low anyway.
        separation: of the least separated neighbours; None where it was not looked at.
        restart_spread: None in lakes of versions that did not note it; likewise stable.
    """

    k: int
    inertia: float
    silhouette: float | None
    prediction_strength: float | None
    null_strength: float | None
    jaccard_min: float | None
    smallest_share: float | None
    separation: float | None = None
    restart_spread: float | None = None
    knee: bool = False
    stable: bool | None = None
    chosen: bool = False


@dataclass(frozen=True)
class LineageEvent:
    """One thing that happened to clusters in a refit, as table `cluster_lineage` has it."""

    event: str
    old_ids: tuple[int, ...]
    new_ids: tuple[int, ...]
    overlap: float | None


@dataclass(frozen=True)
class ModelFacts:
    """The model that assigned the customers; None stands for what its version did not note.

    Attributes:
        version: of the model.
        k: number of clusters.
        names: by cluster id.
        trained_on: run whose customers it was trained on.
        trained_as_of: as-of date of that run.
        decided: auto, fixed, no_stable_k or degenerate.
        origin: start the centres came from: champion, mllib or driver.
        parent_version: model whose ids it inherited from.
        parent_as_of: as-of date that one was trained at.
        parent_names: by cluster id; empty where the parent is not in the lake.
        silhouette: of all customers in training.
        ari_floor: adjusted Rand index with a fit from other seeds.
        prediction_strength: of its k.
        null_strength: what that had to exceed.
        scan: of the run that trained it, ascending by k.
        lineage: against its parent.
    """

    version: str
    k: int
    names: Mapping[int, str]
    trained_on: str | None = None
    trained_as_of: date | None = None
    decided: str | None = None
    origin: str | None = None
    parent_version: str | None = None
    parent_as_of: date | None = None
    parent_names: Mapping[int, str] = field(default_factory=dict)
    silhouette: float | None = None
    ari_floor: float | None = None
    prediction_strength: float | None = None
    null_strength: float | None = None
    scan: tuple[ScanLine, ...] = ()
    lineage: tuple[LineageEvent, ...] = ()


@dataclass(frozen=True)
class ClusterProfile(Profile):
    """A cluster with customers; what the lake's version did not write is empty.

    Attributes:
        cluster_id: None where it is not known.
        features: what it was found by, in the order of the model.
        medoids: ids of the customers nearest to the centre, the nearest first.
        segments: its customers per rule segment.
    """

    cluster_id: int | None = None
    features: tuple[FeatureValues, ...] = ()
    medoids: tuple[str, ...] = ()
    segments: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ClusterData:
    """Clusters of a run.

    Attributes:
        profiles: those with customers, most revenue first; empty when clusters are off.
        model: that assigned the customers; None without, or in a lake that does not have it.
    """

    profiles: tuple[ClusterProfile, ...] = ()
    model: ModelFacts | None = None
