"""Exports as people have them: what `rfm-spark init` writes gives the values that were worked out by hand.

Each folder of `tests/data/exports` holds an input and, per customer, the purchases and their net money as of a day.
"""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.capabilities.purchases.days import visible
from rfm_spark.capabilities.purchases.orders import each_order
from rfm_spark.capabilities.purchases.quality import QualityConfig
from rfm_spark.cli.guess.exports import known_exports, recognised
from rfm_spark.cli.guess.mapping import Guess
from rfm_spark.cli.init import initialised, unsure
from rfm_spark.core.config import Config
from rfm_spark.core.errors import GateError, SourceError
from rfm_spark.core.loading import load_config
from rfm_spark.lake.sources import pin
from tests.helpers import run_tiny
from tests.taking import take

DATA = Path(__file__).parents[1] / "data" / "exports"
TODAY = dt.date(2024, 7, 1)
ONCE_EACH = (
    "line_quantity/orders.csv", "status/orders.csv", "ties/orders.csv", "twelve_hours/transactions.csv",
    "woo_report/wc-orders-report-export.csv", "woo_advanced/orders.csv", "paypal/Download.CSV", "cp1252/umsatz.csv",
    "cp1252/umsatz_sep.csv", "cp1252/umsatz_utf16.csv", "amazon/all_orders.txt", "shopify_api/orders.jsonl",
    "shopify_orders/orders_export_1.csv", "magento/sales_order_grid.csv", "stripe/unified_payments.csv",
    "square/transactions-2024.csv", "olist/olist_joined.csv", "ga4/events_20240504.json",
)  # fmt: skip
KNOWN = {
    "amazon": "Amazon", "ga4": "Google Analytics", "magento": "Magento", "olist": "Olist", "paypal": "PayPal",
    "rees46": "REES46", "shopify_api": "Shopify's Admin API", "shopify_orders": "Shopify's orders export",
    "square": "Square", "stripe": "Stripe", "woo_advanced": "Advanced Order Export", "woo_report": "orders report",
}  # fmt: skip


def initialised_config(spark: SparkSession, file: Path, folder: Path) -> tuple[Config, Guess]:
    yml, found = initialised(spark, str(file), folder / "guessed.yml", TODAY)
    return load_config(yml, ["clusters.enabled=false"]), found


def orders_of(spark: SparkSession, config: Config, as_of: dt.date) -> DataFrame:
    """Orders as a run counts them."""
    source = config.part(TransactionsSource)
    taken = take(pin(None, spark, config).frame, source, config.part(QualityConfig))
    # A refund that came later voids nothing yet.
    return each_order(visible(taken.days, as_of), source.order_grain)


def purchases(orders: DataFrame) -> dict[str, list[Any]]:
    """Purchases that were not wholly refunded, and net money, of customers who have any."""
    bought = F.count_if((F.col("gross") > 0) & F.col("voided_on").isNull())
    each = orders.groupBy("customer_id").agg(bought.alias("n"), F.sum("net").alias("money")).where("n > 0").collect()
    return {row["customer_id"]: [row["n"], float(row["money"])] for row in each}


def expected(name: str) -> tuple[dt.date, dict[str, list[Any]]]:
    document = json.loads((DATA / name / "expected.json").read_text(encoding="utf-8"))
    return dt.date.fromisoformat(document["as_of"]), document["customers"]


@pytest.mark.parametrize("file", ONCE_EACH)
def test_init_alone_gives_the_values_worked_out_by_hand(spark: SparkSession, tmp_path: Path, file: str) -> None:
    name = file.partition("/")[0]
    as_of, customers = expected(name)
    config, found = initialised_config(spark, DATA / file, tmp_path)
    assert purchases(orders_of(spark, config, as_of)) == customers
    assert (KNOWN[name] in (found.export or "")) if name in KNOWN else found.export is None


def test_a_log_of_events_becomes_purchases_and_events(spark: SparkSession, tmp_path: Path) -> None:
    as_of, customers = expected("rees46")
    config, _ = initialised_config(spark, DATA / "rees46" / "2019-Oct.csv", tmp_path)
    outcome = run_tiny(spark, config, as_of)
    assert outcome.exit_code == 0
    lake = config.resolve("./lake")
    segments = spark.read.format("delta").load(f"{lake}/segments").collect()
    assert {row["customer_id"]: [row["frequency"], float(row["monetary"])] for row in segments} == customers
    ledger = spark.read.format("delta").load(f"{lake}/runs").collect()[0]
    # 208 views, 44 carts, 19 removals and 29 purchases.
    assert (ledger["rows"]["events.read"], ledger["rows"]["events.rejected"]) == (300, 0)


def test_several_currencies_stop_a_run(spark: SparkSession, tmp_path: Path) -> None:
    config, found = initialised_config(spark, DATA / "currencies" / "payments.csv", tmp_path)
    assert config.part(TransactionsSource).columns["currency"] == "currency"
    assert any("EUR and USD" in remark for remark in found.remarks)
    with pytest.raises(GateError, match="amounts in EUR and USD"):
        run_tiny(spark, config)


def test_rows_without_order_ids_are_a_question_with_both_counts(spark: SparkSession, tmp_path: Path) -> None:
    _, found = initialised_config(spark, DATA / "twelve_hours" / "transactions.csv", tmp_path)
    # 4125 bought twice on one evening.
    assert unsure(found)[1:] == [
        "  as written, a customer's day as one purchase: 22",
        "  or each row as a purchase: 23; write order_grain: row",
    ]


def test_a_page_of_an_interface_says_how_to_save_its_rows(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"in its field orders; .* jq -c '\.orders\[\]'"):
        initialised_config(spark, DATA / "shopify_api" / "orders_page.json", tmp_path)


@pytest.mark.parametrize("name", sorted(known_exports()))
def test_headers_are_recognised_with_blanks_marks_and_other_columns_around(name: str) -> None:
    export = known_exports()[name]
    headers = [f"\ufeff {header.split('|')[-1].upper()} " for header in export.headers]
    assert recognised([*headers, "Something else"]) == export
    assert recognised(headers[1:]) != export
