"""Fitting a model of orders by maximum likelihood, and what makes a fit no good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from rfm_spark.capabilities.clv.buying import Array, Buying, Histories
from rfm_spark.capabilities.clv.models import MODELS
from rfm_spark.capabilities.clv.optimum import BORDER, Optimum, curvature, optimum

# Further off than this many log-likelihood units nobody would call two optima the same.
_SAME = 1e-3
# A parameter that is sure to within e to this power is as good as open.
_WIDE = 2.0
NO_DROPOUT = "no_dropout"


@dataclass(frozen=True)
class Fit:
    """A fitted model of orders.

    Attributes:
        model: name.
        parameters: by name, positive.
        standard_errors: by name; none at a border.
        covariance: of the logarithms of the parameters, row by row; none at a border.
        log_likelihood: at the optimum, of all customers.
        customers: that it was fitted on.
        converged: whether the optimiser found a point where the slope is flat.
        boundary: what the fit has run to: no_dropout where nobody stops, the name of a parameter without a finite
            value, or nothing.
    """

    model: str
    parameters: dict[str, float]
    log_likelihood: float
    customers: int
    converged: bool
    boundary: str = ""
    standard_errors: dict[str, float] = field(default_factory=dict)
    covariance: tuple[tuple[float, ...], ...] = ()

    @property
    def buying(self) -> Buying:
        """The model."""
        return MODELS[self.model]

    @property
    def values(self) -> Array:
        """The parameters in the model's order."""
        return np.array([self.parameters[name] for name in self.buying.names])


def fitted(model: str, seen: Histories, starts: Sequence[Array] = ()) -> Fit:
    """The best fit of a model, from several starts.

    Args:
        model: of `buying.MODELS`.
        seen: histories.
        starts: logarithms of parameters to begin from; the model's own where empty.
    """
    buying = MODELS[model]
    best = optimum(buying, seen, starts)
    if best is None:
        nothing = dict.fromkeys(buying.names, float("nan"))
        return Fit(model, nothing, float("nan"), round(seen.total), converged=False)
    parameters = {name: float(value) for name, value in zip(buying.names, np.exp(best.logs), strict=True)}
    boundary = _boundary(buying, best, seen)
    errors, covariance = ({}, ()) if boundary else _errors(buying, best.logs, seen)
    wide = [name for at, name in enumerate(buying.names) if covariance and covariance[at][at] > _WIDE**2]
    if wide:
        # Data that leave a parameter open over powers of ten are as good as at a border.
        boundary, errors, covariance = wide[0], {}, ()
    return Fit(model, parameters, best.likelihood, round(seen.total), best.is_flat, boundary, errors, covariance)


def _boundary(buying: Buying, best: Optimum, seen: Histories) -> str:
    """That nobody stops in it, or which parameter has run away."""
    if len(best.logs) > len(MODELS["nbd"].names):
        steady = optimum(MODELS["nbd"], _without_last(seen))
        if steady is not None and best.likelihood - steady.likelihood < _SAME:
            return NO_DROPOUT
    far = [name for name, log in zip(buying.names, best.logs, strict=True) if abs(log) > BORDER - 1]
    return far[0] if far else ""


def _without_last(seen: Histories) -> Histories:
    """Histories put together that NBD can't tell apart: it does not ask for the last order."""
    ages, at = np.unique(seen.age, return_inverse=True)
    keys, cell = np.unique(seen.x * len(ages) + at, return_inverse=True)
    x, age = np.floor_divide(keys, len(ages)), ages[np.mod(keys, len(ages)).astype(np.int64)]
    return Histories(x, np.zeros_like(x), age, np.bincount(cell, seen.customers).astype(np.float64))


def _errors(buying: Buying, logs: Array, seen: Histories) -> tuple[dict[str, float], tuple[tuple[float, ...], ...]]:
    """Standard errors by the curvature at the optimum; those of parameters by the delta method."""
    try:
        covariance = np.linalg.inv(curvature(buying, logs, seen))
    except np.linalg.LinAlgError:
        return {}, ()
    if np.any(np.diag(covariance) <= 0):
        return {}, ()
    spread = np.sqrt(np.diag(covariance)) * np.exp(logs)
    errors = {name: float(one) for name, one in zip(buying.names, spread, strict=True)}
    return errors, tuple(tuple(float(value) for value in row) for row in covariance)
