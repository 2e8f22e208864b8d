"""The steps of churn: models learn from earlier days and are tested on later ones; the best one tells of customers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.churn.artefacts import Churn, LearntChurn
from rfm_spark.capabilities.churn.config import ChurnConfig
from rfm_spark.capabilities.churn.features import PREFIX, of_orders, of_subscriptions
from rfm_spark.capabilities.churn.learning import as_probability, baselines, fitted
from rfm_spark.capabilities.churn.panel import (
    HELD,
    LEARNT,
    MOST,
    STOPPED,
    TESTED,
    Dates,
    is_sampled,
    order_panel,
    subscribers,
    subscription_panel,
)
from rfm_spark.capabilities.churn.scorers import ALIVE, BASELINES, Array, Scorer
from rfm_spark.capabilities.churn.settings import ChurnSettings
from rfm_spark.capabilities.churn.tables import CHURN_CALIBRATION, CHURN_MODELS
from rfm_spark.capabilities.churn.testing import Choice, Tested, assessed, calibration, choose
from rfm_spark.capabilities.churn.words import ORDERS, drivers, said, told_by_a_rule
from rfm_spark.capabilities.clv.artefacts import AliveBy, alive_by
from rfm_spark.capabilities.events.artefacts import active_days
from rfm_spark.capabilities.purchases.artefacts import (
    OrderDays,
    Purchases,
    is_purchase,
    measures_until,
    orders_until,
)
from rfm_spark.capabilities.purchases.tables import ORDER_DAYS
from rfm_spark.capabilities.subscriptions.artefacts import mrr_of, versions_in
from rfm_spark.pipeline.artefact import Account
from rfm_spark.pipeline.environment import Environment
from rfm_spark.pipeline.step import step

_SUBSCRIPTIONS, _EVENTS = "subscriptions", "events"
# Of fewer on one side no interval of AUC says anything, and a calibration hangs on single customers.
_RAREST = 20


@dataclass(frozen=True)
class _Panel:
    """What models are learnt from and tested on: rows with a part, features, and whether they stopped.

    Attributes:
        rows: of `panel`.
        fit_orders: fits the model of orders that is a baseline, once it is known that there are enough customers.
    """

    rows: DataFrame
    fit_orders: Callable[[], AliveBy | None] = lambda: None


@step(
    "Churn", "models are fitted on earlier customers and compared", sources=(_SUBSCRIPTIONS, _EVENTS),
    reads=(ORDER_DAYS, CHURN_MODELS, CHURN_CALIBRATION), writes=(CHURN_MODELS, CHURN_CALIBRATION), takes_long=True,
)  # fmt: skip
def learn(
    environment: Environment, days: OrderDays | None, purchases: Purchases | None, settings: ChurnSettings
) -> LearntChurn:
    """What did customers who stopped have in common?"""
    known = _taken_on(environment, settings)
    if known is not None:
        return known
    config, run = settings.config, environment.run
    dates = Dates.before(run.as_of, config.horizon_days, config.gap_days)
    panel = (
        _of_subscriptions(environment, settings, dates)
        if settings.by_subscription
        else _of_orders(environment, days, purchases, settings, dates)
    )
    rows = environment.frames.persist(panel.rows)
    seen = rows.toPandas().sort_values("customer_id", ignore_index=True)
    why_not = _too_little(seen, config)
    if why_not:
        return LearntChurn(account=Account(warnings=(why_not,)))
    names = [name.removeprefix(PREFIX) for name in seen.columns if name.startswith(PREFIX)]
    alive = panel.fit_orders()
    parts = {part: _arrays(seen[seen["part"] == part], names, alive) for part in (HELD, TESTED)}
    models = (*baselines(names, alive), *fitted(rows.where(F.col("part") == LEARNT), names))
    calibrated = [as_probability(one, *parts[HELD]) for one in models]
    results = [assessed(one, *parts[TESTED]) for one in calibrated]
    choice = choose(results, parts[TESTED][1])
    _write(environment, results, choice, parts[TESTED], seen, settings, dates)
    return LearntChurn(account=Account(warnings=said(choice), dealt_with=len(seen)), scorer=choice.chosen.scorer)


@step("Who may stop", "customers are told by the model", sources=(_SUBSCRIPTIONS, _EVENTS), lasts=False)
def tell(environment: Environment, learnt: LearntChurn, settings: ChurnSettings) -> Churn:
    """How likely is each customer to stop?"""
    if not settings.by_subscription:
        silence = settings.config.longest_silence
        return Churn(scorer=learnt.scorer, longest_silence=silence, amounts_apart=settings.amounts_apart)
    paying = None
    if learnt.scorer is not None:
        paying = subscribers(*_usage(environment, settings), environment.run.as_of)
    return Churn(scorer=learnt.scorer, has_events=settings.events is not None, subscribers=paying)


def _taken_on(environment: Environment, settings: ChurnSettings) -> LearntChurn | None:
    """The models of the run before, while they are young enough; their rows are those of this run, too."""
    previous = environment.run.previous
    if previous is None or environment.run.options.get("refit") or not environment.exists(CHURN_MODELS.name):
        return None
    rows = environment.rows(CHURN_MODELS.name, run_id=previous.run_id)
    fresh = [row for row in rows if _is_fresh(row, environment.run.as_of, settings)]
    chosen = next((row for row in fresh if row["is_chosen"]), None)
    if chosen is None or len(fresh) != len(rows):
        return None
    environment.write(CHURN_MODELS, [_own(row) for row in rows])
    environment.write(
        CHURN_CALIBRATION, [_own(row) for row in environment.rows(CHURN_CALIBRATION.name, run_id=previous.run_id)]
    )
    scorer = Scorer.from_row(chosen)
    why = f"as tested on {chosen['tested_as_of']}"
    warnings = (told_by_a_rule(scorer.name, why),) if scorer.name in BASELINES else ()
    return LearntChurn(account=Account(warnings=warnings, dealt_with=0), scorer=scorer)


def _is_fresh(row: dict[str, Any], as_of: date, settings: ChurnSettings) -> bool:
    age = (as_of - row["tested_as_of"]).days - row["horizon_days"]
    return bool(row["definition"] == settings.definition and 0 <= age < settings.config.retrain_days)


def _own(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("run_id", "as_of_date")}


def _of_orders(
    environment: Environment, days: OrderDays | None, purchases: Purchases | None, settings: ChurnSettings,
    dates: Dates,
) -> _Panel:  # fmt: skip
    source, window = settings.transactions, settings.window
    if days is None or purchases is None or source is None:
        raise LookupError("purchases of earlier days need transactions")
    every = environment.of_runs(ORDER_DAYS.name, days.batches.ids)
    silence = settings.config.longest_silence
    active = purchases.count
    if active > MOST:
        # Of fewer all are looked at, however many of them are still there.
        active = purchases.purchased.where(F.col("recency_days") <= F.lit(silence)).count()
    rows = environment.frames.persist(every.where(is_sampled(active)))

    def measured(day: date) -> DataFrame:
        return measures_until(rows, days.batches, source, day, window).where("recency_days IS NOT NULL")

    model = settings.model
    # Read twice where a model of orders is fitted on it.
    learnt = measured(dates.learnt) if model is None else environment.frames.persist(measured(dates.learnt))

    def bought(day: date) -> DataFrame:
        # As it was known at the end of that day's horizon: no later line or refund may change what became of somebody.
        orders = orders_until(rows, days.batches, source, dates.until(day), by_currency=window.by_currency)
        return orders.where(is_purchase(window.refunds)).select("customer_id", "order_date")

    features = of_orders(amounts_apart=settings.amounts_apart)
    known = {dates.learnt: learnt, dates.tested: measured(dates.tested)}
    panel = order_panel(known.__getitem__, bought, dates, silence, features)
    if model is None:
        return _Panel(panel)
    return _Panel(panel, lambda: alive_by(learnt, model, settings.smallest_of_orders))


def _of_subscriptions(environment: Environment, settings: ChurnSettings, dates: Dates) -> _Panel:
    versions, used = _usage(environment, settings)
    kept = environment.frames.persist(versions)
    share = is_sampled(mrr_of(kept, environment.run.as_of).where("mrr > 0").count())
    features = of_subscriptions(has_events=settings.events is not None)
    acted = None if used is None else environment.frames.persist(used.where(share))
    return _Panel(subscription_panel(kept.where(share), acted, dates, features))


def _usage(environment: Environment, settings: ChurnSettings) -> tuple[DataFrame, DataFrame | None]:
    """Versions of subscriptions, and the days on which customers did something."""
    if settings.subscriptions is None:
        raise LookupError("ends of subscriptions need sources.subscriptions")
    versions = versions_in(environment.source(_SUBSCRIPTIONS).frame, settings.subscriptions)
    if settings.events is None:
        return versions, None
    return versions, active_days(environment.source(_EVENTS), settings.events, environment.run.as_of)


def _arrays(rows: pd.DataFrame, names: Sequence[str], alive: AliveBy | None) -> tuple[dict[str, Array], Array]:
    found = {name: rows[f"{PREFIX}{name}"].to_numpy(np.float64) for name in names}
    if alive is not None:
        found[ALIVE] = alive.p_alive(rows)
    return found, rows[STOPPED].to_numpy(np.float64)


def _too_little(seen: pd.DataFrame, config: ChurnConfig) -> str:
    """Why nothing is told; empty where there is enough."""
    counts = seen["part"].value_counts()
    few = min(int(counts.get(LEARNT, 0)) + int(counts.get(HELD, 0)), int(counts.get(TESTED, 0)))
    what = (
        f"{few:,} customers were there to learn from or to test on, and {config.smallest:,} are needed"
        if few < config.smallest
        else ""
    )
    if not what:
        gone = seen.groupby("part")[STOPPED].agg(["sum", "size"])
        rarest = int(np.minimum(gone["sum"], gone["size"] - gone["sum"]).min())
        what = (
            f"of the customers learnt from, held back or tested, {rarest:,} stopped or stayed, and {_RAREST} are needed"
            if rarest < _RAREST
            else ""
        )
    if not what:
        return ""
    return (
        f"predict.churn: {what} (horizon_days {config.horizon_days}, gap_days {config.gap_days}, smallest "
        f"{config.smallest:,}); churn_probability is left empty"
    )


def _write(
    environment: Environment, results: Sequence[Tested], choice: Choice, on: tuple[dict[str, Array], Array],
    seen: pd.DataFrame, settings: ChurnSettings, dates: Dates,
) -> None:  # fmt: skip
    features, stopped = on
    common = {
        "label": _SUBSCRIPTIONS if settings.by_subscription else ORDERS, "horizon_days": dates.horizon,
        "learnt_as_of": dates.learnt, "tested_as_of": dates.tested, "definition": settings.definition,
        "learnt_from": int((seen["part"] == LEARNT).sum()), "tested_on": len(stopped), "stopped": int(stopped.sum()),
    }  # fmt: skip
    known = settings.features
    rows = [
        {
            **common, **one.scorer.as_row(), "is_chosen": one is choice.chosen, "metrics": dict(one.metrics),
            "drivers": list(drivers(one.scorer, features, known)),
        }
        for one in results
    ]  # fmt: skip
    environment.write(CHURN_MODELS, rows)
    environment.write(CHURN_CALIBRATION, calibration(choice.chosen.probabilities, stopped))


STEPS = (learn, tell)
