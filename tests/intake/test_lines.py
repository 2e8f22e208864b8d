"""Rows of a source become typed lines, or rejects with a reason."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.capabilities.purchases.counts import LineCounts
from rfm_spark.capabilities.purchases.days import visible
from rfm_spark.capabilities.purchases.gates import mixed_currencies
from rfm_spark.capabilities.purchases.lines import ReadOptions, currency_origin, rejects, typed_lines
from rfm_spark.capabilities.purchases.quality import QualityConfig
from rfm_spark.core.errors import SourceError
from tests.taking import take

AS_OF = date(2024, 3, 31)
MOMENT = datetime(2024, 3, 1, 12)
PRODUCT = TransactionsSource(
    table="t",
    columns={
        "customer_id": "Customer ID", "order_id": "Invoice No.", "quantity": "Qty", "unit_price": "unit price",
        "order_ts": "to_timestamp(`Invoice Date`, 'M/d/yyyy H:mm')", "is_return": "`Invoice No.` LIKE 'C%'",
        "currency": "cur",
    },
)  # fmt: skip
SHOP_SCHEMA = (
    "`Customer ID` STRING, `Invoice No.` STRING, `Invoice Date` STRING, Qty STRING, `unit price` STRING, cur STRING"
)
GOOD = ("17850", "536365", "3/1/2024 8:26", "6", "2.55", "GBP")


def shop(spark: SparkSession, **changes: tuple[str | None, ...]) -> DataFrame:
    rows = [(*row, name) for name, row in {"good": GOOD, **changes}.items()]
    return spark.createDataFrame(rows, f"{SHOP_SCHEMA}, note STRING")


def amounts(spark: SparkSession, kinds: str, rows: list[tuple[object, object]]) -> list[tuple[int, int, str | None]]:
    source = TransactionsSource(
        table="t",
        columns={"customer_id": "'c'", "order_ts": "at", "quantity": "q", "unit_price": "p"},
        order_grain="row",
    )
    quantity, price = kinds.split("*")
    raw = spark.createDataFrame([(MOMENT, *row) for row in rows], f"at TIMESTAMP, q {quantity}, p {price}").coalesce(1)
    found = typed_lines(raw, source).select("sale_cents", "refund_cents", "reason").collect()
    return [(row[0], row[1], row[2]) for row in found]


def test_column_names_with_spaces_and_dots_and_expressions_are_mapped(spark: SparkSession) -> None:
    returned = ("17850", "C536366", "3/2/2024 9:00", "-6", "2.55", "GBP")
    lines = typed_lines(shop(spark, returned=returned), PRODUCT).orderBy("order_ts").drop("record").collect()
    assert [row.asDict() for row in lines] == [
        {
            "customer_id": "17850", "order_id": order, "order_ts": moment, "order_date": moment.date(),
            "sale_cents": sale, "refund_cents": back, "currency": "GBP", "channel": None, "reason": None,
            "line_id": None, "marks": 0,
        }
        for order, moment, sale, back in (
            ("536365", datetime(2024, 3, 1, 8, 26), 1530, 0),
            ("C536366", datetime(2024, 3, 2, 9, 0), 0, 1530),
        )
    ]  # fmt: skip


def test_each_rejected_row_has_its_reason_and_the_row_as_it_was_read(spark: SparkSession) -> None:
    customer, order, at, quantity, price, currency = GOOD
    bad: dict[str, tuple[str | None, ...]] = {
        "anonymous": (None, order, at, quantity, price, currency),
        "anonymous, blank": ("  ", order, at, quantity, price, currency),
        "anonymous first": ("", None, "never", "x", price, currency),
        "bad_date": (customer, order, "2024-03-01", quantity, price, currency),
        "bad_date, none": (customer, order, None, quantity, price, currency),
        "before_1970": (customer, order, "12/31/1969 23:59", quantity, price, currency),
        "missing_order_id": (customer, None, at, quantity, price, currency),
        "missing_order_id, blank": (customer, " ", at, quantity, price, currency),
        "bad_amount": (customer, order, at, "six", price, currency),
        "bad_amount, none": (customer, order, at, quantity, None, currency),
        "bad_amount, endless": (customer, order, at, quantity, "NaN", currency),
        "amount_overflow": (customer, order, at, "1000000000", "1000000.00", currency),
    }
    raw = shop(spark, **bad)
    found = {json.loads(row["record"])["note"]: row for row in rejects(typed_lines(raw, PRODUCT), PRODUCT).collect()}
    assert {note: row["reason"] for note, row in found.items()} == {
        note: note.partition(",")[0].partition(" ")[0] for note in bad
    }
    names = [*raw.columns]
    for note, row in found.items():
        assert row["source"] == "transactions"
        assert json.loads(row["record"]) == dict(zip(names, (*bad[note], note), strict=True))
    assert found["anonymous"]["detail"] == "customer_id = null"
    assert found["missing_order_id, blank"]["detail"] == "order_id =  "
    assert found["bad_date"]["detail"].startswith("order_ts = ")


def test_counts_come_from_the_same_pass_and_anonymous_rows_are_apart(spark: SparkSession) -> None:
    customer, order, _, quantity, price, currency = GOOD
    raw = shop(
        spark,
        a=(None, *GOOD[1:]),
        b=(None, *GOOD[1:]),
        c=(customer, order, "x", quantity, price, currency),
        later=(customer, order, "4/1/2024 0:00", quantity, price, "EUR"),
        last=(customer, order, "3/31/2024 23:59", "2", "1.00", "GBP"),
        back=(customer, order, "3/30/2024 1:00", "-1", "0.50", "GBP"),
        old=(customer, order, "1/2/2020 1:00", "0", "0.50", "GBP"),
    )
    taken = take(raw, PRODUCT)
    assert sorted(row["day"] for row in visible(taken.days, AS_OF).collect()) == [
        date(2020, 1, 2), date(2024, 3, 1), date(2024, 3, 30), date(2024, 3, 31),
    ]  # fmt: skip
    counts = taken.counts(AS_OF)
    # 6 at 2.55 five times, 2 at 1.00, and half a pound given back; of three rows nothing can be used.
    assert counts == LineCounts(
        read=8, rejected={"anonymous": 2, "bad_date": 1}, later=1, newest=AS_OF, oldest=date(2020, 1, 2),
        currencies=("GBP", "GBP"), recent=2, trailing=1, fingerprint=counts.fingerprint, sale_cents=1530 + 200,
        refund_cents=50,
    )  # fmt: skip
    assert counts.reject_share == pytest.approx(1 / 6)
    assert taken.taken.rows == {
        "transactions.read": 8, "transactions.accepted": 5, "transactions.rejected": 3, "transactions.duplicates": 0,
        "transactions.rejected.anonymous": 2, "transactions.rejected.bad_date": 1, "transactions.flagged.zero_price": 1,
        "transactions.repaired.negative_sale": 1,
    }  # fmt: skip
    assert taken.taken.money == {
        "transactions.read": Decimal("78.00"), "transactions.accepted": Decimal("32.10"),
        "transactions.rejected": Decimal("45.90"), "transactions.duplicates": 0,
    }  # fmt: skip


def test_quantity_times_price_does_not_overflow_whole_numbers(spark: SparkSession) -> None:
    whole: list[tuple[object, object]] = [(100_000, 100_000), (-100_000, 100_000)]
    assert amounts(spark, "INT*INT", whole) == [(10**12, 0, None), (0, 10**12, None)]
    assert amounts(spark, "BIGINT*BIGINT", [(2**32, 2**32), (2**62, 4)]) == [(0, 0, "amount_overflow")] * 2
    assert amounts(spark, "INT*DOUBLE", [(3, 0.335), (2, 1.005), (-1, 2.675)]) == [
        (101, 0, None), (201, 0, None), (0, 268, None),
    ]  # fmt: skip
    assert amounts(spark, "STRING*STRING", [("3", "0.335"), ("0", "9"), ("1", "")]) == [
        (101, 0, None), (0, 0, None), (0, 0, "bad_amount"),
    ]  # fmt: skip


def test_a_float_price_is_what_it_shows(spark: SparkSession) -> None:
    # As the nearest FLOAT 2.675 is 2.67499995 and 1.005 is 1.00499999.
    assert amounts(spark, "INT*FLOAT", [(1, 2.675), (-3, 1.005)]) == [(268, 0, None), (0, 302, None)]
    assert amounts(spark, "FLOAT*INT", [(2.675, 1), (0.1, 10)]) == [(268, 0, None), (100, 0, None)]


@pytest.mark.parametrize("at", ["CAST(NULL AS timestamp)", "timestamp'2024-05-01'", "timestamp'2024-01-01'"])
def test_money_of_absurd_rows_is_counted_beyond_any_whole_number(spark: SparkSession, at: str) -> None:
    raw = spark.range(10_000).selectExpr("CAST(id AS STRING) AS who", f"{at} AS at", "-9999999999999.99 AS total")
    source = TransactionsSource(
        table="t", columns={"customer_id": "who", "order_ts": "at", "amount": "total"}, order_grain="row"
    )
    money = take(raw, source).taken.money
    total = Decimal("-9999999999999.99") * 10_000
    assert money["transactions.read"] == total
    assert money["transactions.rejected" if "NULL" in at else "transactions.accepted"] == total


def test_a_return_mark_without_an_answer_is_rejected(spark: SparkSession) -> None:
    raw = spark.createDataFrame([(MOMENT, "Y"), (MOMENT, "N"), (MOMENT, None)], "at TIMESTAMP, flag STRING").coalesce(1)
    columns = {"customer_id": "'c'", "order_ts": "at", "amount": "5", "is_return": "flag = 'Y'"}
    source = TransactionsSource(table="t", columns=columns, order_grain="row")
    found = typed_lines(raw, source)
    assert [(r["sale_cents"], r["refund_cents"], r["reason"]) for r in found.collect()][:2] == [
        (0, 500, None), (500, 0, None),
    ]  # fmt: skip
    (bad,) = rejects(found, source).collect()
    assert (bad["reason"], bad["detail"]) == ("unknown_type", "is_return = flag = 'Y'")
    meant = source.model_copy(update={"columns": {**columns, "is_return": "coalesce(flag = 'Y', false)"}})
    assert [row["reason"] for row in typed_lines(raw, meant).collect()] == [None] * 3


def test_a_line_without_the_mapped_currency_is_none_of_the_others(spark: SparkSession) -> None:
    raw = spark.createDataFrame([(MOMENT, "EUR"), (MOMENT, None)], "at TIMESTAMP, cur STRING")
    columns = {"customer_id": "'c'", "order_ts": "at", "amount": "5", "currency": "cur"}
    source = TransactionsSource(table="t", columns=columns, order_grain="row")
    flagged = QualityConfig(checks={"unknown_currency": "flag"})
    assert currency_origin(typed_lines(raw, source, ReadOptions(flagged)), source) == "column"
    counts = take(raw, source, flagged).counts(AS_OF)
    assert "amounts in EUR and amounts without a currency" in str(mixed_currencies(counts))
    assert mixed_currencies(take(raw, source).counts(AS_OF)) is None


def test_a_measured_quantity_keeps_its_digits(spark: SparkSession) -> None:
    # 0.12345 kg at 1,000 and 0.00004 shares at 50,000 are 123.45 and 2.00.
    assert amounts(spark, "STRING*STRING", [("0.12345", "1000"), ("0.00004", "50000")]) == [
        (12345, 0, None), (200, 0, None),
    ]  # fmt: skip


def test_every_wrong_column_is_named_in_one_error(spark: SparkSession) -> None:
    raw = spark.createDataFrame([(1, MOMENT)], "who INT, at TIMESTAMP")
    source = TransactionsSource(
        table="t",
        columns={"customer_id": "Customer ID", "order_ts": "at", "amount": "total", "order_id": "abs(nowhere)"},
    )
    with pytest.raises(SourceError) as caught:
        typed_lines(raw, source)
    message = str(caught.value)
    for part in ("columns.customer_id", "columns.amount", "total", "columns.order_id", "nowhere", "who, at"):
        assert part in message
    assert "columns.order_ts" not in message


def test_every_wrong_type_is_named_in_one_error(spark: SparkSession) -> None:
    raw = spark.createDataFrame([("c", 20240301, MOMENT, "Y")], "who STRING, day INT, at TIMESTAMP, flag STRING")
    source = TransactionsSource(
        table="t",
        columns={"customer_id": "who", "order_ts": "day", "amount": "at", "is_return": "flag"},
        order_grain="day",
    )
    with pytest.raises(SourceError) as caught:
        typed_lines(raw, source)
    message = str(caught.value)
    for part in ("columns.order_ts is INT", "columns.amount is TIMESTAMP", "columns.is_return is STRING"):
        assert part in message


@pytest.mark.parametrize("text", ["sum(total)", "explode(array(total, total))"])
def test_a_mapping_that_is_not_one_value_per_row_is_refused(spark: SparkSession, text: str) -> None:
    raw = spark.createDataFrame([("c", 1, MOMENT)], "who STRING, total INT, at TIMESTAMP")
    columns = {"customer_id": "who", "order_ts": "at", "amount": text}
    with pytest.raises(SourceError, match=r"columns\.amount"):
        typed_lines(raw, TransactionsSource(table="t", columns=columns, order_grain="row")).collect()


def test_a_customer_id_that_is_not_a_number_any_more_is_anonymous(spark: SparkSession) -> None:
    raw = spark.createDataFrame([(float("nan"), 1, MOMENT)], "who DOUBLE, total INT, at TIMESTAMP")
    source = TransactionsSource(
        table="t", columns={"customer_id": "who", "order_ts": "at", "amount": "total"}, order_grain="row"
    )
    assert [row["reason"] for row in typed_lines(raw, source).collect()] == ["anonymous"]


def test_a_bad_expression_is_a_reject_and_leaves_the_session_as_it_was(spark: SparkSession) -> None:
    raw = spark.createDataFrame([("c", "1", MOMENT), ("c", "x", MOMENT)], "who STRING, total STRING, at TIMESTAMP")
    columns = {"customer_id": "who", "order_ts": "at", "amount": "CAST(total AS INT) / 0 + CAST(total AS DOUBLE)"}
    before = spark.conf.get("spark.sql.ansi.enabled")
    lines = typed_lines(raw, TransactionsSource(table="t", columns=columns, order_grain="row"))
    assert [row["reason"] for row in lines.collect()] == ["bad_amount", "bad_amount"]
    assert spark.conf.get("spark.sql.ansi.enabled") == before == "true"


def test_dates_and_text_are_times_too(spark: SparkSession) -> None:
    raw = spark.createDataFrame([("c", Decimal(1), "2024-02-29")], "who STRING, total DECIMAL(9,2), day STRING")
    for text, kind in (("day", "string"), ("to_date(day)", "date"), ("CAST(day AS TIMESTAMP_NTZ)", "ntz")):
        columns = {"customer_id": "who", "order_ts": text, "amount": "total"}
        lines = typed_lines(raw, TransactionsSource(table="t", columns=columns, order_grain="row"))
        row = lines.select("order_ts", "order_date", F.col("sale_cents")).collect()[0]
        assert tuple(row) == (datetime(2024, 2, 29), date(2024, 2, 29), 100), kind
