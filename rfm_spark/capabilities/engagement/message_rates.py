"""Rates of messages by day: of so many delivered, so many were opened, clicked or answered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.drift.artefacts import RATE_DAYS, Definition, Rate, bits_of, by_day
from rfm_spark.capabilities.engagement.words import MESSAGE_CHANNELS

# What became of a message, in the bits of a number.
OPENED, CLICKED, ANSWERED, REDEEMED = (1 << bit for bit in range(4))
_MESSAGE_BITS = 4
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
    return F.when(is_watched(delivered_on, as_of, wait_days), F.shiftleft(age, _MESSAGE_BITS) + bits_of(flags)).cast(
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
        mine = [Rate(channel, one, by_day(found[channel], one), last_day) for one in MESSAGE_RATES]
        alone = [rate.days for rate in mine if rate.definition.name in ("click_rate", "conversion_rate")]
        # Where clicks (or redemptions) are the only answers, the same figure twice would count as two.
        rates += [rate for rate in mine if rate.definition.name != "response_rate" or rate.days not in alone]
    return rates
