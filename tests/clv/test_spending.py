"""Gamma–Gamma against the published fit, integration, simulated spend, and what it can't hold for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, optimize, stats

from rfm_spark.capabilities.clv.choosing import spend_model
from rfm_spark.capabilities.clv.spending import Spends, _gradient, fitted_spend, log_likelihoods
from tests.clv.panels import cdnow

TRUTH = np.array([5.0, 3.5, 20.0])
# Made at import, which types don't see.
(GAMMA,) = (getattr(stats, name) for name in ("gamma",))


def simulated(customers: int, seed: int, *, together: bool = False) -> Spends:
    """Orders drawn one by one; with `together` whoever spends more comes more often."""
    p, q, v = TRUTH
    rng = np.random.default_rng(seed)
    scale = 1 / rng.gamma(q, 1 / v, customers)
    x = 1.0 + rng.poisson(2.0 * scale / scale.mean() * 4 if together else np.full(customers, 3.0))
    means = np.asarray(rng.gamma(p * x, scale) / x, dtype=np.float64)
    return Spends(np.asarray(x, dtype=np.float64), means, np.ones(customers))


def test_the_published_fit_of_cdnow() -> None:
    found = cdnow()
    repeat = found[found["x"] > 0]
    fit = fitted_spend(Spends(repeat["x"].to_numpy(float), repeat["mean"].to_numpy(float), np.ones(len(repeat))))
    assert {name: round(value, 2) for name, value in fit.parameters.items()} == {"p": 6.25, "q": 3.74, "v": 15.44}
    assert fit.customers == 946
    assert fit.is_usable


def test_densities_are_integrals_over_customers() -> None:
    p, q, v = TRUTH
    for x, mean in ((1.0, 30.0), (4.0, 55.0)):
        # Of x orders the sum is gamma distributed with shape p x; its mean, with a scale x times smaller.
        density = integrate.quad(
            lambda nu, x=x, mean=mean: GAMMA(p * x, scale=1 / (nu * x)).pdf(mean) * GAMMA(q, scale=1 / v).pdf(nu),
            0,
            np.inf,
        )[0]
        seen = Spends(np.array([x]), np.array([mean]), np.ones(1))
        assert log_likelihoods(TRUTH, seen)[0] == pytest.approx(np.log(density), abs=1e-7)


def test_the_gradient_is_that_of_the_likelihood() -> None:
    seen = simulated(500, 1)
    logs = np.log([3.0, 2.5, 30.0])
    numeric = optimize.approx_fprime(logs, lambda point: float(log_likelihoods(np.exp(point), seen).sum()), 1e-7)
    assert _gradient(logs, seen) == pytest.approx(numeric, rel=1e-4)


def test_simulated_spend_gives_its_parameters_back() -> None:
    fit = fitted_spend(simulated(20_000, 8))
    for name, truth in zip("pqv", TRUTH, strict=True):
        assert abs(fit.parameters[name] - truth) < 4 * fit.standard_errors[name]
    assert fit.mean == pytest.approx(TRUTH[0] * TRUTH[2] / (TRUTH[1] - 1), rel=0.03)


def test_spend_that_goes_with_frequency_is_said() -> None:
    found = spend_model("all", simulated(5_000, 2, together=True), 100)
    assert found.model.method == "own_mean"
    assert "spend and frequency go together (correlation 0." in found.warnings[0]
    assert found.rows[0]["correlation"] > 0.3


def test_few_and_no_repeat_orders() -> None:
    few = spend_model("EUR", simulated(50, 3), 100)
    assert few.model.method == "own_mean"
    assert "not used in EUR, since 50 customers have repeat orders, too few" in few.warnings[0]
    assert spend_model("all", None, 100).model.mean == 0


def test_means_that_never_vary_are_a_border() -> None:
    seen = Spends(np.arange(1.0, 401.0) % 5 + 1, np.full(400, 25.0), np.ones(400))
    found = spend_model("all", seen, 100)
    assert found.model.method == "own_mean"
    assert found.model.mean == pytest.approx(25.0)
    assert found.rows[0]["boundary"] == "runs_away"
