"""Pareto/NBD, in which a customer stops at any time.

Source: Schmittlein, Morrison and Colombo, "Counting your customers", Management Science 33 (1987), with the notation of
Fader and Hardie, "A note on deriving the Pareto/NBD model" (2005).
"""

from __future__ import annotations

import numpy as np
from scipy import special

from rfm_spark.capabilities.clv.buying import Array, Buying, Histories, rate_start, up_to

# Points of the quadrature in each stretch of time, and how often a stretch is halved.
_POINTS, _STRETCHES = 8, 18


class Pareto(Buying):
    """Pareto/NBD: a customer stops at any time, at a rate of their own."""

    name = "pareto_nbd"
    names = ("r", "alpha", "s", "beta")

    def log_likelihoods(self, parameters: Array, seen: Histories) -> Array:
        """See `Buying`."""
        r, alpha, s, beta = parameters
        went_on, stopped = self._parts(parameters, seen)
        ordered = seen.of_x(lambda x: up_to(lambda at: np.log(r + at), x))
        return np.asarray(ordered + r * np.log(alpha) + s * np.log(beta) + np.logaddexp(went_on, stopped))

    def gradient(self, parameters: Array, seen: Histories) -> None:
        """None: derivatives of the hypergeometric function by its parameters have no closed form."""
        return

    def p_alive(self, parameters: Array, seen: Histories) -> Array:
        """See `Buying`."""
        went_on, stopped = self._parts(parameters, seen)
        return np.asarray(special.expit(went_on - stopped))

    def expected(self, parameters: Array, seen: Histories, ahead: float) -> Array:
        """See `Buying`."""
        r, alpha, s, beta = parameters
        rate = (r + seen.x) / (alpha + seen.age)
        # The mean of the time that they go on, out of the time ahead; its limit where s is 1 is a logarithm.
        ratio = np.log(beta + seen.age + ahead) - np.log(beta + seen.age)
        lasting = (beta + seen.age) * ratio * special.exprel((1 - s) * ratio)
        return np.asarray(rate * lasting * self.p_alive(parameters, seen))

    def simulated(self, parameters: Array, seen: Histories, ahead: float, rng: np.random.Generator) -> Array:
        """See `Buying`."""
        r, alpha, s, beta = parameters
        leaves = np.maximum(rng.gamma(s, 1 / (beta + seen.age)), 1e-300)
        lasting = np.minimum(rng.exponential(size=len(seen.x)) / leaves, ahead)
        orders = rng.poisson(rng.gamma(r + seen.x, 1 / (alpha + seen.age)) * lasting)
        return np.where(rng.random(len(seen.x)) < self.p_alive(parameters, seen), orders, 0).astype(np.float64)

    def starts(self, seen: Histories) -> tuple[Array, ...]:
        """See `Buying`."""
        r, alpha = rate_start(seen)
        middle = max(float(np.average(seen.age, weights=seen.customers)), 1e-9)
        return tuple(np.log([r, alpha, s, beta * middle]) for s, beta in ((0.6, 0.4), (1.5, 2.0)))

    def _parts(self, parameters: Array, seen: Histories) -> tuple[Array, Array]:
        r, alpha, s, beta = parameters
        went_on = -(r + seen.x) * np.log(alpha + seen.age) - s * np.log(beta + seen.age)
        more, order = max(alpha, beta), s + 1 if alpha >= beta else r + seen.x
        power = r + s + seen.x

        def term(time: Array) -> Array:
            value = special.hyp2f1(power, order, power + 1, abs(alpha - beta) / (more + time))
            return np.asarray(np.log(np.maximum(value, 1.0)) - power * np.log(more + time))

        first, last = term(seen.t_x), term(seen.age)
        # first >= last; where they are equal, the last order was today and nobody can have stopped since.
        with np.errstate(divide="ignore", invalid="ignore"):
            stopped = np.log(s) - np.log(power) + first + np.log(-np.expm1(np.minimum(last - first, 0.0)))
        lost = ~np.isfinite(first) | ~np.isfinite(last)
        if np.any(lost):
            stopped[lost] = _stopped_between(parameters, seen.those(lost))
        return went_on, stopped


def _stopped_between(parameters: Array, seen: Histories) -> Array:
    """Logarithm of the integral of s (beta + y)^-(s + 1) (alpha + y)^-(r + x) over times y from the last order to now.

    By Gauss-Legendre quadrature, each stretch of time twice as long as the one before: however fast the integrand
    falls, the stretches in which it does are short to it.
    """
    r, alpha, s, beta = parameters
    points, weights = np.polynomial.legendre.leggauss(_POINTS)
    ends = np.concatenate([[0.0], 0.5 ** np.arange(_STRETCHES, -1, -1)])
    widths, starts = np.diff(ends), ends[:-1]
    share = (starts[:, None] + widths[:, None] * (points[None, :] + 1) / 2).ravel()
    part = (widths[:, None] * weights[None, :] / 2).ravel()
    lasts = (seen.age - seen.t_x)[:, None]
    at = seen.t_x[:, None] + share[None, :] * lasts
    falls = -(s + 1) * np.log(beta + at) - (r + seen.x)[:, None] * np.log(alpha + at)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(s) + np.log(lasts[:, 0]) + special.logsumexp(falls, axis=1, b=part[None, :]))
