"""Whether clusters come back on other customers of the same kind: prediction strength, its nulls, and Jaccard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rfm_spark.capabilities.clusters.driver import Labels, Points, crossed, kmeans, nearest

SAMPLE = 1000
SPLITS = 5
NULLS = 10
# numpy draws without replacement from at most a billion; from that many a repeat doesn't matter.
_MANY = 10**9
_STARTS = 3


@dataclass(frozen=True)
class Halves:
    """Two samples of the same customers, each n × d."""

    first: Points
    second: Points


def sample_halves(points: Points, weights: Points, seed: int) -> tuple[Halves, ...]:
    """Disjoint halves of samples of at most `SAMPLE` customers, drawn from weighted points.

    Args:
        points: n × d.
        weights: customers at each point. Points of one weight, if there are enough, are customers drawn to stand for
            others: each of them is in at most one half, once.
        seed: the samples' own.
    """
    drawn_before = len(points) >= SAMPLE and weights.min() == weights.max()
    counts = np.ones(len(points), dtype=np.int64) if drawn_before else weights.astype(np.int64)
    total = int(counts.sum())
    size = min(SAMPLE, total)
    halves = []
    for split in range(SPLITS):
        draws = np.random.default_rng((seed, split))
        if total < _MANY:
            drawn = draws.multivariate_hypergeometric(counts, size, method="marginals")
        else:
            drawn = draws.multinomial(size, counts / total)
        chosen = draws.permutation(np.repeat(points, drawn, axis=0))
        halves.append(Halves(chosen[: size // 2], chosen[size // 2 :]))
    return tuple(halves)


def null_halves(points: Points, weights: Points, seed: int) -> tuple[tuple[Halves, ...], ...]:
    """What samples of one normal cloud with the same mean and covariance would be, `NULLS` times."""
    mean = np.average(points, axis=0, weights=weights)
    covariance = np.cov(points.T, aweights=weights, ddof=0).reshape(len(mean), len(mean))
    size = min(SAMPLE, int(weights.sum()))
    nulls = []
    for null in range(NULLS):
        draws = np.random.default_rng((seed, null))
        clouds = [draws.multivariate_normal(mean, covariance, size, method="eigh") for _ in range(SPLITS)]
        nulls.append(tuple(Halves(cloud[: size // 2], cloud[size // 2 :]) for cloud in clouds))
    return tuple(nulls)


def prediction_strength(halves: Sequence[Halves], k: int, seed: int) -> float:
    """Mean over the splits of the weakest cluster's share of pairs that the other half keeps together.

    Tibshirani and Walther (2005), Cluster validation by prediction strength, J. Comput. Graph. Stat. 14(3): for the
    clusters of one half the minimum of Σᵢ nᵢ(nᵢ − 1) / (n(n − 1)), where nᵢ of its n members are nearest to centre i
    of the other half. A cluster of one has no pair, and strength 0.
    """
    found = [_weakest(half, k, seed) for half in halves]
    return float(np.mean(found))


def _weakest(half: Halves, k: int, seed: int) -> float:
    if len(half.first) < k or len(half.second) < k:
        return 0.0
    theirs = kmeans(half.first, k, seed, starts=_STARTS)
    ours = kmeans(half.second, k, seed, starts=_STARTS)
    together = crossed(ours.labels, nearest(half.second, theirs.centres), k)
    sizes = together.sum(axis=1)
    pairs = sizes * (sizes - 1)
    kept = (together * (together - 1)).sum(axis=1)
    return float(np.min(np.divide(kept, pairs, out=np.zeros(k), where=pairs > 0)))


def bootstrap_jaccard(
    points: Points, weights: Points, labels: Labels, k: int, seed: int, bootstraps: int
) -> tuple[float, ...]:
    """Mean Jaccard similarity of each cluster with the most similar one of refits on bootstrap samples.

    Hennig (2007), Cluster-wise assessment of cluster stability, Comput. Stat. Data Anal. 52(1).

    Args:
        points: n × d.
        weights: customers at each point.
        labels: cluster of each point, 0 … k − 1.
        k: number of clusters.
        seed: of samples and starts.
        bootstraps: how many samples of at most `SAMPLE` customers, with replacement.
    """
    size = min(SAMPLE, int(weights.sum()))
    found = np.zeros(k)
    for bootstrap in range(bootstraps):
        draws = np.random.default_rng((seed, bootstrap))
        drawn = draws.multinomial(size, weights / weights.sum())
        here = np.flatnonzero(drawn)
        if len(here) < k:
            continue
        times = drawn[here].astype(np.float64)
        refit = kmeans(points[here], k, seed + bootstrap, starts=_STARTS, weights=times)
        common = crossed(labels[here], refit.labels, k, times)
        united = common.sum(axis=1, keepdims=True) + common.sum(axis=0, keepdims=True) - common
        found += np.divide(common, united, out=np.zeros_like(common), where=united > 0).max(axis=1)
    return tuple(float(value) for value in found / bootstraps)
