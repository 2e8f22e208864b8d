"""Any value in any field: a verdict for every row, never an error, and the sums add up."""

from __future__ import annotations

from datetime import date, datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pyspark.sql import Observation, SparkSession
from pyspark.sql import functions as F

from rfm_spark.capabilities.purchases.checks import BY_CODE, LINE_CHECKS
from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.capabilities.purchases.counts import (
    counted_apart,
    day_number,
    fingerprint_text,
    fingerprints_by_day,
    is_comparable,
    line_counts,
    observed,
)
from rfm_spark.capabilities.purchases.duplicates import without_duplicates
from rfm_spark.capabilities.purchases.lines import ReadOptions, accepted_until, rejects, typed_lines, validated_lines
from rfm_spark.capabilities.purchases.orders import build_orders
from rfm_spark.capabilities.purchases.quality import QualityConfig
from rfm_spark.capabilities.purchases.values import IDS
from rfm_spark.core.reading.ids import unicode_changes
from rfm_spark.core.session import session_settings

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


@given(rows=st.lists(st.tuples(st.integers(0, len(FIELDS) - 1), ODD), min_size=1, max_size=60))
@example(rows=[(i, value) for i in range(len(FIELDS)) for value in (None, "", "1e400", "NaN", "é\u0301", "🦊", "\x00")])
@example(rows=[(FIELDS.index("at"), value) for value in ODD_TIMES])
def test_a_row_with_any_value_has_a_verdict_and_the_sums_add_up(
    spark: SparkSession, rows: list[tuple[int, Any]]
) -> None:
    lines = [tuple(value if place == at else usual for place, usual in enumerate(USUAL)) for at, value in rows]
    raw = spark.createDataFrame(lines, ", ".join(f"{name} STRING" for name in FIELDS))
    with session_settings(spark, {"spark.sql.session.timeZone": "Europe/Berlin"}):
        validated = validated_lines(raw, SOURCE, ReadOptions(written=WRITTEN, zone="Europe/Berlin"))
        seen = Observation()
        accepted = accepted_until(observed(validated.lines, seen, AS_OF), AS_OF)
        ended = without_duplicates(accepted, SOURCE, QualityConfig()).agg(
            *map(F.sum, ("lines", "exact_duplicates", "duplicate_lines", "line_cents", "duplicate_cents"))
        )
        kept, again, superseded, cents, dropped = (int(value or 0) for value in ended.collect()[0])
        counts = line_counts(seen) or counted_apart(validated.lines, AS_OF)
        found = rejects(validated.lines, SOURCE).collect()
        days = [(row["day"], row["low"], row["high"]) for row in fingerprints_by_day(validated.lines).collect()]
        orders = build_orders(accepted_until(validated.lines, AS_OF), None).agg(F.sum("lines")).collect()[0][0]
    until = [(low, high) for day, low, high in days if day <= day_number(AS_OF)]
    assert fingerprint_text(sum(low for low, _ in until), sum(high for _, high in until)) == counts.fingerprint
    assert counts.read == int(orders or 0) + counts.later + len(found)
    assert counts.read == len(lines)
    assert counts.read == kept + again + superseded + counts.later + len(found)
    assert counts.read_cents == cents + dropped + counts.later_cents + counts.rejected_cents
    assert {row["reason"] for row in found} <= set(BY_CODE)
    assert all(row["record"] for row in found)


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
        [(*USUAL[:3], at, *USUAL[4:]) for at in ("-0044-03-15", "202406", USUAL[3])],
        ", ".join(f"{name} STRING" for name in FIELDS),
    )
    options = ReadOptions(QualityConfig(checks={"before_1970": "flag", "future_date": "off"}), WRITTEN)
    lines = typed_lines(raw, source, options)
    counts = counted_apart(lines, AS_OF)
    assert (counts.oldest, counts.newest, counts.later) == (date.min, date(2024, 5, 1), 1)
    assert sorted(row["day"] for row in fingerprints_by_day(lines).collect())[1] == day_number(date(2024, 5, 1))


def test_which_values_are_missing_shapes_the_fingerprint(spark: SparkSession) -> None:
    options, found = ReadOptions(QualityConfig(checks={"unknown_currency": "flag"})), set()
    # The same text as a currency without a channel, as a channel without a currency, and as neither.
    for currency, channel in (("EUR", None), (None, "EUR"), (None, None)):
        rows = [(*USUAL[:6], currency, USUAL[7], channel)]
        lines = typed_lines(
            spark.createDataFrame(rows, ", ".join(f"{name} STRING" for name in FIELDS)), SOURCE, options
        )
        (row,) = lines.select("currency", "channel", "reason").collect()
        assert tuple(row) == (currency, channel, None)
        found.add(counted_apart(lines, AS_OF).fingerprint)
    assert len(found) == 3
    # A lake of an earlier version has fingerprints that are not compared.
    assert [is_comparable(fingerprint) for fingerprint in (*found, "1a2b.3c")] == [True, True, True, False]


def test_a_line_id_beyond_ascii_is_normalised_too(spark: SparkSession) -> None:
    raw = spark.createDataFrame([(*USUAL[:2], "e\u0301", *USUAL[3:])], ", ".join(f"{name} STRING" for name in FIELDS))
    assert counted_apart(typed_lines(raw, SOURCE), AS_OF).non_ascii_ids == 1


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
        seen = Observation()
        lines = observed(typed_lines(raw, SOURCE, ReadOptions(zone="Europe/Berlin")), seen, date(2025, 1, 1))
        moment = lines.select(F.unix_seconds("order_ts")).collect()[0][0]
    counts = line_counts(seen)
    assert counts is not None
    assert counts.marked == ({"repeated_hour": 1} if twice else {})
    if text[-1].isdigit() and "+" not in text:
        # The first of the two, as Python's fold=0 has it.
        local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin"))
        assert moment == int(local.timestamp())
