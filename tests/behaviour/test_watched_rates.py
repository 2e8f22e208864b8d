"""Rates by day of messages and visits against an independent count."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta

import numpy as np
from pyspark.sql import SparkSession

from rfm_spark.capabilities.drift.artefacts import RATE_DAYS
from rfm_spark.capabilities.engagement.config import EngagementConfig
from rfm_spark.capabilities.engagement.message_rates import fates_counted, rates_of_messages
from rfm_spark.capabilities.events.config import EventsSource, InteractionsConfig
from rfm_spark.capabilities.events.interactions import Features, customer_interactions, events_each_once
from rfm_spark.capabilities.events.rows import counted, validated_events
from rfm_spark.capabilities.events.visit_rates import rates_of_visits, visits_counted
from rfm_spark.core.reading.interactions import Reading
from tests.behaviour.test_engagement import AS_OF, Row, channels_of

START = datetime(AS_OF.year, AS_OF.month, AS_OF.day)
Days = dict[tuple[str, str, date], list[int]]


def test_messages_are_counted_by_the_day_they_were_delivered(spark: SparkSession) -> None:
    draws = np.random.default_rng(3)
    rows: list[Row] = []
    expected: Days = {}
    for n in range(300):
        channel = ("email", "sms")[n % 2]
        sent = START - timedelta(hours=float(draws.uniform(-24, 100 * 24)))
        rows.append((f"c{n % 40}", f"m{n}", sent, "delivered", channel))
        found = {}
        for event in ("opened", "clicked", "redeemed") if channel == "email" else ("clicked",):
            # Some answers come after three days: they are none of these rates.
            if draws.random() < 0.5:
                found[event] = timedelta(hours=float(draws.uniform(0, 120)))
                rows.append((f"c{n % 40}", f"m{n}", sent + found[event], event, channel))
        counts = {event for event, after in found.items() if after <= timedelta(days=3)}
        answered = bool(counts & {"clicked", "redeemed"})
        opened = channel == "email" and ("opened" in counts or answered)
        if not 3 <= (AS_OF - sent.date()).days < 3 + RATE_DAYS:
            continue
        for name, part, whole in (
            ("open_rate", opened, True), ("click_rate", "clicked" in counts, True),
            ("click_to_open_rate", opened and "clicked" in counts, opened),
            ("response_rate", answered, True), ("conversion_rate", "redeemed" in counts, True),
        ):  # fmt: skip
            if whole:
                day = expected.setdefault((channel, name, sent.date()), [0, 0])
                day[0] += part
                day[1] += 1
    rows = [row for row in rows if row[2] < START + timedelta(days=1)]
    channels = channels_of(spark, rows, EngagementConfig())
    rates = rates_of_messages([tuple(row) for row in fates_counted(channels).collect()], AS_OF, 3)
    got = {
        (rate.of, rate.definition.name, day): list(count) for rate in rates for day, count in rate.days.items()
    }  # fmt: skip
    # Of sms clicks are the only responses, so there is no response_rate beside.
    assert got == {key: count for key, count in expected.items() if key[:2] != ("sms", "response_rate")}


def test_visits_are_counted_by_the_day_of_their_last_event(spark: SparkSession) -> None:
    draws = np.random.default_rng(4)
    rows, expected = [], Counter[tuple[int, str]]()
    seen: dict[tuple[str, int], set[str]] = {}
    for n in range(400):
        customer, age = f"c{n % 25}", int(draws.integers(0, 90))
        begin = START - timedelta(days=age) + timedelta(hours=float(draws.uniform(1, 20)))
        kinds = [kind for kind in ("page_view", "product_view", "add_to_cart", "order") if draws.random() < 0.6]
        rows += [
            (customer, f"s{n}", begin + timedelta(minutes=3 * at), kind) for at, kind in enumerate(kinds)
        ]  # fmt: skip
        if kinds and age < RATE_DAYS:
            had = seen.setdefault((customer, age), set())
            had |= {"visited"} | ({"ordered"} if "order" in kinds else set())
            had |= {"viewed"} if "product_view" in kinds else set()
            had |= {"view_carted"} if {"product_view", "add_to_cart"} <= set(kinds) else set()
            had |= {"carted"} if "add_to_cart" in kinds else set()
            had |= {"cart_ordered"} if {"add_to_cart", "order"} <= set(kinds) else set()
    for (_, age), had in seen.items():
        expected.update((age, name) for name in had)
    source = EventsSource.model_validate({
        "path": "x", "format": "delta",
        "columns": {"customer_id": "who", "session_id": "visit", "event_ts": "at", "event_type": "kind"},
    })  # fmt: skip
    raw = spark.createDataFrame(rows, "who string, visit string, at timestamp, kind string")
    features = Features(AS_OF, InteractionsConfig(), has_session=True, all_named=True)
    validated = validated_events(raw, source, Reading(first_day=AS_OF - timedelta(days=90)))
    customers = customer_interactions(events_each_once(counted(validated, AS_OF), features), features)
    rates = {
        rate.definition.name: rate
        for rate in rates_of_visits([tuple(row) for row in visits_counted(customers).collect()], AS_OF)
    }
    parts = {
        "view_to_cart_rate": ("view_carted", "viewed"), "cart_to_order_rate": ("cart_ordered", "carted"),
        "conversion_rate": ("ordered", "visited"),
    }  # fmt: skip
    for name, (part, whole) in parts.items():
        counts = {(AS_OF - day).days: count for day, count in rates[name].days.items()}
        wanted = {age: (expected[age, part], expected[age, whole]) for age in range(90) if expected[age, whole]}
        assert counts == wanted, name
    assert max((AS_OF - day).days for day in rates["conversion_rate"].days) > 63
