"""How customers are spread over a column, in cells fine enough that any two runs can be compared from them alone.

A column takes a few thousand cells at most, however many customers there are; `core.cells` says which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

from rfm_spark.core.columns import customer_columns
from rfm_spark.core.counting import CountedCustomers
from rfm_spark.core.renames import renamed_value
from rfm_spark.core.table import ALL, SCOPE_COLUMN

_DECILES = 10
# A bin of fewer than a fortieth of the reference, beside a point mass, is merged with its neighbour.
_TINY = 40
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Distribution:
    """Customers per cell of a number, or per value of a category.

    Attributes:
        feature: column of `segments`.
        cells: ascending; empty for a category.
        labels: in order; empty for a number.
        counts: customers of each.
        missing: customers without a value.
    """

    feature: str
    counts: tuple[int, ...]
    cells: tuple[int, ...] = ()
    labels: tuple[str, ...] = ()
    missing: int = 0
    is_category: bool = field(default=False)

    @property
    def present(self) -> int:
        """Customers with a value."""
        return sum(self.counts)

    @property
    def customers(self) -> int:
        """All customers."""
        return self.present + self.missing

    @property
    def zeros(self) -> int:
        """Customers whose value is 0 (of a number)."""
        return dict(zip(self.cells, self.counts, strict=False)).get(0, 0)

    @cached_property
    def edges(self) -> tuple[int, ...]:
        """Upper ends of the bins that this distribution is the reference of; the last bin has none.

        Deciles of the customers; a cell that holds a tenth of them is a bin of its own.
        """
        if not self.counts:
            return ()
        upto = np.cumsum(self.counts)
        n = int(upto[-1])
        ranks = [-(-step * n // _DECILES) for step in range(1, _DECILES)]
        cuts = {self.cells[int(np.searchsorted(upto, rank))] for rank in ranks}
        masses = {cell for cell, count in zip(self.cells, self.counts, strict=True) if count * _DECILES >= n}
        edges = sorted(cuts | masses | {mass - 1 for mass in masses})
        return tuple(self._without_tiny(edges, masses, n))

    def binned(self, edges: Sequence[int]) -> Counts:
        """Customers per bin of a reference's edges, and those without a value last."""
        places = np.searchsorted(np.asarray(edges), np.asarray(self.cells, dtype=np.int64))
        counted = np.bincount(places, weights=self.counts, minlength=len(edges) + 1) if self.cells else np.zeros(
            len(edges) + 1
        )  # fmt: skip
        return np.append(counted, self.missing).astype(np.int64)

    def _without_tiny(self, edges: list[int], masses: set[int], n: int) -> list[int]:
        kept: list[int] = []
        fixed = masses | {mass - 1 for mass in masses}
        counts = self.binned(edges)
        running = 0
        for edge, count in zip(edges, counts, strict=False):
            running += int(count)
            # Bins that nobody is in stay: whoever comes there is news.
            if edge in fixed or running * _TINY >= n or running == 0:
                kept.append(edge)
                running = 0
        return kept


def in_same_bins(reference: Distribution, actual: Distribution) -> tuple[Counts, Counts]:
    """Customers of both per bin of the reference, or per category; those without a value last."""
    if not reference.is_category:
        return reference.binned(reference.edges), actual.binned(reference.edges)
    before, now = (dict(zip(d.labels, d.counts, strict=True)) for d in (reference, actual))
    labels = sorted({*before, *now})
    first = [*(before.get(label, 0) for label in labels), reference.missing]
    second = [*(now.get(label, 0) for label in labels), actual.missing]
    return np.array(first, dtype=np.int64), np.array(second, dtype=np.int64)


def w1(reference: Distribution, actual: Distribution) -> float | None:
    """Wasserstein distance on the log scale, in standard deviations of the reference; None where there is none."""
    if not reference.present or not actual.present:
        return None
    places = np.asarray(reference.cells, dtype=float)
    mean = np.average(places, weights=reference.counts)
    deviation = float(np.sqrt(np.average((places - mean) ** 2, weights=reference.counts)))
    if deviation == 0:
        return None
    distance = wasserstein_distance(reference.cells, actual.cells, reference.counts, actual.counts)
    return float(distance) / deviation


def distributions(counts: CountedCustomers, numbers: Sequence[str], categories: Sequence[str]) -> list[Distribution]:
    """How customers are spread over columns.

    Args:
        counts: of these customers, by the cells of the numbers and by the values of the categories.
        numbers: numeric columns; NaN and infinite values are missing.
        categories: columns whose values are few.
    """
    return [*(_of_number(counts, name) for name in numbers), *(_of_category(counts, name) for name in categories)]


def as_rows(found: Sequence[Distribution], scope: str = ALL) -> list[dict[str, Any]]:
    """The rows of table `distributions`, of the customers of a scope."""
    return [
        {
            "scope": scope,
            "feature": one.feature,
            "cells": None if one.is_category else list(one.cells),
            "labels": list(one.labels) if one.is_category else None,
            "counts": list(one.counts),
            "missing": one.missing,
        }
        for one in found
    ]


def from_rows(rows: Sequence[Mapping[str, Any]]) -> dict[str, Distribution]:
    """Distributions by column, from rows of table `distributions` (or of a model's reference)."""
    return {
        row["feature"]: Distribution(
            row["feature"],
            tuple(row["counts"]),
            tuple(row["cells"] or ()),
            _labels(row),
            row["missing"],
            is_category=row["cells"] is None,
        )
        for row in rows
    }


def by_scope(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Distribution]]:
    """The same by scope, from rows of table `distributions`."""
    parted: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        parted.setdefault(row[SCOPE_COLUMN] or ALL, []).append(row)
    return {scope: from_rows(mine) for scope, mine in parted.items()}


def _of_number(counts: CountedCustomers, name: str) -> Distribution:
    counted = counts.cells(name)
    missing = counted.pop(None, 0)
    known = sorted((cell, count) for cell, count in counted.items() if cell is not None)
    return Distribution(name, tuple(count for _, count in known), tuple(cell for cell, _ in known), missing=missing)


def _of_category(counts: CountedCustomers, name: str) -> Distribution:
    counted = {one.of[0]: one.customers for one in counts.values(name)}
    missing = counted.pop(None, 0)
    known = sorted((label, count) for label, count in counted.items() if label is not None)
    labels, found = tuple(label for label, _ in known), tuple(count for _, count in known)
    return Distribution(name, found, labels=labels, missing=missing, is_category=True)


def _labels(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The values of a category as they are called today: models and tables of older versions keep their own."""
    column = customer_columns().get(row["feature"])
    return tuple(renamed_value(row.get("labels") or (), dict(column.older_words if column is not None else ())))
