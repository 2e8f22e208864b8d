"""Choosing k: figures against independent computations, planted groups found, clouds left alone."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_score

from benchmarks.planted import blobs, correlated, cube, found_k, normal
from rfm_spark.capabilities.clusters.choose import cell_silhouette, knee, scan, stable_k
from rfm_spark.capabilities.clusters.driver import Partition, Points, kmeans, nearest
from rfm_spark.capabilities.clusters.fit import inertia_of
from rfm_spark.capabilities.clusters.identity import adjusted_rand
from rfm_spark.capabilities.clusters.separation import separation
from rfm_spark.capabilities.clusters.stability import Halves, bootstrap_jaccard, prediction_strength, sample_halves


# A hundred seeds each are `python -m benchmarks.planted`.
@pytest.mark.parametrize(("k", "seed"), [(2, 1), (4, 2), (6, 3)])
def test_planted_groups_are_found(k: int, seed: int) -> None:
    assert found_k(blobs(k, seed), seed) == k


@pytest.mark.parametrize("cloud", [normal, correlated, cube])
def test_a_cloud_without_groups_has_no_stable_k(cloud: object) -> None:
    assert callable(cloud)
    assert found_k(cloud(3), 3) is None


def test_one_long_cloud_is_not_two_groups() -> None:
    """Half of it comes back on every sample, which is what prediction strength alone takes for structure."""
    draws = np.random.default_rng(5)
    cloud = draws.normal(size=(2000, 2)) * [8.0, 1.0]
    cut = kmeans(cloud, 2, 1)
    ones = np.ones(len(cloud))
    assert prediction_strength(sample_halves(cloud, ones, 1), 2, 1) > 0.75
    assert separation(cloud, ones, cut.labels, cut.centres, 1) < 3
    two = np.vstack([cloud[:1000] * [0.1, 1], cloud[1000:] * [0.1, 1] + [9, 0]])
    apart = kmeans(two, 2, 1)
    assert separation(two, ones, apart.labels, apart.centres, 1) > 10


def test_prediction_strength_is_the_weakest_clusters_share_of_pairs_kept_together() -> None:
    points = blobs(3, 4)
    draws = np.random.default_rng(8).permutation(len(points))[:400]
    halves = Halves(points[draws[:200]], points[draws[200:]])
    k, seed = 4, 11
    found = prediction_strength((halves,), k, seed)
    theirs = KMeans(k, n_init=3, random_state=seed, max_iter=200).fit(halves.first)
    ours = KMeans(k, n_init=3, random_state=seed, max_iter=200).fit(halves.second)
    by_theirs = theirs.predict(halves.second)
    shares = []
    for cluster in range(k):
        members = np.flatnonzero(ours.labels_ == cluster)
        pairs = list(combinations(members, 2))
        shares.append(np.mean([by_theirs[a] == by_theirs[b] for a, b in pairs]))
    assert found == pytest.approx(min(shares))


def test_halves_are_disjoint_and_never_hold_a_customer_twice() -> None:
    points = np.arange(300.0).reshape(-1, 1)
    for halves in sample_halves(points, np.ones(300), 3):
        together = np.concatenate([halves.first, halves.second]).ravel()
        assert len(together) == len(set(together)) == 300


def test_clear_groups_come_back_in_every_bootstrap_and_cut_ones_do_not() -> None:
    points = blobs(3, 9)
    ones = np.ones(len(points))
    right, wrong = kmeans(points, 3, 1, starts=5), kmeans(points, 5, 1, starts=5)
    assert min(bootstrap_jaccard(points, ones, right.labels, 3, 1, 5)) > 0.99
    assert min(bootstrap_jaccard(points, ones, wrong.labels, 5, 1, 5)) < 0.95


@pytest.mark.parametrize("k", [2, 5])
def test_the_silhouette_of_cells_is_scikit_learns_with_every_customer_written_out(k: int) -> None:
    draws = np.random.default_rng(k)
    cells = draws.normal(size=(120, 3))
    weights = draws.integers(1, 9, 120).astype(float)
    fitted = kmeans(cells, k, 3, weights=weights)
    points, labels = (np.repeat(part, weights.astype(int), axis=0) for part in (cells, fitted.labels))
    assert cell_silhouette(cells, weights, fitted) == pytest.approx(
        silhouette_score(points, labels, metric="sqeuclidean"), abs=1e-12
    )


def test_a_customer_alone_in_a_cluster_has_silhouette_zero() -> None:
    cells = np.array([[0.0], [0.1], [9.0]])
    labels = np.array([0, 0, 1])
    partition = Partition(np.array([[0.05], [9.0]]), labels, 0.0)
    found = cell_silhouette(cells, np.ones(3), partition)
    assert found == pytest.approx(silhouette_score(cells, labels, metric="sqeuclidean"))


def test_the_knee_is_where_the_curve_lies_furthest_below_its_chord() -> None:
    assert knee([2, 3, 4, 5, 6], [100.0, 60.0, 20.0, 17.0, 14.0]) == 4
    assert knee([2, 3], [2.0, 1.0]) is None
    assert knee([2, 3, 4], [1.0, 1.0, 1.0]) is None


def test_a_scan_repeats_itself_and_says_what_each_k_would_be() -> None:
    points = blobs(3, 1)[::4]
    ones = np.ones(len(points))
    first, second = (scan(points, ones, (2, 3, 4), 42) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert one.partition.centres.tobytes() == other.partition.centres.tobytes()
        assert (one.prediction_strength, one.null_strength, one.jaccard) == (
            other.prediction_strength, other.null_strength, other.jaccard,
        )  # fmt: skip
    assert [row.k for row in first] == [2, 3, 4]
    assert [row.inertia for row in first] == sorted((row.inertia for row in first), reverse=True)
    for row in first:
        assert row.inertia == pytest.approx(inertia_of(points, ones, row.partition.centres))
        shares = np.bincount(nearest(points, row.partition.centres)) / len(points)
        assert row.smallest_share == pytest.approx(shares.min())
    assert stable_k(first) == 3


def test_the_adjusted_rand_index_is_scikit_learns() -> None:
    draws = np.random.default_rng(1)
    for _ in range(5):
        a, b = draws.integers(0, 4, 300), draws.integers(0, 3, 300)
        table: Points = np.zeros((4, 3))
        np.add.at(table, (a, b), 1)
        assert adjusted_rand(table) == pytest.approx(adjusted_rand_score(a, b), abs=1e-12)
    assert adjusted_rand(np.diag([3.0, 4.0, 5.0])[:, [2, 0, 1]]) == 1.0
