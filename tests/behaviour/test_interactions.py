"""Interactions of customers against an independent computation."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from rfm_spark.capabilities.events.config import EventsSource, InteractionsConfig
from rfm_spark.capabilities.events.interactions import (
    Features,
    bot_days,
    customer_interactions,
    events_each_once,
    interaction_rows,
    without_days,
)
from rfm_spark.capabilities.events.rows import counted, validated_events
from rfm_spark.capabilities.events.words import COUNTED_TYPES
from rfm_spark.core.reading.interactions import Reading
from rfm_spark.core.session import session_settings
from tests.behaviour.logs import figures, made_log

AS_OF = date(2024, 3, 31)
COLUMNS = {"customer_id": "customer_id", "event_ts": "ts", "event_type": "type", "channel": "channel",
           "session_id": "session", "event_id": "event_id"}  # fmt: skip
BERLIN = "Europe/Berlin"


def source(*without: str, **more: Any) -> EventsSource:
    columns = {ours: theirs for ours, theirs in COLUMNS.items() if ours not in without}
    return EventsSource.model_validate({"path": "x", "format": "delta", "columns": columns, **more})


def as_frame(spark: SparkSession, log: pd.DataFrame) -> DataFrame:
    # Instants: pandas' wall clock is UTC.
    rows = log.assign(ts=log["ts"].dt.tz_localize("UTC"))
    return spark.createDataFrame(rows).repartition(5)


def computed(
    spark: SparkSession,
    log: pd.DataFrame,
    given: EventsSource,
    zone: str = "UTC",
    kinds: frozenset[str] = frozenset(COUNTED_TYPES),
) -> dict[int, Any]:
    config = InteractionsConfig()
    features = Features(AS_OF, config, "session_id" in given.columns, "event_id" in given.columns, kinds=kinds)
    with session_settings(spark, {"spark.sql.session.timeZone": zone}):
        start = pd.Timestamp(AS_OF) - pd.Timedelta(days=config.windows[-1])
        events = validated_events(as_frame(spark, log), given, Reading(first_day=start.date()))
        people = customer_interactions(events_each_once(counted(events, AS_OF), features), features)
        rows = interaction_rows(people, config.windows)
        last = F.date_format(F.to_utc_timestamp("last_event_ts", zone), "yyyy-MM-dd HH:mm:ss")
        found: dict[int, Any] = {days: {} for days in config.windows}
        for row in rows.withColumn("last_event_ts", last).collect():
            figures_of = row.asDict()
            days, customer = figures_of.pop("window_days"), figures_of.pop("customer_id")
            figures_of["last_event_ts"] = pd.Timestamp(figures_of["last_event_ts"]).to_pydatetime()
            found[days][customer] = figures_of
    return found


def expected(log: pd.DataFrame, gap: int | None, zone: str = "UTC") -> dict[int, Any]:
    config = InteractionsConfig()
    return {
        days: figures(log, AS_OF, days, config.windows[-1], dict(config.intent_weights), gap=gap, zone=zone)
        for days in config.windows
    }


@pytest.mark.parametrize("given", ["sessions", "silence"])
@pytest.mark.parametrize("zone", ["UTC", BERLIN])
def test_every_figure_equals_the_independent_one(spark: SparkSession, given: str, zone: str) -> None:
    # The night to 31 March 2024 has no hour between two and three in Berlin.
    log = made_log(seed=5)
    without = () if given == "sessions" else ("session_id",)
    assert computed(spark, log, source(*without), zone) == expected(log, None if given == "sessions" else 30, zone)


def test_a_session_across_midnight_and_the_change_of_clocks_is_one(spark: SparkSession) -> None:
    # 00:55 and 01:05 UTC on 31 March are 01:55 and 03:05 in Berlin; 22:50 UTC the evening before is 23:50 there.
    times = ["2024-03-30 22:50", "2024-03-30 23:10", "2024-03-31 00:55", "2024-03-31 01:05"]
    log = pd.DataFrame({"customer_id": "c", "ts": pd.to_datetime(times).astype("datetime64[us]"), "type": "page_view",
                        "channel": "web", "session": "s", "event_id": list("abcd")})  # fmt: skip
    found = computed(spark, log, source("session_id"), BERLIN)[7]["c"]
    assert (found["sessions"], found["events"], found["active_days"]) == (2, 4, 2)
    assert found["mean_session_seconds"] == (20 * 60 + 10 * 60) / 2


def test_an_event_id_that_comes_again_counts_once(spark: SparkSession) -> None:
    log = made_log(seed=6)
    again = log.iloc[::3].assign(session="another", ts=lambda rows: rows["ts"] + pd.Timedelta(hours=2))
    nameless = log.iloc[:20].assign(event_id=None, session="x")
    twice = pd.concat([log, again, nameless, nameless])
    once = pd.concat([log, nameless, nameless])
    given = source("session_id")
    assert computed(spark, twice, given) == expected(once, 30)
    # Of copies in several sessions the earliest stays in its own.
    assert computed(spark, twice, source()) == expected(once, None)
    events = validated_events(as_frame(spark, twice), given)
    features = Features(AS_OF, InteractionsConfig(), has_event_id=True)
    people = customer_interactions(events_each_once(counted(events, AS_OF), features), features)
    copies = people.agg(F.sum("copies")).collect()[0][0]
    assert copies == (again["ts"].dt.date <= AS_OF).sum()


def test_blank_ids_of_events_and_sessions_are_none(spark: SparkSession) -> None:
    log = made_log(seed=8)
    assert computed(spark, log.assign(event_id=" ", session=""), source()) == expected(log, 30)


def test_events_without_a_session_are_cut_by_silence_beside_named_ones(spark: SparkSession) -> None:
    log = made_log(seed=9)
    named = log["session"].str.endswith(("1", "3", "5"))
    silent = log[~named].sort_values(["customer_id", "channel", "ts"], kind="stable")
    silence = silent.groupby(["customer_id", "channel"])["ts"].diff()
    cut = (silence.isna() | (silence > pd.Timedelta(minutes=30))).cumsum().astype(str)
    mixed = log.assign(session=log["session"].where(named))
    by_hand = log.assign(session=log["session"].where(named, "silent " + cut.reindex(log.index).fillna("")))
    assert named.sum() > 100 < (~named).sum()
    assert computed(spark, mixed, source()) == expected(by_hand, None)


def test_a_rate_of_what_the_source_never_has_is_unknown(spark: SparkSession) -> None:
    log = made_log(seed=10)
    without = log[log["type"] != "order"]
    found = computed(spark, without, source(), kinds=frozenset(without["type"]))
    by_hand = expected(without, None)
    assert {row["cart_to_order_rate"] for rows in by_hand.values() for row in rows.values()} == {None, 0.0}
    unknown = {days: {who: {**row, "cart_to_order_rate": None} for who, row in rows.items()}
               for days, rows in by_hand.items()}  # fmt: skip
    assert found == unknown


def test_what_a_visitor_says_later_is_not_known_yet(spark: SparkSession) -> None:
    given = EventsSource.model_validate(
        {"path": "x", "format": "delta", "columns": {**COLUMNS, "visitor_id": "cookie"}}
    )
    rows = pd.DataFrame({
        "customer_id": [None, "a", None, "b", "c"], "cookie": ["v", "v", "w", "w", "w"],
        "ts": pd.to_datetime(["2024-03-01", "2024-03-20", "2024-03-02", "2024-03-03", "2024-03-04"]).as_unit("us"),
        "type": "page_view", "channel": "web", "session": None, "event_id": list("12345"),
    })  # fmt: skip
    for last_day, owner in ((date(2024, 3, 19), None), (date(2024, 3, 20), "a")):
        validated = validated_events(as_frame(spark, rows), given, Reading(last_day=last_day))
        owners = {row["event_id"]: row["customer_id"] for row in validated.collect()}
        # Who said they were two is nobody.
        assert (owners["1"], owners["3"]) == (owner, None)


def test_days_of_a_program_are_found_and_left_out(spark: SparkSession) -> None:
    log = made_log(seed=7)
    burst = pd.DataFrame({
        "customer_id": "c3", "ts": pd.Timestamp("2024-03-20 10:00:00").as_unit("us"), "type": "product_view",
        "channel": "web", "session": "b", "event_id": [f"b{n}" for n in range(60)],
    })  # fmt: skip
    slow = burst.assign(customer_id="c4", event_id=[f"d{n}" for n in range(60)],
                        ts=burst["ts"] + pd.to_timedelta(range(60), unit="min"))  # fmt: skip
    everything = pd.concat([log, burst, slow])
    given = source()
    features = Features(AS_OF, InteractionsConfig(), has_session=True, has_event_id=True)
    events = events_each_once(counted(validated_events(as_frame(spark, everything), given), AS_OF), features)
    people = customer_interactions(events, features)
    days = bot_days(events, people.where("all_events > 59").select("customer_id"), 59)
    assert [tuple(row) for row in days.collect()] == [("c3", date(2024, 3, 20))]
    left = customer_interactions(without_days(events, days), features)
    kept = everything[(everything["customer_id"] != "c3") | (everything["ts"].dt.date != date(2024, 3, 20))]
    rows = {row["customer_id"]: row["w30"]["events"] for row in left.select("customer_id", "w30").collect()}
    mine = expected(kept, None)[30]
    assert {customer: events for customer, events in rows.items() if events} == {
        customer: row["events"] for customer, row in mine.items()
    }


# Of the shop's log to ours.
SHOP_TYPES = {
    "page_view": ["home", "promo_page", "catalog"], "add_to_cart": ["add_to_cart"], "product_view": ["product_view"],
    "search": ["search"], "filter_use": ["filter_results"], "order": ["purchase"], "contact": ["support_chat"],
}  # fmt: skip


@pytest.mark.parametrize("given", ["sessions", "silence"])
def test_the_log_of_a_shop_has_the_figures_pandas_finds(spark: SparkSession, given: str) -> None:
    """The clickstream of the package retentioneering; see tests/data."""
    raw = pd.read_csv(Path(__file__).parents[1] / "data" / "retentioneering_ecom.csv.gz")
    words = {name: kind for kind, names in SHOP_TYPES.items() for name in names}
    log = pd.DataFrame({
        "customer_id": raw["user_id"], "ts": pd.to_datetime(raw["timestamp"]).astype("datetime64[us]"),
        "type": raw["event"].map(words).fillna("other"), "channel": "web", "session": raw["session_id"],
        "event_id": raw.index.astype(str), "theirs": raw["event"],
    })  # fmt: skip
    others = sorted(set(raw["event"]) - set(words))
    types = {**SHOP_TYPES, "other": others}
    columns = {**COLUMNS, "event_type": "theirs"}
    if given == "silence":
        del columns["session_id"]
    shop = EventsSource.model_validate({"path": "x", "format": "delta", "columns": columns, "types": types})
    found = computed(spark, log, shop)
    mine = expected(log, None if given == "sessions" else 30)
    assert len(mine[90]) > 100
    assert found == mine
