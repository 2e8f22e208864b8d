"""Words that nobody knows: what the message says of them."""

from __future__ import annotations

import re

import yaml

from rfm_spark.capabilities.events.config import EventsSource
from rfm_spark.core.reading.unknown_words import how_to_map

COLUMNS = {"customer_id": "c", "event_ts": "t", "event_type": "y"}


def test_the_line_guesses_what_some_preset_knows_and_asks_for_the_rest() -> None:
    words = [("add-to-cart", 9_000), ("in_den_warenkorb", 31), ("view_item", 3), ("a: b", 2), ("checkoutCompleted", 1)]
    said = how_to_map("events", words)
    assert "columns.event_type are add-to-cart 9,000, in_den_warenkorb 31, view_item 3, a: b 2" in said
    (line,) = re.findall(r"`(types: .*)`", said)
    types = yaml.safe_load(line)["types"]
    assert types == {
        "add_to_cart": ["add-to-cart"], "product_view": ["view_item"], "order": ["checkoutCompleted"],
        "?": ["in_den_warenkorb", "a: b"],
    }  # fmt: skip
    assert said.endswith("with yours for ?")
    types["click"] = types.pop("?")
    source = EventsSource.model_validate({"path": "p", "format": "delta", "columns": COLUMNS, "types": types})
    assert source.types["click"] == ("in_den_warenkorb", "a: b")


def test_a_word_that_presets_understand_differently_is_not_guessed() -> None:
    # SendGrid's processed is a message on its way, HubSpot's tells of the system only.
    said = how_to_map("messages", [("processed", 2), ("open", 1)])
    assert "`events: {opened: [open], '?': [processed]}`" in said
