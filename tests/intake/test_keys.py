"""Every column that can be mapped has a reader: what it says shows in what is made of the rows, or it is refused."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from rfm_spark.capabilities.engagement.config import MESSAGE_COLUMNS, MessagesSource
from rfm_spark.capabilities.engagement.rows import validated_messages
from rfm_spark.capabilities.events.config import EVENT_COLUMNS, EventsSource
from rfm_spark.capabilities.events.rows import validated_events
from rfm_spark.capabilities.purchases.config import OPTIONAL_COLUMNS, REQUIRED_COLUMNS, RatesSource, TransactionsSource
from rfm_spark.capabilities.purchases.exchange_rates import daily_rates
from rfm_spark.capabilities.purchases.lines import typed_lines
from rfm_spark.core.config import config_model
from rfm_spark.core.errors import ConfigError
from rfm_spark.core.loading import validate
from rfm_spark.core.reading.places import UNREAD

EARLY, LATE = "timestamp'2024-05-01 12:00:00'", "timestamp'2024-05-02 13:00:00'"
# Of every key an expression, and another one that says something else.
LINE = {
    "customer_id": ("'c'", "'d'"), "order_id": ("'o'", "'p'"), "order_ts": (EARLY, LATE), "amount": ("10.00", "9.00"),
    "quantity": ("2", "3"), "unit_price": ("5.00", "4.00"), "line_id": ("'1'", "'2'"), "product_id": ("'s'", "'t'"),
    "currency": ("'EUR'", "'USD'"), "channel": ("'web'", "'store'"), "discount": ("1.00", "2.00"),
    "is_return": ("false", "true"), "type": ("'sold'", "'back'"),
}  # fmt: skip
EVENT = {
    "customer_id": ("'c'", "'d'"), "event_ts": (EARLY, LATE), "event_type": ("'search'", "'page_view'"),
    "session_id": ("'s'", "'t'"), "event_id": ("'1'", "'2'"), "visitor_id": ("'v'", "'w'"),
    "channel": ("'web'", "'app'"), "received_ts": (EARLY, "timestamp'2024-04-01 00:00:00'"),
    "signup_ts": (EARLY, "timestamp'2024-06-01 00:00:00'"), "feature": ("'export'", "'import'"),
}  # fmt: skip
MESSAGE = {
    "customer_id": ("'c'", "'d'"), "message_id": ("'1'", "'2'"), "event_ts": (EARLY, LATE),
    "event": ("'opened'", "'clicked'"), "channel": ("'email'", "'sms'"),
}  # fmt: skip
RATE = {"currency": ("'USD'", "'GBP'"), "rate": ("0.9", "0.8"), "valid_from": ("'2024-01-01'", "'2024-01-02'")}


@pytest.fixture(scope="module")
def one_row(session: SparkSession) -> DataFrame:
    return session.range(1)


def read(rows: DataFrame) -> list[Any]:
    kept = rows.drop("record")
    return [tuple(row) for row in kept.orderBy(*kept.columns).collect()]


@pytest.mark.parametrize("key", [*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS])
def test_every_column_of_transactions_is_read(one_row: DataFrame, key: str) -> None:
    money = ("quantity", "unit_price") if key in ("quantity", "unit_price") else ("amount",)
    names = {"customer_id", "order_id", "order_ts", *money, key}
    types = {"sale": ("sold",), "refund": ("back",)} if key == "type" else None

    def lines(place: int) -> list[Any]:
        columns = {name: LINE[name][place if name == key else 0] for name in names}
        return read(typed_lines(one_row, TransactionsSource.model_validate({"table": "t", "columns": columns,
                                                                           "types": types})))  # fmt: skip

    assert lines(0) != lines(1)


@pytest.mark.parametrize("key", EVENT_COLUMNS)
def test_every_column_of_events_is_read(one_row: DataFrame, key: str) -> None:
    def events(place: int) -> list[Any]:
        names = {"customer_id", "event_ts", "event_type", key}
        columns = {name: EVENT[name][place if name == key else 0] for name in names}
        return read(validated_events(one_row, EventsSource(table="t", columns=columns)))

    assert events(0) != events(1)


@pytest.mark.parametrize("key", MESSAGE_COLUMNS)
def test_every_column_of_messages_is_read(one_row: DataFrame, key: str) -> None:
    def messages(place: int) -> list[Any]:
        columns = {name: texts[place if name == key else 0] for name, texts in MESSAGE.items()}
        return read(validated_messages(one_row, MessagesSource(table="t", columns=columns)))

    assert messages(0) != messages(1)


@pytest.mark.parametrize("key", RATE)
def test_every_column_of_rates_is_read(one_row: DataFrame, key: str) -> None:
    def rates(place: int) -> list[Any]:
        columns = {name: texts[place if name == key else 0] for name, texts in RATE.items()}
        return read(daily_rates(one_row, RatesSource(table="t", to="EUR", columns=columns), date(2024, 1, 3)))

    assert rates(0) != rates(1)


def test_the_walk_leaves_no_key_out() -> None:
    assert set(LINE) == {*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS}
    assert (set(EVENT), set(MESSAGE)) == (set(EVENT_COLUMNS), set(MESSAGE_COLUMNS))
    with pytest.raises(ValueError, match="takes valid_from"):
        RatesSource(table="t", to="EUR", columns={"currency": "c", "rate": "r", "day": "d"})


@pytest.mark.parametrize("column", UNREAD)
def test_a_column_that_nothing_reads_is_refused(column: str) -> None:
    plain: dict[str, Any] = {
        "transactions": {
            "table": "t",
            "columns": {"customer_id": "c", "order_id": "o", "order_ts": "t", "amount": "a"},
        },
        "events": {"table": "e", "columns": {"customer_id": "c", "event_ts": "t", "event_type": "y"}},
        "messages": {"table": "m", "columns": {name: "x" for name in MESSAGE}},
    }
    for name, source in plain.items():
        if (name, column) == ("transactions", "product_id"):
            continue
        mapped = {**plain, name: {**source, "columns": {**source["columns"], column: "x"}}}
        with pytest.raises(ConfigError, match=rf"sources.{name}: columns.{column} is read by nothing; leave it out"):
            validate(config_model(), {"lake": {"root": "l"}, "sources": mapped}, "mine.yml")


def test_a_discount_is_taken_off_sales_and_refunds_in_cents(spark: SparkSession) -> None:
    # amount, discount, what is left in cents; half a cent goes up.
    cases = [
        ("10.00", "1.00", 900), ("10.00", "-1.00", 900), ("-10.00", "1.00", -900), ("10.00", None, 1000),
        ("10.00", " ", 1000), ("10.00", "0", 1000), ("10.00", "0.005", 1000), ("10.00", "0.006", 999),
        ("10.00", "10.00", 0), ("1.234,50 €", "0,50 €", 123400), ("10.00", "10.01", None), ("10.00", "10%", None),
        ("10.00", "none", None), ("ten", "1.00", None), ("0.015", "0.01", 1),
    ]  # fmt: skip
    raw = spark.createDataFrame(
        [(str(at).zfill(2), datetime(2024, 3, 1), amount, off) for at, (amount, off, _) in enumerate(cases)],
        "id STRING, at TIMESTAMP, total STRING, off STRING",
    ).coalesce(1)
    columns = {"customer_id": "'c'", "order_id": "id", "order_ts": "at", "amount": "total", "discount": "off"}
    found = typed_lines(raw, TransactionsSource(table="t", columns=columns)).orderBy("order_id").collect()
    left = [None if row["reason"] else row["sale_cents"] - row["refund_cents"] for row in found]
    assert left == [cents for _, _, cents in cases]
    assert {row["reason"] for row in found} == {None, "bad_amount"}


@pytest.mark.parametrize("kinds", ["INT, DECIMAL(9,4), DOUBLE", "STRING, STRING, STRING", "DOUBLE, DOUBLE, FLOAT"])
def test_a_discount_is_of_the_whole_line_of_quantity_and_price(spark: SparkSession, kinds: str) -> None:
    quantity, price, off = kinds.split(", ")
    text = spark.createDataFrame([("3", "0.335", "0.1"), ("-3", "0.335", "0.1")], "q STRING, p STRING, d STRING")
    raw = text.selectExpr(f"cast(q as {quantity}) q", f"cast(p as {price}) p", f"cast(d as {off}) d").coalesce(1)
    columns = {"customer_id": "'c'", "order_ts": EARLY, "quantity": "q", "unit_price": "p", "discount": "d"}
    found = typed_lines(raw, TransactionsSource(table="t", columns=columns, order_grain="row")).collect()
    # 1.005 - 0.1 = 0.905, half up.
    assert [(row["sale_cents"], row["refund_cents"]) for row in found] == [(91, 0), (0, 91)]
