"""The Gamma–Gamma model of spend: what an order of a customer is worth, between their own mean and everybody's.

Source: Fader and Hardie, "The Gamma-Gamma model of monetary value" (2013), equations 1a and 5. Orders of a customer
vary around their mean by a gamma distribution of shape p; means vary between customers, whose scales are gamma
distributed with q and v. The model assumes that spend and frequency are independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import optimize, special

from rfm_spark.capabilities.clv.buying import Array

GAMMA_GAMMA, OWN_MEAN = "gamma_gamma", "own_mean"
_BORDER = 12.7
_FLAT = 1e-5
# Beyond this spend and frequency go together so much that an order's worth can't be told without frequency.
CORRELATED = 0.3
NO_MEAN, RUN_AWAY = "no_mean", "runs_away"
# A mean further from that of the customers than this is made by a tail that the model invents.
_OFF = 1.25


@dataclass(frozen=True)
class Spends:
    """Repeat orders of customers who have some, equal ones once.

    Attributes:
        x: days with an order after the first one, at least 1.
        mean: of these days' money, above 0.
        customers: how many are alike.
    """

    x: Array
    mean: Array
    customers: Array

    @property
    def correlation(self) -> float:
        """Spearman's, of the number of orders and their mean; 0 where one of both is constant."""
        if len(self.x) < 2 or np.ptp(self.x) == 0 or np.ptp(self.mean) == 0:
            return 0.0
        of_orders, of_spend = (_ranks(one, self.customers) for one in (self.x, self.mean))
        covariance = np.cov(of_orders, of_spend, aweights=self.customers, ddof=0)
        return float(covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]))


def _ranks(values: Array, customers: Array) -> Array:
    """Middle rank of each among all customers."""
    _, place = np.unique(values, return_inverse=True)
    alike = np.bincount(place, customers)
    return np.asarray((np.cumsum(alike) - alike / 2)[place])


def _is_near(model: float, observed: float) -> bool:
    """Whether the mean of a model is about that of the customers it was fitted on."""
    return 1 / _OFF <= model / observed <= _OFF


@dataclass(frozen=True)
class SpendFit:
    """A fitted Gamma–Gamma model.

    Attributes:
        parameters: p, q and v, the last one in money.
        log_likelihood: at the optimum.
        customers: that it was fitted on.
        correlation: of spend and frequency.
        converged: whether the slope is flat there.
        boundary: what is wrong with it; empty where nothing is.
        standard_errors: by name; none at a border.
    """

    parameters: dict[str, float]
    log_likelihood: float
    customers: int
    correlation: float
    converged: bool
    boundary: str = ""
    standard_errors: dict[str, float] = field(default_factory=dict)

    @property
    def is_usable(self) -> bool:
        """Whether what an order is worth may be told by it."""
        return self.converged and not self.boundary and abs(self.correlation) <= CORRELATED

    @property
    def mean(self) -> float:
        """What an order is worth of a customer of whom nothing is known."""
        return self.parameters["p"] * self.parameters["v"] / (self.parameters["q"] - 1)


def log_likelihoods(parameters: Array, seen: Spends) -> Array:
    """Logarithm of the density of each mean, equation 1a."""
    p, q, v = parameters
    shape, total = p * seen.x, seen.x * seen.mean
    constant = special.gammaln(shape + q) - special.gammaln(shape) - special.gammaln(q)
    return np.asarray(
        constant + q * np.log(v) + shape * np.log(total) - np.log(seen.mean) - (shape + q) * np.log(total + v)
    )


def fitted_spend(seen: Spends) -> SpendFit:
    """The best fit, from several starts."""
    total = float(seen.customers.sum())
    middle = float(np.average(seen.mean, weights=seen.customers))

    def loss(logs: Array) -> float:
        return -float(seen.customers @ log_likelihoods(np.exp(logs), seen)) / total

    def slope(logs: Array) -> Array:
        return _gradient(logs, seen) / -total

    starts: Sequence[Array] = [np.log([p, q, middle * (q - 1) / p]) for p, q in ((6.0, 4.0), (1.0, 2.0), (2.0, 10.0))]
    bounds = [(-_BORDER, _BORDER), (-_BORDER, _BORDER), (np.log(middle) - _BORDER, np.log(middle) + _BORDER)]
    options = {"maxiter": 1000, "ftol": 1e-15, "gtol": 1e-9}
    tried = [
        optimize.minimize(loss, start, jac=slope, method="L-BFGS-B", bounds=bounds, options=options) for start in starts
    ]
    best = min(tried, key=lambda one: float(one.fun))
    logs = np.asarray(best.x)
    p, q, v = (float(one) for one in np.exp(logs))
    away = any(not low + 1 < log < high - 1 for log, (low, high) in zip(logs, bounds, strict=True))
    boundary = RUN_AWAY if away else "" if q > 1 and _is_near(p * v / (q - 1), middle) else NO_MEAN
    errors = {} if boundary else _errors(logs, seen)
    flat = bool(np.all(np.abs(slope(logs)) < _FLAT))
    named = {"p": p, "q": q, "v": v}
    return SpendFit(named, -float(best.fun) * total, round(total), seen.correlation, flat, boundary, errors)


def _gradient(logs: Array, seen: Spends) -> Array:
    p, q, v = np.exp(logs)
    x, total, weights = seen.x, seen.x * seen.mean, seen.customers
    both = special.digamma(p * x + q)
    by_p = x * (both - special.digamma(p * x) + np.log(total) - np.log(total + v))
    by_q = both - special.digamma(q) + np.log(v) - np.log(total + v)
    by_v = q / v - (p * x + q) / (total + v)
    return np.array([weights @ by_p * p, weights @ by_q * q, weights @ by_v * v])


def _errors(logs: Array, seen: Spends) -> dict[str, float]:
    steps = np.eye(3) * 1e-3
    curvature = np.array([_gradient(logs + one, seen) - _gradient(logs - one, seen) for one in steps]) / -2e-3
    try:
        variances = np.diag(np.linalg.inv((curvature + curvature.T) / 2))
    except np.linalg.LinAlgError:
        return {}
    if np.any(variances <= 0):
        return {}
    return {name: float(one) for name, one in zip("pqv", np.sqrt(variances) * np.exp(logs), strict=True)}
