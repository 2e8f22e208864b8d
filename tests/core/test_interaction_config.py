"""What a user may say of events and messages, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rfm_spark.capabilities.engagement.checks import MESSAGE_CHECKS
from rfm_spark.capabilities.events.checks import EVENT_CHECKS
from rfm_spark.capabilities.events.config import EventsSource
from rfm_spark.capabilities.events.words import EVENT_CHANNELS, EVENT_TYPES
from rfm_spark.capabilities.purchases.reading import reading
from rfm_spark.capabilities.segments.load import stored_rule_map
from rfm_spark.capabilities.segments.rules import RuleMap, parse_rule_map
from rfm_spark.core.config import Config, config_model
from rfm_spark.core.errors import ConfigError
from rfm_spark.core.loading import load_config, validate
from rfm_spark.core.renames import RenamedWarning
from rfm_spark.core.resources import shipped_text

CONF = Path(__file__).parents[2] / "conf"
LINE = {"customer_id": "c", "event_ts": "t", "event_type": "y"}
EVENTS: dict[str, Any] = {"path": "e", "format": "delta", "columns": LINE}
MESSAGES: dict[str, Any] = {"path": "m", "format": "delta",
            "columns": {"customer_id": "c", "message_id": "m", "event_ts": "t", "event": "e"}}  # fmt: skip


def config(**changes: Any) -> Config:
    lines = {"customer_id": "c", "order_ts": "t", "amount": "a"}
    sources: dict[str, Any] = {"transactions": {"path": "x", "format": "delta", "columns": lines, "order_grain": "row"}}
    for name in ("events", "messages"):
        given = changes.pop(name, None)
        if given is not None:
            sources[name] = {**(EVENTS if name == "events" else MESSAGES), **given}
    return validate(config_model(), {"lake": {"root": "l"}, "sources": sources, **changes}, "mine.yml")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"events": {"columns": {"event_ts": "t", "event_type": "y"}}}, "columns.customer_id is missing"),
        ({"events": {"columns": {**LINE, "colour": "x"}}}, "columns.colour is not a column of events"),
        ({"events": {"preset": "klaviyo"}}, "there is no preset klaviyo; there are google_analytics, inhouse, matomo"),
        ({"messages": {"preset": "segment"}}, "there is no preset segment; there are braze, hubspot"),
        ({"events": {"types": {"teleport": "x"}}}, "types.teleport is unknown"),
        ({"events": {"types": {"search": ["find"], "click": ["Find "]}}}, "'find' is given twice"),
        ({"events": {"simulated": ["email", "smoke"]}}, "simulated: smoke is no channel"),
        ({"events": {"quality": {"checks": {"zero_price": "off"}}}}, "checks.zero_price is unknown"),
        ({"events": {"quality": {"checks": {"technical": "reject"}}}}, "checks.technical can be flag"),
        ({"messages": {"events": {"seen": "x"}}}, "events.seen is unknown"),
        ({"messages": {"columns": {"customer_id": "c"}}}, "columns.message_id is missing"),
        ({"interactions": {"windows": [30, 7]}}, "windows takes ascending numbers"),
        ({"interactions": {"main_window": 14}}, "main_window must be one of windows"),
        ({"interactions": {"intent_weights": {"teleport": 1}}}, "teleport is no event type"),
        ({"engagement": {"tiers": {"highly_engaged": {"open": 0.2, "click": 0.5}}}}, "must not be below"),
        (
            {"engagement": {"channels": {"sms": {"response": {"highly_engaged": 0.1, "disengaged": 0.2}}}}},
            "must not be below",
        ),
        ({"engagement": {"channels": {"fax": {}}}}, "engagement.channels"),
        ({"engagement": {"actions": {"disengaged": "shout"}}}, "re-engage"),
        ({"engagement": {"rfm": {"of": "interactions"}}}, "needs sources.events"),
        ({"events": {}, "engagement": {"rfm": {"of": "responses"}}}, "needs sources.messages"),
        ({"clusters": {"features": ["intent_score"]}}, "intent_score comes from the stage interactions, which is off"),
    ],
)
def test_what_can_not_work_is_refused_in_a_sentence(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config(**changes)
    assert problem in str(caught.value)


def test_off_in_yaml_is_a_word() -> None:
    events = config(events={"quality": {"checks": {"bot": False}}}).part(EventsSource)
    assert events.quality.checks == {"bot": "off"}


def test_a_preset_that_is_not_given_is_no_part_of_what_is_stored() -> None:
    bare, named = (json.loads(config(messages=given).canonical()) for given in ({}, {"preset": "klaviyo"}))
    assert "preset" not in bare["sources"]["messages"]
    assert named["sources"]["messages"]["preset"] == "klaviyo"


def test_packed_events_have_room_for_every_type_and_channel() -> None:
    assert len(EVENT_TYPES) <= 16
    assert len(EVENT_CHANNELS) <= 8


def test_catalogues_have_no_code_twice() -> None:
    for checks in (EVENT_CHECKS, MESSAGE_CHECKS):
        codes = [check.code for check in checks]
        assert len(codes) == len(set(codes))
        assert all(check.default in check.choices for check in checks)


def test_the_shipped_example_connects_everything() -> None:
    shown = load_config(CONF / "omnichannel.yml")
    assert shown.stages == {
        "clusters",
        "interactions",
        "engagement",
        "engagement.rfm",
        "lifecycle",
        "cohorts",
        "groups",
    }


def test_a_mapped_discount_makes_another_run_than_before_it_was_taken_off() -> None:
    columns = {"customer_id": "c", "order_id": "o", "order_ts": "t", "amount": "a"}
    texts = []
    for more in ({}, {"discount": "d"}):
        source = {"path": "x", "format": "delta", "columns": {**columns, **more}}
        document = {"lake": {"root": "l"}, "sources": {"transactions": source}}
        texts.append(json.loads(config_model().model_validate(document).canonical()))
    assert "discount" not in texts[0]
    assert texts[1]["discount"] == "taken off"
    # As it was stored before: rows were read otherwise, so segments differ by definition.
    before = {name: value for name, value in texts[1].items() if name != "discount"}
    assert reading(texts[1]) != reading(before)
    assert (reading(texts[0])["discount"], reading(texts[1])["discount"]) == (None, "taken off")


def test_rates_that_nobody_set_leave_a_stored_configuration_as_it_was() -> None:
    source = {
        "path": "x",
        "format": "delta",
        "columns": {"customer_id": "c", "order_id": "o", "order_ts": "t", "amount": "a"},
    }
    document = {"lake": {"root": "l"}, "sources": {"transactions": source}}
    plain = json.loads(config_model().model_validate(document).canonical())
    own = json.loads(
        config_model().model_validate({**document, "drift": {"rates": {"smallest_fall": 0.3}}}).canonical()
    )
    assert plain["drift"] == {"policy": "monitor"}
    assert own["drift"]["rates"] == {"smallest_fall": 0.3, "wait_days": 3}


def test_the_tier_that_older_versions_called_highly_is_read_with_a_notice_and_stored_as_before(tmp_path: Path) -> None:
    older: dict[str, Any] = {
        "tiers": {"highly": {"open": 0.6, "click": 0.4}}, "actions": {"highly": "call"},
        "channels": {"sms": {"response": {"highly": 0.3, "disengaged": 0.1}}},
    }  # fmt: skip
    today = json.loads(json.dumps(older).replace("highly", "highly_engaged"))
    notice = "mine.yml: highly is called highly_engaged now; the older key is still read"
    with pytest.warns(RenamedWarning) as seen:
        before = config(engagement=older)
    assert [str(one.message) for one in seen] == [notice]
    assert before == config(engagement=today)
    # Runs of older versions are known by it.
    assert before.stored()["engagement"]["actions"]["highly"] == "call"
    assert "highly_engaged" not in before.canonical()
    both = {"actions": {"highly": "call", "highly_engaged": "write"}}
    with pytest.raises(ConfigError, match="highly is what older versions called highly_engaged; give one of the two"):
        config(engagement=both)


def test_a_rule_may_name_a_tier_as_older_versions_did() -> None:
    today = shipped_text("segments", "intent.yml")
    assert "highly_engaged" in today
    with pytest.warns(RenamedWarning, match="email_tier highly is called highly_engaged now"):
        before = parse_rule_map(today.replace("highly_engaged", "highly"), "mine.yml")
    assert before.model_dump() == parse_rule_map(today, "intent").model_dump()
    assert "highly_engaged" not in json.dumps(stored_rule_map(before))
    assert RuleMap.model_validate(stored_rule_map(before)) == before.model_copy(
        update={"segments": tuple(rule.model_copy(update={"examples": ()}) for rule in before.segments),
                "otherwise": before.otherwise.model_copy(update={"examples": ()})}
    )  # fmt: skip
