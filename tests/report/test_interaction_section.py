"""The sections on interactions and tracking: totals, spreads, volumes, and what they say without any."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from typing import Any

import yaml

from rfm_spark.capabilities.drift.section.tracking_data import most_severe_first, tracking_line
from rfm_spark.capabilities.engagement.section.data import EngagementFacts
from rfm_spark.capabilities.events.config import EventsSource
from rfm_spark.capabilities.events.section.data import COUNTS, InteractionFacts, window_totals
from rfm_spark.report.build import build_report
from tests.report.example import PLAIN, Page, report_data, run_facts, section, tables
from tests.report.interaction_example import connected, interaction_facts, settings, source, stream, window


def text_of(part: str) -> str:
    return " ".join(Page(part).text.split())


def interactions(**changed: Any) -> str:
    return section(build_report(connected(**{"engagement": EngagementFacts(), **changed}), PLAIN), "interactions")


def page_of(config: str) -> str:
    bare: dict[str, Any] = {"interactions": InteractionFacts(), "tracking": (), "engagement": EngagementFacts()}
    return build_report(connected(config=config, **bare), PLAIN)


def tracking(*lines: Any, **changed: Any) -> str:
    bare: dict[str, Any] = {"interactions": InteractionFacts(), "engagement": EngagementFacts()}
    data = connected(tracking=most_severe_first(lines), **bare, **changed)
    return section(build_report(data, PLAIN), "tracking")


def test_windows_stand_side_by_side() -> None:
    other = {name: at for at, name in enumerate(COUNTS)}
    short = window(7, 100, counts={**other, "sessions": 10}, bounces=4, session_seconds=90.0, view_to_cart=None)
    facts = replace(interaction_facts(), windows=(short, window(30, 250)))
    rows = tables(interactions(interactions=facts), "windows")[0]
    assert rows == [
        ["", "Last 7 days", "Last 30 days"],
        ["Customers with events", "100", "250"],
        ["Customers with sessions", "50", "125"],
        ["Sessions", "10", "400"],
        ["Events", "1", "12,345"],
        ["Product views", "2", "3,456"],
        ["Searches", "3", "789"],
        ["Filter uses", "4", "12"],
        ["Add to carts", "5", "321"],
        ["Video plays", "6", "0"],
        ["Bounce rate", "40.0%", "25.0%"],
        ["Minutes per session", "0.2", "3.5"],
        ["Active days per customer", "3.0", "3.0"],
        ["From view to cart", "–", "12.3%"],
        ["From cart to order", "–", "–"],
    ]


def test_finding_and_figures_are_of_the_main_window() -> None:
    part = interactions()
    text = text_of(part)
    assert "250 customers did something in the last 30 days: 3,456 product views, 321 add to carts" in text
    assert "Events by channel: web has 73% of 12,345 in the last 30 days" in text
    assert "Customers by intent score in the last 30 days" in text
    assert part.count("<svg") == 2
    # Bins without anybody are drawn as well, so that the axis has no gaps.
    assert [label in part for label in (">3–6</text>", ">15–30</text>", ">63–126</text>")] == [True] * 3
    assert "simulated" not in text.lower()


def test_another_main_window_is_told() -> None:
    config = settings(events=source())[:-1] + ', "interactions": {"windows": [1, 90], "main_window": 1}}'
    facts = replace(interaction_facts(), windows=(window(1, 12),))
    text = text_of(interactions(config=config, interactions=facts))
    assert "12 customers did something in the last day" in text
    assert "Customers by intent score in the last day" in text


def test_simulated_events_are_labelled_in_every_title() -> None:
    titles = re.findall(r"<h3>(.*?)</h3>", interactions(events=True))
    assert len(titles) == 3
    assert all(title.endswith(" (simulated)") for title in titles)
    partly = interactions(events=["app"])
    titles = re.findall(r"<h3>(.*?)</h3>", partly)
    assert [title.endswith(" (partly simulated: app)") for title in titles] == [True] * 3
    assert ">app (simulated)</text>" in partly
    assert ">web</text>" in partly


def test_source_that_is_not_connected_shows_how_to() -> None:
    page = build_report(report_data(run=run_facts(config=settings())), PLAIN)
    part = section(page, "interactions")
    assert "not connected" in text_of(part)
    example = Page(re.findall(r"<pre>(.*?)</pre>", part, re.DOTALL)[0]).text
    found = EventsSource.model_validate(yaml.safe_load(example)["sources"]["events"])
    assert [found.path, found.format, found.preset] == ["data/events", "delta", "segment"]
    assert section(page, "tracking") == ""
    assert "Intent score" not in Page(page).text


def test_connected_source_without_events_says_so() -> None:
    part = interactions(interactions=InteractionFacts())
    assert "no customer has one in the windows up to 31 December 2017" in text_of(part)
    assert "<svg" not in part
    assert "<table" not in part


def test_main_window_without_events_has_no_figures() -> None:
    part = interactions(interactions=InteractionFacts(windows=(window(90, 5),)))
    assert "Nobody did anything in the last 30 days" in text_of(part)
    assert len(tables(part, "windows")[0]) == 15
    assert "<svg" not in part


def test_glossary_explains_points_and_sessions_as_configured() -> None:
    more = (
        ', "interactions": {"intent_weights": {"search": 3, "contact": 0.25, "order": 0}, "session_gap_minutes": 45}}'
    )
    text = text_of(section(page_of(settings(events=source())[:-1] + more), "glossary"))
    assert "summed up: search 3, contact 0.25." in text
    assert "silence of over 45 minutes" in text


def test_streams_are_listed_most_severe_first() -> None:
    lines = [stream(status, channel=status) for status in ("ok", "other", "sparse", "new", "high", "low", "stopped")]
    part = tracking(*lines)
    rows = tables(part, "streams")[0][1:]
    assert [row[1] for row in rows] == ["stopped", "low", "high", "new", "sparse", "ok", "other"]
    assert rows[0] == [
        "stopped: page view events", "stopped", "120", "456.2", "0.26", "2017-12-30", "1", "In words: stopped.",
    ]  # fmt: skip
    assert "1 of 7 streams are as usual, 1 stopped" in text_of(part)
    assert part.count('<tr class="stopped">') == 1


def test_missing_values_of_a_stream_are_dashes() -> None:
    part = tracking(stream("new", weekly_mean=None, ratio=None, last_day=None, silent_days=None, detail=""))
    assert tables(part, "streams")[0][1] == ["web: page view events", "new", "120", "–", "–", "–", "–", ""]


def test_what_stopped_is_warned_of() -> None:
    gone = stream("stopped", "app", "add_to_cart", last_day=dt.date(2017, 12, 3))
    part = tracking(gone, stream("stopped", "web", last_day=None), events=["app"])
    assert re.findall('<p class="warning">(.*?)</p>', part) == [
        "Stopped: app: add to cart (events, simulated, last on 3 December 2017); web: page view (events). Is the "
        "tracking broken?"
    ]
    many = tracking(*(stream("stopped", f"c{at}") for at in range(8)))
    assert "; and 3 more. Is the tracking broken?" in many
    assert "warning" not in tracking(stream("ok"), stream("low"))


def test_messages_are_tracked_where_events_are_not_connected() -> None:
    only = settings(messages=source(["sms"]))
    part = tracking(stream("ok", "sms", source="messages"), stream("ok", "email", source="messages"), config=only)
    assert [row[0] for row in tables(part, "streams")[0][1:]] == [
        "email: page view messages", "sms: page view messages, simulated",
    ]  # fmt: skip


def test_nothing_tracked_is_said() -> None:
    assert "Nothing arrived lately" in text_of(tracking())


def test_words_of_others_are_never_obeyed() -> None:
    evil = "<script>alert(1)</script>"
    facts = replace(interaction_facts(), channels={evil: 3})
    streams = (stream("stopped", evil, evil, detail=evil),)
    page = build_report(connected(interactions=facts, tracking=streams, engagement=EngagementFacts()), PLAIN)
    assert "<script" not in page
    assert Page(page).text.count(evil) >= 4


def test_totals_of_a_window_are_read_from_sums() -> None:
    sums = {name: 10 for name in COUNTS}
    row = {"window_days": 7, "customers": 4, "with_sessions": 3, **sums, "bounces": 2, "session_seconds": 1200,
           "active_days": 6, "view_to_cart": 0.5, "cart_to_order": None}  # fmt: skip
    found = window_totals(row)
    assert (found.bounce_rate, found.session_minutes, found.mean_active_days) == (0.2, 2.0, 1.5)
    assert (found.view_to_cart, found.cart_to_order) == (0.5, None)


def test_a_window_without_sessions_has_no_rates() -> None:
    none = {**dict.fromkeys(COUNTS), "with_sessions": None, "bounces": None, "session_seconds": None,
            "active_days": None, "view_to_cart": None, "cart_to_order": None}  # fmt: skip
    found = window_totals({"window_days": 7, "customers": 0, **none})
    assert (found.bounce_rate, found.session_minutes, found.mean_active_days) == (None, None, None)
    assert found.counts["events"] == 0


def test_a_stream_is_read_from_its_row() -> None:
    row = {"source": "events", "channel": "web", "event_type": "search", "recent": None, "weekly_mean": None,
           "ratio": None, "last_day": None, "silent_days": None, "status": "sparse", "detail": None}  # fmt: skip
    found = tracking_line(row)
    assert (found.recent, found.detail, found.status) == (0, "", "sparse")
