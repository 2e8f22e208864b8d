"""The section on engagement: tiers per channel, spreads with their thresholds, and tiers over time."""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import replace
from typing import Any

import pytest
import yaml

from rfm_spark.capabilities.engagement.config import MessagesSource
from rfm_spark.capabilities.engagement.section.data import (
    RUNS_SHOWN,
    EngagementFacts,
    TierShare,
    shown_runs,
    tier_lines,
    tier_shares,
)
from rfm_spark.capabilities.events.section.data import InteractionFacts
from rfm_spark.core.runs import RunRow
from rfm_spark.report.build import build_report
from rfm_spark.report.rates import count_ticks
from tests.report.example import PLAIN, Page, report_data, run_facts, section, tables, without_font
from tests.report.interaction_example import TIERS, connected, engagement_facts, settings, source
from tests.report.interaction_example import tier_lines as lines_of


def text_of(part: str) -> str:
    return " ".join(Page(part).text.split())


def engagement(**changed: Any) -> str:
    return section(build_report(connected(**{"interactions": InteractionFacts(), **changed}), PLAIN), "engagement")


def block(part: str, title: str) -> str:
    """One channel of the section."""
    found = [one for one in part.split('<div class="channel">')[1:] if title in one.split("</h3>")[0]]
    assert len(found) == 1
    return found[0]


def configured(**given: Any) -> str:
    return json.dumps({**json.loads(settings(messages=source())), "engagement": given})


def test_channels_come_with_all_together_first_and_say_what_was_found() -> None:
    heads = [text_of(one.split("</h3>")[0]) for one in engagement(messages=["sms"]).split('<div class="channel">')[1:]]
    assert heads == [
        "All channels: 20% of 1,000 customers highly engaged, 10% disengaged partly simulated: sms",
        "E-mail: 11% of 800 customers highly engaged, 26% disengaged real",
        "SMS replies: 30% of 100 customers highly engaged, 40% disengaged simulated",
        "Ad clicks: < 1% of 1,000 customers highly engaged, 8% disengaged real",
    ]


def test_tiers_are_listed_with_what_other_thresholds_would_make() -> None:
    assert tables(block(engagement(), "E-mail"), "tiers")[0] == [
        [
            "Tier",
            "Customers",
            "Share",
            "5 points lower",
            "5 points higher",
            "Suppressed",
            "Messages delivered",
            "Action",
        ],
        ["Highly engaged", "90", "11.2%", "12.4%", "10.1%", "0", "1,080", "Do highly_engaged things."],
        ["Moderately", "400", "50.0%", "55.0%", "45.0%", "0", "4,800", "Do moderately things."],
        ["Disengaged", "210", "26.2%", "28.9%", "23.6%", "7", "2,520", "Do disengaged things."],
        ["Insufficient", "100", "12.5%", "13.8%", "11.2%", "0", "1,200", "Do insufficient things."],
    ]


def test_thresholds_are_drawn_and_told_where_they_are_set() -> None:
    part = engagement()
    email, sms = block(part, "E-mail"), block(part, "SMS replies")
    for label in (
        "disengaged: below 30%",
        "highly engaged: above 75%",
        "disengaged: below 10%",
        "highly engaged: above 50%",
    ):
        assert label in email
        assert label not in sms
    assert "over 75% opened and over 50% clicked. Disengaged: under 30% opened and under 10% clicked" in text_of(email)
    assert "engagement.channels.email.tiers" in email
    assert "Highly engaged: over 20% answered. Disengaged: under 5%." in text_of(sms)
    assert "engagement.channels.sms.response" in sms
    assert "Highly engaged: over 2% answered. Disengaged: under 0.5%." in text_of(block(part, "Ad clicks"))


def test_all_channels_are_told_as_they_are_judged() -> None:
    every = block(engagement(), "All channels")
    assert "over 75% opened and over 50% answered. Disengaged: under 30% opened and under 10% answered" in text_of(
        every
    )
    assert "Who got nothing that tells of opens: over 20% and under 5% answered." in text_of(every)
    assert "engagement.channels.all.tiers" in every
    facts = engagement_facts()
    without = replace(facts, lines=tuple(line for line in facts.lines if line.channel != "email"))
    assert "Highly engaged: over 20% answered" in text_of(block(engagement(engagement=without), "All channels"))


