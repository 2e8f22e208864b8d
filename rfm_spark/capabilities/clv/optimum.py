"""Where a likelihood is highest: L-BFGS-B from several starts; of many histories from the optimum of fewer.

R. Byrd, P. Lu, J. Nocedal and C. Zhu, "A limited memory algorithm for bound constrained optimization", SIAM Journal on
Scientific Computing 16 (1995).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from rfm_spark.capabilities.clv.buying import Array, Buying, Histories

# Logarithms of parameters beyond which a model is at its border: 3.3e5 and its inverse.
BORDER = 12.7
STEP = 1e-4
# Relative to the customers.
_FLAT = 1e-5
_EXACT = {"maxiter": 1000, "ftol": 1e-15, "gtol": 1e-9}
# More histories than this are fitted from the optimum of fewer, in which times are so many parts of the longest one;
# of Pareto/NBD, whose likelihood takes forty times as long, sooner.
MANY, _PARTS = 20_000, 25
_SOONER = {"pareto_nbd": (4_000, 12)}


@dataclass(frozen=True)
class Optimum:
    """The highest point that was found.

    Attributes:
        logs: logarithms of the parameters.
        likelihood: its logarithm there, of all customers.
        is_flat: whether the slope is, but for parameters at a border, where it may point outwards.
    """

    logs: Array
    likelihood: float
    is_flat: bool


def optimum(buying: Buying, seen: Histories, starts: Sequence[Array] = ()) -> Optimum | None:
    """The best of several starts; None where no start leads to a finite likelihood.

    Args:
        buying: model.
        seen: histories.
        starts: logarithms of parameters to begin from; where empty, the model's own, or the optimum of fewer histories.
    """
    many, parts = _SOONER.get(buying.name, (MANY, _PARTS))
    if starts or len(seen.x) <= many:
        return _best(buying, seen, starts or buying.starts(seen))
    fewer = _similar(seen, parts)
    rough = _best(buying, fewer, buying.starts(fewer))
    if rough is None:
        return _best(buying, seen, buying.starts(seen))
    return _refined(buying, seen, fewer, rough) or _best(buying, seen, [rough.logs])


def slope(buying: Buying, logs: Array, seen: Histories) -> Array:
    """Derivatives of the log-likelihood by the logarithms of the parameters; numeric where there is no closed form."""
    known = buying.gradient(np.exp(logs), seen)
    if known is not None:
        return known
    ends = [(logs + one, logs - one) for one in np.eye(len(logs)) * STEP]
    values = [[buying.log_likelihood(np.exp(end), seen) for end in both] for both in ends]
    return np.array([(above - below) / (2 * STEP) for above, below in values])


def curvature(buying: Buying, logs: Array, seen: Histories) -> Array:
    """Second derivatives of minus the log-likelihood, likewise."""
    steps = np.eye(len(logs)) * 1e-3
    rows = np.array([slope(buying, logs + one, seen) - slope(buying, logs - one, seen) for one in steps]) / -2e-3
    return np.asarray((rows + rows.T) / 2)


def _best(buying: Buying, seen: Histories, starts: Sequence[Array]) -> Optimum | None:
    total = seen.total
    bounds = [(-BORDER, BORDER)] * len(buying.names)
    tried = [
        optimize.minimize(
            lambda logs: -buying.log_likelihood(np.exp(logs), seen) / total, start,
            jac=lambda logs: slope(buying, logs, seen) / -total, method="L-BFGS-B", bounds=bounds, options=_EXACT,
        )
        for start in starts
    ]  # fmt: skip
    usable = [one for one in tried if np.isfinite(one.fun)]
    if not usable:
        return None
    best = min(usable, key=lambda one: float(one.fun))
    return _at(buying, np.asarray(best.x), float(best.fun), seen)


def _refined(buying: Buying, seen: Histories, fewer: Histories, rough: Optimum) -> Optimum | None:
    """From the optimum of fewer, in steps by its curvature there: a few lead to that of all.

    None where the curvature shows no peak, or the steps lead to none.
    """
    total, spread = seen.total, curvature(buying, rough.logs, fewer) / fewer.total
    if np.any(np.abs(rough.logs) > BORDER / 2) or np.any(np.linalg.eigvalsh(spread) <= 0):
        return None
    steps = np.linalg.cholesky(np.linalg.inv(spread))

    def logs(at: Array) -> Array:
        return np.asarray(rough.logs + steps @ at)

    best = optimize.minimize(
        lambda at: -buying.log_likelihood(np.exp(logs(at)), seen) / total, np.zeros(len(buying.names)),
        jac=lambda at: steps.T @ slope(buying, logs(at), seen) / -total, method="L-BFGS-B", options=_EXACT,
    )  # fmt: skip
    found = _at(buying, logs(np.asarray(best.x)), float(best.fun), seen)
    return found if found.is_flat and np.all(np.abs(found.logs) < BORDER) else None


def _at(buying: Buying, logs: Array, loss: float, seen: Histories) -> Optimum:
    inside = np.abs(logs) < BORDER - STEP
    flat = np.abs(slope(buying, logs, seen)) / seen.total < _FLAT
    return Optimum(logs, -loss * seen.total, bool(np.all(flat[inside])))


def _similar(seen: Histories, parts: int) -> Histories:
    """Histories put together whose times differ by less than a part of the longest one, at their means."""
    width = float(seen.age.max()) / parts
    keys = np.column_stack([seen.x, np.floor(seen.t_x / width), np.floor(seen.age / width)])
    _, cell = np.unique(keys, axis=0, return_inverse=True)
    n = np.bincount(cell, seen.customers).astype(np.float64)
    x, t_x, age = (np.bincount(cell, one * seen.customers) / n for one in (seen.x, seen.t_x, seen.age))
    return Histories(x, t_x, age, n)
