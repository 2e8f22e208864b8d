"""Numbers written for people, and what is no number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.capabilities.purchases.gates import mixed_currencies
from rfm_spark.capabilities.purchases.lines import ReadOptions, currency_origin, typed_lines
from rfm_spark.capabilities.purchases.quality import QualityConfig
from tests.taking import take

MOMENT = datetime(2024, 3, 1, 12)


def cents_of(
    spark: SparkSession, texts: Sequence[str | None], decimal: str = "."
) -> list[tuple[int | None, str | None]]:
    source = TransactionsSource.model_validate(
        {
            "table": "t", "columns": {"customer_id": "'c'", "order_ts": "at", "amount": "a"}, "order_grain": "row",
            "decimal": decimal,
        }
    )  # fmt: skip
    raw = spark.createDataFrame([(i, MOMENT, text) for i, text in enumerate(texts)], "i INT, at TIMESTAMP, a STRING")
    rows = typed_lines(raw, source).selectExpr("record.i AS i", "sale_cents - refund_cents AS c", "reason", "marks")
    return [
        (None if row["reason"] else row["c"], row["reason"]) for row in sorted(rows.collect(), key=lambda r: r["i"])
    ]


@pytest.mark.parametrize(
    ("decimal", "text", "cents"),
    [
        (".", "12.5", 1250), (".", "1,234.50", 123450), (".", "$1,234.50", 123450), (".", "(12.50)", -1250),
        (".", "12.50-", -1250), (".", "−12.50", -1250), (".", "1,234", 123400), (".", "12,50", 1250),
        (".", "1.234,50 €", 123450), (".", "EUR 1.234.567,8", 123456780), (".", "1 234,50", 123450),
        (".", "1'234.50", 123450), (".", "12,34,567.00", 123456700), (".", "1e3", 100000), (".", " 7 ", 700),
        (".", "USD12", 1200), (",", "1.234", 123400), (",", "1,234", 123), (",", "12.5", 1250), (",", "12,50", 1250),
        (",", "1.234,50", 123450), (",", "-7,005", -701),
    ],
)  # fmt: skip
def test_a_number_written_for_people_is_read(spark: SparkSession, decimal: str, text: str, cents: int) -> None:
    assert cents_of(spark, [text], decimal) == [(cents, None)]


@pytest.mark.parametrize("decimal", [".", ","])
def test_after_a_leading_zero_a_sign_is_the_decimal_one(spark: SparkSession, decimal: str) -> None:
    texts = ["0,250", "0.250", "-0.500", "-0,500", "0,5", "00,500", "€ 0,999", "0,250,000", "0.250.000"]
    bad = (None, "bad_amount")
    assert cents_of(spark, texts, decimal) == [
        (25, None), (25, None), (-50, None), (-50, None), (50, None), (50, None), (100, None), bad, bad,
    ]  # fmt: skip


def test_what_is_no_number_is_said_apart_from_what_is_too_large(spark: SparkSession) -> None:
    bad = ["abc", "", None, "NaN", "Infinity", "1,2,3", "1.2.3", "12,3456,7", "--5", "1e", "0x10", "five"]
    large = ["1e400", "-1e400", "10000000000001", "9" * 60]
    found = cents_of(spark, [*bad, *large])
    assert found == [(None, "bad_amount")] * len(bad) + [(None, "amount_overflow")] * len(large)


def test_rewriting_can_be_refused(spark: SparkSession) -> None:
    source = TransactionsSource(
        table="t", columns={"customer_id": "'c'", "order_ts": "at", "amount": "a"}, order_grain="row"
    )
    raw = spark.createDataFrame([(MOMENT, "1.50"), (MOMENT, "$1.50")], "at TIMESTAMP, a STRING").coalesce(1)
    options = ReadOptions(QualityConfig(checks={"formatted_number": "reject"}))
    assert [row["reason"] for row in typed_lines(raw, source, options).collect()] == [None, "formatted_number"]


def test_signs_of_currencies_are_told_apart(spark: SparkSession) -> None:
    source = TransactionsSource(
        table="t", columns={"customer_id": "'c'", "order_ts": "at", "amount": "a"}, order_grain="row"
    )
    texts = ["12.50", "€12.50", "12,50 EUR", "USD 3.00", "$3.00", "£1"]
    raw = spark.createDataFrame([(MOMENT, text) for text in texts], "at TIMESTAMP, a STRING").coalesce(1)
    found = typed_lines(raw, source)
    assert [row["currency"] for row in found.collect()] == [None, "EUR", "EUR", "USD", "$", "GBP"]
    assert currency_origin(found, source) == "amounts"
    sentence = mixed_currencies(take(raw, source).counts(MOMENT.date()))
    assert sentence is not None
    assert sentence.startswith("sources.transactions has amounts in $ and USD, and currencies are never added up")


@given(st.lists(st.decimals(-(10**9), 10**9, places=2, allow_nan=False), min_size=1, max_size=40))
@example([Decimal("0.00"), Decimal("-1000.00"), Decimal("999.99"), Decimal("1000.01")])
def test_german_and_english_forms_of_one_number_are_one_amount(spark: SparkSession, numbers: list[Decimal]) -> None:
    english = [f"{number:,.2f} USD" for number in numbers]
    german = [f"{number:,.2f} €".translate(str.maketrans(",.", ".,")) for number in numbers]
    wanted = [(int((number * 100).to_integral_value(ROUND_HALF_UP)), None) for number in numbers]
    assert cents_of(spark, english + german) == wanted * 2


@given(
    st.lists(
        st.text(max_size=12) | st.from_regex(re.compile(r"[-+(]?[0-9.,' ]{0,12}[)€-]?"), fullmatch=True), min_size=1
    )
)
def test_any_text_is_an_amount_or_a_reject_never_an_error(spark: SparkSession, texts: list[str]) -> None:
    # Surrogates are no text that a file could hold.
    usable = [text.encode("utf-8", "ignore").decode() for text in texts]
    for cents, reason in cents_of(spark, usable):
        assert (cents is None) == (reason in ("bad_amount", "amount_overflow"))