def test_configured_thresholds_and_opens_are_those_that_are_drawn() -> None:
    config = configured(
        min_messages=1,
        window_days=7,
        tiers={"highly_engaged": {"open": 0.8, "click": 0.4}, "disengaged": {"open": 0.125, "click": 0.0625}},
        channels={
            "sms": {"opens": True},
            "email": {"opens": False, "response": {"highly_engaged": 0.35, "disengaged": 0.15}},
        },
    )
    facts = engagement_facts()
    facts = replace(facts, rates={**facts.rates, "sms": {"open_rate": {3: 5}, "click_rate": {0: 5}}})
    part = engagement(config=config, engagement=facts)
    assert "fewer than 1 of them" in text_of(part)
    assert "delivered in the last 7 days up to 31 December 2017" in text_of(part)
    sms = block(part, "SMS")
    assert all(label in sms for label in ("below 12.5%", "above 80%", "below 6.25%", "above 40%"))
    email = block(part, "E-mail")
    assert "350 customers by response rate" in email
    assert "disengaged: below 15%" in email
    assert "by open rate" not in email


def test_rates_are_those_of_the_kind_of_channel() -> None:
    part = engagement()
    titles = {
        name: [one for one in re.findall(r"<h3>([^<]*)</h3>", block(part, name)) if " rate" in one]
        for name in ("E-mail", "SMS", "Ad")
    }
    assert titles == {
        "E-mail": ["E-mail: 350 customers by open rate", "E-mail: 610 customers by click rate"],
        "SMS": ["SMS replies: 80 customers by response rate"],
        "Ad": ["Ad clicks: 892 customers by response rate"],
    }
    assert "at least 5 messages" in block(part, "E-mail")


def test_without_rates_only_the_tiers_are_drawn() -> None:
    part = engagement(engagement=replace(engagement_facts(), rates={"email": {"open_rate": {}}}))
    assert part.count("<svg") == 4
    assert "customers by" not in text_of(part)


def test_tiers_over_time_are_drawn_from_two_runs_on() -> None:
    days = [dt.date(2017, 1, 1) + dt.timedelta(days=at) for at in range(RUNS_SHOWN)]
    text = text_of(engagement(engagement=engagement_facts(days)))
    assert "E-mail: highly engaged 33% now, 10% on 1 January 2017" in text
    one = engagement(engagement=engagement_facts(days[:1]))
    assert "now, " not in text_of(one)
    assert block(one, "E-mail").count("<svg") == 2


def test_dates_below_the_bars_are_few_and_include_the_last() -> None:
    days = [dt.date(2017, 1, 1) + dt.timedelta(days=at) for at in range(RUNS_SHOWN)]
    drawn = block(engagement(engagement=engagement_facts(days)), "SMS")
    labels = re.findall(r">(2017-\d\d-\d\d)</text>", drawn)
    assert len(labels) == 5
    assert labels[-1] == days[-1].isoformat()


def test_simulated_channels_are_labelled_in_every_title() -> None:
    part = engagement(messages=["sms"])
    assert "80 customers by response rate (simulated)" in block(part, "SMS")
    assert "600 customers by response rate (partly simulated: sms)" in block(part, "All channels")
    assert "simulated" not in block(part, "E-mail")


def test_runs_that_were_simulated_are_told_also_where_this_one_is_real() -> None:
    some = engagement(engagement=engagement_facts(invented=4))
    assert "10% on 28 February 2017 (simulated in 4 of 11 runs)" in block(some, "SMS")
    assert "(partly simulated in 4 of 11 runs)" in block(some, "All channels")
    whole = engagement(messages=True, engagement=engagement_facts(invented=11))
    assert "28 February 2017 (simulated)" in block(whole, "E-mail")
    assert "28 February 2017 (simulated)" in block(whole, "All channels")
    assert "28 February 2017</h3>" in block(engagement(), "E-mail")


def test_channel_without_enough_messages_says_so() -> None:
    facts = EngagementFacts(lines_of({"coupon": (0, 0, 0, 12), "push": (0, 0, 0, 1)}))
    part = engagement(engagement=facts)
    assert "Coupon response: too few messages to judge any of 12 customers" in text_of(part)
    assert "Push: too few messages to judge any of 1 customer " in text_of(part)
    assert "<svg" not in part


def test_a_channel_without_customers_has_dashes() -> None:
    row = {"channel": "sms", "tier": "highly_engaged", "customers": 0, "share": None, "share_lower": None,
           "share_higher": None, "suppressed": None, "delivered": None, "action": None}  # fmt: skip
    part = engagement(engagement=EngagementFacts(tier_lines([row])))
    assert tables(part, "tiers")[0][1] == ["Highly engaged", "0", "–", "–", "–", "0", "0", "–"]


