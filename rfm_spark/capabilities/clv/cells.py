"""Histories of orders and repeat spend, counted: what models are fitted on, however many customers there are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.clv.buying import Histories
from rfm_spark.capabilities.clv.forecasting import CELL, histories
from rfm_spark.capabilities.clv.spending import Spends
from rfm_spark.core.cells import fine_cell
from rfm_spark.core.table import SCOPE_COLUMN

# So many cells are fitted in seconds, and come to the driver: 32 MB.
MOST_CELLS = 1_000_000
_GRAINS = (1, 7, 28, 91)
_FIFTHS = 5
# Of fewer histories than this each has an interval of its own; of more, those whose times are parts of the longest one.
_FEW, _PARTS = 20_000, 60
# Steps of spend, as parts of the logarithm: 0.2 %, 1 %, 5 %.
_SPEND_GRAINS = (0.002, 0.01, 0.05)


@dataclass(frozen=True)
class Counted:
    """Histories on the driver.

    Attributes:
        cells: the columns CELL in days, which are means where histories are put together, and customers.
        grain_days: days that they are put together by; 1 for none.
    """

    cells: pd.DataFrame
    grain_days: int

    @property
    def similar_days(self) -> float:
        """Days by which histories may differ to be as unsure as each other; 0 where there are few of them."""
        return float(self.cells["age_days"].max()) / _PARTS if len(self.cells) > _FEW else 0.0

    def histories(self, period_days: float) -> Histories:
        """In periods."""
        return histories(self.cells, period_days)


def cell_columns() -> dict[str, Column]:
    """What tells the history of a customer, of the columns of `measures`, by name."""
    return {
        "repeat_days": F.col("purchase_days") - F.lit(1),
        "last_days": F.col("tenure_days") - F.col("recency_days"),
        "age_days": F.col("tenure_days"),
    }


def cells_of(purchased: DataFrame) -> DataFrame:
    """Different histories: the columns CELL INT, and customers BIGINT.

    Args:
        purchased: purchase_days, recency_days, tenure_days of customers who purchased.
    """
    known = purchased.select(*(one.cast("int").alias(name) for name, one in cell_columns().items()))
    return known.groupBy(*CELL).agg(F.count(F.lit(1)).alias("customers"))


def counted(cells: DataFrame) -> Counted:
    """Histories, put together by as few days as makes them few enough.

    Those of a week, or of more days, have the means of their members, so that sums over customers stay what they were.

    Args:
        cells: of `cells_of`, kept.
    """
    for grain in _GRAINS:
        found = cells if grain == 1 else _together(cells, grain)
        if grain == _GRAINS[-1] or found.limit(MOST_CELLS + 1).count() <= MOST_CELLS:
            break
    rows = found.toPandas().sort_values(list(CELL), ignore_index=True)
    return Counted(rows, grain)


def spend_cells_of(purchased: DataFrame, *keys: str) -> DataFrame:
    """Different repeat spends: x INT, cents BIGINT, the keys, and customers BIGINT.

    Args:
        purchased: purchase_days, repeat_cents, the keys of customers who purchased.
        keys: columns that part customers.
    """
    repeat = purchased.where("purchase_days > 1 AND repeat_cents > 0").select(
        *keys, (F.col("purchase_days") - F.lit(1)).alias("x"), F.col("repeat_cents").alias("cents")
    )
    return repeat.groupBy(*keys, "x", "cents").agg(F.count(F.lit(1)).alias("customers"))


def spends_of(exact: DataFrame) -> Spends | None:
    """Mean repeat spend of customers with some, equal ones once; None where nobody has any.

    Args:
        exact: of `spend_cells_of`, kept.
    """
    mean = F.col("cents") / F.col("x") / F.lit(100.0)
    found = exact.select("x", mean.alias("mean"), "customers")
    for step in (None, *_SPEND_GRAINS):
        cells = found if step is None else _similar(found, step)
        if step == _SPEND_GRAINS[-1] or cells.limit(MOST_CELLS + 1).count() <= MOST_CELLS:
            break
    rows = cells.toPandas().sort_values(["x", "mean"])
    if rows.empty:
        return None
    x, means, customers = (rows[name].to_numpy(np.float64) for name in ("x", "mean", "customers"))
    return Spends(x, means, customers)


def score_cuts(customers: DataFrame) -> dict[str, tuple[float, ...]]:
    """Values that part the clv of the customers of each scope into fifths, as nearly as equal values allow.

    Fifths are told by cells of 0.4 %, below 1 of 1.6 %: a value that parts two of them is the largest one of its cell.

    Args:
        customers: scope, clv.
    """
    cell = fine_cell(F.col("clv")).alias("cell")
    counts = customers.where("clv IS NOT NULL").groupBy(SCOPE_COLUMN, cell).agg(
        F.count(F.lit(1)).alias("customers"), F.max("clv").alias("high")
    )  # fmt: skip
    rows = counts.toPandas().sort_values([SCOPE_COLUMN, "cell"])
    found = {}
    for scope, mine in rows.groupby(SCOPE_COLUMN):
        up_to = mine["customers"].cumsum().to_numpy()
        ends = [int(np.searchsorted(up_to, up_to[-1] * fifth / _FIFTHS)) for fifth in range(1, _FIFTHS)]
        found[str(scope)] = tuple(float(mine["high"].iloc[end]) for end in ends)
    return found


def _together(cells: DataFrame, grain: int) -> DataFrame:
    n = F.col("customers")
    means = ((F.sum(F.col(name) * n) / F.sum(n)).alias(name) for name in ("last_days", "age_days"))
    keys = (F.floor(F.col(name) / F.lit(grain)).alias(f"_{name}") for name in ("last_days", "age_days"))
    grouped = cells.groupBy("repeat_days", *keys).agg(*means, F.sum(n).alias("customers"))
    return grouped.select(*CELL, "customers")


def _similar(spends: DataFrame, step: float) -> DataFrame:
    """Means that differ by less than a step of their logarithm, at its middle."""
    at = F.floor(F.log("mean") / F.lit(step))
    middle = F.exp((at + F.lit(0.5)) * F.lit(step))
    return spends.groupBy("x", middle.alias("mean")).agg(F.sum("customers").alias("customers"))
