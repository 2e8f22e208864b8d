"""What `guess` makes of the shapes in which purchases come: by names and by values."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.capabilities.purchases.lines import typed_lines
from rfm_spark.capabilities.purchases.quality import QualityConfig
from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.cli.guess.mapping import Guess, guess, render
from rfm_spark.cli.guess.words import score
from rfm_spark.cli.guess.yaml_text import scalar
from rfm_spark.core.config import Config
from rfm_spark.core.errors import SourceError
from rfm_spark.core.loading import load_config
from rfm_spark.core.session import session_settings

TODAY = dt.date(2024, 5, 1)
CONF = Path(__file__).parents[2] / "conf"


def texts(spark: SparkSession, header: str, rows: Sequence[Sequence[str | None]], sep: str = ",") -> DataFrame:
    """A frame as a CSV reader gives it: all text."""
    schema = ", ".join(f"`{name}` string" for name in header.split(sep))
    return spark.createDataFrame([tuple(row) for row in rows], schema)


def config_of(found: Guess, folder: Path, today: dt.date = TODAY) -> Config:
    file = folder / "guessed.yml"
    file.write_text(
        render(found, name="guessed", file="guessed.yml", path="x.csv", source_format="csv", options={}, today=today)
    )
    return load_config(file)


def rejects_and_days(raw: DataFrame, config: Config) -> tuple[int, list[str]]:
    """Rejected rows, and the days of the accepted ones, as a run sees them."""
    with session_settings(raw.sparkSession, {"spark.sql.session.timeZone": "UTC"}):
        lines = typed_lines(raw, config.part(TransactionsSource)).select("reason", F.col("order_date").cast("string"))
        rows = lines.collect()
    return sum(row[0] is not None for row in rows), sorted({row[1] for row in rows if row[0] is None})


RETAIL = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
RETAIL_ROWS = [
    ("536365", "85123A", "WHITE HANGING HEART", "6", "12/1/2010 8:26", "2.55", "17850", "United Kingdom"),
    ("536365", "71053", "WHITE METAL LANTERN", "6", "12/1/2010 8:26", "3.39", "17850", "United Kingdom"),
    ("536366", "22633", "HAND WARMER", "6", "12/1/2010 8:28", "1.85", "17850", "United Kingdom"),
    ("536370", "22728", "ALARM CLOCK", "24", "12/13/2010 8:45", "3.75", "12583", "France"),
    ("536371", "22086", "PAPER CHAIN KIT", "80", "12/14/2010 9:00", "2.55", None, "United Kingdom"),
    ("C536379", "D", "Discount", "-1", "12/14/2010 9:41", "27.50", "12583", "United Kingdom"),
]


def test_online_retail_is_mapped_with_prices_times_quantities_and_its_cancellations(
    spark: SparkSession, tmp_path: Path
) -> None:
    raw = texts(spark, RETAIL, RETAIL_ROWS)
    found = guess(raw)
    assert found.columns == {
        "customer_id": "CustomerID",
        "order_id": "InvoiceNo",
        "order_ts": "try_to_timestamp(InvoiceDate, 'M/d/yyyy H:mm')",
        "quantity": "Quantity",
        "unit_price": "UnitPrice",
        "is_return": "InvoiceNo LIKE 'C%'",
        "product_id": "StockCode",
    }
    assert (found.rows, found.oldest, found.newest) == (6, dt.date(2010, 12, 1), dt.date(2010, 12, 14))
    assert any("anonymous" in remark for remark in found.remarks)
    assert any("negative" in remark for remark in found.remarks)
    rejected, days = rejects_and_days(raw, config_of(found, tmp_path))
    assert (rejected, days) == (1, ["2010-12-01", "2010-12-13", "2010-12-14"])


def test_three_columns_without_order_ids_make_one_order_of_a_day(spark: SparkSession, tmp_path: Path) -> None:
    raw = texts(spark, "customer,date,amount", [("a", "2024-04-29", "10.00"), ("a", "2024-04-30T10:00:00Z", "5")])
    found = guess(raw)
    assert found.columns == {"customer_id": "customer", "order_ts": "date", "amount": "amount"}
    config = config_of(found, tmp_path)
    assert config.part(TransactionsSource).order_grain == "day"
    assert config.part(QualityConfig).max_staleness_days == 3
    assert rejects_and_days(raw, config) == (0, ["2024-04-29", "2024-04-30"])


@pytest.mark.parametrize("header", ["id,date,cds,dollars", "_c0,_c1,_c2,_c3"])
def test_cdnow_numbers_like_19970131_are_dates(spark: SparkSession, tmp_path: Path, header: str) -> None:
    rows = [("00001", "19970101", "1", "11.77"), ("00001", "19970112", "5", "77.00"), ("00002", "19970131", "2", "9.5")]
    raw = texts(spark, header, rows)
    found = guess(raw)
    customer, date, _, dollars = header.split(",")
    assert found.columns["customer_id"] == customer
    assert found.columns["order_ts"] == f"try_to_timestamp(cast({date} as string), 'yyyyMMdd')"
    assert found.columns["amount"] == dollars
    assert "order_id" not in found.columns
    assert found.notes["customer_id"].startswith("unsure")
    assert rejects_and_days(raw, config_of(found, tmp_path)) == (0, ["1997-01-01", "1997-01-12", "1997-01-31"])


def test_german_dates_and_decimal_commas_are_converted(spark: SparkSession, tmp_path: Path) -> None:
    rows = [("K1", "R1", "03.04.2024 10:15", "1.234,50 €"), ("K1", "R2", "04.04.2024 09:00", "12,50 €"),
            ("K2", "R3", "05.04.2024 12:30", "-7,00 €")]  # fmt: skip
    raw = texts(spark, "Kunden-Nr;Rechnungsnummer;Rechnungsdatum;Gesamtbetrag", rows, ";")
    found = guess(raw)
    assert found.columns["customer_id"] == "Kunden-Nr"
    config = config_of(found, tmp_path)
    with session_settings(spark, {"spark.sql.session.timeZone": "UTC"}):
        lines = typed_lines(raw, config.part(TransactionsSource))
        money = [tuple(row) for row in lines.select("sale_cents", "refund_cents").collect()]
    assert money == [(123450, 0), (1250, 0), (0, 700)]


def test_typed_columns_of_complete_journey_need_no_expression(spark: SparkSession, tmp_path: Path) -> None:
    at = dt.datetime(2017, 1, 1, 12, tzinfo=dt.timezone.utc)
    raw = spark.createDataFrame(
        [(900, 330, 31198570044, 1095275, 1.0, 0.5, 0.0, 1, at),
         (900, 330, 31198570044, 9878513, 1.0, 0.99, 0.1, 1, at),
         (1228, 406, 31198655051, 1041453, 2.0, 1.43, 0.15, 1, at)],
        "household_id int, store_id int, basket_id bigint, product_id int, quantity double, sales_value double, "
        "retail_disc double, week int, transaction_timestamp timestamp",
    )  # fmt: skip
    found = guess(raw)
    assert found.columns == {
        "customer_id": "household_id",
        "order_id": "basket_id",
        "order_ts": "transaction_timestamp",
        "amount": "sales_value",
        "product_id": "product_id",
    }
    assert {note.partition(":")[0] for note in found.notes.values()} == {"sure"}
    assert config_of(found, tmp_path).part(QualityConfig).max_staleness_days is None


def test_ambiguous_month_and_day_are_said_and_both_offered(spark: SparkSession) -> None:
    rows = [("a", "1/2/2024", "3.5"), ("b", "3/4/2024", "3"), ("a", "5/6/2024", "1")]
    raw = texts(spark, "client,order_date,total", rows)
    found = guess(raw)
    assert any("ambiguous" in remark for remark in found.remarks)
    text = render(found, name="x", file="x.yml", path="x.csv", source_format="csv", options={}, today=TODAY)
    assert "write order_ts: try_to_timestamp(order_date, 'd/M/yyyy')" in text
    assert next(question.ours for question in found.questions) == "order_ts"


def test_a_day_above_12_outside_the_sample_decides(spark: SparkSession) -> None:
    rows = [("a", "1/2/2024", "3.5"), ("b", "3/4/2024", "3"), ("a", "25/6/2024", "1")]
    found = guess(texts(spark, "client,order_date,total", rows), sample_rows=2)
    assert found.columns["order_ts"] == "try_to_timestamp(order_date, 'd/M/yyyy')"
    assert not any("ambiguous" in remark for remark in found.remarks)
    assert found.newest == dt.date(2024, 6, 25)


def test_names_with_spaces_are_plain_as_columns_and_quoted_in_expressions(spark: SparkSession, tmp_path: Path) -> None:
    rows = [("CA-1", "1/31/2014", "C 1", "Bo: #1", "261.96"), ("CA-2", "2/1/2014", "C 1", "Al", "1,731.94")]
    raw = texts(spark, "Order ID,Order Date,Customer ID,Customer Name,Sales", rows)
    found = guess(raw)
    assert found.columns["order_id"] == "Order ID"
    assert found.columns["customer_id"] == "Customer ID"
    assert "`Order Date`" in found.columns["order_ts"]
    assert rejects_and_days(raw, config_of(found, tmp_path)) == (0, ["2014-01-31", "2014-02-01"])


@pytest.mark.parametrize(
    ("value", "day"),
    [("2-Jan-11", "2011-01-02"), ("2 January 2011", "2011-01-02"), ("Jan 2, 2011", "2011-01-02"),
     ("2011/01/02 10:00", "2011-01-02"), ("2011-01-02 23:30:00+00:00", "2011-01-02"), ("1293962400", "2011-01-02"),
     ("1293962400000", "2011-01-02"), ("20110102101500", "2011-01-02"), ("1/20/2011 10:00:00 PM", "2011-01-20"),
     ("20.1.11", "2011-01-20"), ("20-01-2011 10:00:00", "2011-01-20")],
)  # fmt: skip
def test_dates_are_read_in_many_forms(spark: SparkSession, value: str, day: str) -> None:
    found = guess(texts(spark, "user_id,order_id,created_at,amount", [("u", "o", value, "1.5")]))
    assert str(found.newest) == day


def test_an_id_that_is_new_with_each_order_is_not_the_customer(spark: SparkSession) -> None:
    rows = [("o1", "c1", "p", "2017-10-02 10:56:33", "29.99"), ("o2", "c2", "p", "2017-11-02 10:56:33", "9.99")]
    header = "order_id,customer_id,customer_unique_id,order_purchase_timestamp,price"
    found = guess(texts(spark, header, rows))
    assert found.columns["customer_id"] == "customer_unique_id"
    assert found.columns["amount"] == "price"


def test_an_order_total_on_every_line_gives_way_to_price_times_quantity(spark: SparkSession) -> None:
    rows = [(f"o{n}", "c", "2024-01-01", str(qty), "2.5", "10") for n in range(6) for qty in (1, 3)]
    header = "order_id,customer_id,date,quantity,unit_price,order_total"
    assert "amount" not in guess(texts(spark, header, rows)).columns
    without = guess(texts(spark, header, rows).drop("unit_price"))
    assert (without.columns["amount"], without.columns["line_id"]) == ("order_total", "order_id")
    # Six orders of 10.00, each on two lines.
    assert [answer.gives for answer in without.questions[0].answers] == [
        "as order totals: 60.00",
        "as line totals: 120.00",
    ]


def test_flags_and_currencies_are_mapped_and_what_nothing_reads_is_not(spark: SparkSession, tmp_path: Path) -> None:
    rows = [("t1", "m1", "2024-04-01", "5.00", "sale", "EUR", "web", "Toys"),
            ("t2", "m1", "2024-04-02", "5.00", "Refund", "EUR", "store", "Toys")]  # fmt: skip
    raw = texts(spark, "transaction_id,member_id,date,amount,transaction_type,currency,channel,category", rows)
    found = guess(raw)
    assert found.columns["is_return"] == "lower(cast(transaction_type as string)) IN ('refund')"
    assert found.columns["channel"] == "channel"
    assert "category" not in found.columns
    assert config_of(found, tmp_path).display.currency == "EUR"


def test_a_blank_return_flag_is_no_return(spark: SparkSession) -> None:
    rows = [("t1", "m1", "2024-04-01", "5.00", None), ("t2", "m1", "2024-04-02", "5.00", "Y"),
            ("t3", "m1", "2024-04-03", "5.00", "N")]  # fmt: skip
    found = guess(texts(spark, "transaction_id,member_id,date,amount,is_return", rows))
    assert found.columns["is_return"] == "coalesce(lower(cast(is_return as string)) IN ('y'), false)"


def test_mixed_currencies_are_said(spark: SparkSession) -> None:
    rows = [("a", "2024-04-01", "5.00", "EUR"), ("a", "2024-04-02", "5.00", "USD")]
    found = guess(texts(spark, "customer,date,amount,currency", rows))
    assert found.currency is None
    assert any("EUR and USD" in remark for remark in found.remarks)


def test_a_hopeless_source_names_what_is_missing_and_what_there_is(spark: SparkSession) -> None:
    raw = texts(spark, "city,temperature,mood", [("Oslo", "3", "fine"), ("Rome", "20", "fine")])
    with pytest.raises(SourceError) as error:
        guess(raw, "weather.csv")
    for part in ("weather.csv", "customer_id", "order_ts", "amount", "city, temperature, mood", "conf/simple.yml"):
        assert part in str(error.value)


def test_a_source_without_rows_is_refused_in_the_same_way(spark: SparkSession) -> None:
    with pytest.raises(SourceError, match="customer, date, amount"):
        guess(texts(spark, "customer,date,amount", []))


@pytest.mark.parametrize("name", ["CustomerID", "Customer ID", "customer_id", "CUSTOMER-ID", "customerid"])
def test_one_name_in_any_spelling_scores_the_same(name: str) -> None:
    assert score("customer_id", name) == score("customer_id", "customer_id") > 0.8


@pytest.mark.parametrize(
    ("ours", "name"),
    [("customer_id", "customer_city"), ("order_id", "order_date"), ("order_ts", "ship_date"), ("amount", "tax_amount"),
     ("amount", "unit_price"), ("order_id", "order_status"), ("quantity", "unit_price")],
)  # fmt: skip
def test_names_of_something_else_do_not_score(ours: str, name: str) -> None:
    assert score(ours, name) == 0


@pytest.mark.parametrize("value", ["yes", "2017", "a: b", "a #b", "x' y", " lead", "InvoiceNo LIKE 'C%'", "ä", "a\tb",
                                   "`a b`", True, 3, "null", "-", "*a"])  # fmt: skip
def test_scalars_come_back_as_they_were(value: Any) -> None:
    assert yaml.safe_load(f"k: {scalar(value)}  # comment") == {"k": value}


@pytest.mark.parametrize("name", ["simple", "retail", "demo"])
def test_shipped_configurations_load(name: str) -> None:
    config = load_config(CONF / f"{name}.yml")
    assert config.name == name
    assert config.part(RfmConfig).window_days == 365


def test_retail_configuration_names_every_key() -> None:
    written = yaml.safe_load((CONF / "retail.yml").read_text())
    text = (CONF / "retail.yml").read_text()
    for key, value in load_config(CONF / "retail.yml").model_dump(mode="json", by_alias=True).items():
        assert key in written
        for part in value if isinstance(value, dict) else ():
            assert f"{part}:" in text
