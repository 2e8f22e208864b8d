"""Channels of messages and what becomes of a message; presets have the words of senders."""

from __future__ import annotations

MESSAGE_CHANNELS = ("email", "sms", "push", "ad", "coupon")
MESSAGE_EVENTS = (
    "sent", "delivered", "impression", "opened", "clicked", "replied", "redeemed", "bounced", "unsubscribed",
    "complained", "ignored",
)  # fmt: skip
RESPONSES = ("clicked", "replied", "redeemed")
# At once, and without a message that they belong to.
SUPPRESSING = ("unsubscribed", "complained", "bounced")
ALL_CHANNELS = "all"
OURS = {"messages": MESSAGE_EVENTS}
# From the best on; the last has too few messages to tell.
TIERS = ("highly_engaged", "moderately", "disengaged", "insufficient")
# Tiers that older versions called otherwise.
OLDER_TIERS = (("highly", "highly_engaged"),)
