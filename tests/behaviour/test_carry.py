"""Measures carried from the run before are those made anew, and both are what plain Python counts."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession

from rfm_spark.capabilities.purchases.batches import live_rows
from rfm_spark.capabilities.purchases.carry import Before, carried, corrected, touched
from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.capabilities.purchases.look import LineLook, measured
from rfm_spark.capabilities.purchases.quality import QualityConfig
from rfm_spark.capabilities.purchases.settings import LineSettings, WindowSettings
from rfm_spark.capabilities.purchases.tables import ORDER_DAYS
from rfm_spark.core.batches import Batch, Batches, Day, day_number, total_days

START = date(2024, 1, 1)
SOURCE = TransactionsSource.model_validate(
    {"table": "t", "columns": {"customer_id": "c", "order_id": "o", "order_ts": "t", "amount": "a"}}
)
LINES = LineSettings(SOURCE, QualityConfig(), "UTC")


class Row(NamedTuple):
    """One row of order_days, in the batch that brought it."""

    batch: int
    customer: str
    order: str
    day: int
    sale: int
    refund: int

    @property
    def date(self) -> date:
        """Its day."""
        return START + timedelta(days=self.day)


def frame(spark: SparkSession, rows: Sequence[Row]) -> DataFrame:
    """Rows of order_days."""
    made = []
    for row in rows:
        moment = datetime(row.date.year, row.date.month, row.date.day, 12)
        values: dict[str, Any] = {
            "batch_id": batch_id(row.batch), "reading": "r", "customer_id": row.customer, "order_id": row.order,
            "day": row.date, "sale_cents": row.sale, "refund_cents": row.refund, "last_line_ts": moment,
            "last_sale_ts": moment if row.sale else None, "lines": 1, "replaces": False, "may_repeat": False,
            "marks": 0,
        }  # fmt: skip
        made.append(tuple(values.get(name) for name in ORDER_DAYS.names))
    return spark.createDataFrame(made, ORDER_DAYS.ddl)


def batch_id(number: int) -> str:
    return f"{number:05d}-00000000"


def batch(number: int, rows: Sequence[Row], kind: str = "append") -> Batch:
    """A batch as the ledger has it."""
    days: dict[int, Day] = {}
    for row in rows:
        number_of = day_number(row.date)
        one = Day(1, row.sale, row.refund, zlib.crc32(repr(row[1:]).encode()), 1)
        days = total_days([days, {number_of: one}])
    return Batch("r", number, batch_id(number), "transactions", None, str(number), kind, days=days)


def expected(rows: Sequence[Row], as_of: date, window: int | None) -> dict[str, tuple[Any, ...]]:
    """Recency, frequency, monetary, first and last purchase, by plain counting."""
    start = None if window is None else as_of - timedelta(days=window - 1)
    inside = [row for row in rows if row.date <= as_of]
    orders: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in inside:
        orders[(row.customer, row.order)].append(row)
    found: dict[str, dict[str, Any]] = {
        row.customer: {"frequency": 0, "cents": 0, "days": [], "lines": 0} for row in inside
    }
    for (customer, _), mine in orders.items():
        sold = [row.date for row in mine if row.sale]
        dated = max(sold) if sold else max(row.date for row in mine)
        gross, refund = sum(row.sale for row in mine), sum(row.refund for row in mine)
        one = found[customer]
        one["lines"] += len(mine)
        if gross > 0 and gross > refund:
            one["days"].append(dated)
            one["frequency"] += start is None or dated >= start
        one["cents"] += gross if start is None or dated >= start else 0
        one["cents"] -= sum(row.refund for row in mine if start is None or row.date >= start)
    return {
        customer: (
            (as_of - max(one["days"])).days if one["days"] else None, one["frequency"], Decimal(one["cents"]) / 100,
            min(one["days"], default=None), max(one["days"], default=None), one["lines"],
        )
        for customer, one in found.items()
    }  # fmt: skip


def told(measures: DataFrame) -> dict[str, tuple[Any, ...]]:
    names = ("recency_days", "frequency", "monetary", "first_order_date", "last_order_date", "lines")
    rows = measures.collect()
    assert len({row["customer_id"] for row in rows}) == len(rows)
    return {row["customer_id"]: tuple(row[name] for name in names) for row in rows}


ROWS = st.lists(
    st.builds(
        Row, batch=st.integers(1, 3), customer=st.sampled_from("abc"), order=st.sampled_from("xyz"),
        day=st.integers(0, 12), sale=st.sampled_from([0, 0, 500, 1000]), refund=st.sampled_from([0, 0, 500, 1000]),
    ),
    min_size=1, max_size=14,
)  # fmt: skip


@given(rows=ROWS, seen=st.integers(1, 3), p=st.integers(0, 11), later=st.integers(1, 8),
       window=st.one_of(st.none(), st.integers(1, 8)))  # fmt: skip
# The order leaves the window on the very day; its refund is still inside.
@example(rows=[Row(1, "a", "x", 4, 500, 0), Row(1, "a", "x", 7, 0, 500)], seen=1, p=8, later=1, window=5)
@example(rows=[Row(1, "a", "x", 4, 500, 0), Row(1, "b", "x", 5, 500, 0)], seen=1, p=8, later=1, window=5)
# A refund that came late voids an order of long ago.
@example(rows=[Row(1, "a", "x", 0, 500, 0), Row(2, "a", "x", 3, 0, 500)], seen=1, p=8, later=1, window=3)
def test_carried_measures_are_those_made_anew(
    spark: SparkSession, rows: list[Row], seen: int, p: int, later: int, window: int | None
) -> None:
    before, as_of = START + timedelta(days=p), START + timedelta(days=p + later)
    batches = [batch(number, [row for row in rows if row.batch == number]) for number in (1, 2, 3)]
    _compare(spark, rows, batches, Batches(tuple(batches[:seen])), before, as_of, window)


@given(old=ROWS, new=ROWS, p=st.integers(0, 11), later=st.integers(1, 8),
       window=st.one_of(st.none(), st.integers(1, 8)))  # fmt: skip
@example(old=[Row(1, "a", "x", 1, 500, 0), Row(1, "b", "y", 1, 500, 0)], new=[Row(1, "b", "y", 1, 500, 0)], p=3,
         later=1, window=None)  # fmt: skip
def test_a_source_written_whole_carries_whom_nothing_happened_to(
    spark: SparkSession, old: list[Row], new: list[Row], p: int, later: int, window: int | None
) -> None:
    before, as_of = START + timedelta(days=p), START + timedelta(days=p + later)
    old, new = [row._replace(batch=1) for row in old], [row._replace(batch=2) for row in new]
    batches = [batch(1, old, "rebuild"), batch(2, new, "rebuild")]
    _compare(spark, [*old, *new], batches, Batches(tuple(batches[:1])), before, as_of, window)


def _compare(
    spark: SparkSession, rows: list[Row], batches: list[Batch], seen: Batches, before: date, as_of: date,
    window: int | None,
) -> None:  # fmt: skip
    now, settings = Batches(tuple(batches)), WindowSettings(window, "net")
    every = frame(spark, rows)

    def measures(known: Batches, day: date, customers: DataFrame | None = None) -> DataFrame:
        held = live_rows(every.where(every["batch_id"].isin(known.ids)), known)
        some = held if customers is None else held.join(customers, "customer_id", "left_semi")
        return measured(some, LineLook(day, known, LINES, settings))

    kept = measures(seen, before).localCheckpoint()
    theirs = touched(every, now, Before(before, seen), as_of, settings)
    assert theirs is not None
    theirs = theirs.localCheckpoint()
    anew = measures(now, as_of, theirs)
    rest = carried(kept.join(theirs, "customer_id", "left_anti"), (as_of - before).days)
    live = [row for row in rows if batch_id(row.batch) in now.ids]
    assert told(anew.unionByName(rest)) == told(measures(now, as_of)) == expected(live, as_of, window)
    found = corrected(every, now, Before(before, seen))
    if batches[-1].kind == "rebuild":
        assert found is not None
        then = [row for row in rows if batch_id(row.batch) in seen.ids]
        assert {row["customer_id"] for row in found.collect()} == _differing(then, live, before)
    else:
        assert found is None


def _differing(then: Sequence[Row], now: Sequence[Row], until: date) -> set[str]:
    """Customers of whom an order has another day, other lines or another amount on it."""
    sums = []
    for rows in (then, now):
        found: dict[tuple[str, str, int], tuple[int, int, int]] = defaultdict(lambda: (0, 0, 0))
        for row in rows:
            if row.date <= until:
                lines, sale, refund = found[(row.customer, row.order, row.day)]
                found[(row.customer, row.order, row.day)] = (lines + 1, sale + row.sale, refund + row.refund)
        sums.append(found)
    return {key[0] for key in {*sums[0], *sums[1]} if sums[0].get(key) != sums[1].get(key)}


@pytest.mark.parametrize("window", [None, 5])
def test_whom_nothing_happened_to_is_not_measured_again(spark: SparkSession, window: int | None) -> None:
    rows = [Row(1, "idle", "x", 9, 500, 0), Row(1, "long gone", "y", 0, 500, 0), Row(2, "new", "z", 11, 500, 0)]
    batches = Batches((batch(1, rows[:2]), batch(2, rows[2:])))
    before = Before(START + timedelta(days=10), Batches(batches.known[:1]))
    found = touched(frame(spark, rows), batches, before, START + timedelta(days=11), WindowSettings(window, "net"))
    assert found is not None
    assert {row["customer_id"] for row in found.collect()} == {"new"}
