"""Any value in any field: a verdict for every row, never an error, and the sums add up."""

from __future__ import annotations

from datetime import date, datetime, timezone
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from rfm_spark.capabilities.purchases.checks import BY_CODE, LINE_CHECKS
from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.capabilities.purchases.lines import ReadOptions, typed_lines, validated_lines
from rfm_spark.capabilities.purchases.quality import QualityConfig
from rfm_spark.capabilities.purchases.values import IDS
from rfm_spark.core.batches import day_number, is_comparable
from rfm_spark.core.reading.ids import unicode_changes
from rfm_spark.core.session import session_settings
from tests.effort import amount
from tests.taking import TakenRows, take

AS_OF = date(2024, 6, 30)
WRITTEN = datetime(2024, 7, 1, tzinfo=timezone.utc)
FIELDS = ("who", "ord", "line", "at", "qty", "price", "cur", "kind", "channel")
SOURCE = TransactionsSource.model_validate(
    {
        "table": "t", "types": {"sale": ["S"], "refund": ["R"]},
        "columns": {"customer_id": "who", "order_id": "ord", "line_id": "line", "order_ts": "at", "quantity": "qty",
                    "unit_price": "price", "currency": "cur", "type": "kind", "channel": "channel"},
    }
)  # fmt: skip
USUAL = ("c1", "o1", "1", "2024-05-01 10:00:00", "2", "1.50", "EUR", "S", "web")
# Spark takes these for years far away, or for a time of today.
ODD_TIMES = ("45292", "202406", "99999-01-01", "294247-01-01", "-0001-01-01", "+2024-05-01", "12:30", "T12:30", "2024",
             "0000-01-01", "0001-01-01", "9999-12-31 23:59:59")  # fmt: skip
ODD = st.one_of(
    st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.sampled_from(["", " ", "NULL", "NaN", "inf", "1e400", "-0", "0", "1,5", "9999-12-31", "0000-00-00", "2024-02-30",
                     "2024-10-27 02:30:00", "\u00e9", "e\u0301", "'; DROP TABLE x", "\\", "\x00", "🦊", "S", "R",
                     "EUR", "%s{}", *ODD_TIMES]),
)  # fmt: skip


@cache
def odd_rows() -> list[tuple[Any, ...]]:
    """Rows with one odd value each, three of an order; drawn by hypothesis."""
    found = [(i, value) for i in range(len(FIELDS)) for value in (None, "", "1e400", "NaN", "é\u0301", "🦊", "\x00")]
    found += [(FIELDS.index("at"), value) for value in ODD_TIMES]

    @settings(max_examples=amount(60, 200), database=None)
    @given(rows=st.lists(st.tuples(st.integers(0, len(FIELDS) - 1), ODD), min_size=1, max_size=30))
    def collect(rows: list[tuple[int, Any]]) -> None:
        found.extend(rows)

    collect()
    usual = [(USUAL[0], f"o{number // 3}", *USUAL[2:]) for number in range(len(found))]
    return [(*row[:at], value, *row[at + 1 :]) for row, (at, value) in zip(usual, found, strict=True)]


def test_a_row_with_any_value_has_a_verdict_and_the_sums_add_up(spark: SparkSession) -> None:
    lines = odd_rows()
    assert len(lines) > 300
    raw = spark.createDataFrame(lines, ", ".join(f"{name} STRING" for name in FIELDS))
    with session_settings(spark, {"spark.sql.session.timeZone": "Europe/Berlin"}):
        taken = take(raw, SOURCE, options=ReadOptions(written=WRITTEN, zone="Europe/Berlin"))
        found = [] if taken.rejected is None else taken.rejected.collect()
        live = taken.days.where("seen_until IS NULL")
        sums = live.agg(
            *map(F.sum, ("lines", "exact_duplicates", "duplicate_lines", "duplicate_cents")),
            F.sum(F.col("sale_cents") - F.col("refund_cents")),
            F.sum(F.when(F.unix_date("day") > day_number(AS_OF), F.col("lines")).otherwise(0)),
        ).collect()[0]
    kept, again, superseded, dropped, cents, later = (int(value or 0) for value in sums)
    ended = {name.removeprefix("transactions."): count for name, count in taken.taken.rows.items()}
    money = {name.removeprefix("transactions."): int(100 * amount) for name, amount in taken.taken.money.items()}
    assert ended["read"] == len(lines)
    assert ended["read"] == kept + again + superseded + ended["rejected"]
    assert (ended["accepted"], ended["duplicates"]) == (kept, again + superseded)
    assert money["read"] == cents + dropped + money["rejected"]
    assert (money["accepted"], money["duplicates"]) == (cents, dropped)
    assert taken.counts(AS_OF).later == later
    assert len(found) == ended["rejected"] + superseded
    assert {row["reason"] for row in found} <= set(BY_CODE)
    assert all(row["record"] for row in found)


def taken_from(spark: SparkSession, rows: list[Any], options: ReadOptions | None = None) -> TakenRows:
    raw = spark.createDataFrame(rows, ", ".join(f"{name} STRING" for name in FIELDS))
    return take(raw, SOURCE, None if options is None else options.quality, options)


def test_every_check_of_the_catalogue_can_say_what_it_may(spark: SparkSession) -> None:
    # With everything mapped, each row check has a condition; the others are of orders, ids or files.
    validated = validated_lines(
        spark.createDataFrame([USUAL], ", ".join(f"{name} STRING" for name in FIELDS)),
        SOURCE, ReadOptions(written=WRITTEN, zone="Europe/Berlin"),
    )  # fmt: skip
    beyond = {"malformed", "id_unicode", "exact_duplicate", "duplicate_line"}
    rows = [check.code for check in LINE_CHECKS if check.unit == "rows" and check.code not in beyond]
    assert sorted({*validated.rejecting, *validated.marking}) == sorted(rows)
    for check in LINE_CHECKS:
        assert check.default in check.choices
        for choice in check.choices:
            QualityConfig(checks={check.code: choice})


