"""Models of churn as plain numbers: each scores a customer in Spark and on arrays alike, and lies in a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import Column
from pyspark.sql import functions as F
from scipy import special

from rfm_spark.capabilities.clv.artefacts import AliveBy

Array = NDArray[np.float64]
RECENCY, ALIVE, SHARE, LOGISTIC, TREES = "recency", "p_alive", "share", "logistic", "trees"
BASELINES = (RECENCY, ALIVE, SHARE)
SILENCE = "silence_days"
_INTERCEPT, _SLOPE, _SHIFT = "intercept", "slope", "shift"


@dataclass(frozen=True)
class Node:
    """A node of a tree; a leaf where `below` is negative.

    Attributes:
        tree: which tree, from 0.
        node: which node of it, from 0, the root.
        feature: that is asked for.
        threshold: of it; `below` leads on where the feature is at most that.
        below: a node.
        above: a node.
        value: of a leaf, times the weight of its tree.
    """

    tree: int
    node: int
    feature: str = ""
    threshold: float = 0.0
    below: int = -1
    above: int = -1
    value: float = 0.0


@dataclass(frozen=True)
class Scorer:
    """A model.

    Attributes:
        name: RECENCY, ALIVE, LOGISTIC or TREES.
        weights: by feature, of a sum that is a score; of RECENCY and ALIVE of one, whose sign says which way they rank.
        intercept: of that sum.
        nodes: of trees, or of the steps of a rule, whose values are added up instead.
        slope: of the score, in the log-odds of stopping.
        shift: what is added to it there.
        alive: of ALIVE, the model of orders that tells its one feature.
    """

    name: str
    weights: Mapping[str, float] = field(default_factory=dict)
    intercept: float = 0.0
    nodes: tuple[Node, ...] = ()
    slope: float = 1.0
    shift: float = 0.0
    alive: AliveBy | None = None

    def scores(self, features: Mapping[str, Array]) -> Array:
        """One per customer.

        Args:
            features: by name.
        """
        if self.nodes:
            return np.asarray(np.sum([_walked(nodes, features) for nodes in self._trees()], axis=0))
        return np.asarray(sum((weight * features[name] for name, weight in self.weights.items()), start=self.intercept))

    def ranking(self, features: Mapping[str, Array]) -> Array:
        """What customers are ranked by: of a rule its feature, whose steps would make ties; else probabilities."""
        if self.name in BASELINES and self.weights:
            return np.asarray(sum(weight * features[name] for name, weight in self.weights.items()))
        return self.probabilities(features)

    def probabilities(self, features: Mapping[str, Array]) -> Array:
        """Of stopping."""
        return np.asarray(special.expit(self.slope * self.scores(features) + self.shift))

    def probability(self, features: Mapping[str, Column]) -> Column:
        """The same of the customers of a frame.

        Args:
            features: by name; that of ALIVE is not needed, it is told by the columns of `measures`.
        """
        if self.alive is not None:
            features = {**features, ALIVE: self.alive.column}
        if self.nodes:
            parts = [_asked(nodes, 0, features) for nodes in self._trees()]
        else:
            parts = [F.lit(weight) * features[name] for name, weight in self.weights.items()]
        score = F.lit(self.intercept)
        for part in parts:
            score = score + part
        return F.lit(1.0) / (F.lit(1.0) + F.exp(-(F.lit(self.slope) * score + F.lit(self.shift))))

    def _trees(self) -> list[list[Node]]:
        found: dict[int, list[Node]] = {}
        for node in sorted(self.nodes, key=lambda one: (one.tree, one.node)):
            found.setdefault(node.tree, []).append(node)
        return list(found.values())

    def as_row(self) -> dict[str, Any]:
        """Columns model, params, nodes and orders_model of table `churn_models`."""
        params = {**self.weights, _INTERCEPT: self.intercept, _SLOPE: self.slope, _SHIFT: self.shift}
        nodes = [vars(node) for node in self.nodes]
        by = None if self.alive is None else {"model": self.alive.model, "params": dict(self.alive.parameters)}
        return {"model": self.name, "params": params, "nodes": nodes, "orders_model": by}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Scorer:
        """From these."""
        params = dict(row["params"])
        intercept, slope, shift = (params.pop(name) for name in (_INTERCEPT, _SLOPE, _SHIFT))
        nodes = tuple(Node(**(one if isinstance(one, dict) else one.asDict())) for one in row["nodes"])
        by = row["orders_model"]
        alive = None if by is None else AliveBy(by["model"], dict(by["params"]))
        return cls(row["model"], params, intercept, nodes, slope, shift, alive)


def _walked(nodes: Sequence[Node], features: Mapping[str, Array]) -> Array:
    """Values of the leaves that customers end in."""
    known = {name: at for at, name in enumerate(features)}
    table = np.column_stack(list(features.values()))
    feature = np.array([known.get(node.feature, 0) for node in nodes])
    threshold, below, above, value = (
        np.array([getattr(node, name) for node in nodes]) for name in ("threshold", "below", "above", "value")
    )
    at, everybody = np.zeros(len(table), dtype=np.int64), np.arange(len(table))
    while np.any(below[at] >= 0):
        further = np.where(table[everybody, feature[at]] <= threshold[at], below[at], above[at])
        at = np.where(below[at] >= 0, further, at)
    return np.asarray(value[at])


def _asked(nodes: Sequence[Node], at: int, features: Mapping[str, Column]) -> Column:
    node = nodes[at]
    if node.below < 0:
        return F.lit(node.value)
    goes_below = features[node.feature] <= F.lit(node.threshold)
    return F.when(goes_below, _asked(nodes, node.below, features)).otherwise(_asked(nodes, node.above, features))
