"""Lines to days of orders to measures, against the definitions written out in plain Python."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache, reduce
from itertools import product
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from rfm_spark.capabilities.purchases import orders as orders_module
from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.capabilities.purchases.days import visible
from rfm_spark.capabilities.purchases.measures import customer_measures, window_start
from rfm_spark.capabilities.purchases.orders import Grain, large_customers, orders_of
from rfm_spark.core.session import session_settings
from tests.taking import take

Refunds = Literal["net", "ignore"]
AS_OF = date(2024, 3, 31)
WINDOW = 30
NOON, MIDNIGHT, LAST = time(12), time(0), time(23, 59, 59, 999999)
COLUMNS = ("recency_days", "frequency", "monetary", "first_order_date", "last_order_date", "tenure_days", "lines")
Measures = tuple[int | None, int, Decimal, date | None, date | None, int | None, int]


@dataclass(frozen=True)
class Line:
    """One row of a ledger, as a shop writes it."""

    day: date
    amount: str
    order: str = "A"
    at: time = NOON
    is_return: bool = False

    @property
    def moment(self) -> datetime:
        return datetime.combine(self.day, self.at)

    @property
    def money(self) -> Decimal:
        return Decimal(self.amount).quantize(Decimal("0.01"), ROUND_HALF_UP)

    @property
    def sold(self) -> Decimal:
        return self.money if self.money > 0 and not self.is_return else Decimal(0)

    @property
    def refunded(self) -> Decimal:
        return abs(self.money) if self.is_return or self.money < 0 else Decimal(0)


Ledger = list[Line]


def oracle(ledger: Ledger, window: int | None, refunds: Refunds, grain: Grain) -> Measures | None:
    """Section 6 of the design, for one customer: None without a line up to as-of."""
    lines = [line for line in ledger if line.day <= AS_OF]
    if not lines:
        return None
    start = date.min if window is None else AS_OF - timedelta(days=window - 1)
    orders: dict[object, Ledger] = defaultdict(list)
    for number, line in enumerate(lines):
        orders[line.order if grain is None else line.day if grain == "day" else number].append(line)
    purchases, money = [], Decimal(0)
    for order in orders.values():
        sales = [line for line in order if line.sold]
        gross, back = sum(line.sold for line in sales), sum(line.refunded for line in order)
        if not sales:
            continue
        day = max(line.moment for line in sales).date()
        if day >= start:
            money += gross
        if refunds == "ignore" or gross > back:
            purchases.append(day)
    if refunds == "net":
        money -= sum((line.refunded for line in lines if line.day >= start), Decimal(0))
    first, last = min(purchases, default=None), max(purchases, default=None)
    return (
        None if last is None else (AS_OF - last).days,
        sum(day >= start for day in purchases),
        money.quantize(Decimal("0.01")),
        first,
        last,
        None if first is None else (AS_OF - first).days,
        len(lines),
    )


def source_of(grain: Grain) -> TransactionsSource:
    columns = {"customer_id": "who", "order_ts": "at", "amount": "amount", "is_return": "back"}
    if grain is None:
        return TransactionsSource(table="t", columns={**columns, "order_id": "order"})
    return TransactionsSource(table="t", columns=columns, order_grain=grain)


def raw_rows(spark: SparkSession, ledgers: dict[str, Ledger]) -> DataFrame:
    rows = [(who, x.order, x.moment, x.amount, x.is_return) for who, ledger in ledgers.items() for x in ledger]
    return spark.createDataFrame(rows, "who STRING, `order` STRING, at TIMESTAMP, amount STRING, back BOOLEAN")


def days_of(raw: DataFrame, grain: Grain = None) -> DataFrame:
    return take(raw, source_of(grain)).days


def measured(
    rows: DataFrame, window: int | None = WINDOW, refunds: Refunds = "net", grain: Grain = None, as_of: date = AS_OF,
    large: Sequence[str] = (),
) -> dict[str, Measures]:  # fmt: skip
    orders = orders_of(visible(rows, as_of), grain, window_start(as_of, window), large)
    found = customer_measures(orders, as_of, window, refunds).collect()
    assert len({row["customer_id"] for row in found}) == len(found)
    return {row["customer_id"]: tuple(row[column] for column in COLUMNS) for row in found}


@cache
def generated_ledgers() -> dict[str, Ledger]:
    """Many customers' ledgers, with days around the window's edges, drawn by hypothesis."""
    ledgers: list[Ledger] = []
    days = st.sampled_from([-400, -60, -31, -30, -29, -28, -7, -1, 0, 1, 40])
    amounts = st.sampled_from(["10.00", "10.00", "-10.00", "5.005", "-5.00", "0", "0.004", "-0.005", "19.995", "-30"])
    line = st.builds(
        Line,
        day=days.map(lambda days: AS_OF + timedelta(days=days)),
        amount=amounts,
        order=st.sampled_from("ABC"),
        at=st.sampled_from([NOON, MIDNIGHT, LAST]),
        is_return=st.sampled_from([False, False, False, True]),
    )

    @settings(max_examples=250, database=None)
    @given(st.lists(line, min_size=1, max_size=9))
    def collect(ledger: Ledger) -> None:
        ledgers.append(ledger)

    collect()
    return {f"c{number}": ledger for number, ledger in enumerate(ledgers)}


def test_the_generated_ledgers_cover_what_they_should() -> None:
    found = [oracle(ledger, WINDOW, "net", None) for ledger in generated_ledgers().values()]
    assert len(found) > 150
    seen = [measures for measures in found if measures is not None]
    assert len(seen) < len(found)
    assert sum(m[0] is None for m in seen) > 10
    assert sum(m[0] is not None and m[1] == 0 for m in seen) > 10
    assert sum(m[1] > 1 for m in seen) > 5
    assert sum(m[2] < 0 for m in seen) > 5


@pytest.mark.parametrize("grain", [None, "row", "day"])
def test_customers_in_many_tasks_are_measured_as_in_one(spark: SparkSession, grain: Grain) -> None:
    ledgers = generated_ledgers()
    rows = days_of(raw_rows(spark, ledgers), grain)
    assert measured(rows, grain=grain, large=sorted(ledgers)[::2]) == measured(rows, grain=grain)


def test_who_has_a_tenth_of_all_orders_is_added_up_in_many_tasks(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders_module, "_ONE_IN", 2)
    monkeypatch.setattr(orders_module, "_MANY", 20_000)
    orders = [("c0" if at % 10 == 0 else f"c{at}", f"o{at}") for at in range(20_000)]
    rows = spark.createDataFrame(orders, "customer_id STRING, order_id STRING").withColumn("day", F.lit(AS_OF))
    assert large_customers(rows, 20_000) == ["c0"]
    assert large_customers(rows, 19_999) == []
    days = days_of(raw_rows(spark, {"c0": [Line(AS_OF, "1.00", f"o{at}") for at in range(50)]}))
    with session_settings(spark, {"spark.sql.adaptive.enabled": "false", "spark.sql.shuffle.partitions": "8"}):
        tasks = {
            large: orders_of(visible(days, AS_OF), None, None, large).select(F.spark_partition_id()).distinct().count()
            for large in ((), ("c0",))
        }
    assert tasks[()] == 1
    assert tasks[("c0",)] > 4


def assert_as_defined(ledgers: dict[str, Ledger], rows: DataFrame, grain: Grain) -> None:
    every: list[tuple[int | None, Refunds]] = list(product((WINDOW, None), ("net", "ignore")))
    for window, refunds in every if grain is None else every[:1] + every[3:]:
        wanted = {who: oracle(ledger, window, refunds, grain) for who, ledger in ledgers.items()}
        expected = {who: measures for who, measures in wanted.items() if measures is not None}
        found = measured(rows, window, refunds, grain)
        assert set(found) == set(expected)
        wrong = [(ledgers[who], found[who], expected[who]) for who in found if found[who] != expected[who]]
        assert wrong == [], (window, refunds)


@pytest.mark.parametrize("grain", [None, "row", "day"])
def test_measures_of_any_ledger_are_those_of_the_definitions(spark: SparkSession, grain: Grain) -> None:
    ledgers = generated_ledgers()
    assert_as_defined(ledgers, days_of(raw_rows(spark, ledgers), grain), grain)


@pytest.mark.parametrize("grain", [None, "row", "day"])
def test_measures_do_not_depend_on_where_batches_are_cut(spark: SparkSession, grain: Grain) -> None:
    ledgers = generated_ledgers()
    drawn = random.Random(5)
    # Each line is delivered on one of three nights, in any order: a refund may well come before its sale.
    nights: list[dict[str, Ledger]] = [defaultdict(list) for _ in range(3)]
    for who, ledger in ledgers.items():
        for line in ledger:
            drawn.choice(nights)[who].append(line)
    batches = [days_of(raw_rows(spark, night), grain) for night in nights]
    assert_as_defined(ledgers, reduce(DataFrame.unionByName, batches), grain)


def on(day: int, month: int = 3) -> date:
    return date(2024, month, day)


HAND_WORKED: dict[str, tuple[Ledger, Measures]] = {
    "one sale on the last day": ([Line(on(31), "9.99", at=LAST)], (0, 1, Decimal("9.99"), on(31), on(31), 0, 1)),
    "the window's first day counts": ([Line(on(2), "5", at=MIDNIGHT)], (29, 1, Decimal("5.00"), on(2), on(2), 29, 1)),
    "the day before it does not": ([Line(on(1), "5", at=LAST)], (30, 0, Decimal("0.00"), on(1), on(1), 30, 1)),
    "purchases but none in the window": (
        [Line(on(1, 1), "80")],
        (90, 0, Decimal("0.00"), on(1, 1), on(1, 1), 90, 1),
    ),
    "sale before the window, refunded within it": (
        [Line(on(1, 1), "80"), Line(on(5), "-30")],
        (90, 0, Decimal("-30.00"), on(1, 1), on(1, 1), 90, 2),
    ),
    "full refund within the window of a sale before it": (
        [Line(on(1, 1), "80"), Line(on(5), "-80")],
        (None, 0, Decimal("-80.00"), None, None, None, 2),
    ),
    "a free basket is no purchase": ([Line(on(30), "0")], (None, 0, Decimal("0.00"), None, None, None, 1)),
    "only a refund": ([Line(on(30), "-4")], (None, 0, Decimal("-4.00"), None, None, None, 1)),
    "a return with a positive amount is a refund": (
        [Line(on(10), "20"), Line(on(12), "5", is_return=True)],
        (21, 1, Decimal("15.00"), on(10), on(10), 21, 2),
    ),
    "a refund later than the sale does not make the order younger": (
        [Line(on(10), "20"), Line(on(30), "-5")],
        (21, 1, Decimal("15.00"), on(10), on(10), 21, 2),
    ),
    "an order is dated by its latest sale line": (
        [Line(on(1), "20"), Line(on(10), "5")],
        (21, 1, Decimal("25.00"), on(10), on(10), 21, 2),
    ),
    "cents are rounded once per line": (
        [Line(on(10), "0.005"), Line(on(10), "0.005"), Line(on(10), "0.004")],
        (21, 1, Decimal("0.02"), on(10), on(10), 21, 3),
    ),
}


def test_hand_worked_customers(spark: SparkSession) -> None:
    ledgers = {name: ledger for name, (ledger, _) in HAND_WORKED.items()}
    raw = raw_rows(spark, {**ledgers, "later": [Line(date(2024, 4, 1), "5", at=MIDNIGHT)]})
    found = measured(days_of(raw))
    assert found == {name: wanted for name, (_, wanted) in HAND_WORKED.items()}


def test_a_full_refund_voids_an_order_from_its_date_on(spark: SparkSession) -> None:
    rows = days_of(raw_rows(spark, {"c": [Line(on(10), "50"), Line(on(20), "-50")]}))
    before, after = measured(rows, as_of=on(19))["c"], measured(rows, as_of=on(20))["c"]
    assert before == (9, 1, Decimal("50.00"), on(10), on(10), 9, 1)
    assert after == (None, 0, Decimal("0.00"), None, None, None, 2)
    ignored = measured(rows, refunds="ignore", as_of=on(20))["c"]
    assert ignored == (10, 1, Decimal("50.00"), on(10), on(10), 10, 2)


def test_the_session_time_zone_decides_the_day_of_an_order(spark: SparkSession) -> None:
    rows = [("late", "A", "2024-03-31T22:30:00Z", "7"), ("early", "A", "2024-03-31T21:59:59Z", "7")]
    found = {}
    for zone in ("UTC", "Europe/Berlin", "America/New_York"):
        with session_settings(spark, {"spark.sql.session.timeZone": zone}):
            raw = spark.createDataFrame(rows, "who STRING, `order` STRING, at STRING, amount STRING")
            days = days_of(raw.selectExpr("*", "false AS back"))
            found[zone] = {who: m[0] for who, m in measured(days).items()}
    assert found == {
        "UTC": {"late": 0, "early": 0},
        "Europe/Berlin": {"early": 0},
        "America/New_York": {"late": 0, "early": 0},
    }
