"""Does the choice of k find planted clusters, and no others? `python -m benchmarks.planted --seeds 100`."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import duckdb
import numpy as np

from benchmarks.generate import live_files
from rfm_spark.capabilities.clusters.choose import scan, stable_k
from rfm_spark.capabilities.clusters.driver import Points

CUSTOMERS = 3000
KS = tuple(range(2, 11))
# Least distance of two centres, in the largest standard deviation of a blob.
APART = 5.0
# Customers in a thousand that the small group has.
SMALL = 16


def blobs(k: int, seed: int) -> Points:
    """Normal blobs of different shapes, directions and weights (8 % at least), none within 5 sd of another."""
    draws = np.random.default_rng((k, seed))
    widths, centres = _apart(draws, k)
    shares = np.maximum(draws.dirichlet(np.full(k, 5.0)), 0.08)
    return _drawn_around(draws, centres, widths, shares / shares.sum())


def small_group(seed: int) -> Points:
    """Two large blobs and one of 1.6 % of the customers."""
    draws = np.random.default_rng((SMALL, seed))
    widths, centres = _apart(draws, 3)
    small = SMALL / 1000
    return _drawn_around(draws, centres, widths, np.array([0.5 - small / 2, 0.5 - small / 2, small]))


def _apart(draws: np.random.Generator, k: int) -> tuple[Points, Points]:
    """Widths and centres, none of which lies within `APART` of another."""
    widths = draws.uniform(0.15, 0.4, (k, 3))
    while True:
        centres = draws.uniform(-3, 3, (k, 3))
        gaps = np.sqrt(((centres[:, None] - centres) ** 2).sum(axis=2))[~np.eye(k, dtype=bool)]
        if gaps.min() > APART * widths.max():
            return widths, centres


def _drawn_around(draws: np.random.Generator, centres: Points, widths: Points, shares: Points) -> Points:
    sizes = np.round(CUSTOMERS * shares).astype(int)
    parts = []
    for centre, width, size in zip(centres, widths, sizes, strict=True):
        turned, _ = np.linalg.qr(draws.normal(size=(3, 3)))
        parts.append(centre + (draws.normal(size=(size, 3)) * width) @ turned.T)
    return standardised(np.vstack(parts))


def normal(seed: int) -> Points:
    """One spherical normal cloud."""
    return standardised(np.random.default_rng(seed).normal(size=(CUSTOMERS, 3)))


def correlated(seed: int) -> Points:
    """One normal cloud with correlations of 0.3 to 0.85, some of them negative."""
    draws = np.random.default_rng(seed)
    strength, signs = draws.uniform(0.3, 0.85), draws.choice([-1.0, 1.0], 3)
    covariance = np.outer(signs, signs) * (np.full((3, 3), strength) + np.eye(3) * (1 - strength))
    return standardised(draws.multivariate_normal(np.zeros(3), covariance, CUSTOMERS))


def cube(seed: int) -> Points:
    """A uniform cube."""
    return standardised(np.random.default_rng(seed).uniform(size=(CUSTOMERS, 3)))


def standardised(points: Points) -> Points:
    """Mean 0 and standard deviation 1 per coordinate, as features are."""
    found: Points = (points - points.mean(axis=0)) / points.std(axis=0)
    return found


def found_k(points: Points, seed: int, width: float | None = None) -> int | None:
    """The k that is chosen for these customers, or for their cells of a width; None for no_stable_k."""
    weights = np.ones(len(points))
    if width is not None:
        points, weights = on_cells(points, width)
    return stable_k(scan(points, weights, KS, seed))


def on_cells(points: Points, width: float) -> tuple[Points, Points]:
    """Means and sizes of the cells of a grid, as `clusters.cells` has them."""
    _, cell, counts = np.unique(np.round(points / width), axis=0, return_inverse=True, return_counts=True)
    means = [np.bincount(cell.ravel(), weights=points[:, axis]) / counts for axis in range(points.shape[1])]
    return np.column_stack(means), counts.astype(np.float64)


def measured(table: Path) -> Points:
    """Logarithms of recency, frequency and monetary value of all customers of a generated table, over all history."""
    files = [str(file) for file in live_files(table)]
    with duckdb.connect() as database:
        rows = database.execute(
            "SELECT date_diff('day', max(order_ts), DATE '2025-12-31'), count(DISTINCT order_id), sum(amount)::DOUBLE "
            "FROM read_parquet(?) GROUP BY customer_id ORDER BY customer_id",
            [files],
        ).fetchnumpy()
    found: Points = np.log1p(np.maximum(np.column_stack(list(rows.values())).astype(float), 0))
    return found


def drawn(customers: Points, seed: int) -> Points:
    """A sample of customers, standardised."""
    chosen = np.random.default_rng(seed).choice(len(customers), CUSTOMERS, replace=False)
    return standardised(customers[chosen])


FAMILIES: Mapping[str, tuple[Callable[[int], Points], int | None]] = {
    **{f"{k} blobs": (partial(blobs, k), k) for k in range(2, 7)},
    "small group": (small_group, 3),
    "normal": (normal, None),
    "correlated normal": (correlated, None),
    "uniform cube": (cube, None),
}


def main() -> None:
    """Print how often each family's k is found, and what else is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--only", default="", help="families whose name holds this text")
    parser.add_argument("--table", type=Path, help="a table that the benchmark generated: its customers too")
    parser.add_argument("--width", type=float, help="count the customers on cells of this width first, in sd")
    options = parser.parse_args()
    families = dict(FAMILIES)
    if options.table is not None:
        families["the benchmark's customers"] = (partial(drawn, measured(options.table)), None)
    for name, (family, expected) in families.items():
        if options.only not in name:
            continue
        found = Counter(found_k(family(seed), seed, options.width) for seed in range(options.seeds))
        others = {str(k): times for k, times in found.items() if k != expected}
        print(f"{name}: {found[expected]} of {options.seeds} as planted; otherwise {others or 'nothing'}", flush=True)


if __name__ == "__main__":
    main()
