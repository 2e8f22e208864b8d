"""What the steps of predictions of orders give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.clv.buying import Array, BetaGeometric, ModifiedBetaGeometric
from rfm_spark.capabilities.clv.cells import cell_columns, cells_of, counted
from rfm_spark.capabilities.clv.choosing import NBD, chosen_fit
from rfm_spark.capabilities.clv.columns import COLUMNS
from rfm_spark.capabilities.clv.forecasting import CELL, histories
from rfm_spark.capabilities.clv.models import MODELS
from rfm_spark.capabilities.clv.tables import CLV_CELLS
from rfm_spark.capabilities.clv.worth import SpendModel
from rfm_spark.core.table import ALL, SCOPE_COLUMN
from rfm_spark.pipeline.artefact import CustomerLookup, in_table

_KEY = "_cell_"
# Models whose p_alive is a column, and chances to stop that customers have after their first order.
CLOSED = {BetaGeometric.name: 0, ModifiedBetaGeometric.name: 1}


def _part(forecast: Column, end: str) -> Column:
    """An end of the interval as a part of what is expected; of nothing there is no more and no less."""
    orders = forecast.getField("orders")
    return F.when(orders > 0, forecast.getField(end) / orders).when(forecast.getField(end).isNotNull(), F.lit(1.0))


@dataclass(frozen=True, kw_only=True)
class Forecasts(CustomerLookup):
    """What customers are expected to do, by their history.

    Attributes:
        spends: what an order is worth, of everybody or of each scope; none where nothing is predicted.
        cuts: by scope, of whom clv is scored apart, the values that it is scored by.
        margin: share of revenue that is earned.
        cells: rows of table `clv_cells`; None where nothing is predicted.
    """

    spends: tuple[SpendModel, ...] = ()
    cuts: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    margin: float = 1.0
    cells: DataFrame | None = in_table(CLV_CELLS)

    @property
    def left_empty(self) -> tuple[str, ...]:
        """All of its columns, where nothing is predicted."""
        return () if self.cells is not None and self.spends else tuple(one.name for one in COLUMNS)

    def look_up(self, customers: DataFrame) -> DataFrame:
        """The rows with p_alive, expected_orders, expected_order_value, clv, its interval, and forecasts."""
        if self.cells is None or not self.spends:
            return customers.withColumns({one.name: F.lit(None).cast(one.kind.lower()) for one in COLUMNS})
        told = ("p_alive", "forecasts", "discounted_orders")
        cells = self.cells.select(
            *(F.col(name).alias(f"{_KEY}{name}") for name in CELL), *(F.col(name).alias(f"_{name}") for name in told)
        )
        keys = {f"{_KEY}{name}": one.cast("int") for name, one in cell_columns().items()}
        joined = customers.withColumns(keys).join(cells, list(keys), "left").drop(*keys)
        last, value = F.element_at("_forecasts", -1), F.col("_value")
        worth = F.col("_discounted_orders") * value * F.lit(self.margin)
        spent = F.transform("_forecasts", lambda one: one.withField("spend", one.getField("orders") * value))
        found = (
            joined.withColumn("_value", self._value())
            .withColumns(
                {
                    "p_alive": F.col("_p_alive"),
                    "expected_orders": last.getField("orders"),
                    "expected_order_value": value,
                    "clv": worth,
                    "clv_low": worth * _part(last, "low"),
                    "clv_high": worth * _part(last, "high"),
                    "forecasts": spent,
                }
            )
            .withColumn("clv_score", self._score())
        )
        return found.drop("_value", *(f"_{name}" for name in told))

    def _score(self) -> Column:
        found = F.lit(None).cast("int")
        for scope, cuts in self.cuts.items():
            above = sum(((F.col("clv") > F.lit(cut)).cast("int") for cut in cuts), start=F.lit(1))
            found = F.when(F.col(SCOPE_COLUMN) == F.lit(scope), above).otherwise(found)
        return found

    def _value(self) -> Column:
        if len(self.spends) == 1 and self.spends[0].scope == ALL:
            return self.spends[0].value
        found = F.lit(None).cast("double")
        for one in self.spends:
            found = F.when(F.col(SCOPE_COLUMN) == F.lit(one.scope), one.value).otherwise(found)
        return found


@dataclass(frozen=True)
class AliveBy:
    """A fitted model of orders, in days, asked for p_alive, on arrays and as a column alike.

    Attributes:
        model: one of CLOSED, or NBD.
        parameters: by name.
    """

    model: str
    parameters: Mapping[str, float]

    def p_alive(self, customers: pd.DataFrame) -> Array:
        """Of customers with recency_days, tenure_days and purchase_days."""
        cells = pd.DataFrame(
            {
                "repeat_days": customers["purchase_days"] - 1,
                "last_days": customers["tenure_days"] - customers["recency_days"],
                "age_days": customers["tenure_days"],
                "customers": 1,
            }
        )
        buying = MODELS[self.model]
        values = np.array([self.parameters[name] for name in buying.names])
        return buying.p_alive(values, histories(cells, 1.0))

    @property
    def column(self) -> Column:
        """The same, of the columns of `measures`.

        1 / (1 + a / (b + chances - 1) · ((alpha + T) / (alpha + t_x))^(r + x)): Fader, Hardie and Lee, "Computing
        P(alive) using the BG/NBD model" (2008), where whoever did not order again had no chance to stop; of MBG/NBD
        they had x + 1 chances.
        """
        if self.model == NBD:
            return F.lit(1.0)
        r, alpha, a, b = (F.lit(self.parameters[name]) for name in MODELS[self.model].names)
        x, last, age = (one.cast("double") for one in cell_columns().values())
        chances = x + F.lit(CLOSED[self.model])
        odds = a / (b + chances - F.lit(1.0)) * F.pow((alpha + age) / (alpha + last), r + x)
        return F.when(chances > 0, F.lit(1.0) / (F.lit(1.0) + odds)).otherwise(F.lit(1.0))


def alive_by(purchased: DataFrame, model: str, smallest: int) -> AliveBy | None:
    """The probability that customers still order, by a model of orders fitted on some of them; None for too few.

    Args:
        purchased: purchase_days, recency_days, tenure_days of customers who purchased.
        model: of `predict.clv.model`; of Pareto/NBD no column tells it, and BG/NBD takes its place.
        smallest: customers who ordered on two days that it needs.
    """
    seen = counted(cells_of(purchased))
    if int(seen.cells.loc[seen.cells["repeat_days"] > 0, "customers"].sum()) < smallest:
        return None
    fit = chosen_fit(model if model in CLOSED else BetaGeometric.name, seen.histories(1.0), among=CLOSED).fit
    return AliveBy(fit.model, fit.parameters)
