"""The steps of predictions of orders: models are fitted on counted histories, and tell each history's future."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from math import isfinite
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.clv.artefacts import Forecasts
from rfm_spark.capabilities.clv.cells import Counted, cells_of, counted, score_cuts, spend_cells_of, spends_of
from rfm_spark.capabilities.clv.choosing import Chosen, chosen_fit, spend_model
from rfm_spark.capabilities.clv.config import ClvConfig, PredictConfig
from rfm_spark.capabilities.clv.forecasting import Ahead, forecaster, totals
from rfm_spark.capabilities.clv.tables import CLV_CELLS, CLV_MODELS, CLV_TOTALS, cells_schema
from rfm_spark.capabilities.clv.worth import SpendModel
from rfm_spark.capabilities.purchases.artefacts import Purchases
from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.core.config import Config
from rfm_spark.core.table import ALL, SCOPE_COLUMN
from rfm_spark.pipeline.artefact import Account
from rfm_spark.pipeline.environment import Environment
from rfm_spark.pipeline.step import step


@dataclass(frozen=True)
class ClvSettings:
    """What is predicted.

    Attributes:
        config: as configured.
        amounts_apart: whether scopes have amounts of different currencies.
    """

    config: ClvConfig
    amounts_apart: bool

    @classmethod
    def of(cls, config: Config) -> ClvSettings | None:
        """As configured; None where it is off."""
        clv = config.part(PredictConfig).clv
        return cls(clv, config.part(RfmConfig).amounts_apart) if clv.enabled else None

    def ahead(self, seen: Counted) -> Ahead:
        """How far is looked, for histories that were counted."""
        config = self.config
        return Ahead(config.horizons, config.days, config.discount, seen.similar_days / config.days)


@step("Forecasts", "models of orders and spend are fitted", writes=(CLV_MODELS, CLV_CELLS, CLV_TOTALS))
def predict(environment: Environment, purchases: Purchases, settings: ClvSettings) -> Forecasts:
    """How often will customers order, for how much, and who is still one?"""
    config, as_of = settings.config, environment.run.as_of
    cells = environment.frames.persist(cells_of(purchases.purchased))
    seen = counted(cells)
    why_not = _too_little(seen, config)
    if why_not:
        return Forecasts(account=Account(warnings=(why_not,)), cells=None)
    histories = seen.histories(config.days)
    chosen = chosen_fit(config.model, histories)
    ahead = settings.ahead(seen)
    together = totals(chosen.fit, histories, ahead)
    if not all(isfinite(total.expected) for total in together):
        why = f"predict.clv: {chosen.fit.model} tells no number of orders; its columns are left empty"
        environment.write(CLV_MODELS, [{**row, "is_used": False} for row in _orders_rows(chosen, seen, settings)])
        return Forecasts(account=Account(warnings=(*chosen.warnings, why)), cells=None)
    worth, spend_rows, warnings = _spends(environment, purchases.purchased, settings)
    made = cells.mapInPandas(forecaster(chosen.fit, ahead), cells_schema())
    environment.write(CLV_CELLS, made)
    environment.write(
        CLV_TOTALS,
        [
            {
                "horizon": horizon, "until": as_of + timedelta(days=round(horizon * config.days)),
                "customers": round(histories.total), "expected_orders": total.expected, "low": total.low,
                "high": total.high,
            }
            for horizon, total in zip(config.horizons, together, strict=True)
        ],
    )  # fmt: skip
    told = environment.written(CLV_CELLS).drop("run_id", "as_of_date")
    found = Forecasts(
        account=Account(warnings=(*chosen.warnings, *warnings), dealt_with=round(histories.total)),
        spends=worth,
        margin=config.margin,
        cells=told,
    )
    found = replace(found, cuts=score_cuts(found.look_up(purchases.purchased)))
    kept = [{**row, "clv_cuts": _cuts_of(row["scope"], found) if row["is_used"] else None} for row in spend_rows]
    environment.write(CLV_MODELS, [*_orders_rows(chosen, seen, settings), *kept])
    return found


def _cuts_of(scope: str, found: Forecasts) -> dict[str, list[float]]:
    """Those of the scopes that a model of spend is for."""
    return {name: list(cuts) for name, cuts in found.cuts.items() if scope in (ALL, name)}


def _too_little(seen: Counted, config: ClvConfig) -> str:
    """Why nothing is predicted; empty where there is enough."""
    cells = seen.cells
    repeaters = int(cells.loc[cells["repeat_days"] > 0, "customers"].sum())
    days = 0 if cells.empty else int(cells["age_days"].max())
    if repeaters < config.smallest:
        return (
            f"predict.clv: {repeaters:,} customers ordered on two days, and {config.smallest:,} are needed "
            "(predict.clv.smallest); p_alive, expected_orders and clv are left empty"
        )
    if days < config.shortest_days:
        return (
            f"predict.clv: orders reach back {days} days, and {config.shortest_days} are needed "
            "(predict.clv.shortest_days); p_alive, expected_orders and clv are left empty"
        )
    return ""


def _spends(
    environment: Environment, purchased: DataFrame, settings: ClvSettings
) -> tuple[tuple[SpendModel, ...], list[dict[str, Any]], list[str]]:
    """What an order is worth: models, their rows, and what a reader should know."""
    scopes = [ALL]
    keys = (SCOPE_COLUMN,) if settings.amounts_apart else ()
    cells = environment.frames.persist(spend_cells_of(purchased, *keys))
    if settings.amounts_apart:
        scopes = sorted(row[0] for row in purchased.select(SCOPE_COLUMN).distinct().collect())
    models, rows, warnings = list[SpendModel](), list[dict[str, Any]](), list[str]()
    for scope in scopes:
        mine = cells if scope == ALL else cells.where(F.col(SCOPE_COLUMN) == F.lit(scope))
        found = spend_model(scope, spends_of(mine), settings.config.smallest)
        models.append(found.model)
        rows += [{**_no_row(settings), **row} for row in found.rows]
        warnings += found.warnings
    return tuple(models), rows, warnings


def _orders_rows(chosen: Chosen, seen: Counted, settings: ClvSettings) -> list[dict[str, Any]]:
    """Of the model that is asked for, and of the one that is used where that is another."""
    fits = [chosen.wanted] if chosen.wanted is chosen.fit else [chosen.wanted, chosen.fit]
    return [
        {
            **_no_row(settings),
            "scope": ALL, "kind": "orders", "model": fit.model, "is_used": fit is chosen.fit,
            "params": _finite(fit.parameters), "standard_errors": fit.standard_errors,
            "log_likelihood": fit.log_likelihood if isfinite(fit.log_likelihood) else None, "customers": fit.customers,
            "cells": len(seen.cells), "grain_days": seen.grain_days, "converged": fit.converged,
            "boundary": fit.boundary or None,
        }
        for fit in fits
    ]  # fmt: skip


def _finite(parameters: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in parameters.items() if isfinite(value)}


def _no_row(settings: ClvSettings) -> Mapping[str, Any]:
    return {**dict.fromkeys(name for name in CLV_MODELS.names[2:]), "period_days": settings.config.days}


STEPS = (predict,)
