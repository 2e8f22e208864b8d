"""Event types and channels of ours; presets have those of trackers."""

from __future__ import annotations

from rfm_spark.core.reading.checks import IGNORED

# Their place is a number of four bits in packed events, so they are fifteen at most, and new ones come last.
EVENT_TYPES = (
    "page_view", "product_view", "search", "filter_use", "add_to_cart", "video_play", "click", "order", "contact",
    "other", "ignored",
)  # fmt: skip
COUNTED_TYPES = tuple(kind for kind in EVENT_TYPES if kind != IGNORED)
EVENT_CHANNELS = ("web", "app", "email", "social", "chat", "store", "other")
# Channels people visit for a while; elsewhere a contact is over when it is made.
SESSION_CHANNELS = ("web", "app")
OURS = {"events": EVENT_TYPES}
