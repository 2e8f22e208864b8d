"""Engagement tiers: every figure by an independent computation, exact thresholds, and suppression over many runs."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from rfm_spark.capabilities.engagement.config import EngagementConfig, MessagesSource
from rfm_spark.capabilities.engagement.customers import customer_columns
from rfm_spark.capabilities.engagement.messages import MESSAGE_FLAGS, Judging, channel_counts, outcomes
from rfm_spark.capabilities.engagement.rows import counted, validated_messages
from rfm_spark.capabilities.engagement.tiers import engaged_rows, engagement, engagement_summary
from rfm_spark.capabilities.engagement.words import MESSAGE_CHANNELS
from rfm_spark.core.reading.interactions import Reading

AS_OF = date(2024, 6, 30)
SOURCE = MessagesSource.model_validate({
    "path": "x", "format": "delta",
    "columns": {name: name for name in ("customer_id", "message_id", "event_ts", "event", "channel")},
})  # fmt: skip
SCHEMA = "customer_id string, message_id string, event_ts timestamp, event string, channel string"
COUNTS = ("delivered", "opened", "clicked", "replied", "redeemed", "responded")
Row = tuple[str, str | None, datetime, str, str]


def at(days_before: float, hour: float = 9) -> datetime:
    return datetime(AS_OF.year, AS_OF.month, AS_OF.day) - timedelta(days=days_before) + timedelta(hours=hour)


def channels_of(spark: SparkSession, rows: list[Row], config: EngagementConfig, as_of: date = AS_OF) -> DataFrame:
    judging = Judging(as_of, config, SOURCE.quality)
    validated = validated_messages(spark.createDataFrame(rows, SCHEMA), SOURCE, Reading(first_day=judging.read_from))
    return channel_counts(outcomes(counted(validated, as_of), judging), judging)


def found(
    spark: SparkSession, rows: list[Row], before: DataFrame | None = None, as_of: date = AS_OF, **changes: Any
) -> DataFrame:
    config = EngagementConfig.model_validate(changes)
    channels = channels_of(spark, rows, config, as_of)
    return engagement(channels, Judging(as_of, config, SOURCE.quality), before, None)


def by_key(frame: DataFrame) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["customer_id"], row["channel"]): row.asDict() for row in frame.collect()}


def made(seed: int) -> list[Row]:
    """A year of messages with everything that goes wrong."""
    draws = np.random.default_rng(seed)
    rows: list[Row] = []
    for customer in range(30):
        for n in range(draws.integers(0, 25)):
            channel = str(draws.choice(MESSAGE_CHANNELS))
            sent = at(float(draws.uniform(0, 150)))
            who, message = f"c{customer}", f"m{n}"
            happened = [("sent", 0.0)] if draws.random() < 0.8 else []
            if draws.random() < 0.85:
                happened.append(("impression" if channel == "ad" else "delivered", 5.0))
            elif draws.random() < 0.3:
                happened.append(("bounced", 6.0))
            for event, share in (("opened", 0.5), ("clicked", 0.3), ("replied", 0.1), ("redeemed", 0.1)):
                while draws.random() < share:
                    happened.append((event, float(draws.choice([7.0, 3600.0, 86_400.0 * 3, 86_400.0 * 31]))))
            if draws.random() < 0.01:
                happened.append(("unsubscribed", 7200.0))
            for event, seconds in happened:
                rows += [(who, message, sent + timedelta(seconds=seconds), event, channel)] * int(draws.integers(1, 3))
    return rows


def expected(rows: list[Row], config: EngagementConfig) -> dict[tuple[str, str], dict[str, Any]]:
    """The counts of customers and channels, message by message."""
    first = AS_OF - timedelta(days=config.window_days - 1)
    messages: dict[tuple[str, str, str | None], set[tuple[str, datetime]]] = defaultdict(set)
    for who, message, moment, event, channel in rows:
        if moment.date() <= AS_OF:
            messages[who, channel, message].add((event, moment))
    totals: dict[tuple[str, str], dict[str, Any]] = {}
    for (who, channel, _), events in messages.items():
        mine = totals.setdefault((who, channel), defaultdict(int))
        times: dict[str, list[datetime]] = defaultdict(list)
        for event, moment in events:
            times[event].append(moment)
        answers = [m for e in ("clicked", "replied", "redeemed") for m in times[e]]
        confirmed = times["delivered"] + times["impression"]
        arrived = min(confirmed) if confirmed else None
        if arrived is None and times["sent"] and (times["opened"] or answers):
            arrived = min(times["sent"])
        if arrived is None or not first <= arrived.date() <= AS_OF:
            continue
        mine["delivered"] += 1
        limit = arrived + timedelta(days=config.response_days)
        machine = timedelta(seconds=config.machine_open_seconds or 0)
        answered = {e for e in ("clicked", "replied", "redeemed") if any(m <= limit for m in times[e])}
        opened = any(arrived + machine <= m <= limit for m in times["opened"]) or bool(answered)
        if config.has_opens(channel):
            mine["opened"] += opened
        for event in answered:
            mine[event] += 1
        mine["responded"] += bool(answered)
    return {key: dict(counts) for key, counts in totals.items() if counts}


@pytest.mark.parametrize("seconds", [None, 5.0])
def test_every_count_equals_the_independent_one(spark: SparkSession, seconds: float | None) -> None:
    rows, config = made(seed=2), EngagementConfig(machine_open_seconds=seconds)
    mine = by_key(channels_of(spark, rows, config))
    theirs = expected(rows, config)
    assert theirs
    named = {key for key, row in mine.items() if any(row[name] for name in COUNTS)}
    assert named == {key for key, counts in theirs.items() if any(counts.values())}
    for key, row in mine.items():
        counts = {
            name: row[name] or 0 for name in ("delivered", "opened", "clicked", "replied", "redeemed", "responded")
        }
        assert {name: n for name, n in counts.items() if n} == {n: c for n, c in theirs.get(key, {}).items() if c}, key


def mails(who: str, delivered: int, opened: int, clicked: int, channel: str = "email") -> list[Row]:
    rows: list[Row] = []
    for n in range(delivered):
        rows.append((who, f"m{n}", at(30), "impression" if channel == "ad" else "delivered", channel))
        rows += [(who, f"m{n}", at(29), "opened", channel)] if n < opened else []
        rows += [(who, f"m{n}", at(28), "clicked", channel)] if n < clicked else []
    return rows


@pytest.mark.parametrize(
    ("delivered", "opened", "clicked", "tier"),
    [
        (100, 76, 51, "highly_engaged"), (100, 75, 51, "moderately"), (100, 76, 50, "moderately"),
        (100, 29, 9, "disengaged"), (100, 30, 9, "moderately"), (100, 29, 10, "moderately"),
        (5, 0, 0, "disengaged"), (4, 4, 4, "insufficient"), (20, 6, 1, "moderately"),
    ],
)  # fmt: skip
def test_tiers_at_the_exact_thresholds(
    spark: SparkSession, delivered: int, opened: int, clicked: int, tier: str
) -> None:
    rows = by_key(found(spark, mails("a", delivered, opened, clicked)))
    assert rows["a", "email"]["tier"] == tier
    assert rows["a", "all"]["tier"] == tier
    assert rows["a", "email"]["open_rate"] == opened / delivered
    assert rows["a", "email"]["click_rate"] == clicked / delivered


def test_channels_without_opens_are_judged_by_responses_alone(spark: SparkSession) -> None:
    rows = [
        *mails("over", 100, 0, 21, "sms"), *mails("at", 100, 0, 20, "sms"), *mails("low", 100, 100, 4, "sms"),
        *mails("floor", 100, 0, 5, "sms"), *mails("ad", 1000, 0, 21, "ad"), *mails("rare", 1000, 0, 4, "ad"),
    ]  # fmt: skip
    tiers = {who: row["tier"] for (who, channel), row in by_key(found(spark, rows)).items() if channel != "all"}
    assert tiers == {"over": "highly_engaged", "at": "moderately", "low": "disengaged", "floor": "moderately",
                     "ad": "highly_engaged", "rare": "disengaged"}  # fmt: skip
    own: dict[str, Any] = {"channels": {"sms": {"response": {"highly_engaged": 0.04, "disengaged": 0.01}}}}
    assert by_key(found(spark, rows, **own))["floor", "sms"]["tier"] == "highly_engaged"
    assert by_key(found(spark, rows))["over", "sms"]["opened"] is None


def test_all_pools_responses_and_opens_only_where_they_exist(spark: SparkSession) -> None:
    rows = [*mails("a", 10, 8, 6), *mails("a", 10, 0, 5, "sms"), *mails("b", 10, 0, 3, "sms")]
    pooled = by_key(found(spark, rows))
    assert (pooled["a", "all"]["open_rate"], pooled["a", "all"]["response_rate"]) == (0.8, 0.55)
    assert pooled["a", "all"]["tier"] == "highly_engaged"
    assert (pooled["b", "all"]["open_rate"], pooled["b", "all"]["tier"]) == (None, "highly_engaged")


def test_what_is_odd_has_a_rule_and_a_count(spark: SparkSession) -> None:
    rows: list[Row] = [
        ("a", "1", at(20), "clicked", "email"),  # neither sent nor delivered
        ("a", "2", at(20), "sent", "email"), ("a", "2", at(19), "opened", "email"),  # so it was delivered
        ("a", "3", at(20), "delivered", "email"), ("a", "3", at(19), "clicked", "email"),  # images off
        ("a", "4", at(20), "delivered", "email"), ("a", "4", at(20, 9.0005), "opened", "email"),  # by a machine
        ("a", "5", at(60), "delivered", "email"), ("a", "5", at(20), "clicked", "email"),  # too late
        ("a", "6", at(100), "delivered", "email"), ("a", "6", at(80), "opened", "email"),  # before the window
        ("a", "6", at(80), "opened", "email"),  # the same again
    ]  # fmt: skip
    config = EngagementConfig(machine_open_seconds=5)
    counts = channels_of(spark, rows, config).collect()[0]
    assert {flag: counts[flag] for flag in MESSAGE_FLAGS} == dict.fromkeys(MESSAGE_FLAGS, 1)
    assert counts["copies"] == 1
    assert (counts["delivered"], counts["opened"], counts["clicked"]) == (4, 2, 1)


def test_thresholds_five_points_up_and_down_move_the_shares(spark: SparkSession) -> None:
    rows = [*mails("a", 100, 78, 60), *mails("b", 100, 72, 60), *mails("c", 100, 32, 9)]
    config = EngagementConfig()
    summary = engagement_summary(found(spark, rows), config).where("channel = 'email'").collect()
    shares = {row["tier"]: (row["share"], row["share_lower"], row["share_higher"]) for row in summary}
    assert shares["highly_engaged"] == (1 / 3, 2 / 3, 0.0)
    assert shares["disengaged"] == (0.0, 0.0, 1 / 3)
    assert {row["tier"]: row["customers"] for row in summary} == {
        "highly_engaged": 1, "moderately": 2, "disengaged": 0, "insufficient": 0,
    }  # fmt: skip


def test_who_unsubscribes_complains_or_bounces_is_left_out_at_once(spark: SparkSession) -> None:
    rows: list[Row] = [
        *mails("gone", 10, 9, 9), ("gone", None, at(400), "unsubscribed", "email"),
        *mails("angry", 1, 1, 1), ("angry", "m0", at(5), "complained", "email"),
        *mails("dead", 2, 0, 0), ("dead", "m1", at(3), "bounced", "email"),
        *mails("back", 2, 0, 0), ("back", "m0", at(40), "bounced", "email"), ("back", "m1", at(2), "opened", "email"),
        ("alive", "m0", at(400), "bounced", "email"), ("alive", "m1", at(300), "opened", "email"),
        *mails("alive", 1, 0, 0), ("blank", "m0", at(9), "complained", " "), *mails("blank", 1, 0, 0),
        *mails("half", 6, 0, 0), *mails("half", 6, 0, 6, "sms"), ("half", "m0", at(1), "unsubscribed", "email"),
    ]  # fmt: skip
    rows_of = by_key(found(spark, rows))
    said = {who: (row["suppressed"], row["reason"], row["suppressed_since"])
            for (who, channel), row in rows_of.items() if channel == "email"}  # fmt: skip
    assert said["gone"] == (True, "unsubscribed", at(400).date())
    assert said["angry"] == (True, "complained", at(5).date())
    assert said["dead"] == (True, "bounced", at(3).date())
    assert said["back"][0] is False
    assert said["alive"][0] is False
    assert said["blank"][0] is True
    assert rows_of["half", "all"]["suppressed"] is False
    assert rows_of["gone", "all"]["suppressed"] is True
    assert rows_of["half", "sms"]["suppressed"] is False


def test_the_disengaged_are_left_alone_until_they_stir(spark: SparkSession) -> None:
    """Suppressed in run 1, still so without messages, lifted by a click, not again before enough new messages."""
    suppress = {"actions": {"disengaged": "suppress"}}
    silent = mails("a", 10, 0, 0)

    def run(rows: list[Row], as_of: date, before: DataFrame | None) -> tuple[DataFrame, dict[str, Any]]:
        frame = engaged_rows(found(spark, rows, before, as_of, **suppress)).cache()
        return frame, by_key(frame)["a", "email"]

    first, row = run(silent, AS_OF, None)
    assert (row["suppressed"], row["reason"], row["suppressed_since"]) == (True, "disengaged", AS_OF)
    assert row["action"].startswith("suppress")
    # Nothing was sent for so long that there is no rate any more.
    later, row = run(silent, AS_OF + timedelta(days=120), first)
    assert (row["delivered"], row["suppressed"], row["suppressed_since"]) == (0, True, AS_OF)
    # A click of the day of the first run, which that run could not know yet.
    same_day: Row = ("a", "m8", at(0, 23), "clicked", "email")
    _, row = run([*silent, same_day], AS_OF + timedelta(days=1), first)
    assert (row["suppressed"], row["reactivated_on"]) == (False, AS_OF)
    last_activity = AS_OF + timedelta(days=121)
    click: Row = (
        "a",
        "m9",
        datetime(last_activity.year, last_activity.month, last_activity.day, 8),
        "clicked",
        "email",
    )
    lifted, row = run([*silent, click], last_activity, later)
    assert (row["suppressed"], row["reactivated_on"]) == (False, last_activity)
    few = [("a", f"n{n}", click[2] + timedelta(days=n + 1), "delivered", "email") for n in range(5)]
    again: list[Row] = [*silent, click, *few[:4]]
    kept, row = run(again, last_activity + timedelta(days=6), lifted)
    assert row["suppressed"] is False
    _, row = run([*again, few[4]], last_activity + timedelta(days=7), kept)
    assert (row["delivered"], row["suppressed"]) == (5, True)


def test_a_visit_or_an_order_lifts_it_too(spark: SparkSession) -> None:
    config = EngagementConfig.model_validate({"actions": {"disengaged": "suppress"}})
    judging = Judging(AS_OF, config, SOURCE.quality)
    channels = channels_of(spark, mails("a", 10, 0, 0), config).cache()
    first = engaged_rows(engagement(channels, judging, None, None)).cache()
    next_day = Judging(AS_OF + timedelta(days=1), config, SOURCE.quality)
    for day, suppressed in ((AS_OF + timedelta(days=1), False),):
        last_activity = spark.createDataFrame([("a", day)], "customer_id string, last_activity_date date")
        row = by_key(engagement(channels, next_day, first, last_activity))["a", "email"]
        assert row["suppressed"] is suppressed
    assert row["reactivated_on"] == AS_OF + timedelta(days=1)


def test_a_customers_columns_are_those_of_all_channels(spark: SparkSession) -> None:
    rows = found(spark, [*mails("a", 10, 9, 9), *mails("a", 10, 0, 0, "coupon")])
    columns = customer_columns(rows).collect()[0]
    assert (columns["engagement_tier"], columns["email_tier"], columns["coupon_tier"]) == (
        "moderately", "highly_engaged", "disengaged",
    )  # fmt: skip
    assert (columns["delivered"], columns["sms_tier"]) == (20, None)
    assert columns["response_rate"] == 9 / 20
