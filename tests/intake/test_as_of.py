"""Days of orders as of any date: what is taken in once equals what a look at that date alone would have counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from functools import cache, reduce
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.capabilities.purchases.days import visible
from rfm_spark.capabilities.purchases.intake import Replaced, accepted
from rfm_spark.capabilities.purchases.lines import typed_lines
from rfm_spark.capabilities.purchases.orders import Grain, each_order
from rfm_spark.capabilities.purchases.quality import QualityConfig
from rfm_spark.core.batches import total_days
from rfm_spark.core.reading.checks import Severity
from tests.taking import TakenRows, take

FIRST = date(2024, 3, 1)
SCHEMA = "who STRING, `order` STRING, line STRING, at TIMESTAMP, cents BIGINT, note STRING"
COLUMNS = {"customer_id": "who", "order_ts": "at", "amount": "cast(cents / 100 AS decimal(12,2))"}
Checks = Mapping[str, Severity]


class Line(NamedTuple):
    """A row as a shop writes it."""

    who: str
    order: str
    line: str | None
    at: datetime
    cents: int
    note: str


class Way(NamedTuple):
    """How rows are read."""

    ids: tuple[str, ...]
    grain: Grain = None
    checks: Checks = MappingProxyType({})

    @property
    def source(self) -> TransactionsSource:
        columns = {**COLUMNS, **{f"{name}_id": f"`{name}`" for name in self.ids}}
        return TransactionsSource(table="t", columns=columns, order_grain=self.grain)

    @property
    def quality(self) -> QualityConfig:
        return QualityConfig(checks=dict(self.checks))

    @property
    def replaces(self) -> bool:
        return "line" in self.ids and self.checks.get("duplicate_line") != "off"

    @property
    def drops(self) -> bool:
        usual = "repair" if "line" in self.ids else "flag"
        return bool(self.ids) and self.checks.get("exact_duplicate", usual) == "repair"


WAYS = {
    "order ids": Way(("order",)),
    "order ids, copies dropped": Way(("order",), None, {"exact_duplicate": "repair"}),
    "order and line ids": Way(("order", "line")),
    "order and line ids, copies kept": Way(("order", "line"), None, {"exact_duplicate": "flag"}),
    "order and line ids, copies not looked for": Way(("order", "line"), None, {"exact_duplicate": "off"}),
    "order and line ids, versions kept": Way(("order", "line"), None, {"duplicate_line": "off"}),
    "line ids, rows": Way(("line",), "row"),
    "line ids, rows, versions kept": Way(("line",), "row", {"duplicate_line": "off"}),
    "line ids, days": Way(("line",), "day", {"exact_duplicate": "flag"}),
    "rows": Way((), "row"),
    "days": Way((), "day", {"exact_duplicate": "off"}),
}


def counted(lines: Iterable[Line], way: Way, as_of: date) -> Counter[Line]:
    """Rows that count as of a date, in plain Python: first those up to it are taken, then duplicates removed."""
    copies = Counter(line for line in lines if line.at.date() <= as_of)
    if way.drops:
        copies = Counter(dict.fromkeys(copies, 1))
    if not way.replaces:
        return copies
    latest: dict[Any, Line] = {}
    for line in copies:
        key = (line.who, line.order if "order" in way.ids else "", line.line) if line.line is not None else line
        known = latest.get(key)
        if known is None or recency(line) > recency(known):
            latest[key] = line
    return Counter({line: copies[line] for line in latest.values()})


def recency(line: Line) -> tuple[datetime, int, int]:
    return line.at, max(line.cents, 0), max(-line.cents, 0)


def order_of(line: Line, grain: Grain) -> Any:
    return line.order if grain is None else line.at.date() if grain == "day" else line.at


def by_day(lines: Counter[Line], way: Way) -> dict[Any, tuple[int, int, int]]:
    """Lines, sales and refunds per customer, order and day."""
    found: dict[Any, list[int]] = {}
    for line, copies in lines.items():
        sums = found.setdefault((line.who, order_of(line, way.grain), line.at.date()), [0, 0, 0])
        for place, value in enumerate((1, max(line.cents, 0), max(-line.cents, 0))):
            sums[place] += copies * value
    return {key: (sums[0], sums[1], sums[2]) for key, sums in found.items()}


def shown(rows: DataFrame, way: Way, dates: list[date]) -> dict[date, dict[Any, tuple[int, int, int]]]:
    """The same of rows of `order_days`, as of each of some dates."""
    order = {None: F.col("order_id"), "day": F.col("day"), "row": F.col("last_line_ts")}[way.grain]
    keys = ("customer_id", order.alias("order"), "day")
    sums = [F.sum(name).alias(name) for name in ("lines", "sale_cents", "refund_cents")]
    each = [
        visible(rows, as_of).groupBy(*keys).agg(*sums).where("lines > 0").withColumn("as_of", F.lit(as_of))
        for as_of in dates
    ]
    found: dict[date, dict[Any, tuple[int, int, int]]] = {as_of: {} for as_of in dates}
    for row in reduce(DataFrame.unionByName, each).collect():
        found[row["as_of"]][row["customer_id"], row["order"], row["day"]] = (
            row["lines"], row["sale_cents"], row["refund_cents"],
        )  # fmt: skip
    return found


@cache
def worlds() -> list[list[Line]]:
    """Rows of many customers, with versions of lines over several days and copies; drawn by hypothesis."""
    found: list[list[Line]] = []
    one = st.builds(
        Line, who=st.sampled_from("ab"), order=st.sampled_from("xy"), line=st.sampled_from([None, "1", "1", "2"]),
        at=st.builds(
            lambda day, minute: datetime.combine(FIRST, datetime.min.time()) + timedelta(days=day, minutes=minute),
            st.integers(0, 5), st.sampled_from([0, 1, 1439]),
        ),
        cents=st.sampled_from([-200, -100, 0, 100, 100, 250]), note=st.sampled_from(["", "", "n"]),
    )  # fmt: skip
    # Copies are rows that came twice, at any place.
    basket = st.lists(one, min_size=1, max_size=10).flatmap(
        lambda rows: st.lists(st.sampled_from(rows), max_size=4).map(lambda more: [*rows, *more])
    )

    @settings(max_examples=100, database=None)
    @given(basket)
    def collect(rows: list[Line]) -> None:
        # Which one of two versions of a moment and an amount counts is anybody's guess: there is one of each.
        same: dict[Any, Line] = {}
        mine = [line._replace(who=f"{len(found)}{line.who}") for line in rows]
        found.append([same.setdefault((x.who, x.line, x.at, x.cents) if x.line else x, x) for x in mine])

    collect()
    return found


def every_line() -> list[Line]:
    return [line for world in worlds() for line in world]


def raw_of(spark: SparkSession, lines: list[Line]) -> DataFrame:
    return spark.createDataFrame(list(lines), SCHEMA)


DATES = [FIRST + timedelta(days=days) for days in (-1, 0, 2, 3, 5, 400)]


def test_the_worlds_have_versions_and_copies() -> None:
    lines, way = every_line(), WAYS["order and line ids"]
    assert len(lines) - len(set(lines)) > 50
    # Lines that count on one of their days and no longer on a later one.
    early, late = (set(counted(lines, way, as_of)) for as_of in (FIRST + timedelta(days=2), DATES[-1]))
    assert len(early - late) > 30
    assert len(late & early) > 30


@pytest.mark.parametrize("name", WAYS)
def test_rows_as_of_a_date_are_those_a_look_at_that_date_counts(spark: SparkSession, name: str) -> None:
    way, lines = WAYS[name], every_line()
    taken = take(raw_of(spark, lines), way.source, way.quality)
    expected = {as_of: by_day(counted(lines, way, as_of), way) for as_of in DATES}
    assert shown(taken.days, way, DATES) == expected
    assert_accounted(taken, lines, way)
    assert_orders(taken, lines, way)
    assert_figures_as_of(taken, lines, way)


def assert_accounted(taken: TakenRows, lines: list[Line], way: Way) -> None:
    """Every row and cent is accounted for, and replaced lines are in rejects."""
    kept = counted(lines, way, DATES[-1])
    rows, money = taken.taken.rows, taken.taken.money
    net = sum(copies * line.cents for line, copies in kept.items())
    assert (rows["transactions.read"], rows["transactions.accepted"]) == (len(lines), kept.total())
    assert rows["transactions.duplicates"] == len(lines) - kept.total()
    assert int(100 * money["transactions.accepted"]) == net
    assert int(100 * money["transactions.duplicates"]) == sum(line.cents for line in lines) - net
    copies = Counter(dict.fromkeys(lines, 1)) if way.drops else Counter(lines)
    gone = copies - kept
    assert rows.get("transactions.repaired.duplicate_line", 0) == gone.total()
    rejected = [] if taken.rejected is None else taken.rejected.select(F.get_json_object("record", "$.at")).collect()
    assert Counter(row[0][:19] for row in rejected) == Counter(
        line.at.isoformat(timespec="seconds") for line in gone.elements()
    )


def assert_orders(taken: TakenRows, lines: list[Line], way: Way) -> None:
    """Orders of all dates have the same lines and money, per customer."""
    kept = counted(lines, way, DATES[-1])
    expected: dict[str, list[Any]] = {}
    for line, copies in kept.items():
        sums = expected.setdefault(line.who, [set(), 0, 0])
        sums[0] |= {(line, copy) for copy in range(copies)} if way.grain == "row" else {order_of(line, way.grain)}
        sums[1] += copies
        sums[2] += copies * line.cents
    orders = each_order(visible(taken.days, None), way.grain)
    cents = (F.sum("net") * 100).cast("bigint")
    found = orders.groupBy("customer_id").agg(F.countDistinct("order_id"), F.sum("lines"), cents).collect()
    assert {row[0]: tuple(row)[1:] for row in found} == {
        who: (len(ids), count, net) for who, (ids, count, net) in expected.items()
    }
    assert orders.count() == sum(len(ids) for ids, _, _ in expected.values())


def assert_figures_as_of(taken: TakenRows, lines: list[Line], way: Way) -> None:
    """Dates, sales and refunds of the ledger are those of a look at each date."""
    for as_of in DATES:
        kept, counts = counted(lines, way, as_of), taken.counts(as_of)
        assert counts.newest == max((line.at.date() for line in kept), default=None)
        assert counts.sale_cents == sum(copies * max(line.cents, 0) for line, copies in kept.items())
        assert counts.refund_cents == sum(copies * max(-line.cents, 0) for line, copies in kept.items())


@pytest.mark.parametrize("name", ["order and line ids", "order ids", "rows"])
def test_what_comes_later_leaves_the_fingerprint_of_earlier_dates_as_it_was(spark: SparkSession, name: str) -> None:
    way, lines = WAYS[name], every_line()
    until = DATES[2]
    early = [line for line in lines if line.at.date() <= until]
    before = take(raw_of(spark, early), way.source, way.quality)
    after = take(raw_of(spark, lines), way.source, way.quality)
    for as_of in DATES:
        same = after.counts(as_of).fingerprint == before.counts(as_of).fingerprint
        assert same == (as_of <= until), as_of


def taken_again(
    spark: SparkSession, way: Way, before: TakenRows, fresh: list[Line], gone: list[Line], lines: list[Line]
) -> tuple[TakenRows, DataFrame]:
    """A second batch, which replaces the rows of its customers, and the rows of both that hold."""
    names = sorted({line.who for line in (*fresh, *gone)})
    customers = spark.createDataFrame([(who,) for who in names], "customer_id STRING").localCheckpoint()
    there = before.days.join(customers, "customer_id", "left_semi")
    replaced = Replaced(customers, len(names), accepted(typed_lines(raw_of(spark, lines), way.source)), there)
    lost = raw_of(spark, gone) if gone else None
    again = take(raw_of(spark, fresh), way.source, way.quality, replaced=replaced, gone=lost)
    left = before.days.join(customers, "customer_id", "left_anti")
    return again, left.unionByName(again.days.select(*left.columns))


@pytest.mark.parametrize("name", ["order ids", "order ids, copies dropped", "order and line ids",
                                  "order and line ids, copies kept", "line ids, rows", "rows"])  # fmt: skip
def test_rows_that_come_again_replace_those_of_their_customers(spark: SparkSession, name: str) -> None:
    way, lines = WAYS[name], every_line()
    # Two of three rows come in a first batch: versions and copies lie across the cut.
    fresh = lines[::3]
    first = [line for place, line in enumerate(lines) if place % 3]
    whole, before = (take(raw_of(spark, rows), way.source, way.quality) for rows in (lines, first))
    again, both = taken_again(spark, way, before, fresh, [], lines)
    assert_together(whole, before, again)
    assert shown(both, way, DATES) == shown(whole.days, way, DATES)
    # A line is rejected by the batch that replaced it, and by no later one.
    assert rejected_records(before, again) == rejected_records(whole)


@pytest.mark.parametrize("name", ["order ids, copies dropped", "order and line ids", "line ids, rows"])
def test_rows_that_are_gone_leave_what_the_others_come_to(spark: SparkSession, name: str) -> None:
    way, lines = WAYS[name], every_line()
    fresh, gone = lines[::5], lines[1::7]
    first = list((Counter(lines) - Counter(fresh)).elements()) + gone
    now = list((Counter(first) + Counter(fresh) - Counter(gone)).elements())
    whole, before = (take(raw_of(spark, rows), way.source, way.quality) for rows in (now, first))
    again, both = taken_again(spark, way, before, fresh, gone, now)
    assert_together(whole, before, again)
    assert shown(both, way, DATES) == shown(whole.days, way, DATES)
    # Nothing is rejected twice; what was rejected because of a row that is gone stays so.
    assert rejected_records(before, again) >= rejected_records(whole)


def assert_together(whole: TakenRows, *batches: TakenRows) -> None:
    """Batches have the rows, the money and the days of one of everything."""
    assert together(*(batch.taken.rows for batch in batches)) == together(whole.taken.rows)
    assert together(*(batch.taken.money for batch in batches)) == together(whole.taken.money)
    assert total_days(batch.taken.days for batch in batches) == total_days([whole.taken.days])


def together(*counts: Mapping[str, Any]) -> dict[str, Any]:
    names = {name for each in counts for name in each}
    summed = {name: sum(each.get(name, 0) for each in counts) for name in names}
    return {name: value for name, value in summed.items() if value}


def rejected_records(*taken: TakenRows) -> Counter[str]:
    frames = [each.rejected for each in taken if each.rejected is not None]
    return Counter(row["record"] for frame in frames for row in frame.select("record").collect())
