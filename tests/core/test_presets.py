"""Presets: what common tools call things, each in a file of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from rfm_spark.capabilities.engagement.config import MessagesSource
from rfm_spark.capabilities.engagement.words import MESSAGE_EVENTS
from rfm_spark.capabilities.events.config import EventsSource
from rfm_spark.capabilities.events.words import EVENT_TYPES
from rfm_spark.core.config import config_model
from rfm_spark.core.reading.presets import Kind, Preset, meanings, preset, presets

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "conf" / "presets"
OURS: dict[Kind, tuple[str, ...]] = {"events": EVENT_TYPES, "messages": MESSAGE_EVENTS}
FILES: list[tuple[Kind, Path]] = [(kind, file) for kind in OURS for file in sorted((FOLDER / kind).iterdir())]


@pytest.mark.parametrize(("kind", "file"), FILES, ids=lambda value: getattr(value, "stem", value))
def test_a_preset_names_each_word_once_and_means_types_of_ours(kind: Kind, file: Path) -> None:
    words: dict[str, list[str]] = yaml.safe_load(file.read_text(encoding="utf-8"))["words"]
    theirs = [name for names in words.values() for name in names]
    assert set(words) <= set(OURS[kind])
    assert len(theirs) == len(set(theirs))
    assert [name for name in theirs if name != name.strip().lower()] == []
    # An own name of ours in a preset would only say what everybody knows, or turn it into something else.
    assert set(theirs) & set(OURS[kind]) == set()
    found = preset(kind, file.stem).meanings()
    assert {name: found[name] for name in theirs} == {name: ours for ours, names in words.items() for name in names}


def test_a_file_is_all_a_preset_needs() -> None:
    assert {kind: list(presets(kind)) for kind in OURS} == {
        kind: sorted(file.stem for one, file in FILES if one == kind) for kind in OURS
    }


@pytest.mark.parametrize(
    ("kind", "name", "theirs", "ours"),
    [
        ("events", "google_analytics", "view_item", "product_view"),
        ("events", "google_analytics", "purchase", "order"),
        ("events", "google_analytics", "user_engagement", "ignored"),
        ("events", "mixpanel", "$mp_web_page_view", "page_view"), ("events", "mixpanel", "$ae_session", "ignored"),
        ("events", "mixpanel", "$ae_first_open", "ignored"), ("events", "mixpanel", "$ae_iap", "order"),
        ("events", "segment", "product list filtered", "filter_use"),
        ("events", "segment", "product added", "add_to_cart"),
        ("events", "segment", "product_viewed", "product_view"), ("events", "segment", "order_completed", "order"),
        ("events", "segment", "product_added_to_wishlist", "other"),
        ("events", "snowplow", "page_ping", "ignored"), ("events", "snowplow", "link_click", "click"),
        ("events", "snowplow", "transaction", "order"), ("events", "snowplow", "remove_from_cart", "other"),
        ("events", "inhouse", "view", "product_view"), ("events", "inhouse", "addtocart", "add_to_cart"),
        ("events", "inhouse", "transaction", "order"), ("events", "inhouse", "remove_from_cart", "other"),
        ("events", "posthog", "$pageview", "page_view"), ("events", "posthog", "$autocapture", "click"),
        ("events", "posthog", "$pageleave", "ignored"), ("events", "matomo", "action", "page_view"),
        ("events", "matomo", "ecommerceorder", "order"), ("events", "matomo", "search", "search"),
        ("events", "shopify_pixels", "product_viewed", "product_view"),
        ("events", "shopify_pixels", "product_added_to_cart", "add_to_cart"),
        ("events", "shopify_pixels", "product_removed_from_cart", "other"),
        ("events", "shopify_pixels", "checkout_completed", "order"), ("events", "rees46", "view", "product_view"),
        ("events", "rees46", "cart", "add_to_cart"), ("events", "rees46", "remove_from_cart", "other"),
        ("events", "rees46", "purchase", "order"), ("messages", "klaviyo", "received email", "delivered"),
        ("messages", "klaviyo", "sent sms", "replied"), ("messages", "klaviyo", "unsubscribed", "unsubscribed"),
        ("messages", "mailchimp", "unsub", "unsubscribed"), ("messages", "mailchimp", "hard_bounce", "bounced"),
        ("messages", "braze", "users.messages.email.markasspam", "complained"),
        ("messages", "braze", "users.messages.email.softbounce", "ignored"), ("messages", "hubspot", "open", "opened"),
        ("messages", "hubspot", "delivered", "delivered"), ("messages", "mautic", "email.read", "opened"),
        ("messages", "sendgrid", "processed", "sent"), ("messages", "sendgrid", "deferred", "ignored"),
        ("events", "segment", "wishlist product added to cart", "add_to_cart"),
        ("events", "segment", "order_refunded", "other"), ("events", "segment", "video_content_playing", "ignored"),
        ("events", "segment", "live chat conversation started", "contact"),
        ("events", "posthog", "order refunded", "other"), ("events", "posthog", "$csp_violation", "ignored"),
        ("events", "mixpanel", "$mp_page_view", "page_view"), ("events", "mixpanel", "$mp_session_record", "ignored"),
        ("events", "shopify_pixels", "advanced_dom_clicked", "click"),
        ("events", "shopify_pixels", "advanced_dom_mouse_moved", "ignored"),
        ("events", "google_analytics", "in_app_purchase", "order"),
        ("events", "google_analytics", "app_remove", "ignored"),
        ("events", "snowplow", "promo_click", "click"), ("events", "snowplow", "promotion_click", "click"),
        ("events", "snowplow", "refund", "other"), ("events", "snowplow", "trns_error", "ignored"),
        ("events", "matomo", "13", "other"), ("events", "matomo", "outlink", "click"),
        ("messages", "braze", "users.messages.whatsapp.read", "opened"),
        ("messages", "braze", "users.messages.rcs.click", "clicked"),
        ("messages", "braze", "users.messages.banner.dismiss", "ignored"),
        ("messages", "klaviyo", "relayed sms", "sent"),
        ("messages", "klaviyo", "unsubscribed from sms", "unsubscribed"),
        ("messages", "klaviyo", "manually suppressed from email marketing", "unsubscribed"),
        ("messages", "klaviyo", "clicked email to unsubscribe", "ignored"),
        ("messages", "klaviyo", "subscribed to email marketing", "ignored"),
        ("messages", "mautic", "sms.sent", "sent"), ("messages", "mautic", "sms.failed", "ignored"),
        ("messages", "hubspot", "suppressed", "ignored"), ("messages", "mailchimp", "upemail", "ignored"),
    ],
)  # fmt: skip
def test_presets_know_the_names_of_tools(kind: Kind, name: str, theirs: str, ours: str) -> None:
    assert meanings(kind, name, {})[theirs] == ours
    other = "click" if kind == "events" else "clicked"
    assert meanings(kind, name, {other: (f" {theirs.upper()} ",)})[theirs] == other


def test_presets_are_found_in_the_archive_for_clusters(tmp_path: Path) -> None:
    archive = tmp_path / "rfm_spark.zip"
    subprocess.run([sys.executable, str(ROOT / "scripts" / "build_zip.py"), str(archive)], check=True)
    code = (
        f"import sys; sys.path.insert(0, {str(archive)!r}); "
        "from rfm_spark.core.reading.presets import meanings, presets; "
        "print(*presets('messages'), meanings('events', 'rees46', {})['cart'])"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], check=True, capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.split() == [*presets("messages"), "add_to_cart"]


def test_what_says_that_somebody_came_or_left_is_left_to_the_user() -> None:
    assert "statuschange" not in meanings("messages", "hubspot", {})
    assert "users.behaviors.subscription.globalstatechange" not in meanings("messages", "braze", {})
    assert "lead.donotcontact" not in meanings("messages", "mautic", {})


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"words": {"click": ("tap", "tap")}}, "'tap' is given twice"),
        ({"words": {"click": ("tap",), "search": ("tap",)}}, "'tap' is given twice"),
        ({"words": {"click": ("Tap",)}}, "'Tap' must be in lower case"),
        ({"words": {}}, "words"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_file_that_is_no_preset_is_refused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Preset.model_validate({"of": "A tool", "words": {"click": ("tap",)}, **changes})


@pytest.mark.parametrize(("kind", "source"), [("events", EventsSource), ("messages", MessagesSource)])
def test_the_schema_for_editors_lists_the_presets(kind: Kind, source: type[EventsSource | MessagesSource]) -> None:
    key = config_model().model_json_schema()["$defs"][source.__name__]["properties"]["preset"]
    assert key["anyOf"] == [{"type": "string", "enum": list(presets(kind))}, {"type": "null"}]
