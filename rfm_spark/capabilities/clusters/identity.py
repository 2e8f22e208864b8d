"""Ids that outlive a refit: which new cluster is which old one, and what became of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from rfm_spark.capabilities.clusters.driver import Points

INHERIT = 0.5
MOST = 0.5
PART = 0.3
WHOLE = 0.7


@dataclass(frozen=True)
class Event:
    """One line of the lineage, as table `cluster_lineage` has it: what, from which ids, to which, how much overlap."""

    event: str
    old_ids: tuple[int, ...]
    new_ids: tuple[int, ...]
    overlap: float


@dataclass(frozen=True)
class Overlap:
    """The same customers under an old and a new model, at the same time: what moves here is the model.

    Attributes:
        old_ids: ascending.
        common: customers per old cluster (row) and new cluster (column).
        kept: share of each old cluster's earlier customers who are still there.
    """

    old_ids: tuple[int, ...]
    common: Points
    kept: Points

    @property
    def jaccard(self) -> Points:
        """Customers in both over customers in either; 0 for a cluster most of whose customers are gone."""
        united = self.common.sum(axis=1, keepdims=True) + self.common.sum(axis=0, keepdims=True) - self.common
        found: Points = np.divide(self.common, united, out=np.zeros_like(self.common), where=united > 0)
        found[self.kept < MOST] = 0.0
        return found

    @property
    def shares(self) -> Points:
        """Share of each old cluster's customers who are still there, and now in each new cluster."""
        sizes = self.common.sum(axis=1, keepdims=True)
        found: Points = np.divide(self.common, sizes, out=np.zeros_like(self.common), where=sizes > 0)
        return found * self.kept[:, None]


def overlap_of(
    old_ids: Sequence[int],
    counts: Mapping[tuple[int, int], int],
    k: int,
    kept: Mapping[int, float] | None = None,
) -> Overlap:
    """An overlap from counts per (old id, new position from 0), and per old id the share still there, 1 if not said."""
    ordered = tuple(sorted(old_ids))
    at = {old: row for row, old in enumerate(ordered)}
    common = np.zeros((len(ordered), k))
    for (old, new), customers in counts.items():
        common[at[old], new] += customers
    return Overlap(ordered, common, np.array([(kept or {}).get(old, 1.0) for old in ordered]))


def inherited_ids(overlap: Overlap, last_id: int) -> tuple[tuple[int, ...], int]:
    """An id for each new cluster: of the old one it is matched to at Jaccard ≥ 0.5, or one never given before.

    A cluster most of whose earlier customers are gone hands nothing on: who comes after them may be others.

    Args:
        overlap: of the same customers.
        last_id: highest id ever given in this segmentation.

    Returns:
        Ids by new position, and the highest id given by now.
    """
    jaccard = overlap.jaccard
    rows, columns = linear_sum_assignment(jaccard, maximize=True)
    kept = {
        int(new): overlap.old_ids[old] for old, new in zip(rows, columns, strict=True) if jaccard[old, new] >= INHERIT
    }
    ids = []
    for new in range(overlap.common.shape[1]):
        if new in kept:
            ids.append(kept[new])
        else:
            last_id += 1
            ids.append(last_id)
    return tuple(ids), last_id


def lineage(overlap: Overlap, new_ids: Sequence[int]) -> tuple[Event, ...]:
    """What became of each old cluster, and where each new one comes from.

    After MONIC (Spiliopoulou et al. 2006). Survived: the id is inherited. Split: parts of at least 0.3 of an old
    cluster, in clusters that are new or carry its own id, sum to at least 0.7. Absorbed: at least 0.7 went into one
    cluster that has others too. Disappeared: neither, or most of its customers are gone. Emerged: a new id that no
    split or absorption explains.
    """
    jaccard, shares = overlap.jaccard, overlap.shares
    events: list[Event] = []
    explained = set(overlap.old_ids) & set(new_ids)
    for row, old in enumerate(overlap.old_ids):
        if old in new_ids:
            events.append(Event("survived", (old,), (old,), float(jaccard[row, new_ids.index(old)])))
        parts = _parts(shares[row], old, overlap.old_ids, new_ids)
        target = int(np.argmax(shares[row]))
        if len(parts) > 1 and shares[row, parts].sum() >= WHOLE:
            into = tuple(sorted(new_ids[part] for part in parts))
            events.append(Event("split", (old,), into, float(shares[row, parts].sum())))
            explained |= set(into)
        elif old not in new_ids and shares[row, target] >= WHOLE:
            events.append(Event("absorbed", (old,), (new_ids[target],), float(shares[row, target])))
            explained.add(new_ids[target])
        elif old not in new_ids:
            events.append(Event("disappeared", (old,), (), float(shares[row].max())))
    for column, new in enumerate(new_ids):
        if new not in explained:
            events.append(Event("emerged", (), (new,), float(shares[:, column].max())))
    return tuple(events)


def _parts(shares: Points, old: int, old_ids: Sequence[int], new_ids: Sequence[int]) -> list[int]:
    return [at for at, new in enumerate(new_ids) if shares[at] >= PART and (new == old or new not in old_ids)]


def adjusted_rand(counts: Points) -> float:
    """Adjusted Rand index of two partitions from their contingency table (Hubert and Arabie 1985)."""

    def pairs(numbers: Points) -> float:
        return float((numbers * (numbers - 1) / 2).sum())

    together, first, second = pairs(counts), pairs(counts.sum(axis=1)), pairs(counts.sum(axis=0))
    possible = pairs(np.asarray(counts.sum()))
    expected = first * second / possible if possible else 0.0
    most = (first + second) / 2
    return 1.0 if most == expected else (together - expected) / (most - expected)
