"""Customers added up by segment, stage and what they spend, and what follows from these sums."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from scipy import integrate

from rfm_spark.core.cells import fine_cell, shallow_cell
from rfm_spark.core.stats import ExactSum
from rfm_spark.core.table import ALL, SCOPE_COLUMN

Array = NDArray[np.float64]
KEYS = [SCOPE_COLUMN, "segment", "lifecycle_stage"]
_HUNDREDTHS = 100
_DOUBLES = ("clv", "at_risk", "lost", "reachable_at_risk")


@dataclass(frozen=True)
class Known:
    """What is known beside what customers spent.

    Attributes:
        clv: whether clv is.
        risk: the probability that a customer stops, null of whom it is not known; None where nothing tells of it.
        gone: whether they have stopped already.
        messages: whether it is known who may be written to.
    """

    clv: bool
    risk: Column | None
    messages: bool
    gone: Column | None = None


def added_up(customers: DataFrame, known: Known) -> pd.DataFrame:
    """Sums by scope, segment, stage and cell of monetary value: some thousand rows, however many customers.

    Args:
        customers: rows of table `segments`.
        known: what is known of them.

    Returns:
        KEYS, cell, customers, revenue (Decimal), reachable, unknown, clv, at_risk, lost, reachable_at_risk; the last
        four are 0 where they are not known. In the order of the keys.
    """
    amount, nothing = F.col("monetary").cast("double"), F.lit(0.0)
    spent = F.greatest(amount, nothing)
    gone = F.lit(False) if known.gone is None else known.gone
    risk = F.lit(None).cast("double") if known.risk is None else F.when(~gone, known.risk)
    at_risk = F.coalesce(spent * risk, nothing)
    may_be_told = ~F.coalesce("suppressed", F.lit(False)) if known.messages else F.lit(False)
    values = {
        "clv": F.coalesce("clv", nothing) if known.clv else nothing,
        "at_risk": at_risk,
        "lost": F.when(gone, spent).otherwise(nothing),
        "reachable_at_risk": F.when(may_be_told, at_risk).otherwise(nothing),
    }
    rows = customers.select(
        SCOPE_COLUMN, "segment", F.coalesce("lifecycle_stage", F.lit(ALL)).alias("lifecycle_stage"),
        shallow_cell(fine_cell(amount)).alias("cell"), "monetary", may_be_told.alias("may_be_told"),
        (risk.isNull() & ~gone).alias("is_unknown"),
        *(value.alias(name) for name, value in values.items()),
    )  # fmt: skip
    sums = {name: ExactSum(name) for name in _DOUBLES}
    grouped = rows.groupBy(*KEYS, "cell").agg(
        F.count(F.lit(1)).alias("customers"),
        F.sum("monetary").alias("revenue"),
        F.count_if("may_be_told").alias("reachable"),
        F.count_if("is_unknown").alias("unknown"),
        *(column for name, one in sums.items() for column in one.columns(F.col(name))),
    )
    found = grouped.select(
        *KEYS, "cell", "customers", "revenue", "reachable", "unknown",
        *(one.column.alias(name) for name, one in sums.items()),
    ).toPandas()  # fmt: skip
    # Sums of doubles are of one order.
    return found.sort_values([*KEYS, "cell"], ignore_index=True)


def by_scope(sums: pd.DataFrame, *, apart: bool) -> Iterator[tuple[str, pd.DataFrame]]:
    """The sums of all customers, and of each scope that parts them.

    Args:
        sums: of `added_up`.
        apart: whether scopes have amounts of different currencies, of which there are no sums.
    """
    scopes = sorted(set(sums[SCOPE_COLUMN]))
    if not apart or scopes == [ALL]:
        yield ALL, sums
    for scope in scopes:
        if scope != ALL:
            yield scope, sums[sums[SCOPE_COLUMN] == scope]


def pareto(sums: pd.DataFrame) -> tuple[Array, Array]:
    """Shares of customers, who spends most first, and of the revenue that they bring; both from 0 to 1.

    Customers of one cell, which is 0.4 % wide, are taken to spend the same; who got more back than they paid, nothing.

    Args:
        sums: of one scope.
    """
    cells = sums.groupby("cell").agg(customers=("customers", "sum"), revenue=("revenue", "sum")).sort_index()
    customers, revenue = (np.maximum(cells[name].to_numpy(np.float64)[::-1], 0) for name in ("customers", "revenue"))
    ends = [np.concatenate([[0.0], np.cumsum(one)]) for one in (customers, revenue)]
    if ends[1][-1] <= 0:
        return ends[0] / ends[0][-1], np.zeros_like(ends[1])
    return ends[0] / ends[0][-1], ends[1] / ends[1][-1]


def gini(curve: tuple[Array, Array]) -> float | None:
    """Gini coefficient of a Pareto curve: twice the area between it and equality; None without revenue.

    C. Gini, *Variabilità e mutabilità* (1912), by the Lorenz curve, here from the largest on.
    """
    customers, revenue = curve
    return 2 * float(integrate.trapezoid(revenue, customers)) - 1 if revenue[-1] else None


def share_of(curve: tuple[Array, Array], customers: float) -> float | None:
    """Share of the revenue that a share of the customers brings; None without revenue."""
    return float(np.interp(customers, *curve)) if curve[1][-1] else None


def curve_rows(scope: str, curve: tuple[Array, Array]) -> list[dict[str, Any]]:
    """Rows of table `value_curve`."""
    shares = np.linspace(0, 1, _HUNDREDTHS + 1)
    return [
        {SCOPE_COLUMN: scope, "customers_share": float(share), "revenue_share": float(found)}
        for share, found in zip(shares, np.interp(shares, *curve), strict=True)
    ]


def segment_rows(scope: str, sums: pd.DataFrame, known: Known) -> list[dict[str, Any]]:
    """Rows of table `value_segments` of one scope."""
    total = sums["revenue"].sum()
    whole, stages, both = ("segment",), ("lifecycle_stage",), ("segment", "lifecycle_stage")
    parts: list[tuple[tuple[str, ...], tuple[str, ...]]] = [(whole, stages), (stages, whole), (both, ())]
    has_stages = set(sums["lifecycle_stage"]) != {ALL}
    rows: list[dict[str, Any]] = []
    for keys, others in parts if has_stages else parts[:1]:
        grouped = sums.groupby(list(keys))[["customers", "revenue", "reachable", *_DOUBLES]].sum()
        for names, row in grouped.iterrows():
            values = names if isinstance(names, tuple) else (names,)
            told = {**dict.fromkeys(others, ALL), **dict(zip(keys, values, strict=True))}
            rows.append({SCOPE_COLUMN: scope, **told, **_row(row, total, known)})
    return _ranked(rows)


def _row(row: Any, total: Decimal, known: Known) -> dict[str, Any]:
    at_risk = known.risk is not None
    return {
        "customers": int(row["customers"]),
        "revenue": row["revenue"],
        "revenue_pct": float(100 * row["revenue"] / total) if total else None,
        "clv": float(row["clv"]) if known.clv else None,
        "value_at_risk": float(row["at_risk"]) if at_risk else None,
        "value_lost": float(row["lost"]) if at_risk else None,
        "reachable": int(row["reachable"]) if known.messages else None,
        "reachable_at_risk": float(row["reachable_at_risk"]) if at_risk and known.messages else None,
    }


def _ranked(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With win_back_rank, of segments as a whole; by value at risk alone where nobody knows who may be written to."""
    whole = [row for row in rows if row["segment"] != ALL and row["lifecycle_stage"] == ALL]
    if not whole or whole[0]["value_at_risk"] is None:
        return [{**row, "win_back_rank": None} for row in rows]
    by = "value_at_risk" if whole[0]["reachable_at_risk"] is None else "reachable_at_risk"
    ranks = {row["segment"]: 1 + sum(other[by] > row[by] for other in whole) for row in whole}
    is_whole = {id(row) for row in whole}
    return [{**row, "win_back_rank": ranks[row["segment"]] if id(row) in is_whole else None} for row in rows]


def concentration(sums: pd.DataFrame) -> float | None:
    """Sum of the squared shares of segments in the revenue; None without revenue.

    O. Herfindahl, *Concentration in the steel industry* (1950).
    """
    revenue = sums.groupby("segment")["revenue"].sum().astype(float).clip(lower=0)
    total = float(revenue.sum())
    return float(((revenue / total) ** 2).sum()) if total > 0 else None
