"""Values that an expression of the mapping can't read are rejects of their row, wherever the plan is looked at."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from rfm_spark.capabilities.engagement.config import MessagesSource
from rfm_spark.capabilities.engagement.rows import validated_messages
from rfm_spark.capabilities.events.config import EventsSource
from rfm_spark.capabilities.events.rows import validated_events
from rfm_spark.capabilities.purchases.config import RatesSource, TransactionsSource
from rfm_spark.capabilities.purchases.exchange_rates import daily_rates
from rfm_spark.capabilities.purchases.lines import typed_lines
from rfm_spark.core.errors import SourceError
from rfm_spark.core.session import in_time_zone, over_connect

MOMENT = "to_timestamp(at, 'M/d/yyyy H:mm')"
ROWS = [("ann", "5/1/2024 8:26", "7.50"), ("bob", "2024-05-02", "1.00"), ("cat", "5/3/2024 9:00", "many")]
SOURCES: dict[str, tuple[Any, Any, dict[str | None, int]]] = {
    "transactions": (
        typed_lines,
        TransactionsSource(table="t", columns={
            "customer_id": "who", "order_id": "who", "order_ts": MOMENT, "amount": "cast(paid as decimal(10, 2))",
        }),
        {None: 1, "bad_date": 1, "bad_amount": 1},
    ),
    "events": (
        validated_events,
        EventsSource(table="t", columns={
            "customer_id": "who", "event_ts": MOMENT, "event_type": "if(cast(paid as double) > 1, 'order', 'search')",
        }, types={"order": ("order",), "search": ("search",)}),
        {None: 2, "bad_date": 1},
    ),
    "messages": (
        validated_messages,
        MessagesSource(table="t", columns={
            "customer_id": "who", "message_id": "who", "event_ts": MOMENT,
            "event": "if(cast(paid as double) > 1, 'opened', 'sent')", "channel": "'email'",
        }, events={"opened": ("opened",), "sent": ("sent",)}),
        {None: 2, "bad_date": 1},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_a_bad_value_is_a_reject(spark: SparkSession, name: str) -> None:
    judge, source, reasons = SOURCES[name]
    raw = spark.createDataFrame(ROWS, "who STRING, at STRING, paid STRING")
    with in_time_zone(spark, "UTC"):
        found = judge(raw, source)
        assert counted(found) == reasons
        # What is built on it, and looked at later, sees the same.
        assert found.where(F.col("reason").isNull()).select("record.at").count() == reasons[None]
    assert [table.name for table in spark.catalog.listTables() if table.isTemporary] == []


def test_a_bad_rate_is_said_in_a_sentence(spark: SparkSession) -> None:
    raw = spark.createDataFrame([("USD", "0.9"), ("GBP", "1,2")], "currency STRING, rate STRING")
    source = RatesSource(table="t", to="EUR", columns={"currency": "currency", "rate": "cast(rate as double)"})
    with in_time_zone(spark, "UTC"), pytest.raises(SourceError, match="GBP has no single rate above 0"):
        daily_rates(raw, source, date(2024, 6, 30))


def test_only_a_client_of_connect_needs_a_view(spark: SparkSession) -> None:
    raw = spark.createDataFrame(ROWS, "who STRING, at STRING, paid STRING")
    with in_time_zone(spark, "UTC"):
        typed_lines(raw, SOURCES["transactions"][1])
        views = [table.name for table in spark.catalog.listTables() if table.isTemporary]
    assert bool(views) == over_connect(spark)


def counted(frame: DataFrame) -> dict[str | None, int]:
    return {row["reason"]: row["count"] for row in frame.groupBy("reason").count().collect()}
