"""Customers as an earlier day knew them, and what they did after it, worked out by hand: refunds, days, currencies."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from rfm_spark.capabilities.clv.held_out import (
    Bought,
    Span,
    days_after,
    days_by_week,
    first_day,
    known_then,
    with_later,
)
from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.core.derived import derived
from rfm_spark.core.scopes import parted_by
from rfm_spark.lake.batches import read_for
from rfm_spark.lake.ledger import Ledger
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.store import Store
from tests.helpers import config_for, run_tiny

SPAN = Span(date(2024, 3, 31), date(2024, 5, 31))
LINES = [
    # Refunded whole after the day, so that it stood then; the order after it does, too.
    ("a", "a1", "2024-01-10", 100, "EUR"),
    ("a", "a2", "2024-02-10", 50, "EUR"),
    ("a", "a2", "2024-04-05", -50, "EUR"),
    ("a", "a3", "2024-04-20", 30, "EUR"),
    # Taken back before the day; one after it was refunded in part.
    ("b", "b1", "2024-02-01", 40, "EUR"),
    ("b", "b1", "2024-02-20", -40, "EUR"),
    ("b", "b2", "2024-03-01", 20, "EUR"),
    ("b", "b3", "2024-05-01", 10, "EUR"),
    ("b", "b3", "2024-05-10", -4, "EUR"),
    # Something was added to an order of before: nothing new came.
    ("e", "e1", "2024-03-30", 90, "EUR"),
    ("e", "e1", "2024-04-02", 5, "EUR"),
    # Nobody knew them.
    ("c", "c1", "2024-04-10", 70, "EUR"),
    # Two orders of one day, in the first week; one in a currency that is not theirs; one taken back; one too late.
    ("d", "d1", "2024-03-15", 5, "EUR"),
    ("d", "d2", "2024-04-01", 6, "EUR"),
    ("d", "d3", "2024-04-01", 7, "EUR"),
    ("d", "d4", "2024-04-08", 9, "USD"),
    ("d", "d5", "2024-04-09", 8, "EUR"),
    ("d", "d5", "2024-04-12", -8, "EUR"),
    ("d", "d6", "2024-06-01", 9, "EUR"),
]


def bought(spark: SparkSession, folder: Path, **rfm: Any) -> Bought:
    """Purchases as a run of the end of the span had read them."""
    apart = bool(rfm.get("scope"))
    rows = [
        (who, order, datetime.fromisoformat(day), float(amount), code if apart else "EUR")
        for who, order, day, amount, code in LINES
    ]
    kinds = "customer string, `order` string, at timestamp, amount double, currency string"
    lines = spark.createDataFrame(rows, kinds)
    lines.selectExpr("customer", "`order`", "at", "cast(amount as decimal(12,2)) amount", "currency").write.format(
        "delta"
    ).save(str(folder / "source"))
    columns = {
        "customer_id": "customer", "order_id": "`order`", "order_ts": "at", "amount": "amount", "currency": "currency",
    }  # fmt: skip
    config = config_for(
        folder, rfm=rfm, quality={"max_staleness_days": None},
        sources={"transactions": {"path": str(folder / "source"), "format": "delta", "columns": columns}},
    )  # fmt: skip
    outcome = run_tiny(spark, config, SPAN.end)
    store = Store(spark, LakeLocation.of(config))
    run = Ledger(store).details([outcome.run_id])[outcome.run_id]
    frame, batches = read_for(store, derived()["orders"], run)
    document = json.loads(run.config)
    source = TransactionsSource.model_validate(document["sources"]["transactions"])
    return Bought(frame, batches, source, document["rfm"]["refunds"], parted_by(document))


ADDED = (1, 1, 1, 0, 0, 0)
# purchase_days, recency_days, tenure_days, repeat_cents; later_days, later_cents.
NET = {
    "a": (2, 50, 81, 5000, 1, 3000),
    "b": (1, 30, 30, 0, 1, 600),
    "d": (1, 16, 16, 0, 2, 2200),
    "e": (1, 1, 1, 0, 0, 0),
}
GROSS = {
    "a": (2, 50, 81, 5000, 1, 3000),
    "b": (2, 30, 59, 2000, 1, 1000),
    "d": (1, 16, 16, 0, 3, 3000),
    "e": (1, 1, 1, 0, 0, 0),
}
OWN = {**NET, "d": (1, 16, 16, 0, 1, 1300)}


@pytest.mark.parametrize(
    ("rfm", "wanted", "weeks"),
    [
        ({}, NET, {"2024-04-07": 1, "2024-04-14": 1, "2024-04-21": 1, "2024-05-05": 1}),
        ({"refunds": "ignore"}, GROSS, {"2024-04-07": 1, "2024-04-14": 2, "2024-04-21": 1, "2024-05-05": 1}),
        ({"scope": ["currency"]}, OWN, {"2024-04-07": 1, "2024-04-21": 1, "2024-05-05": 1}),
    ],
)
def test_what_was_known_and_what_came(
    spark: SparkSession, tmp_path: Path, rfm: dict[str, Any], wanted: dict[str, tuple[int, ...]], weeks: dict[str, int]
) -> None:
    seen = bought(spark, tmp_path, **rfm)
    assert first_day(seen) == date(2024, 1, 10)
    known = known_then(seen, SPAN.until)
    later = days_after(seen, known, SPAN)
    found = with_later(known, later).collect()
    names = ("purchase_days", "recency_days", "tenure_days", "repeat_cents", "later_days", "later_cents")
    assert {row["customer_id"]: tuple(row[name] for name in names) for row in found} == wanted
    came = days_by_week(later, SPAN)
    assert {end.isoformat(): count for end, count in came.items() if count} == weeks
    assert list(came)[-1] == SPAN.end
