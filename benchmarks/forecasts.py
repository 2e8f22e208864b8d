"""Fit and forecast of many customers, by counted histories in Spark, against the same fit on every customer's own.

python -m benchmarks.forecasts [--customers 2000000] [--json benchmarks/forecasts.json]
"""

from __future__ import annotations

import argparse
import importlib
import json
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from scipy import optimize, special

from benchmarks.machine import facts
from rfm_spark.capabilities.clv.buying import Array, Histories
from rfm_spark.capabilities.clv.cells import cell_columns, cells_of, counted
from rfm_spark.capabilities.clv.fitting import Fit, fitted
from rfm_spark.capabilities.clv.forecasting import CELL, Ahead, draws, forecast, forecaster
from rfm_spark.capabilities.clv.models import MODELS
from rfm_spark.capabilities.clv.tables import cells_schema
from rfm_spark.core.session import local_session, persisted
from tests.clv.panels import bg_nbd_panel

TRUTH = (0.25, 4.4, 0.8, 2.4)
WEEK = 7.0
HORIZONS, DISCOUNT = (13, 52), 0.1


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write seconds, ratios and the optima."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=2_000_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    people = _people(options.customers)
    folder = Path(tempfile.mkdtemp(prefix="forecasts-"))
    try:
        people.to_parquet(folder / "measures.parquet")
        spark = local_session("forecasts", 2)
        rows = spark.read.parquet(str(folder / "measures.parquet"))
        found: dict[str, Any] = {"customers": options.customers, "machine": facts()}
        found["counted, first of the session"] = _counted(rows)
        # As in a run, where the session has worked for a while.
        found["counted"] = _counted(rows)
        found["every customer"] = _ungrouped(people)
        spark.stop()
        found |= _package(people)
    finally:
        shutil.rmtree(folder)
    ours, theirs = found["counted"], found["every customer"]
    found["ratios"] = {
        "fit": theirs["fit_seconds"] / ours["fit_seconds"],
        "fit, histories counted": theirs["fit_seconds"] / (ours["fit_seconds"] - ours["count_seconds"]),
        "fit, best of one start": min(theirs["seconds_by_start"]) / ours["fit_seconds"],
        "fit and forecast": theirs["seconds"] / ours["seconds"],
    }
    text = json.dumps(found, indent=2)
    print(text)
    if options.json:
        options.json.write_text(text + "\n", encoding="utf-8")


def _people(customers: int) -> pd.DataFrame:
    """Measures of simulated customers, by day."""
    panel = bg_nbd_panel(customers, TRUTH, seed=1)
    last, age = (np.round(one * WEEK).astype(np.int32) for one in (panel.t_x, panel.age))
    # Days with an order: two of one day are one.
    days = np.where(panel.x > 0, np.maximum(np.minimum(panel.x, last), np.minimum(last, 1)), 0).astype(np.int32)
    last = np.where(days > 0, last, 0)
    return pd.DataFrame({"purchase_days": days + 1, "recency_days": age - last, "tenure_days": age})


def _counted(rows: DataFrame) -> dict[str, Any]:
    began = time.perf_counter()
    with persisted(cells_of(rows)) as cells:
        seen = counted(cells)
        counted_at = time.perf_counter()
        fit = fitted("bg_nbd", seen.histories(WEEK))
        fitted_at = time.perf_counter()
        ahead = Ahead(HORIZONS, WEEK, DISCOUNT, seen.similar_days / WEEK)
        told = cells.mapInPandas(forecaster(fit, ahead), cells_schema())
        keys = {f"_{name}": one.cast("int") for name, one in cell_columns().items()}
        known = told.select(*(F.col(name).alias(f"_{name}") for name in CELL), "p_alive", "forecasts")
        joined = rows.withColumns(keys).join(known, list(keys), "left")
        joined.write.format("noop").mode("overwrite").save()
    done = time.perf_counter()
    found = _told(fit, began, fitted_at, done)
    return {"cells": len(seen.cells), "grain_days": seen.grain_days, "count_seconds": counted_at - began, **found}


