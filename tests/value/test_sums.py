"""Concentration of revenue and value at risk against pandas and the textbook formulas."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from rfm_spark.capabilities.value.sums import (
    Known,
    added_up,
    by_scope,
    concentration,
    curve_rows,
    gini,
    pareto,
    segment_rows,
    share_of,
)
from rfm_spark.core.table import ALL

COLUMNS = (
    "scope string, segment string, lifecycle_stage string, monetary decimal(18,2), clv double, "
    "churn_probability double, suppressed boolean"
)


def people(seed: int = 3, customers: int = 4000) -> list[tuple[Any, ...]]:
    rng = np.random.default_rng(seed)
    return [
        (
            "DE" if rng.random() < 0.4 else "FR", rng.choice(["best", "good", "rest"]), rng.choice(["new", "loyal"]),
            Decimal(str(round(float(rng.lognormal(4, 1.3)), 2))), float(rng.gamma(2, 50)),
            None if rng.random() < 0.2 else float(rng.random()), bool(rng.random() < 0.3),
        )
        for _ in range(customers)
    ]  # fmt: skip


def exact_gini(values: pd.Series) -> float:
    """G = 2 Σ i·x_i / (n Σ x) − (n + 1) / n, of values in ascending order."""
    ordered = np.sort(values.to_numpy(np.float64))
    n = len(ordered)
    return float(2 * np.sum(np.arange(1, n + 1) * ordered) / (n * ordered.sum()) - (n + 1) / n)


@pytest.fixture(scope="module")
def seen(session: SparkSession) -> tuple[pd.DataFrame, pd.DataFrame, Known]:
    rows = people()
    gone = F.col("lifecycle_stage") == "new"
    known = Known(clv=True, risk=F.col("churn_probability"), messages=True, gone=gone)
    plain = pd.DataFrame(rows, columns=[one.split(" ")[0] for one in COLUMNS.split(", ")])
    return plain, added_up(session.createDataFrame(rows, COLUMNS), known), known


def test_the_curve_is_that_of_every_customer_by_themselves(seen: tuple[pd.DataFrame, pd.DataFrame, Known]) -> None:
    plain, sums, _ = seen
    spent = plain["monetary"].astype(float)
    curve = pareto(sums)
    assert gini(curve) == pytest.approx(exact_gini(spent), abs=5e-4)
    largest = np.sort(spent.to_numpy())[::-1]
    for share in (0.1, 0.2, 0.5):
        known = largest[: int(len(largest) * share)].sum() / largest.sum()
        assert share_of(curve, share) == pytest.approx(known, abs=1e-3)
    rows = curve_rows(ALL, curve)
    assert [rows[0]["revenue_share"], rows[-1]["revenue_share"]] == [0.0, pytest.approx(1.0)]
    assert all(earlier["revenue_share"] <= later["revenue_share"] for earlier, later in pairwise(rows))


def test_extremes() -> None:
    def sums(*spent: int) -> pd.DataFrame:
        return pd.DataFrame({"cell": spent, "customers": 1, "revenue": [Decimal(one) for one in spent], "segment": "a"})

    assert gini(pareto(sums(5, 5, 5))) == pytest.approx(0.0)
    # Of n customers of whom one spends all: (n - 1) / n.
    assert gini(pareto(sums(0, 0, 0, 9))) == pytest.approx(0.75)
    assert gini(pareto(sums(0, 0))) is None
    # Who got more back than they paid counts as who paid nothing.
    assert gini(pareto(sums(-90, 40, 60))) == pytest.approx(exact_gini(pd.Series([0, 40, 60])))
    assert concentration(sums(-90, 40)) is None
    assert share_of(pareto(sums(0)), 0.2) is None
    assert concentration(sums(0)) is None
    assert concentration(sums(1, 2)) == pytest.approx(1.0)


def test_segments_and_stages_against_pandas(seen: tuple[pd.DataFrame, pd.DataFrame, Known]) -> None:
    plain, sums, known = seen
    rows = {(row["segment"], row["lifecycle_stage"]): row for row in segment_rows(ALL, sums, known)}
    assert len(rows) == 3 + 2 + 6
    plain = plain.assign(
        risk=plain["monetary"].astype(float)
        * plain["churn_probability"].where(plain["lifecycle_stage"] != "new", 0.0).fillna(0.0),
        lost=plain["monetary"].astype(float).where(plain["lifecycle_stage"] == "new", 0.0),
        told=~plain["suppressed"],
    )
    unknown = plain["churn_probability"].isna() & (plain["lifecycle_stage"] != "new")
    assert int(sums["unknown"].sum()) == unknown.sum() > 0
    for (segment, stage), row in rows.items():
        mine = plain[(segment == ALL) | (plain["segment"] == segment)]
        mine = mine[(stage == ALL) | (mine["lifecycle_stage"] == stage)]
        assert row["customers"] == len(mine)
        assert row["revenue"] == mine["monetary"].sum()
        assert row["revenue_pct"] == pytest.approx(100 * float(mine["monetary"].sum() / plain["monetary"].sum()))
        assert row["clv"] == pytest.approx(mine["clv"].sum())
        assert row["value_at_risk"] == pytest.approx(mine["risk"].sum())
        assert row["value_lost"] == pytest.approx(mine["lost"].sum())
        assert row["reachable"] == mine["told"].sum()
        assert row["reachable_at_risk"] == pytest.approx(mine[mine["told"]]["risk"].sum())
    whole = [row for (_, stage), row in rows.items() if stage == ALL]
    ranked = sorted((row for row in whole if row["segment"] != ALL), key=lambda row: row["win_back_rank"])
    assert [row["win_back_rank"] for row in ranked] == [1, 2, 3]
    assert [row["reachable_at_risk"] for row in ranked] == sorted(
        (row["reachable_at_risk"] for row in ranked), reverse=True
    )
    shares = plain.groupby("segment")["monetary"].sum().astype(float) / float(plain["monetary"].sum())
    assert concentration(sums) == pytest.approx(float((shares**2).sum()))


def test_scopes_are_told_apart_and_never_added_up_where_amounts_are_of_several_currencies(
    seen: tuple[pd.DataFrame, pd.DataFrame, Known],
) -> None:
    plain, sums, _ = seen
    parted = dict(by_scope(sums, apart=False))
    assert list(parted) == [ALL, "DE", "FR"]
    assert parted["DE"]["revenue"].sum() == plain[plain["scope"] == "DE"]["monetary"].sum()
    assert list(dict(by_scope(sums, apart=True))) == ["DE", "FR"]


def test_what_is_not_known_is_left_empty(session: SparkSession) -> None:
    known = Known(clv=False, risk=None, messages=False)
    sums = added_up(session.createDataFrame(people(), COLUMNS).drop("clv", "suppressed", "churn_probability"), known)
    for row in segment_rows(ALL, sums, known):
        empty = ("clv", "value_at_risk", "value_lost", "reachable", "reachable_at_risk", "win_back_rank")
        assert all(row[name] is None for name in empty)


def test_without_messages_risk_alone_ranks(session: SparkSession) -> None:
    known = Known(clv=False, risk=F.coalesce("churn_probability", F.lit(1.0)), messages=False)
    sums = added_up(session.createDataFrame(people(), COLUMNS), known)
    rows = [row for row in segment_rows(ALL, sums, known) if row["win_back_rank"] is not None]
    assert max(rows, key=lambda row: float(row["value_at_risk"]))["win_back_rank"] == 1
