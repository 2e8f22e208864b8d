"""The same row twice: the cheap sketch never misses one, and the exact look drops just the copies."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.capabilities.purchases.days import DayShape, order_days
from rfm_spark.capabilities.purchases.duplicates import drops_copies, repeated
from rfm_spark.capabilities.purchases.gates import copies_kept
from rfm_spark.capabilities.purchases.intake import accepted
from rfm_spark.capabilities.purchases.lines import typed_lines
from rfm_spark.capabilities.purchases.quality import QualityConfig
from rfm_spark.core.reading.checks import Severity
from rfm_spark.lake.landing import rows_fingerprint
from tests.taking import take

MOMENT = datetime(2024, 3, 1, 12)
SCHEMA = "who STRING, `order` STRING, line STRING, at TIMESTAMP, amount DECIMAL(12,2), note STRING"
QUALITY = QualityConfig()
REPAIR = QualityConfig(checks={"exact_duplicate": "repair"})


def source_of(*names: str) -> TransactionsSource:
    theirs = {"customer_id": "who", "order_ts": "at", "amount": "amount", "order_id": "order", "line_id": "line"}
    columns = {name: theirs[name] for name in ("customer_id", "order_ts", "amount", *names)}
    return TransactionsSource.model_validate(
        {"table": "t", "columns": columns, "order_grain": None if "order_id" in names else "row"}
    )


def row(
    who: str = "a", order: str = "o", line: str | None = None, minute: int = 0, cents: int = 100, note: str = ""
) -> Any:
    return who, order, line, MOMENT + timedelta(minutes=minute), cents / 100, note


def raw_of(spark: SparkSession, rows: list[Any]) -> DataFrame:
    texts = [(*r[:4], f"{r[4]:.2f}", r[5]) for r in rows]
    raw = spark.createDataFrame(texts, SCHEMA.replace("DECIMAL(12,2)", "STRING"))
    return raw.withColumn("amount", F.col("amount").cast("decimal(12,2)"))


def lines_of(spark: SparkSession, rows: list[Any], source: TransactionsSource) -> DataFrame:
    return accepted(typed_lines(raw_of(spark, rows), source))


def totals(raw: DataFrame, source: TransactionsSource, quality: QualityConfig = QUALITY) -> tuple[int, ...]:
    """Lines that count, their cents, equal rows beyond the first, and lines that another one replaced."""
    found = take(raw, source, quality).taken
    checks = [
        sum(found.rows.get(f"transactions.{done}.{code}", 0) for done in ("repaired", "flagged"))
        for code in ("exact_duplicate", "duplicate_line")
    ]
    dropped = found.rows["transactions.read"] - found.rows["transactions.accepted"]
    assert found.rows["transactions.duplicates"] == dropped
    return found.rows["transactions.accepted"], int(100 * found.money["transactions.accepted"]), *checks


@pytest.mark.parametrize(
    ("names", "chosen", "dropped"),
    [
        (("order_id",), None, False), (("order_id", "line_id"), None, True), (("line_id",), None, True),
        ((), None, False),
        (("order_id",), "repair", True), ((), "repair", False), (("order_id", "line_id"), "flag", False),
        (("order_id", "line_id"), "off", False),
    ],
)  # fmt: skip
def test_only_a_line_id_says_that_an_equal_row_is_the_same_line(
    names: tuple[str, ...], chosen: Severity | None, dropped: bool
) -> None:
    quality = QualityConfig(checks={} if chosen is None else {"exact_duplicate": chosen})
    assert drops_copies(source_of(*names), quality) is dropped


def test_an_article_scanned_twice_counts_twice_unless_copies_are_dropped(spark: SparkSession) -> None:
    source = source_of("order_id")
    rows = [row(), row(), row(), row(note="another product"), row(minute=1), row(cents=-30), row(cents=-30)]
    raw = raw_of(spark, rows)
    assert totals(raw, source) == (7, 500 - 60, 3, 0)
    # What is at stake: two equal sales beyond the first, and a refund.
    flagged = take(raw, source).taken
    assert flagged.money["transactions.flagged.exact_duplicate"] == Decimal("1.70")
    assert flagged.rows["transactions.flagged.exact_duplicate"] == 3
    assert totals(raw, source, REPAIR) == (4, 300 - 30, 3, 0)
    dropped = take(raw, source, REPAIR).taken
    assert dropped.money["transactions.duplicates"] == Decimal("1.70")
    assert dropped.rows["transactions.repaired.exact_duplicate"] == 3


def test_equal_rows_that_are_kept_are_said_with_what_they_are_worth() -> None:
    said = copies_kept(3, Decimal("1234.5"), source_of("order_id"))
    assert said.startswith("3 rows of sources.transactions worth 1,234.50 are equal to another one")
    assert "quality.checks.exact_duplicate: repair" in said
    assert "exact_duplicate" not in copies_kept(3, Decimal(1), source_of())


def test_without_any_id_equal_rows_are_counted_and_kept(spark: SparkSession) -> None:
    source = source_of()
    assert totals(raw_of(spark, [row(), row(), row(), row(minute=1)]), source) == (4, 400, 2, 0)
    off = QualityConfig(checks={"exact_duplicate": "off"})
    assert totals(raw_of(spark, [row(), row()]), source, off) == (2, 200, 0, 0)


def test_of_one_line_id_the_latest_counts_and_the_others_go_to_rejects(spark: SparkSession) -> None:
    source = source_of("order_id", "line_id")
    rows = [
        row(line="1"), row(line="1", minute=5, cents=150), row(line="1", minute=5, cents=120),
        row(line="2"), row(line="2"), row(line=None), row(line=" ", cents=30), row(who="b", line="1"),
    ]  # fmt: skip
    raw = raw_of(spark, rows)
    assert totals(raw, source) == (5, 150 + 100 + 100 + 30 + 100, 1, 2)
    taken = take(raw, source)
    assert taken.rejected is not None
    gone = taken.rejected.select("reason", F.get_json_object("record", "$.amount")).collect()
    assert sorted(tuple(r) for r in gone) == [("duplicate_line", "1.0"), ("duplicate_line", "1.2")]


def test_which_columns_are_null_tells_rows_apart(spark: SparkSession) -> None:
    source = source_of("order_id")
    raw = spark.createDataFrame(
        [("a", "o", MOMENT, 1, "x", None), ("a", "o", MOMENT, 1, None, "x")],
        "who STRING, `order` STRING, at TIMESTAMP, amount INT, left STRING, right STRING",
    )
    assert totals(raw, source, REPAIR)[:3] == (2, 200, 0)


NESTED = [
    ("array(1, null)", "array(1)"),
    ("array(array(1), array(2))", "array(array(1, 2), array())"),
    ("named_struct('a', 'x', 'b', null)", "named_struct('a', null, 'b', 'x')"),
    ("array(timestamp'2024-01-01 00:00:00.000001')", "array(timestamp'2024-01-01 00:00:00.000002')"),
    ("map('a', null, 'b', 1)", "map('a', 1, 'b', null)"),
    ("parse_json('[1, null]')", "parse_json('[null, 1]')"),
]


@pytest.mark.parametrize(("one", "other"), NESTED)
def test_what_nested_columns_hold_tells_rows_apart(spark: SparkSession, one: str, other: str) -> None:
    source = source_of("order_id")
    raw = spark.range(1).selectExpr(
        "'a' AS who", "'o' AS `order`", "timestamp'2024-03-01 12:00:00' AS at", "1 AS amount",
        f"explode(array({one}, {one}, {other})) AS more" if "json" not in one else f"{one} AS more",
    )  # fmt: skip
    if "json" in one:
        raw = raw.unionAll(raw).unionAll(raw.withColumn("more", F.expr(other)))
    assert totals(raw, source, REPAIR)[:3] == (2, 200, 1)
    # The fingerprint of a landed copy has the same eyes.
    assert rows_fingerprint(raw) != rows_fingerprint(raw.withColumn("more", F.expr(one)))


@cache
def generated_baskets() -> list[list[Any]]:
    """Many small sets of rows, each of customers of their own, drawn by hypothesis."""
    baskets: list[list[Any]] = []
    one = st.builds(
        row, who=st.sampled_from("ab"), order=st.sampled_from("xyz"), line=st.sampled_from([None, "1", "2", "3"]),
        minute=st.integers(0, 3), cents=st.integers(1, 4), note=st.sampled_from(["", "n"]),
    )  # fmt: skip

    @settings(max_examples=120, database=None)
    @given(st.lists(one, min_size=1, max_size=30))
    def collect(rows: list[Any]) -> None:
        baskets.append([(f"{len(baskets)}{r[0]}", *r[1:]) for r in rows])

    collect()
    return baskets


@pytest.mark.parametrize("names", [(), ("order_id",), ("order_id", "line_id"), ("line_id",)])
def test_lines_that_may_repeat_are_never_missed(spark: SparkSession, names: tuple[str, ...]) -> None:
    source = source_of(*names)
    rows = [r for basket in generated_baskets() for r in basket]
    lines = lines_of(spark, rows, source).localCheckpoint()
    # By plain counting: equal rows of a customer and their order, of all its rows.
    groups: dict[tuple[str, str], Counter[Any]] = {}
    for r in rows:
        groups.setdefault((r[0], r[1] if "order_id" in names else ""), Counter())[r] += 1
    several = {group for group, keys in groups.items() if max(keys.values()) > 1}
    suspected = {
        (r["customer_id"], r["order_id"] if "order_id" in names else "")
        for r in order_days(lines, DayShape.of(source), looks=True).where("may_repeat").collect()
    }
    assert len(several) > 50
    assert several <= suspected
    assert suspected <= {group for group, keys in groups.items() if sum(keys.values()) > 1}
    # Of what is mapped, time and money tell lines apart, or a line id alone.
    found = Counter((r[0], r[1] if "order_id" in names else "", *told_apart(r, names)) for r in rows)
    assert repeated(lines).count() == sum(count > 1 for count in found.values()) > 50
    if names == ("order_id",):
        assert totals(raw_of(spark, rows), source)[2] == len(rows) - len(set(rows))


def told_apart(r: Any, names: tuple[str, ...]) -> tuple[Any, ...]:
    return (r[2],) if "line_id" in names and r[2] is not None else (None, r[3], r[4])


@pytest.mark.parametrize("names", [(), ("order_id",), ("order_id", "line_id")])
def test_no_line_of_a_large_basket_is_suspected_where_all_differ(spark: SparkSession, names: tuple[str, ...]) -> None:
    source = source_of(*names)
    basket = [row(order=order, line=str(i), minute=i % 7, cents=100 + i) for order in "xy" for i in range(50)]
    if "order_id" not in names:
        basket = basket[:50]
    assert repeated(lines_of(spark, basket, source)).isEmpty()
    # One more row is one hash, however large the basket.
    assert repeated(lines_of(spark, [*basket, basket[17]], source)).count() == 1
    assert repeated(lines_of(spark, [*basket, basket[17], basket[17], basket[3]], source)).count() == 2
