"""Models of how often customers order until they stop: BG/NBD, MBG/NBD, and NBD, in which nobody stops.

Times are in one unit throughout. Of a customer a model knows three numbers: x, their days with an order after the first
one; t_x, the time from their first order to their last; and T, the time from their first order to now.

Sources: Fader, Hardie and Lee, "Counting your customers the easy way", Marketing Science 24 (2005), equations 6 to 10,
for BG/NBD; Batislam, Denizel and Filiztekin, "Empirical validation and comparison of models for customer base
analysis", IJRM 24 (2007), for MBG/NBD.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]
_NEAR = 1e-6
# Parameters beyond which closed forms lose their digits, powers of e that doubles hold, and points of the quadrature
# that takes their place.
_LARGE, _EXPONENT, _POINTS = 1_000.0, 600.0, 96


@dataclass(frozen=True)
class Histories:
    """What models know of customers, equal ones once.

    Attributes:
        x: days with an order after the first one.
        t_x: from the first order to the last.
        age: from the first order to now, T.
        customers: how many are alike; whole numbers but for bootstrap weights.
    """

    x: Array
    t_x: Array
    age: Array
    customers: Array

    @property
    def total(self) -> float:
        """Customers of all cells."""
        return float(self.customers.sum())

    def of_x(self, function: Callable[[Array], Array]) -> Array:
        """A function of x of each history, once for each value: there are few, and gamma functions are slow."""
        values, at = self._different_x
        return np.asarray(function(values)[at])

    def those(self, which: NDArray[np.bool_]) -> Histories:
        """Some of them, such as those of whom a closed form overflows."""
        return Histories(self.x[which], self.t_x[which], self.age[which], self.customers[which])

    @cached_property
    def _different_x(self) -> tuple[Array, NDArray[np.int64]]:
        values, at = np.unique(self.x, return_inverse=True)
        return values, np.asarray(at, dtype=np.int64)


class Buying(ABC):
    """A model of orders; parameters are positive numbers, fitted as their logarithms.

    Attributes:
        name: as in `predict.clv.model`.
        names: of the parameters, in their order.
    """

    name: ClassVar[str]
    names: ClassVar[tuple[str, ...]]

    @abstractmethod
    def log_likelihoods(self, parameters: Array, seen: Histories) -> Array:
        """Logarithm of each history's likelihood."""

    @abstractmethod
    def gradient(self, parameters: Array, seen: Histories) -> Array | None:
        """Derivatives of the sum by the logarithms of the parameters; None where they have no closed form."""

    @abstractmethod
    def p_alive(self, parameters: Array, seen: Histories) -> Array:
        """Probability that a customer has not stopped by now."""

    @abstractmethod
    def expected(self, parameters: Array, seen: Histories, ahead: float) -> Array:
        """Expected days with an order in the time ahead, that customers may have stopped taken into account."""

    @abstractmethod
    def simulated(self, parameters: Array, seen: Histories, ahead: float, rng: np.random.Generator) -> Array:
        """Days with an order in the time ahead of one customer of each history, drawn."""

    @abstractmethod
    def starts(self, seen: Histories) -> tuple[Array, ...]:
        """Logarithms of parameters to begin from."""

    def log_likelihood(self, parameters: Array, seen: Histories) -> float:
        """Of all customers."""
        return float(seen.customers @ self.log_likelihoods(parameters, seen))


def up_to(terms: Callable[[Array], Array], counts: Array) -> Array:
    """The sum of the first terms, as many as each count says.

    Differences of gamma functions are such sums, of logarithms, and keep their digits as sums, however large parameters
    are.

    Args:
        terms: by their place, from 0.
        counts: whole numbers.
    """
    sums = np.concatenate([[0.0], np.cumsum(terms(np.arange(counts.max(initial=0.0))))])
    return np.asarray(sums[counts.astype(np.int64)])


