"""KMeans on a few thousand weighted points on the driver: deterministic, on one thread."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

Points = NDArray[np.float64]
Labels = NDArray[np.intp]
MAX_ITERATIONS = 200


@dataclass(frozen=True)
class Partition:
    """Centres (k × d), the label of each point fitted, and the weighted inertia."""

    centres: Points
    labels: Labels
    inertia: float


@contextmanager
def one_thread() -> Iterator[None]:
    """Sums of several threads come in any order, and their last bits with it.

    Fewer distinct points than clusters, which samples may have, are no reason to warn people.
    """
    # Loading it takes half a second, and most commands fit nothing.
    from sklearn.exceptions import ConvergenceWarning

    with threadpool_limits(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def one_thread_here() -> None:
    """The same for a thread of a pool, for as long as it lives: OpenMP counts the threads of each thread apart."""
    threadpool_limits(limits=1)


def kmeans(
    points: Points, k: int, seed: int, *, starts: int = 1, weights: Points | None = None, at: Points | None = None
) -> Partition:
    """Lloyd's algorithm from k-means++ starts, the best of several, or from given centres.

    Args:
        points: n × d, n ≥ k.
        k: number of clusters.
        seed: of the starts.
        starts: how many.
        weights: customers at each point; 1 for None.
        at: k × d centres to start from instead.
    """
    from sklearn.cluster import KMeans

    init = "k-means++" if at is None else at
    model = KMeans(k, init=init, n_init=starts if at is None else 1, max_iter=MAX_ITERATIONS, random_state=seed)
    fitted = model.fit(points, sample_weight=weights)
    return Partition(fitted.cluster_centers_, fitted.labels_.astype(np.intp), float(fitted.inertia_))


def nearest(points: Points, centres: Points) -> Labels:
    """Label of the nearest centre of each point; a tie goes to the lower one."""
    return np.asarray(squared_distances(points, centres).argmin(axis=1), dtype=np.intp)


def squared_distances(points: Points, centres: Points) -> Points:
    """Squared Euclidean distances, n × k, by differences: no cancellation for far points."""
    found: Points = ((points[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2)
    return found


def crossed(first: Labels, second: Labels, k: int, weights: Points | None = None) -> Points:
    """Weight of the points in cluster i of one partition and j of another, k × k."""
    counted = np.bincount(first * k + second, weights=weights, minlength=k * k)
    return counted.reshape(k, k).astype(np.float64)