def _ungrouped(people: pd.DataFrame) -> dict[str, Any]:
    """The same likelihood, optimiser and starts on every customer, as one would write it down, and their forecasts."""
    cells = pd.DataFrame(
        {
            "repeat_days": people["purchase_days"] - 1,
            "last_days": people["tenure_days"] - people["recency_days"],
            "age_days": people["tenure_days"],
            "customers": 1,
        }
    )
    began = time.perf_counter()
    x, last, age = (cells[name].to_numpy(np.float64) for name in CELL)
    seen = Histories(x, last / WEEK, age / WEEK, np.ones(len(cells)))
    tried, seconds = [], []
    for start in MODELS["bg_nbd"].starts(seen):
        since = time.perf_counter()
        tried.append(_plain(seen.x, seen.t_x, seen.age, start))
        seconds.append(time.perf_counter() - since)
    best = min(tried, key=lambda one: float(one.fun))
    parameters = dict(zip(MODELS["bg_nbd"].names, map(float, np.exp(best.x)), strict=True))
    fit = Fit("bg_nbd", parameters, -float(best.fun) * len(x), len(x), converged=bool(best.success))
    fitted_at = time.perf_counter()
    forecast(fit, cells, Ahead(HORIZONS, WEEK, DISCOUNT, float(age.max()) / 60 / WEEK), draws(fit))
    return {**_told(fit, began, fitted_at, time.perf_counter()), "seconds_by_start": seconds}


def _plain(x: Array, t_x: Array, age: Array, start: Array) -> Any:
    """One start: the likelihood of Fader, Hardie and Lee (2005), equation 6, with its derivatives."""
    repeats = x > 0

    def loss(logs: Array) -> tuple[float, Array]:
        r, alpha, a, b = np.exp(logs)
        more = np.maximum(b + x - 1, 1e-12)
        stays = -(r + x) * np.log(alpha + age)
        stops = np.where(repeats, np.log(a) - np.log(more) - (r + x) * np.log(alpha + t_x), -np.inf)
        both = np.logaddexp(stays, stops)
        value = (
            special.gammaln(r + x) - special.gammaln(r) + r * np.log(alpha) + special.gammaln(a + b)
            + special.gammaln(b + x) - special.gammaln(b) - special.gammaln(a + b + x) + both
        )  # fmt: skip
        share = np.exp(stops - both)
        together = special.digamma(a + b) - special.digamma(a + b + x)
        slope = [
            special.digamma(r + x) - special.digamma(r) + np.log(alpha)
            - (1 - share) * np.log(alpha + age) - share * np.log(alpha + t_x),
            r / alpha - (r + x) * ((1 - share) / (alpha + age) + share / (alpha + t_x)),
            together + share / a,
            together + special.digamma(b + x) - special.digamma(b) - np.where(repeats, share / more, 0.0),
        ]  # fmt: skip
        return -float(np.mean(value)), np.array([-np.mean(one) for one in slope]) * np.exp(logs)

    options = {"maxiter": 1000, "ftol": 1e-15, "gtol": 1e-9}
    return optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options=options)


def _package(people: pd.DataFrame) -> dict[str, Any]:
    """The package lifetimes, where it is installed: it is no longer maintained."""
    try:
        lifetimes = importlib.import_module("lifetimes")
    except ImportError:
        return {"lifetimes": "not installed"}
    x = people["purchase_days"] - 1
    last, age = (people["tenure_days"] - people["recency_days"]) / WEEK, people["tenure_days"] / WEEK
    began = time.perf_counter()
    model = lifetimes.BetaGeoFitter().fit(x, last, age)
    done = time.perf_counter()
    params = {name: float(value) for name, value in model.params_.items()}
    return {"lifetimes": {"fit_seconds": done - began, "params": params}}


def _told(fit: Fit, began: float, fitted_at: float, done: float) -> dict[str, Any]:
    return {
        "fit_seconds": fitted_at - began, "seconds": done - began, "params": fit.parameters,
        "log_likelihood": fit.log_likelihood,
    }  # fmt: skip


if __name__ == "__main__":
    main()
