"""Rates by day: of so many messages, so many were opened, clicked or answered; of so many visits, so many ordered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.engagement.words import MESSAGE_CHANNELS

# Days that are looked at: a week, and eleven before.
RATE_DAYS = 84
# Days in the bits of a number.
_DAYS_OF_PART = 63
# What became of a message, or of a customer's visits on a day, in the bits of a number.
OPENED, CLICKED, ANSWERED, REDEEMED = (1 << bit for bit in range(4))
ORDERED, VIEWED, VIEW_CARTED, CARTED, CART_ORDERED = (1 << bit for bit in range(5))
_MESSAGE_BITS, _VISIT_BITS = 4, 5
_PARTS = range(-(-RATE_DAYS // _DAYS_OF_PART))
INTERACTIONS = "interactions"


@dataclass(frozen=True)
class Definition:
    """A rate, as bits of what it is of.

    Attributes:
        name: such as click_rate.
        words: what it counts, `{of}` being the channel.
        part: bits that a case has.
        whole: bits of all that could be a case; 0 for everything.
        advice: where to look when it falls.
    """

    name: str
    words: str
    part: int
    whole: int
    advice: str


@dataclass(frozen=True)
class Rate:
    """One rate of one channel, by day.

    Attributes:
        of: the channel; `interactions` for web and app together.
        definition: what it is.
        days: cases, and what they are out of, by day.
        last_day: the last day whose cases are complete.
    """

    of: str
    definition: Definition
    days: Mapping[date, tuple[int, int]]
    last_day: date


_LINKS = "look at links and tracking, then at content"
MESSAGE_RATES = (
    Definition("open_rate", "opens per message delivered by {of}", OPENED, 0,
               "look at delivery (spam folders, sender), then at subject lines"),
    Definition("click_rate", "clicks per message delivered by {of}", CLICKED, 0, _LINKS),
    Definition("click_to_open_rate", "clicks per open of {of}", OPENED | CLICKED, OPENED, _LINKS),
    Definition("response_rate", "responses per message delivered by {of}", ANSWERED, 0, _LINKS),
    Definition("conversion_rate", "redemptions per message delivered by {of}", REDEEMED, 0,
               "look at whether codes are accepted and recorded, then at the offer"),
)  # fmt: skip
VISIT_RATES = (
    Definition("view_to_cart_rate", "visits with a product view that fill a cart", VIEW_CARTED, VIEWED,
               "look at product pages, prices and stock, and at the tracker"),
    Definition("cart_to_order_rate", "visits with a cart that end in an order", CART_ORDERED, CARTED,
               "look at checkout and payment, and at the tracker"),
    Definition("conversion_rate", "visits that end in an order", ORDERED, 0,
               "look at checkout and payment, and at the tracker"),
)  # fmt: skip


def is_watched(delivered_on: Column, as_of: date, wait_days: int) -> Column:
    """Whether a message counts for the rates: it had its days for being answered, and is not older than the past."""
    age = F.datediff(F.lit(as_of), delivered_on)
    return F.coalesce(age.between(wait_days, wait_days + RATE_DAYS - 1), F.lit(False))


def fate(delivered_on: Column, as_of: date, wait_days: int, flags: Mapping[int, Column]) -> Column:
    """The age of a delivery in days and what became of it, as one number; null where nobody looks at it.

    Args:
        delivered_on: DATE, null where nothing was delivered.
        as_of: last day that counts.
        wait_days: days that a message has for being answered; younger ones are not looked at.
        flags: bit to whether it has it.
    """
    age = F.datediff(F.lit(as_of), delivered_on)
    return F.when(is_watched(delivered_on, as_of, wait_days), F.shiftleft(age, _MESSAGE_BITS) + _bits(flags)).cast(
        "int"
    )


def fates_counted(channels: DataFrame) -> DataFrame:
    """How many messages have the same fate.

    Args:
        channels: of `messages.channel_counts`.

    Returns:
        channel STRING, fate INT, messages BIGINT: a few hundred rows.
    """
    each = channels.select("channel", F.explode("fates").alias("fate"))
    return each.groupBy("channel", "fate").agg(F.count(F.lit(1)).alias("messages"))


def rates_of_messages(rows: Iterable[tuple[str, int, int]], as_of: date, wait_days: int) -> list[Rate]:
    """Rates per channel.

    Args:
        rows: of `fates_counted`.
        as_of: last day that counts.
        wait_days: days that a message has for being answered.
    """
    found: dict[str, list[tuple[date, int, int]]] = defaultdict(list)
    for channel, number, messages in rows:
        age, bits = number >> _MESSAGE_BITS, number & ((1 << _MESSAGE_BITS) - 1)
        found[channel].append((as_of - timedelta(days=age), bits, messages))
    last_day = as_of - timedelta(days=wait_days)
    rates = []
    for channel in (name for name in MESSAGE_CHANNELS if name in found):
        mine = [Rate(channel, one, _by_day(found[channel], one), last_day) for one in MESSAGE_RATES]
        alone = [rate.days for rate in mine if rate.definition.name in ("click_rate", "conversion_rate")]
        # Where clicks (or redemptions) are the only answers, the same figure twice would count as two.
        rates += [rate for rate in mine if rate.definition.name != "response_rate" or rate.days not in alone]
    return rates


def visit_days(counts: Column, age: str, flags: Mapping[int, Column]) -> dict[str, Column]:
    """Aggregates over a customer's sessions: BIGINTs for each flag, and for a visit at all, with a bit per day.

    Args:
        counts: whether a row is a session that counts.
        age: column with its age in days, INT.
        flags: bit to whether the session has it.
    """
    sums = {}
    for part in _PARTS:
        first = part * _DAYS_OF_PART
        inside = F.col(age).between(first, min(first + _DAYS_OF_PART, RATE_DAYS) - 1)
        day = F.when(counts & inside, F.expr(f"shiftleft(1L, {age} - {first})"))
        for bit, has in {0: F.lit(True), **flags}.items():
            sums[_visits(bit, part)] = F.bit_or(F.when(has, day).otherwise(F.lit(0).cast("bigint")))
    return sums


def visit_columns() -> tuple[str, ...]:
    """Names of what `visit_days` makes."""
    return tuple(_visits(bit, part) for part in _PARTS for bit in _flags())


def visits_counted(customers: DataFrame) -> DataFrame:
    """Customers per day and what their visits of the day had.

    Args:
        customers: with the columns of `visit_days`.

    Returns:
        age INT, bits INT, customers BIGINT: at most RATE_DAYS times 32 rows.
    """
    ages = F.array(*(F.lit(age) for age in range(RATE_DAYS)))
    there = reduce(Column.__or__, [F.col(_visits(0, part)) != 0 for part in _PARTS])
    each = customers.where(there).select(F.explode(ages).alias("age"), *visit_columns())
    had = _bits({bit: _on_day(bit) for bit in _flags() if bit})
    return each.where(_on_day(0)).groupBy("age", had.alias("bits")).agg(F.count(F.lit(1)).alias("customers"))


def rates_of_visits(rows: Iterable[tuple[int, int, int]], as_of: date) -> list[Rate]:
    """Rates of web and app; a customer's visits of a day are one.

    Args:
        rows: of `visits_counted`.
        as_of: last day that counts.
    """
    dated = [(as_of - timedelta(days=age), bits, customers) for age, bits, customers in rows]
    return [Rate(INTERACTIONS, one, _by_day(dated, one), as_of) for one in VISIT_RATES] if dated else []


def _flags() -> tuple[int, ...]:
    return (0, *(1 << bit for bit in range(_VISIT_BITS)))


def _visits(bit: int, part: int) -> str:
    return f"visits_{bit}_{part}"


def _on_day(bit: int) -> Column:
    """Whether a day, given by its age, has the bit."""
    found = F.lit(False)
    for part in _PARTS:
        first = part * _DAYS_OF_PART
        inside = F.col("age").between(first, first + _DAYS_OF_PART - 1)
        found = F.when(inside, F.getbit(F.col(_visits(bit, part)), F.col("age") - first) == 1).otherwise(found)
    return found


def _bits(flags: Mapping[int, Column]) -> Column:
    total = F.lit(0)
    for bit, has in flags.items():
        total = total + F.when(has, F.lit(bit)).otherwise(F.lit(0))
    return total


def _by_day(rows: Iterable[tuple[date, int, int]], rate: Definition) -> dict[date, tuple[int, int]]:
    days: dict[date, tuple[int, int]] = {}
    for day, bits, count in rows:
        if bits & rate.whole == rate.whole:
            part, whole = days.get(day, (0, 0))
            days[day] = part + (count if bits & rate.part == rate.part else 0), whole + count
    return days