def rate_start(seen: Histories) -> tuple[float, float]:
    """Both parameters of rates whose mean is that of all customers, spread as in the published fits."""
    rate = float(seen.customers @ seen.x) / max(float(seen.customers @ seen.age), 1e-9)
    return 0.5, 0.5 / max(rate, 1e-9)


class BetaGeometric(Buying):
    """BG/NBD: after each order but the first a customer stops with a probability of their own.

    MBG/NBD differs in one point: they may stop after the first order, too.
    """

    name = "bg_nbd"
    names = ("r", "alpha", "a", "b")
    _after_first: ClassVar[int] = 0

    def log_likelihoods(self, parameters: Array, seen: Histories) -> Array:
        """See `Buying`."""
        r, _, a, b = parameters
        went_on, stopped = self._parts(parameters, seen)

        def of_orders(x: Array) -> Array:
            survived = up_to(lambda at: -np.log1p(a / (b + at)), x + self._after_first)
            return survived + up_to(lambda at: np.log(r + at), x)

        return np.asarray(seen.of_x(of_orders) + np.logaddexp(went_on, stopped))

    def gradient(self, parameters: Array, seen: Histories) -> Array:
        """See `Buying`."""
        r, alpha, a, b = parameters
        x, weights, first = seen.x, seen.customers, self._after_first
        went_on, stopped = self._parts(parameters, seen)
        share = special.expit(stopped - went_on)
        by_r = (
            seen.of_x(lambda x: up_to(lambda at: 1 / (r + at), x))
            - (1 - share) * np.log1p(seen.age / alpha) - share * np.log1p(seen.t_x / alpha)
        )  # fmt: skip
        by_alpha = (1 - share) * (r * seen.age / alpha - x) / (alpha + seen.age) + share * (
            r * seen.t_x / alpha - x
        ) / (alpha + seen.t_x)
        by_a = share / a - seen.of_x(lambda x: up_to(lambda at: 1 / (a + b + at), x + first))
        survived = seen.of_x(lambda x: up_to(lambda at: a / (b + at) / (a + b + at), x + first))
        # Whoever can't have stopped has no share, and b + x + first - 1 of them may be below 0.
        last = seen.of_x(lambda x: np.where(x + first > 0, b + x + first - 1, 1.0))
        by_b = survived - share / last
        return np.array([weights @ one for one in (by_r, by_alpha, by_a, by_b)]) * parameters

    def p_alive(self, parameters: Array, seen: Histories) -> Array:
        """See `Buying`."""
        went_on, stopped = self._parts(parameters, seen)
        return np.asarray(special.expit(went_on - stopped))

    def expected(self, parameters: Array, seen: Histories, ahead: float) -> Array:
        """See `Buying`."""
        r, alpha, a, b = parameters
        # At 1 both the factor and what it divides are 0.
        a = a if abs(a - 1) > _NEAR else 1 + _NEAR
        top = a + b + seen.x + self._after_first - 1
        z = ahead / (alpha + seen.age + ahead)
        power = (a - 1) * np.log1p(-z)
        # Equation 10 by Euler's transformation, whose terms don't overflow for many orders.
        with np.errstate(over="ignore", invalid="ignore"):
            shrunk = np.exp(power) * special.hyp2f1(top - seen.x - r, a - 1, top, z)
            orders = top / (a - 1) * (1 - shrunk)
        lost = ~np.isfinite(orders) | (power < -_EXPONENT) | (max(a, b, r) > _LARGE)
        if np.any(lost):
            orders[lost] = self._integrated(parameters, seen.those(lost), ahead)
        return np.asarray(orders * self.p_alive(parameters, seen))

    def _integrated(self, parameters: Array, seen: Histories, ahead: float) -> Array:
        """Orders of who goes on, as the mean of (1 - exp(-rate · p · ahead)) / p over rates and probabilities to stop.

        Where parameters are large the closed form overflows; rates are integrated out, probabilities by quadrature.
        """
        r, alpha, a, b = parameters
        points, weights = np.polynomial.legendre.leggauss(_POINTS)
        share = special.betaincinv(a, (b + seen.x + self._after_first)[:, None], (points[None, :] + 1) / 2)
        share = np.maximum(share, 1e-300)
        # Per probability to stop, orders until then or until the end.
        log_left = -(r + seen.x)[:, None] * np.log1p(share * (ahead / (alpha + seen.age))[:, None])
        return np.asarray((-np.expm1(log_left) / share) @ weights / 2)

    def simulated(self, parameters: Array, seen: Histories, ahead: float, rng: np.random.Generator) -> Array:
        """See `Buying`."""
        r, alpha, a, b = parameters
        wanted = rng.poisson(rng.gamma(r + seen.x, 1 / (alpha + seen.age)) * ahead)
        stops = np.clip(rng.beta(a, b + seen.x + self._after_first), 1e-12, 1.0)
        alive = rng.random(len(seen.x)) < self.p_alive(parameters, seen)
        return np.where(alive, np.minimum(wanted, rng.geometric(stops)), 0).astype(np.float64)

    def starts(self, seen: Histories) -> tuple[Array, ...]:
        """See `Buying`."""
        r, alpha = rate_start(seen)
        return tuple(np.log([r, alpha, a, b]) for a, b in ((0.8, 2.5), (0.3, 5.0), (2.0, 2.0)))

    def _parts(self, parameters: Array, seen: Histories) -> tuple[Array, Array]:
        """Of a customer who went on, and of one who stopped at their last order: logarithms, less what both have."""
        r, alpha, a, b = parameters
        first = self._after_first

        def at_last(x: Array) -> Array:
            may_stop = x + first > 0
            chance = np.log(a) - np.log(np.where(may_stop, b + x + first - 1, 1.0))
            return np.where(may_stop, chance, -np.inf)

        went_on = -r * np.log1p(seen.age / alpha) - seen.x * np.log(alpha + seen.age)
        stopped = -r * np.log1p(seen.t_x / alpha) - seen.x * np.log(alpha + seen.t_x)
        return went_on, seen.of_x(at_last) + stopped


