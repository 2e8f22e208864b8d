"""The words of interactions: event types, channels and message events of ours; `core.presets` has those of others."""

from __future__ import annotations

# Their place is a number of four bits in packed events, so they are fifteen at most, and new ones come last.
EVENT_TYPES = (
    "page_view", "product_view", "search", "filter_use", "add_to_cart", "video_play", "click", "order", "contact",
    "other", "ignored",
)  # fmt: skip
# What trackers and senders report without anybody doing anything.
IGNORED = "ignored"
COUNTED_TYPES = tuple(kind for kind in EVENT_TYPES if kind != IGNORED)
EVENT_CHANNELS = ("web", "app", "email", "social", "chat", "store", "other")
# Channels people visit for a while; elsewhere a contact is over when it is made.
SESSION_CHANNELS = ("web", "app")

MESSAGE_CHANNELS = ("email", "sms", "push", "ad", "coupon")
MESSAGE_EVENTS = (
    "sent", "delivered", "impression", "opened", "clicked", "replied", "redeemed", "bounced", "unsubscribed",
    "complained", "ignored",
)  # fmt: skip
RESPONSES = ("clicked", "replied", "redeemed")
# At once, and without a message that they belong to.
SUPPRESSING = ("unsubscribed", "complained", "bounced")
ALL_CHANNELS = "all"
