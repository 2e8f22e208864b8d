"""Exchange rates keep their digits, however small they are."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from pyspark.sql import SparkSession

from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.capabilities.purchases.exchange_rates import daily_rates
from rfm_spark.capabilities.purchases.lines import ReadOptions, typed_lines

RATES = {"path": "r", "format": "csv", "to": "EUR", "columns": {"currency": "code", "rate": "rate"}}
COLUMNS = {"customer_id": "'c'", "order_ts": "at", "amount": "amount", "currency": "code"}
MOMENT = datetime(2024, 3, 1, 12)


def test_small_and_large_rates_convert_with_ten_significant_digits(spark: SparkSession) -> None:
    source = TransactionsSource.model_validate(
        {"table": "t", "columns": COLUMNS, "order_grain": "row", "rates": RATES}
    )  # fmt: skip
    assert source.rates is not None
    # By hand: what a million million units are worth, and one of an expensive currency.
    cases = [
        ("VND", "0.00003612345678", "1000000.00", Decimal("0.00003612345678"), 3_612),
        ("ZWL", "2.345678901e-9", "1000000000000", Decimal("0.000000002345678901"), 234_568),
        ("IRR", "0.000000000123", "9000000000000", Decimal("0.000000000123"), 110_700),
        ("BTC", "61234.5678901", "1.50", Decimal("61234.5678901"), 9_185_185),
    ]
    given = spark.createDataFrame([(code, rate) for code, rate, *_ in cases], "code STRING, rate STRING")
    rates = daily_rates(given, source.rates, date(2024, 12, 31))
    assert {row["rate_currency"]: row["rate"] for row in rates.collect()} == {
        code: exact.quantize(Decimal(1).scaleb(-20)) for code, _, _, exact, _ in cases
    }
    rows = [(MOMENT, Decimal(amount), code) for code, _, amount, *_ in cases]
    raw = spark.createDataFrame(rows, "at TIMESTAMP, amount DECIMAL(18,2), code STRING")
    lines = typed_lines(raw, source, ReadOptions(rates=rates))
    assert [row["sale_cents"] for row in lines.collect()] == [cents for *_, cents in cases]
