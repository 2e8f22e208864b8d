"""What the steps of clusters give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame

from rfm_spark.capabilities.clusters.assign import assigned
from rfm_spark.capabilities.clusters.identity import Event
from rfm_spark.capabilities.clusters.kept import Trained
from rfm_spark.capabilities.clusters.model import ClusterModel
from rfm_spark.capabilities.clusters.models import Models
from rfm_spark.capabilities.clusters.profiles import feature_sums
from rfm_spark.capabilities.clusters.refit import Check
from rfm_spark.capabilities.clusters.whole import WholeModel
from rfm_spark.core.runs import RunRow
from rfm_spark.pipeline.artefact import Artefact, CustomerProjection
from rfm_spark.pipeline.prepared import Prepared

# Whoever compares two runs, or judges a model, needs the model itself.
__all__ = [
    "Check", "ClusterModel", "Clusters", "Event", "KeptModels", "Models", "PlannedModel", "Profiles", "WholeModel",
    "assigned", "feature_sums",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class PlannedModel(Prepared):
    """What a run does about clusters.

    Attributes:
        champion: model in use up to now, if any.
        pinned: whether a person pinned it.
        trains: whether the run trains a model of its own.
        parent: model whose ids a training inherits.
        last_id: highest cluster id given so far.
    """

    champion: WholeModel | None = None
    pinned: bool = False
    trains: bool = False
    parent: WholeModel | None = None
    last_id: int = 0

    def made(self, run: RunRow) -> bool:
        """Whether a published run did the same."""
        if self.trains:
            return run.model_version == run.run_id
        return run.model_version == (None if self.champion is None else self.champion.version)


@dataclass(frozen=True, kw_only=True)
class Clusters(CustomerProjection):
    """The model that assigns the customers of a run, and what was found of it and of a challenger.

    Attributes:
        models: rows of table `cluster_models` of the model that assigns, one per part; none without customers.
        training: of that model, where this run trained it.
        checks: of each part of the champion on today's customers, where there is one.
        is_known: whether the champion was trained for the same features and windows.
        challenger: a model trained because today's customers lie elsewhere; it assigns nobody yet.
    """

    models: tuple[Mapping[str, Any], ...] = ()
    training: Trained | None = None
    checks: tuple[Check, ...] = ()
    is_known: bool = False
    challenger: Trained | None = None

    @property
    def assigns(self) -> WholeModel | None:
        """The model that assigns."""
        return WholeModel.from_rows(self.models) if self.models else None

    def project(self, customers: DataFrame) -> DataFrame:
        """The customers with their cluster."""
        model = self.assigns
        return customers if model is None else assigned(customers, model)


@dataclass(frozen=True, kw_only=True)
class Profiles(Artefact):
    """Clusters are profiled."""


@dataclass(frozen=True, kw_only=True)
class KeptModels(Artefact):
    """Models that the run trained are kept."""
