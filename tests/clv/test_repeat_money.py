"""Money of purchases after the first purchase day, against pandas: refunds, orders of one day, currencies."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from rfm_spark.capabilities.purchases.measures import customer_measures

AS_OF = date(2024, 6, 30)
KINDS = (
    "customer_id string, currency string, order_date date, last_line_date date, gross_cents bigint, "
    "refund_cents bigint, window_refund_cents bigint, lines bigint, orders bigint"
)
COLUMNS = ["customer_id", "currency", "order_date", "gross", "refund"]


def orders() -> pd.DataFrame:
    """Customers with some orders a day, some refunded in part, whole, or more; some only ever returned."""
    rng = np.random.default_rng(14)
    rows: list[tuple[Any, ...]] = []
    for number in range(80):
        for _ in range(int(rng.integers(1, 12))):
            day = date(2024, 1, 1) + timedelta(days=int(rng.integers(0, 30)))
            gross = int(rng.choice([0, 500, 1000, 1500]))
            refund = int(rng.choice([0, 0, 0, 300, gross, gross + 100]))
            rows.append((f"c{number:02d}", str(rng.choice(["EUR", "USD"])), day, gross, refund))
    return pd.DataFrame(rows, columns=COLUMNS)


def oracle(mine: pd.DataFrame, refunds: str) -> int:
    bought = mine[(mine["gross"] > 0) & ((mine["gross"] > mine["refund"]) | (refunds == "ignore"))]
    if bought.empty:
        return 0
    later = bought[bought["order_date"] > bought["order_date"].min()]
    return int((later["gross"] - (later["refund"] if refunds == "net" else 0)).sum())


@pytest.mark.parametrize("by_day", [False, True])
@pytest.mark.parametrize("refunds", ["net", "ignore"])
def test_every_customer_against_pandas(
    spark: SparkSession, refunds: Literal["net", "ignore"], *, by_day: bool
) -> None:  # fmt: skip
    seen = orders()
    rows = [(c, m, day, day, g, r, r, 1, 1) for c, m, day, g, r in seen.itertuples(index=False)]
    frame = spark.createDataFrame(rows, KINDS)
    found = customer_measures(frame, AS_OF, refunds=refunds, gaps=True, by_day=by_day).collect()
    told = {row["customer_id"]: row["repeat_cents"] for row in found}
    wanted = {str(name): oracle(mine, refunds) for name, mine in seen.groupby("customer_id")}
    assert told == wanted
    assert sum(amount > 0 for amount in wanted.values()) > 40


def test_only_the_own_currency_counts(spark: SparkSession) -> None:
    seen = orders()
    rows = [(c, m, day, day, g, r, r, 1, 1) for c, m, day, g, r in seen.itertuples(index=False)]
    frame = spark.createDataFrame(rows, KINDS)
    bought = [
        row
        for row in customer_measures(frame, AS_OF, gaps=True, by_currency=True).collect()
        if row["recency_days"] is not None
    ]
    assert len(bought) > 60
    assert {row["currency"] for row in bought} == {"EUR", "USD"}
    for row in bought:
        mine = seen[(seen["customer_id"] == row["customer_id"]) & (seen["currency"] == row["currency"])]
        assert row["repeat_cents"] == oracle(mine, "net")


def test_nobody_asks_without_gaps(spark: SparkSession) -> None:
    rows = [("a", "EUR", AS_OF, AS_OF, 100, 0, 0, 1, 1)]
    (found,) = customer_measures(spark.createDataFrame(rows, KINDS), AS_OF).collect()
    assert found["repeat_cents"] is None