@pytest.mark.parametrize(
    ("text", "moment"),
    [*((odd, None) for odd in ODD_TIMES if not odd.startswith(("0", "9999-"))), ("20240501", None), ("yesterday", None),
     ("2024-05", "2024-05-01 00:00:00"), ("2024-5-1", "2024-05-01 00:00:00"), (" 2024-05-01\t", "2024-05-01 00:00:00"),
     ("2024-05-01T12:30:00.5+02:00", "2024-05-01 10:30:00.5"), ("2024-05-01 12:30:00Z", "2024-05-01 12:30:00"),
     ("2024-05-01 12:30:00 Europe/Berlin", "2024-05-01 10:30:00")],
)  # fmt: skip
def test_a_text_is_a_time_only_if_it_begins_with_year_and_month(
    spark: SparkSession, text: str, moment: str | None
) -> None:
    raw = spark.createDataFrame([(*USUAL[:3], text, *USUAL[4:])], ", ".join(f"{name} STRING" for name in FIELDS))
    row = typed_lines(raw, SOURCE).select(F.col("order_ts").cast("string"), "reason").collect()[0]
    assert tuple(row) == (moment, None if moment else "bad_date")


def test_days_beyond_the_calendar_are_counted_as_its_ends(spark: SparkSession) -> None:
    columns = {**SOURCE.columns, "order_ts": "CAST(at AS timestamp)"}
    source = SOURCE.model_copy(update={"columns": columns})
    raw = spark.createDataFrame(
        [(*USUAL[:2], at, at, *USUAL[4:]) for at in ("-0044-03-15", "202406", USUAL[3])],
        ", ".join(f"{name} STRING" for name in FIELDS),
    )
    options = ReadOptions(QualityConfig(checks={"before_1970": "flag", "future_date": "off"}), WRITTEN)
    taken = take(raw, source, options.quality, options)
    counts = taken.counts(AS_OF)
    assert (counts.oldest, counts.newest, counts.later) == (date.min, date(2024, 5, 1), 1)
    assert sorted(taken.taken.days)[1] == day_number(date(2024, 5, 1))


def test_which_values_are_missing_shapes_the_fingerprint(spark: SparkSession) -> None:
    options, found = ReadOptions(QualityConfig(checks={"unknown_currency": "flag"})), set()
    # The same text as a currency without a channel, as a channel without a currency, and as neither.
    for currency, channel in (("EUR", None), (None, "EUR"), (None, None)):
        taken = taken_from(spark, [(*USUAL[:6], currency, USUAL[7], channel)], options)
        (row,) = taken.days.select("currency", "channel").collect()
        assert tuple(row) == (currency, channel)
        found.add(taken.counts(AS_OF).fingerprint)
    assert len(found) == 3
    # A lake of an earlier version has fingerprints that are not compared.
    known = (*found, "1a2b.3c", "2:1a2b.3c")
    assert [is_comparable(fingerprint) for fingerprint in known] == [True, True, True, False, False]


def test_a_line_id_beyond_ascii_is_normalised_too(spark: SparkSession) -> None:
    rows = [(*USUAL[:2], text, *USUAL[3:]) for text in ("\u00e9", "e\u0301")]
    assert taken_from(spark, rows).taken.rows == {
        "transactions.read": 2, "transactions.accepted": 1, "transactions.duplicates": 1, "transactions.rejected": 0,
        "transactions.repaired.duplicate_line": 1,
    }  # fmt: skip


def test_ids_are_one_however_they_were_typed(spark: SparkSession) -> None:
    names = ["Zoë", "Zoe\u0308", "\u00a0Zoë ", "ZOË", "\u212bngström", "Ångström"]
    raw = spark.createDataFrame([(name, *USUAL[1:]) for name in names], ", ".join(f"{name} STRING" for name in FIELDS))
    lines = typed_lines(raw, SOURCE)
    changes = unicode_changes(lines, IDS)
    assert sorted(tuple(row) for row in changes.collect()) == [("Zoe\u0308", "Zoë"), ("\u212bngström", "Ångström")]
    found = typed_lines(raw, SOURCE, ReadOptions(id_changes=changes)).groupBy("customer_id").count().collect()
    assert {row["customer_id"]: row["count"] for row in found} == {"Zoë": 3, "ZOË": 1, "Ångström": 2}


@pytest.mark.parametrize(
    ("text", "twice"),
    [("2024-10-27 02:30:00", True), ("2024-10-27 01:59:59", False), ("2024-10-27 03:00:00", False),
     ("2024-10-27T02:30:00+01:00", False), ("2024-10-27 02:30:00Z", False), ("2024-03-31 02:30:00", False)],
)  # fmt: skip
def test_the_hour_that_comes_twice_is_marked(spark: SparkSession, text: str, twice: bool) -> None:
    raw = spark.createDataFrame([(*USUAL[:3], text, *USUAL[4:])], ", ".join(f"{name} STRING" for name in FIELDS))
    with session_settings(spark, {"spark.sql.session.timeZone": "Europe/Berlin"}):
        options = ReadOptions(zone="Europe/Berlin")
        moment = typed_lines(raw, SOURCE, options).select(F.unix_seconds("order_ts")).collect()[0][0]
        rows = take(raw, SOURCE, options=options).taken.rows
    assert rows.get("transactions.flagged.repeated_hour") == (1 if twice else None)
    if text[-1].isdigit() and "+" not in text:
        # The first of the two, as Python's fold=0 has it.
        local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin"))
        assert moment == int(local.timestamp())