def test_connected_source_without_messages_says_so() -> None:
    part = engagement(engagement=EngagementFacts())
    assert "none was delivered to a customer in the last 90 days up to 31 December 2017" in text_of(part)
    assert "<svg" not in part


def test_source_that_is_not_connected_shows_how_to() -> None:
    page = build_report(report_data(run=run_facts(config=settings())), PLAIN)
    part = section(page, "engagement")
    assert "not connected" in text_of(part)
    example = Page(re.findall(r"<pre>(.*?)</pre>", part, re.DOTALL)[0]).text
    found = MessagesSource.model_validate(yaml.safe_load(example)["sources"]["messages"])
    assert (found.path, found.format, found.events["opened"]) == ("data/messages", "delta", ("open",))
    assert "Engagement tier" not in Page(section(page, "glossary")).text


def test_words_of_others_are_never_obeyed() -> None:
    evil = "<script>alert(1)</script>"
    lines = tuple(replace(line, action=evil) for line in lines_of())
    page = build_report(connected(engagement=replace(engagement_facts(), lines=lines)), PLAIN)
    assert "<script" not in page
    assert Page(page).text.count(evil) == len(lines)


def test_whole_page_is_the_same_again_and_its_ids_are_unique() -> None:
    data = connected(True, ["sms"])
    own = {name: data.sections[name] for name in ("interactions", "engagement")}
    whole = report_data(run=data.run, tracking=data.sections["tracking"].lines, **own)
    page = build_report(whole, PLAIN)
    assert build_report(whole, PLAIN) == page
    found = [value for name, value in Page(page).attributes if name == "id"]
    assert len(found) == len(set(found))
    assert not {"script", "link", "img", "iframe"} & set(Page(page).tags)
    assert not re.search(r"https?:|//\w", without_font(page)[0])


@pytest.mark.parametrize(
    ("most", "ticks"),
    [(0, [0, 1]), (1, [0, 1]), (4, [0, 1, 2, 3, 4]), (9, [0, 5]), (38, [0, 10, 20, 30]), (880, [0, 500])],
)
def test_ticks_of_counts_are_round_and_few(most: int, ticks: list[int]) -> None:
    assert count_ticks(most) == ticks


def run_row(day: int, name: str, config: str = "{}", config_name: str = "retail", finished: int = 1) -> RunRow:
    return RunRow(name, dt.date(2017, 1, 1) + dt.timedelta(days=day), config_name, config, None, 0, finished)


def test_runs_over_time_are_the_current_ones_before_the_run() -> None:
    complete = [run_row(at, f"r{at}") for at in range(40)]
    again = [run_row(38, "r38-again", finished=2), run_row(37, "other", config_name="b2b")]
    complete = sorted([*complete, *again], key=lambda run: (run.as_of, run.finished_at))
    found = [run.run_id for run in shown_runs(complete, "retail", dt.date(2017, 1, 1) + dt.timedelta(days=39))]
    assert len(found) == RUNS_SHOWN - 1
    assert (found[0], found[-2:]) == ("r16", ["r37", "r38-again"])
    assert shown_runs(complete, "retail", dt.date(2017, 1, 1)) == []


def test_tiers_over_time_know_what_was_simulated() -> None:
    day = dt.date(2017, 1, 2)
    rows = [
        {"run_id": run, "as_of_date": at, "channel": channel, "tier": "highly_engaged", "share": share}
        for run, at in (("b", day), ("a", dt.date(2017, 1, 1)))
        for channel, share in (("sms", 0.5), ("email", 0.25), ("push", None))
    ]
    configs = {"a": settings(messages=source(["sms"])), "b": settings(messages=source())}
    assert tier_shares(rows, configs) == (
        TierShare(dt.date(2017, 1, 1), "email", "highly_engaged", 0.25, False),
        TierShare(dt.date(2017, 1, 1), "sms", "highly_engaged", 0.5, True),
        TierShare(day, "email", "highly_engaged", 0.25, False),
        TierShare(day, "sms", "highly_engaged", 0.5, False),
    )


def test_tiers_are_ordered_the_most_engaged_first() -> None:
    rows = [
        {"channel": channel, "tier": tier, "customers": 1, "share": 0.25, "share_lower": 0.25, "share_higher": 0.25,
         "suppressed": 0, "delivered": 0, "action": "x"}
        for channel in ("sms", "all")
        for tier in ("unheard_of", *reversed(TIERS))
    ]  # fmt: skip
    found = [(line.channel, line.tier) for line in tier_lines(rows)]
    assert found == [(channel, tier) for channel in ("all", "sms") for tier in (*TIERS, "unheard_of")]
