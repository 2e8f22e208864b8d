"""Whether neighbouring clusters are two groups, or one cloud that was cut.

Half of a long cloud comes back on every sample, so stability alone lets clouds be cut once more than there are
groups. After SigClust (Liu, Hayes, Nobel and Marron 2008, Statistical significance of clustering for
high-dimension, low-sample-size data, JASA 103): the cluster index of two clusters, the sum of squares within them
over that of their union, against what the best cut of a single normal cloud of the union's covariance reaches.
"""

from __future__ import annotations

import numpy as np

from rfm_spark.capabilities.clusters.driver import Labels, Points, kmeans, squared_distances

SAMPLE = 1000
NULLS = 20
_STARTS = 3


def separation(points: Points, weights: Points, labels: Labels, centres: Points, seed: int) -> float:
    """How much better the least separated pair of neighbours is cut than single normal clouds are.

    Args:
        points: n × d.
        weights: customers at each point.
        labels: cluster of each point.
        centres: k × d.
        seed: of samples and starts.

    Returns:
        The smallest over the clusters and the nearest other one each of (mean − index) / standard deviation, mean and
        deviation being those of `NULLS` normal clouds; below about 3 the two are one cloud.
    """
    gaps = squared_distances(centres, centres)
    np.fill_diagonal(gaps, np.inf)
    pairs = sorted({tuple(sorted((at, int(other)))) for at, other in enumerate(gaps.argmin(axis=1))})
    return min(_against_one_cloud(points, weights, labels, pair, seed) for pair in pairs)


def _against_one_cloud(points: Points, weights: Points, labels: Labels, pair: tuple[int, ...], seed: int) -> float:
    draws = np.random.default_rng((seed, *pair))
    members = np.flatnonzero(np.isin(labels, pair))
    size = min(SAMPLE, int(weights[members].sum()))
    drawn = draws.multinomial(size, weights[members] / weights[members].sum())
    union, second = np.repeat(points[members], drawn, axis=0), np.repeat(labels[members] == pair[1], drawn)
    covariance = np.cov(union.T, ddof=0).reshape(points.shape[1], -1)
    nulls = []
    for null in range(NULLS):
        cloud = draws.multivariate_normal(np.zeros(len(covariance)), covariance, size, method="eigh")
        nulls.append(_best_cut(cloud, seed + null))
    index = min(_index(union, second), _best_cut(union, seed))
    deviation = float(np.std(nulls, ddof=1))
    return (float(np.mean(nulls)) - index) / deviation if deviation > 0 else 0.0


def _best_cut(points: Points, seed: int) -> float:
    total = float(((points - points.mean(axis=0)) ** 2).sum())
    return kmeans(points, 2, seed, starts=_STARTS).inertia / total if total > 0 else 1.0


def _index(points: Points, second: Labels) -> float:
    total = float(((points - points.mean(axis=0)) ** 2).sum())
    parts = [points[second], points[~second]]
    within = sum(float(((part - part.mean(axis=0)) ** 2).sum()) for part in parts if len(part))
    return within / total if total > 0 else 1.0
