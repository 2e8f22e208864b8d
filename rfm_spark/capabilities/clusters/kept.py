"""What is kept of a training, as rows of tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rfm_spark.capabilities.clusters.choose import ScanRow
from rfm_spark.capabilities.clusters.identity import Event
from rfm_spark.capabilities.clusters.train_scopes import WholeTraining


@dataclass(frozen=True)
class Trained:
    """A training.

    Attributes:
        models: rows of table `cluster_models`, one per part.
        scan: rows of table `cluster_scan`; empty where k was not looked at.
        lineage: rows of table `cluster_lineage`.
    """

    models: tuple[Mapping[str, Any], ...]
    scan: tuple[Mapping[str, Any], ...] = ()
    lineage: tuple[Mapping[str, Any], ...] = ()

    @property
    def version(self) -> str:
        """Of the model."""
        return str(self.models[0]["model_version"])

    def with_references(self, references: Mapping[str, Sequence[Mapping[str, Any]]]) -> Trained:
        """The same; each part remembers how its customers are spread, of rows per scope."""
        models = []
        for model in self.models:
            mine = [dict(row) for row in references.get(model["scope"], ()) if row["feature"] in model["features"]]
            models.append({**model, "reference": mine})
        return replace(self, models=tuple(models))


def trained(training: WholeTraining) -> Trained | None:
    """A training as rows; None where it gave no clusters."""
    model = training.model
    if model is None:
        return None
    scan = tuple(_scan_row(row, part.model.scope) for part in training.parts for row in part.scan)
    became = {**training.gone, **{part.model.scope: part.lineage for part in training.parts}}
    versions = {"model_version": model.version, "parent_version": model.parent_version}
    lineage = tuple({**versions, **_event_row(event, scope)} for scope, mine in became.items() for event in mine)
    return Trained(tuple(part.as_row() for part in model.parts), scan, lineage)


def _scan_row(row: ScanRow, scope: str) -> dict[str, Any]:
    return {
        "scope": scope,
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


def _event_row(event: Event, scope: str) -> dict[str, Any]:
    return {
        "scope": scope,
        "event": event.event,
        "old_ids": list(event.old_ids),
        "new_ids": list(event.new_ids),
        "overlap": event.overlap,
    }
