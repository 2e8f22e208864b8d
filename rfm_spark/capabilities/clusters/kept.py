"""What is kept of a training, as rows of tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from rfm_spark.capabilities.clusters.choose import ScanRow
from rfm_spark.capabilities.clusters.model import ClusterModel
from rfm_spark.capabilities.clusters.train import Training


@dataclass(frozen=True)
class Trained:
    """A training.

    Attributes:
        model: row of table `cluster_models`.
        scan: rows of table `cluster_scan`; empty where k was not looked at.
        lineage: rows of table `cluster_lineage`.
    """

    model: Mapping[str, Any]
    scan: tuple[Mapping[str, Any], ...] = ()
    lineage: tuple[Mapping[str, Any], ...] = ()

    @property
    def version(self) -> str:
        """Of the model."""
        return str(self.model["model_version"])

    def with_reference(self, rows: tuple[Mapping[str, Any], ...]) -> Trained:
        """The same; the model remembers how its customers are spread."""
        return replace(self, model={**self.model, "reference": [dict(row) for row in rows]})

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the model's features."""
        return ClusterModel.from_row(self.model).space.columns


def trained(training: Training) -> Trained:
    """A training as rows."""
    scan = tuple(_scan_row(row) for row in training.scan)
    lineage = tuple(_event_row(training, at) for at in range(len(training.lineage)))
    return Trained(training.model.as_row(), scan, lineage)


def _scan_row(row: ScanRow) -> dict[str, Any]:
    return {
        "k": row.k,
        "inertia": row.inertia,
        "silhouette": row.silhouette,
        "prediction_strength": row.prediction_strength,
        "null_strength": row.null_strength,
        "jaccard_mean": sum(row.jaccard) / len(row.jaccard),
        "jaccard_min": min(row.jaccard),
        "smallest_share": row.smallest_share,
        "chosen": row.chosen,
        "restart_spread": row.restart_spread,
        "knee": row.knee,
        "separation": row.separation,
        "stable": row.is_stable,
    }


def _event_row(training: Training, at: int) -> dict[str, Any]:
    event = training.lineage[at]
    return {
        "model_version": training.model.version,
        "parent_version": training.model.parent_version,
        "event": event.event,
        "old_ids": list(event.old_ids),
        "new_ids": list(event.new_ids),
        "overlap": event.overlap,
    }
