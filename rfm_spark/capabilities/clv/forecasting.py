"""What a fitted model of orders expects of each history and of all customers, with intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from rfm_spark.capabilities.clv.buying import Array, Histories
from rfm_spark.capabilities.clv.fitting import Fit

_DRAWS, _SEED = 60, 20050524
_SURE = float(special.ndtri(0.975))
# Orders of a horizon are discounted slice by slice: of a year at 10 % this is right to a millionth.
_SLICES = 13
# Outcomes of so many customers tell how far those of all vary.
_SIMULATED = 40_000
_YEAR = 365.25
CELL = ("repeat_days", "last_days", "age_days")


@dataclass(frozen=True)
class Ahead:
    """How far is looked ahead.

    Attributes:
        horizons: in periods, ascending.
        period_days: days of a period.
        discount: of money a year from now.
        grain: what is unsure of an expectation is told by histories whose times are multiples of so many periods; 0
            tells it of each history by itself.
    """

    horizons: tuple[int, ...]
    period_days: float
    discount: float
    grain: float = 0.0


@dataclass(frozen=True)
class Total:
    """What all customers are expected to do within a horizon.

    Attributes:
        expected: days with an order.
        low: of the interval that 95 % of outcomes are in; None without standard errors.
        high: of it; likewise.
    """

    expected: float
    low: float | None
    high: float | None


def draws(fit: Fit) -> Array:
    """Parameters as they may be for all that is known, a row each; the fitted ones alone without standard errors.

    Drawn from the normal law that maximum-likelihood estimates of many customers follow, of their logarithms.
    """
    if not fit.covariance:
        return fit.values[None, :]
    rng = np.random.default_rng(_SEED)
    # By Cholesky, which is unique: the signs of eigenvectors are whatever the machine's library makes them.
    steps = np.linalg.cholesky(np.array(fit.covariance))
    return np.asarray(np.exp(np.log(fit.values) + rng.standard_normal((_DRAWS, len(fit.values))) @ steps.T))


def forecast(fit: Fit, cells: pd.DataFrame, ahead: Ahead, sampled: Array) -> pd.DataFrame:
    """What is expected of customers of each history.

    Args:
        fit: of orders, in periods.
        cells: the columns CELL, in days, and customers.
        ahead: horizons.
        sampled: of `draws`.

    Returns:
        The cells with p_alive, forecasts (a list of tuples per horizon: horizon, orders, low, high; the last two None
        without standard errors) and discounted_orders.
    """
    seen, buying, values = histories(cells, ahead.period_days), fit.buying, fit.values
    similar, cell = _together(seen, ahead.grain)
    columns = []
    for horizon in ahead.horizons:
        orders = buying.expected(values, seen, horizon)
        if fit.covariance:
            spread = _spread(fit, similar, float(horizon), sampled)[cell]
            ends = [_or_none(orders * np.exp(side * _SURE * spread)) for side in (-1, 1)]
        else:
            # What is unsure is not known: no interval is better than one of no width.
            ends = [[None] * len(orders)] * 2
        columns.append([(horizon, *one) for one in zip(orders.tolist(), *ends, strict=True)])
    return cells.assign(
        p_alive=buying.p_alive(values, seen),
        forecasts=pd.Series([list(one) for one in zip(*columns, strict=True)], index=cells.index),
        discounted_orders=_discounted(fit, seen, ahead),
    )


def totals(fit: Fit, seen: Histories, ahead: Ahead) -> list[Total]:
    """What all customers together are expected to do, per horizon.

    The interval has both what is unsure of the parameters and that customers are few or many by chance.
    """
    rng = np.random.default_rng(_SEED)
    sampled, buying = draws(fit), fit.buying
    some = _sampled(seen, rng)
    found = []
    for horizon in ahead.horizons:
        expected = float(seen.customers @ buying.expected(fit.values, seen, horizon))
        if not fit.covariance:
            found.append(Total(expected, None, None))
            continue
        means = [float(seen.customers @ buying.expected(one, seen, horizon)) for one in sampled]
        if not np.all(np.isfinite(means)):
            found.append(Total(expected, None, None))
            continue
        chance = float(np.var(buying.simulated(fit.values, some, horizon, rng))) * seen.total
        # The variance of sums: of what is expected of each customer, and of each about that.
        between = _variance(buying.expected(fit.values, some, horizon)) * seen.total
        spread = np.sqrt(_variance(np.array(means)) + max(chance - between, 0.0)) * _SURE
        found.append(Total(expected, max(expected - spread, 0.0), expected + spread))
    return found


def forecaster(fit: Fit, ahead: Ahead) -> FrameMapper:
    """A function of batches of cells, for `mapInPandas`; parameters are drawn once, here."""
    return FrameMapper(fit, ahead, draws(fit))


@dataclass(frozen=True)
class FrameMapper:
    """Forecasts batch by batch.

    Attributes:
        fit: of orders.
        ahead: horizons.
        sampled: of `draws`.
    """

    fit: Fit
    ahead: Ahead
    sampled: Array

    def __call__(self, batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        """The cells of each batch with what is expected of them."""
        for batch in batches:
            yield forecast(self.fit, batch, self.ahead, self.sampled)


@dataclass(frozen=True)
class ExpectedMapper:
    """Days with an order that are expected, batch by batch.

    Attributes:
        fit: of orders, in days.
        days: ahead.
    """

    fit: Fit
    days: int

    def __call__(self, batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        """The columns CELL of each batch, with `expected`."""
        for batch in batches:
            seen = histories(batch, 1.0)
            told = self.fit.buying.expected(self.fit.values, seen, float(self.days))
            yield batch[list(CELL)].assign(expected=told)


def histories(cells: pd.DataFrame, period_days: float) -> Histories:
    """The same in periods."""
    x, last, age = (cells[name].to_numpy(np.float64) for name in CELL)
    return Histories(x, last / period_days, age / period_days, cells["customers"].to_numpy(np.float64))


def _discounted(fit: Fit, seen: Histories, ahead: Ahead) -> Array:
    """Orders of the last horizon, those of each slice of it discounted from its middle."""
    ends = np.linspace(0, ahead.horizons[-1], min(ahead.horizons[-1], _SLICES) + 1)
    before, found = np.zeros_like(seen.x), np.zeros_like(seen.x)
    for start, end in pairwise(ends.tolist()):
        until = fit.buying.expected(fit.values, seen, end)
        years = (start + end) / 2 * ahead.period_days / _YEAR
        found += (until - before) / (1 + ahead.discount) ** years
        before = until
    return found


def _or_none(values: Array) -> list[float | None]:
    """Where parameters may be so large that nothing can be told, no end is better than one that is no number."""
    return [value if isfinite(value) else None for value in values.tolist()]


def _together(seen: Histories, grain: float) -> tuple[Histories, NDArray[np.int64]]:
    """Histories that stand for those whose times are nearly theirs, and which of them stands for each.

    They are multiples of the grain, whatever other histories are looked at with them.
    """
    if not grain:
        return seen, np.arange(len(seen.x))
    keys = np.column_stack([seen.x, np.round(seen.t_x / grain), np.round(seen.age / grain)])
    some, cell = np.unique(keys, axis=0, return_inverse=True)
    times = some[:, 1:] * grain
    return Histories(some[:, 0], times[:, 0], times[:, 1], np.ones(len(some))), np.asarray(cell, dtype=np.int64)


def _spread(fit: Fit, seen: Histories, horizon: float, sampled: Array) -> Array:
    """Standard deviation of the logarithm of what is expected, over draws of the parameters."""
    logs = [np.log(np.maximum(fit.buying.expected(one, seen, horizon), 1e-300)) for one in sampled]
    return np.asarray(np.std(logs, axis=0, ddof=1)) if len(logs) > 1 else np.zeros_like(seen.x)


def _sampled(seen: Histories, rng: np.random.Generator) -> Histories:
    which = rng.choice(len(seen.x), size=_SIMULATED, p=seen.customers / seen.total)
    return Histories(seen.x[which], seen.t_x[which], seen.age[which], np.ones(_SIMULATED))


def _variance(values: Sequence[float] | Array) -> float:
    return float(np.var(values, ddof=1)) if len(values) > 1 else 0.0
