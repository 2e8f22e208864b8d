"""Which fit is used: the one that is asked for, or what it falls back on, with the reason in a sentence."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rfm_spark.capabilities.clv.buying import Histories
from rfm_spark.capabilities.clv.fitting import NO_DROPOUT, Fit, fitted
from rfm_spark.capabilities.clv.models import MODELS
from rfm_spark.capabilities.clv.spending import CORRELATED, GAMMA_GAMMA, NO_MEAN, OWN_MEAN, Spends, fitted_spend
from rfm_spark.capabilities.clv.worth import SpendModel

NBD = "nbd"


@dataclass(frozen=True)
class Chosen:
    """The fit of orders that is used.

    Attributes:
        fit: it.
        wanted: the one that is asked for, whether it is used or not.
        warnings: why another one is used, and what the wanted one ran to.
    """

    fit: Fit
    wanted: Fit
    warnings: tuple[str, ...] = ()


def chosen_fit(model: str, seen: Histories, among: Collection[str] = MODELS) -> Chosen:
    """The model that is asked for where it holds; NBD where nobody stops; another one where no best fit is found.

    Args:
        model: of `predict.clv.model`.
        seen: histories, in periods.
        among: models that may take its place.
    """
    found = fitted(model, seen)
    if found.converged and found.boundary == NO_DROPOUT:
        said = (
            f"predict.clv: {model} runs to its border where no customer ever stops; NBD is used instead, in which "
            "p_alive is 1 for everybody"
        )
        used = fitted(NBD, seen)
        return Chosen(used, found, (said, *_unsure(used)))
    if found.converged:
        return Chosen(found, found, _unsure(found))
    others = (fitted(name, seen) for name in MODELS if name in among and name not in (model, NBD))
    inside = [one for one in others if one.converged and not one.boundary]
    if inside:
        used = max(inside, key=lambda one: one.log_likelihood)
        why = f"{used.model}, the likeliest other model, is used instead"
    else:
        used = fitted(NBD, seen)
        why = "no other one holds either; NBD is used, in which p_alive is 1 for everybody"
    return Chosen(used, found, (f"predict.clv: {model} finds no best parameters; {why}", *_unsure(used)))


def _unsure(used: Fit) -> tuple[str, ...]:
    """That forecasts of a fit have no intervals, and why."""
    if used.boundary in used.parameters:
        return (
            f"predict.clv: {used.model} runs to a border, {used.boundary} is {used.parameters[used.boundary]:.3g}, as "
            "the data leave it open; forecasts are told without intervals",
        )
    if not used.covariance:
        return (
            f"predict.clv: how sure the parameters of {used.model} are can't be told; forecasts are told without "
            "intervals",
        )
    return ()


@dataclass(frozen=True)
class ChosenSpend:
    """What an order is worth.

    Attributes:
        model: it.
        rows: of table `clv_models`, that of the model that is used last.
        warnings: why the customers' own means are taken.
    """

    model: SpendModel
    rows: tuple[Mapping[str, Any], ...]
    warnings: tuple[str, ...] = ()


def spend_model(scope: str, seen: Spends | None, smallest: int) -> ChosenSpend:
    """Gamma–Gamma where it holds, and the customers' own means where it doesn't.

    Args:
        scope: whose.
        seen: repeat spend; None where nobody has any.
        smallest: customers that the model needs.
    """
    kind = {"scope": scope, "kind": "spend"}
    if seen is None:
        none = {**kind, "model": OWN_MEAN, "is_used": True, "customers": 0}
        return ChosenSpend(SpendModel(scope, OWN_MEAN, 0.0), (none,))
    count, mean = int(seen.customers.sum()), float(np.average(seen.mean, weights=seen.customers))
    own = SpendModel(scope, OWN_MEAN, mean)
    of_own = {**kind, "model": OWN_MEAN, "is_used": True, "params": {"mean": mean}, "customers": count}
    if count < smallest:
        few = _instead(scope, f"{count:,} customers have repeat orders, too few to fit it")
        return ChosenSpend(own, (of_own,), (few,))
    fit = fitted_spend(seen)
    row = {
        **kind, "model": GAMMA_GAMMA, "is_used": fit.is_usable, "params": fit.parameters,
        "standard_errors": fit.standard_errors, "log_likelihood": fit.log_likelihood, "customers": fit.customers,
        "cells": len(seen.x), "converged": fit.converged, "boundary": fit.boundary or None,
        "correlation": fit.correlation,
    }  # fmt: skip
    if fit.is_usable:
        p, q, v = (fit.parameters[name] for name in ("p", "q", "v"))
        return ChosenSpend(SpendModel(scope, GAMMA_GAMMA, fit.mean, p, q, v), (row,))
    if abs(fit.correlation) > CORRELATED:
        why = f"spend and frequency go together (correlation {fit.correlation:.2f}), which it assumes they don't"
    elif fit.boundary:
        why = (
            "its mean is not that of the customers"
            if fit.boundary == NO_MEAN
            else f"its parameters run to a border ({fit.boundary})"
        )
    else:
        why = "no best parameters were found"
    return ChosenSpend(own, (row, of_own), (_instead(scope, why),))


def _instead(scope: str, why: str) -> str:
    place = "" if scope == "all" else f" in {scope}"
    return f"predict.clv: Gamma–Gamma is not used{place}, since {why}; an order is worth the customer's own mean"