class ModifiedBetaGeometric(BetaGeometric):
    """MBG/NBD: a customer may stop after any order, the first one among them."""

    name = "mbg_nbd"
    _after_first = 1


class Steady(Buying):
    """NBD: nobody stops; what a model comes to whose customers don't."""

    name = "nbd"
    names = ("r", "alpha")

    def log_likelihoods(self, parameters: Array, seen: Histories) -> Array:
        """See `Buying`."""
        r, alpha = parameters
        ordered = seen.of_x(lambda x: up_to(lambda at: np.log(r + at), x))
        return np.asarray(ordered - r * np.log1p(seen.age / alpha) - seen.x * np.log(alpha + seen.age))

    def gradient(self, parameters: Array, seen: Histories) -> Array:
        """See `Buying`."""
        r, alpha = parameters
        weights, x = seen.customers, seen.x
        by_r = seen.of_x(lambda x: up_to(lambda at: 1 / (r + at), x)) - np.log1p(seen.age / alpha)
        by_alpha = (r * seen.age / alpha - x) / (alpha + seen.age)
        return np.array([weights @ by_r, weights @ by_alpha]) * parameters

    def p_alive(self, parameters: Array, seen: Histories) -> Array:
        """1 for everybody."""
        return np.ones_like(seen.x)

    def expected(self, parameters: Array, seen: Histories, ahead: float) -> Array:
        """See `Buying`."""
        r, alpha = parameters
        return np.asarray((r + seen.x) / (alpha + seen.age) * ahead)

    def simulated(self, parameters: Array, seen: Histories, ahead: float, rng: np.random.Generator) -> Array:
        """See `Buying`."""
        r, alpha = parameters
        return np.asarray(rng.poisson(rng.gamma(r + seen.x, 1 / (alpha + seen.age)) * ahead), dtype=np.float64)

    def starts(self, seen: Histories) -> tuple[Array, ...]:
        """See `Buying`."""
        return (np.log(rate_start(seen)),)
