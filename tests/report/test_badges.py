"""Badges: every section says whether its data are real, simulated or not connected, and so do titles."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from rfm_spark.capabilities.clusters.words import cluster_columns
from rfm_spark.capabilities.engagement.section.data import EngagementFacts, badge_of
from rfm_spark.capabilities.events.section.data import InteractionFacts
from rfm_spark.capabilities.segments.rules import parse_rule_map
from rfm_spark.report.badges import REAL, Badge, as_whole, columns_badge, run_badge, simulated_sources, source_badge
from rfm_spark.report.build import build_report
from tests.report.example import MAPS, PLAIN, Page, move, report_data, run_facts, section
from tests.report.interaction_example import connected, settings, source

PLAIN_RULES = frozenset({"r", "f", "m"})


def config(**sources: Any) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(settings(**sources))
    return parsed


def page_of(events: bool | list[str] = False, messages: bool | list[str] = False, config: str | None = None) -> str:
    """A page without figures."""
    empty = {"interactions": InteractionFacts(), "tracking": (), "engagement": EngagementFacts()}
    return build_report(connected(events, messages, config, **empty), PLAIN)


def badges_of(page: str) -> dict[str, str]:
    """The badge in the heading of each section."""
    found = {}
    for name in re.findall(r'<section id="(\w+)">', page):
        heads = re.findall(r"<h2>.*?</h2>", section(page, name), re.DOTALL)
        found[name] = "".join(re.findall(r'<span class="badge \w+">(.*?)</span>', heads[0]))
    return found


@pytest.mark.parametrize(
    ("simulated", "badge"),
    [
        (False, Badge("real", "real")),
        (True, Badge("simulated", "simulated")),
        (["email", "sms"], Badge("partly", "partly simulated: email, sms")),
        ([], Badge("real", "real")),
    ],
)
def test_source_says_what_it_is(simulated: bool | list[str], badge: Badge) -> None:
    assert source_badge(config(messages=source(simulated)), "messages") == badge


@pytest.mark.parametrize("given", [{}, {"sources": {}}, {"sources": {"transactions": {}, "events": None}}])
def test_run_of_an_older_version_has_nothing_connected(given: dict[str, Any]) -> None:
    assert source_badge(given, "events").text == "not connected"
    there = "transactions" in given.get("sources", {})
    assert source_badge(given, "transactions").text == ("real" if there else "not connected")
    assert simulated_sources(given) == []


def test_one_channel_is_simulated_and_the_others_are_real() -> None:
    partly = config(messages=source(["sms"]))
    texts = {name: badge_of(partly, name).text for name in ("sms", "email", "all")}
    assert texts == {"sms": "simulated", "email": "real", "all": "partly simulated: sms"}
    assert badge_of(config(messages=source(True)), "email").text == "simulated"


def test_segments_by_rules_on_simulated_columns_are_not_called_real() -> None:
    both = config(events=source(True), messages=source(["sms"]))
    assert run_badge(both).text == "partly simulated: events, messages (sms)"
    assert columns_badge(both, PLAIN_RULES).text == "real"
    assert columns_badge(both, PLAIN_RULES | {"intent_score"}).text == "partly simulated: events"
    assert columns_badge(both, PLAIN_RULES | {"engagement_tier"}).text == "partly simulated: messages (sms)"
    real = config(events=source(False), messages=source(False))
    assert columns_badge(real, {"intent_score"}).text == "real"


def test_scores_of_engagement_are_of_the_source_they_are_made_from() -> None:
    both = config(events=source(True), messages=source(False))
    both["engagement"] = {"rfm": {"of": "interactions"}}
    rules = {"engagement_m_score"}
    assert columns_badge(both, rules).text == "partly simulated: events"
    both["engagement"] = {"rfm": {"of": "responses"}}
    assert columns_badge(both, rules).text == "real"


@pytest.mark.parametrize("feature", ["sessions", {"column": "sessions", "weight": 1.0}])
def test_clusters_on_simulated_columns_are_not_called_real(feature: Any) -> None:
    given = {**config(events=source(True)), "clusters": {"features": ["recency_days", feature]}}
    assert cluster_columns(given) == {"recency_days", "sessions"}
    found = badges_of(page_of(config=json.dumps(given)))
    assert {name: found[name] for name in ("clusters", "drift", "segments")} == {
        "clusters": "partly simulated: events",
        "drift": "partly simulated: events",
        "segments": "real",
    }


def test_rules_on_simulated_columns_mark_all_that_shows_segments() -> None:
    intent = parse_rule_map((MAPS / "intent.yml").read_text(encoding="utf-8"), "intent")
    run = run_facts(config=settings(events=source(True)))
    name = intent.segments[0].name
    data = report_data(run=run, rule_map=intent, transitions=(move(name, name, 9, 1.0),))
    found = badges_of(build_report(data, PLAIN))
    shown = ("segments", "value", "grid", "moves", "clusters", "drift")
    assert {found[name] for name in shown} == {"partly simulated: events"}
    assert found["cuts"] == found["glossary"] == "real"


def test_every_section_carries_a_badge() -> None:
    rows = {f"transactions.{part}": 0 for part in ("read", "accepted", "rejected", "duplicates")}
    found = badges_of(build_report(report_data(run=run_facts(rows=rows)), PLAIN))
    apart = {name: found.pop(name) for name in ("interactions", "engagement")}
    assert apart == {"interactions": "not connected", "engagement": "not connected"}
    assert len(found) == 11
    assert set(found.values()) == {"real"}


def test_simulated_data_are_labelled_at_the_top_and_in_their_sections() -> None:
    page = page_of(True, ["sms", "ad"])
    assert "Simulated data: events, messages (sms, ad)." in Page(page.split("<main>")[0]).text
    found = badges_of(page)
    assert found["interactions"] == "simulated"
    assert found["engagement"] == "partly simulated: sms, ad"
    assert found["tracking"] == found["run"] == "partly simulated: events, messages (sms, ad)"
    assert found["segments"] == "real"
    assert "Simulated data" not in Page(page_of()).text


def test_badge_of_tracking_is_that_of_what_is_connected() -> None:
    only = page_of(config=settings(messages=source(["sms"])))
    assert badges_of(only)["tracking"] == "partly simulated: messages (sms)"
    assert badges_of(page_of(True, True))["tracking"] == "simulated"
    assert badges_of(page_of())["tracking"] == "real"


def test_channel_names_are_shown_and_never_obeyed() -> None:
    evil = "<script>alert(1)</script>"
    page = page_of(config=settings(messages=source([evil])))
    assert "<script" not in page
    assert f"partly simulated: {evil}" in Page(page).text


def test_scores_of_usage_are_as_real_as_usage() -> None:
    measured = {"recency": {"event": "login"}, "frequency": "weekly_sessions", "monetary": "mrr"}
    given = config(events=source(True)) | {"rfm": {"measures": measured}}
    assert columns_badge(given, PLAIN_RULES).text == "partly simulated: events"
    assert columns_badge(given, {"m", "monetary"}).text == "real"
    given["sources"]["subscriptions"] = {"simulated": True}
    assert columns_badge(given, {"m_score"}).text == "partly simulated: subscriptions"
    assert columns_badge(given, {"fm"}).text == "partly simulated: events, subscriptions"


def test_nothing_is_real_where_no_source_is() -> None:
    given: dict[str, Any] = {
        "sources": {"events": {"simulated": True}, "subscriptions": {"simulated": True}, "messages": None}
    }
    assert run_badge(given).text == columns_badge(given, PLAIN_RULES).text == "simulated"
    assert as_whole(given, REAL).text == "simulated"
    assert as_whole(given, Badge("absent", "not connected")).text == "not connected"
    given["sources"]["messages"] = {"simulated": ["email"]}
    assert run_badge(given).kind == "partly"
    assert as_whole(given, REAL) == REAL
