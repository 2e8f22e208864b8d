"""The cluster model of one scope, or of everybody: everything needed to assign customers, as one row of a table."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rfm_spark.capabilities.clusters.config import ClustersConfig
from rfm_spark.capabilities.clusters.features import Feature, FeatureSpace
from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.core.table import ALL


@dataclass(frozen=True)
class ClusterModel:
    """Everything needed to assign customers, and what is known of the fit.

    Attributes:
        version: of the model.
        space: how customers become points.
        centres: in feature space, ascending by id.
        ids: cluster_id of each centre.
        names: of each.
        last_id: highest id ever given in this line of models.
        definition: hash of the configuration it was trained under.
        config_name: segmentation it belongs to.
        trained_on: run whose customers it was trained on.
        trained_as_of: as-of date of that run, ISO.
        parent_version: model whose ids it inherited from.
        origin: start the centres came from: champion, mllib or driver.
        inertia: sum of squared distances of all customers to the nearest centre, in training.
        cells_inertia: the same, customers taken to be at their cells.
        width: of the cells, in standard deviations; 0 for customers drawn.
        cells: how many.
        cells_kind: grid, or sample where customers were drawn to stand for all.
        customers: how many it was trained on.
        restart_spread: worst start over the best, minus 1.
        ari_floor: adjusted Rand index that reseeding alone gives.
        decided: how k was found: auto, fixed, no_stable_k, or degenerate where there was nothing to choose.
        strength: prediction strength of its k, and what it had to exceed; None where not measured.
        null_strength: see `strength`.
        jaccard: bootstrap stability per cluster.
        silhouette: squared-Euclidean, over all customers.
        spread: mean squared distance to the centre per cluster, over all customers.
        sizes: customers per cluster, in training.
        reference: how the customers of the training are spread over each feature, as rows.
        scope: whose clusters they are; `ALL` for everybody's.
        also_of: scopes with too few customers for clusters of their own, who are assigned by these.
    """

    version: str
    space: FeatureSpace
    centres: tuple[tuple[float, ...], ...]
    ids: tuple[int, ...]
    names: tuple[str, ...]
    last_id: int
    definition: str = ""
    config_name: str = ""
    trained_on: str = ""
    trained_as_of: str = ""
    parent_version: str | None = None
    origin: str = "driver"
    inertia: float = 0.0
    cells_inertia: float | None = None
    width: float = 0.0
    cells: int = 0
    cells_kind: str = "grid"
    customers: int = 0
    restart_spread: float = 0.0
    ari_floor: float = 1.0
    decided: str = "fixed"
    strength: float | None = None
    null_strength: float | None = None
    jaccard: tuple[float, ...] = field(default=())
    silhouette: float | None = None
    spread: tuple[float, ...] = field(default=())
    sizes: tuple[int, ...] = field(default=())
    reference: tuple[Mapping[str, Any], ...] = field(default=())
    scope: str = ALL
    also_of: tuple[str, ...] = field(default=())

    @property
    def k(self) -> int:
        """Number of clusters."""
        return len(self.centres)

    def as_row(self) -> dict[str, Any]:
        """The row of table `cluster_models`, but for the date's type."""
        features = self.space.features
        return {
            "model_version": self.version,
            "features": list(self.space.columns),
            "transforms": [feature.transform for feature in features],
            "means": [feature.mean for feature in features],
            "scales": [feature.scale for feature in features],
            "weights": [feature.weight for feature in features],
            "centres": [list(centre) for centre in self.centres],
            "names": list(self.names),
            "k": self.k,
            "origin": self.origin,
            "inertia": self.inertia,
            "cells_inertia": self.cells_inertia,
            "trained_on": self.trained_on,
            "parent_version": self.parent_version,
            "config_name": self.config_name,
            "trained_as_of": self.trained_as_of,
            "definition": self.definition,
            "lows": [feature.low for feature in features],
            "highs": [feature.high for feature in features],
            "fills": [feature.fill for feature in features],
            "missing": [feature.missing for feature in features],
            "dropped": list(self.space.dropped),
            "cluster_ids": list(self.ids),
            "last_id": self.last_id,
            "cell_width": self.width,
            "cells": self.cells,
            "cells_kind": self.cells_kind,
            "customers": self.customers,
            "restart_spread": self.restart_spread,
            "ari_floor": self.ari_floor,
            "decided": self.decided,
            "prediction_strength": self.strength,
            "null_strength": self.null_strength,
            "stability": list(self.jaccard),
            "silhouette": self.silhouette,
            "spread": list(self.spread),
            "sizes": list(self.sizes),
            "reference": [dict(one) for one in self.reference],
            "scope": self.scope,
            "also_of": list(self.also_of),
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> ClusterModel:
        """The model of a row; those that version 0.1's first lakes hold lack what was added since."""
        count = len(row["features"])
        ids = tuple(row["cluster_ids"] or range(1, row["k"] + 1))
        columns = zip(
            row["features"], row["transforms"], row["lows"] or [None] * count, row["highs"] or [None] * count,
            row["fills"] or row["means"], row["means"], row["scales"], row["weights"], row["missing"] or [0.0] * count,
            strict=True,
        )  # fmt: skip
        return cls(
            version=row["model_version"],
            space=FeatureSpace(tuple(Feature(*parts) for parts in columns), tuple(row["dropped"] or ())),
            centres=tuple(tuple(centre) for centre in row["centres"]),
            ids=ids,
            names=tuple(row["names"]),
            last_id=row["last_id"] or max(ids),
            definition=row["definition"] or "",
            config_name=row["config_name"] or "",
            trained_on=row["trained_on"],
            trained_as_of=str(row["trained_as_of"] or ""),
            parent_version=row["parent_version"],
            origin=row["origin"],
            inertia=row["inertia"],
            cells_inertia=row["cells_inertia"],
            width=row["cell_width"] or 0.0,
            cells=row["cells"] or 0,
            cells_kind=row["cells_kind"] or "grid",
            customers=row["customers"] or 0,
            restart_spread=row["restart_spread"] or 0.0,
            ari_floor=1.0 if row["ari_floor"] is None else row["ari_floor"],
            decided=row["decided"] or "fixed",
            strength=row["prediction_strength"],
            null_strength=row["null_strength"],
            jaccard=tuple(row["stability"] or ()),
            silhouette=row["silhouette"],
            spread=tuple(row["spread"] or ()),
            sizes=tuple(row["sizes"] or ()),
            reference=tuple(row["reference"] or ()),
            scope=row.get("scope") or ALL,
            also_of=tuple(row.get("also_of") or ()),
        )


def definition_of(config: ClustersConfig, rfm: RfmConfig, made_from: Mapping[str, Any] | None = None) -> str:
    """Hash of what a model is trained for: another one asks for a new model.

    Args:
        config: features, k, seed.
        rfm: what the features mean: the window and refunds, and of scores and z-scores, if there are any among them,
            how these are made.
        made_from: mappings that scopes and measures other than those of purchases are made from.
    """
    aside = {"enabled"} if config.k == "auto" else {"enabled", "k_range", "fallback_k"}
    # Without defaults: an option that a later version adds changes nothing for who doesn't use it.
    document = config.model_dump(mode="json", exclude=aside, exclude_defaults=True)
    included = _shaping(config.columns) | ({"smallest_scope"} if rfm.scope else set())
    shaping = rfm.model_dump(mode="json", include=included, exclude_defaults=True)
    # The sketch's error reaches no result.
    shaping.get("scoring", {}).pop("relative_error", None)
    given = {name: value for name, value in shaping.items() if value != {}}
    if given:
        document["rfm"] = given
    if made_from:
        document["made_from"] = made_from
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]


def _shaping(columns: Sequence[str]) -> set[str]:
    """Keys of `rfm` that the values of these columns depend on."""
    keys = {"window_days", "refunds", "scope", "measures"}
    if any(column.endswith("_score") for column in columns):
        keys |= {"scoring"}
    if "rfm_weighted" in columns:
        keys |= {"scoring", "weights"}
    if any(column.endswith("_z") for column in columns):
        keys |= {"z_log"}
    return keys


def best_first(centres: Sequence[Sequence[float]], space: FeatureSpace) -> list[int]:
    """Positions of the centres, best customers first: low recency, high everything else."""

    def worth(at: int) -> tuple[float, tuple[float, ...]]:
        signs = [-1.0 if column.startswith("recency") else 1.0 for column in space.columns]
        return -sum(sign * x for sign, x in zip(signs, centres[at], strict=True)), tuple(centres[at])

    return sorted(range(len(centres)), key=worth)
