"""The catalogue of checks on messages, in order of precedence; see `core.reading.checks`."""

from __future__ import annotations

from rfm_spark.core.reading.checks import (
    ANONYMOUS_ROW,
    DATES,
    MALFORMED,
    ONLY_REJECT,
    PLACEHOLDER,
    UNICODE,
    WHITESPACE,
    Check,
)

MESSAGE_CHECKS = (
    MALFORMED,
    ANONYMOUS_ROW,
    *DATES,
    Check("unknown_type", "reject", ONLY_REJECT, "an event that neither the preset nor `events` knows", "event"),
    Check("unknown_channel", "reject", ONLY_REJECT, "a channel that is none of ours", "channel"),
    PLACEHOLDER,
    Check("technical", "flag", ("flag",), "told by the sender without anybody doing anything; not counted", "event"),
    Check("missing_message_id", "reject", ONLY_REJECT, "no message id, where the event belongs to a message",
          "message_id"),
    WHITESPACE,
    UNICODE,
    Check("exact_duplicate", "repair", ("repair",), "the same event of the same message at the same time; once is "
          "enough", "message_id"),
    Check("orphan_response", "flag", ("flag",), "a message opened or answered that was neither sent nor delivered; not "
          "counted", "message_id", "messages"),
    Check("delivery_implied", "repair", ("repair",), "sent, and opened or answered: it was delivered", "message_id",
          "messages"),
    Check("click_without_open", "repair", ("repair", "flag", "off"), "answered without an open: images were off; "
          "counted as opened", "message_id", "messages"),
    Check("machine_open", "repair", ("repair",), "opened within engagement.machine_open_seconds; not counted",
          "message_id", "messages"),
    Check("late_response", "flag", ("flag",), "answered over engagement.response_days after the delivery; not counted",
          "message_id", "messages"),
)  # fmt: skip

CHECKS = {"messages": MESSAGE_CHECKS}
