"""Rows outside a source's condition: counted as filtered, and nowhere else."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from rfm_spark.capabilities.engagement.checks import MESSAGE_CHECKS
from rfm_spark.capabilities.engagement.config import MessagesSource
from rfm_spark.capabilities.engagement.rows import validated_messages
from rfm_spark.capabilities.events.checks import EVENT_CHECKS
from rfm_spark.capabilities.events.config import EventsSource
from rfm_spark.capabilities.events.rows import validated_events, visitors
from rfm_spark.capabilities.purchases.config import RatesSource, TransactionsSource
from rfm_spark.capabilities.purchases.exchange_rates import daily_rates
from rfm_spark.capabilities.purchases.lines import typed_lines
from rfm_spark.core.errors import BalanceError, SourceError
from rfm_spark.core.reading.balance import Balance
from rfm_spark.core.reading.filtered import filtered_lines, filtered_values
from rfm_spark.core.reading.interaction_counts import interaction_counts, tallied
from rfm_spark.core.reading.mapping import left_out, named_columns
from rfm_spark.core.reading.rejects import interaction_rejects
from tests.helpers import ROOT
from tests.taking import take

AS_OF = date(2024, 3, 31)
SCHEMA = "id STRING, at STRING, total STRING, `Financial Status` STRING, buyer STRUCT<name: STRING>"
PAID = "`Financial Status` IN ('paid', 'partially_refunded')"
# A paid order; a row without an amount; and what does not count, whatever else is wrong with it.
INSIDE = [("1", "2024-03-01", "10.00", "paid", ("ann",)), ("2", "2024-03-02", "ten", "paid", ("bob",))]
OUTSIDE = [
    ("3", "2024-03-03", "7.50", "voided", ("cyd",)),
    ("4", "never", "-2.25", "voided", ("ann",)),
    ("5", "2024-05-01", "x", "pending", (None,)),
    ("6", "2024-03-04", "1.00", None, ("dan",)),
]


def orders(spark: SparkSession, rows: list[tuple[Any, ...]]) -> DataFrame:
    return spark.createDataFrame(rows, SCHEMA).coalesce(1)


def source_with(where: str | None, **columns: str) -> TransactionsSource:
    ours = {"customer_id": "buyer.name", "order_id": "id", "order_ts": "at", "amount": "total", **columns}
    return TransactionsSource(table="t", columns=ours, where=where)


def test_filtered_rows_are_counted_with_their_money_and_are_nothing_else(spark: SparkSession) -> None:
    taken = take(orders(spark, INSIDE + OUTSIDE), source_with(PAID))
    counts = taken.counts(AS_OF)
    # 10.00 + 7.50 - 2.25 + 1.00; "ten" and "x" are no numbers.
    assert taken.taken.money == {
        "transactions.read": Decimal("16.25"), "transactions.accepted": 10, "transactions.rejected": 0,
        "transactions.duplicates": 0, "transactions.filtered": Decimal("6.25"),
    }  # fmt: skip
    assert (counts.read, counts.filtered, counts.rejected, counts.later) == (6, 4, {"bad_amount": 1}, 0)
    assert (counts.oldest, counts.newest) == (date(2024, 3, 1), date(2024, 3, 1))
    assert counts.reject_share == 0.5
    assert taken.rejected is not None
    assert [row["reason"] for row in taken.rejected.collect()] == ["bad_amount"]
    # As if the filtered rows were not there.
    alone = take(orders(spark, INSIDE), source_with(None))
    assert alone.counts(AS_OF) == replace(counts, read=2, filtered=None)
    assert alone.taken.days == taken.taken.days


def test_a_line_that_cannot_be_parsed_is_malformed_whatever_the_condition(spark: SparkSession) -> None:
    rows = [("a", "2024-03-01", "1", None), (None, None, None, "a;2024"), ("", "2024-03-01", "1", None)]
    raw = spark.createDataFrame(rows, "id STRING, at STRING, total STRING, _corrupt_record STRING")
    columns = {"customer_id": "id", "order_ts": "at", "amount": "total"}
    source = TransactionsSource(table="t", columns=columns, order_grain="row", where="id <> ''")
    found = {row["reason"] for row in typed_lines(raw, source).collect()}
    assert found == {None, "malformed", "filtered"}


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("state = 'paid'", r"sources.transactions.where: the source has no column state \(the source has: id, at"),
        (
            "total",
            r"sources.transactions.where is STRING, and must be true or false; write a condition such as",
        ),
        ("id = ", r"'id = ' is not a usable SQL expression \(Syntax error"),
        ("max(id) > 1", r"'max\(id\) > 1' is not a usable SQL expression"),
        ("explode(array(true))", "is not a usable SQL expression"),
        ("row_number() OVER (ORDER BY id) = 1", "is not a usable SQL expression"),
        ("id IN (SELECT 1)", r"looks beyond the row it is asked of; name columns of the source alone"),
        ("EXISTS (SELECT 1)", "looks beyond the row"),
        ("(SELECT true)", "looks beyond the row"),
    ],
)
def test_a_condition_is_one_truth_value_per_row_or_refused_in_a_sentence(
    spark: SparkSession, where: str, message: str
) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        typed_lines(orders(spark, INSIDE), source_with(where))
    assert "\n" not in str(caught.value)


def test_bad_casts_of_a_condition_leave_the_row_out_and_a_boolean_column_is_one(spark: SparkSession) -> None:
    raw = orders(spark, INSIDE).selectExpr("*", "id = '2' AS `is ok`")
    by_cast = typed_lines(raw, source_with("cast(total AS int) > 5")).select("order_id", "reason").collect()
    assert [tuple(row) for row in by_cast] == [("1", None), ("2", "filtered")]
    by_name = typed_lines(raw, source_with("is ok")).select("order_id", "reason").collect()
    assert [tuple(row) for row in by_name] == [("1", "filtered"), ("2", "bad_amount")]


def test_what_is_left_out_is_shown_by_value(spark: SparkSession) -> None:
    raw = orders(spark, INSIDE + OUTSIDE)
    where = f"{PAID} AND lower(buyer.name) <> 'at' AND id <> \"total\""
    assert named_columns(raw, where) == ["`Financial Status`", "buyer.name", "id"]
    found = filtered_values(raw, PAID, "transactions")
    assert found == {"`Financial Status`": [("voided", 2), (None, 1), ("pending", 1)]}
    assert filtered_lines("transactions", PAID, raw) == [
        "transactions: where leaves out, by `Financial Status`: 'voided' 2, null 1, 'pending' 1"
    ]
    many = spark.range(13).selectExpr("cast(id % 12 as string) as id")
    (values,) = filtered_values(many, "id = 'none'", "transactions").values()
    assert values[0] == ("0", 2)
    assert len(values) == 10
    assert filtered_values(many, "1 = 2", "transactions") == {}


# Of every export that docs/quality.md has a condition for: its columns, rows that count, and rows that don't.
EXPORTS: dict[str, tuple[list[str], list[tuple[str | None, ...]], list[tuple[str | None, ...]]]] = {
    "Shopify orders": (["Financial Status"], [("paid",), ("partially_refunded",)],
                       [("voided",), ("pending",), ("refunded",), (None,)]),
    "WooCommerce orders": (["status"], [("wc-completed",), ("Processing",)],
                           [("wc-failed",), ("refunded",), ("on-hold",)]),
    "Magento orders": (["status"], [("complete",), ("processing",)], [("canceled",), ("closed",), ("holded",)]),
    "Stripe payments": (["Captured", "Status"], [("true", "Paid")], [("false", "Paid"), ("true", "Failed")]),
    "PayPal activity": ([" Status"], [("Completed",), ("Refunded",)], [("Denied",), ("Pending",)]),
    "Square items": (["Event Type"], [("Payment",), ("Refund",)], [("",)]),
    "Amazon orders": (["order-status", "item-status"], [("Shipped", "Shipped")],
                      [("Cancelled", "Cancelled"), ("Shipped", "Cancelled")]),
    "Olist orders": (["order_status"], [("delivered",), ("shipped",)], [("canceled",), ("unavailable",)]),
    "REES46 events as purchases": (["event_type"], [("purchase",)], [("view",), ("cart",), ("remove_from_cart",)]),
}  # fmt: skip


def test_the_documented_conditions_do_what_they_are_for(spark: SparkSession) -> None:
    text = (ROOT / "docs" / "quality.md").read_text(encoding="utf-8")
    conditions = dict(re.findall(r"^\| ([^|`]+) \| `+ ?(.+?) ?`+ \| [^|]*\|$", text, re.MULTILINE))
    assert set(EXPORTS) <= set(conditions)
    for name, (columns, inside, outside) in EXPORTS.items():
        schema = ", ".join(f"`{column}` STRING" for column in [*columns, "counts"])
        raw = spark.createDataFrame([(*row, "yes") for row in inside] + [(*row, "no") for row in outside], schema)
        left = raw.where(left_out(raw, conditions[name], "transactions")).select("counts").collect()
        assert [row["counts"] for row in left] == ["no"] * len(outside), name


def test_filtered_events_are_nobodys_and_tell_nothing_of_a_visitor(spark: SparkSession) -> None:
    moment = datetime(2024, 3, 1, 12)
    rows = [
        ("ann", "v1", moment, "view", False), (None, "v1", moment, "view", False), ("bob", "v1", moment, "view", True),
        (None, None, moment, "nonsense", True), ("cyd", None, moment, "nonsense", False),
    ]  # fmt: skip
    raw = spark.createDataFrame(rows, "who STRING, cookie STRING, at TIMESTAMP, what STRING, internal BOOLEAN")
    columns = {"customer_id": "who", "visitor_id": "cookie", "event_ts": "at", "event_type": "what"}
    source = EventsSource(table="t", columns=columns, preset="inhouse", where="NOT internal")
    assert [tuple(row) for row in visitors(raw, source).collect()] == [("v1", 1, "ann")]
    validated = validated_events(raw, source)
    counts = interaction_counts(tallied(validated, [validated["event_ts"]]), EVENT_CHECKS, AS_OF)
    assert (counts.read, counts.filtered, counts.rejected) == (5, 2, {"unknown_type": 1})
    assert sum(sum(days.values()) for days in counts.series.values()) == 2
    assert [row["reason"] for row in interaction_rejects(validated, "events").collect()] == ["unknown_type"]


def test_filtered_messages_are_counted_apart(spark: SparkSession) -> None:
    moment = datetime(2024, 3, 1, 12)
    rows = [("ann", "m1", moment, "sent", "test"), ("ann", "m2", moment, "sent", "sale"), ("", "m3", moment, "?", None)]
    raw = spark.createDataFrame(rows, "who STRING, mail STRING, at TIMESTAMP, what STRING, flow STRING")
    columns = {"customer_id": "who", "message_id": "mail", "event_ts": "at", "event": "what"}
    source = MessagesSource(table="t", columns=columns, where="flow <> 'test'")
    validated = validated_messages(raw, source)
    counts = interaction_counts(tallied(validated, [validated["message_id"]]), MESSAGE_CHECKS, AS_OF)
    assert (counts.read, counts.filtered, counts.rejected) == (3, 2, {})
    assert interaction_rejects(validated, "messages").isEmpty()


def test_rates_are_taken_from_rows_inside_the_condition(spark: SparkSession) -> None:
    raw = spark.createDataFrame([("USD", 0.9, "mid"), ("USD", 0.8, "bid")], "currency STRING, rate DOUBLE, kind STRING")
    columns = {"currency": "currency", "rate": "rate"}
    mid = RatesSource(table="t", to="EUR", columns=columns, where="kind = 'mid'")
    assert [row["rate"] for row in daily_rates(raw, mid, AS_OF).collect()] == [Decimal("0.9")]
    with pytest.raises(SourceError, match="no single rate"):
        daily_rates(raw, mid.model_copy(update={"where": None}), AS_OF)


def test_the_account_balances_with_filtered_rows_or_says_the_sum() -> None:
    rows = {"read": 10, "accepted": 5, "rejected": 1, "duplicates": 1, "filtered": 3}
    Balance(rows, rows).must_hold("transactions")
    with pytest.raises(BalanceError, match=r"10 rows read, but 5 accepted \+ 1 rejected \+ 1 duplicates \+ 2 filtered"):
        Balance({**rows, "filtered": 2}, rows).must_hold("transactions")
