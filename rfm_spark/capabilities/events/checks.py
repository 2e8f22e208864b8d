"""The catalogue of checks on events, in order of precedence; see `core.reading.checks`."""

from __future__ import annotations

from rfm_spark.core.reading.checks import (
    ANONYMOUS_ROW,
    DATES,
    MALFORMED,
    NOT_REPAIRED,
    PLACEHOLDER,
    UNICODE,
    WHITESPACE,
    Check,
)

EVENT_CHECKS = (
    MALFORMED,
    ANONYMOUS_ROW,
    *DATES,
    Check(
        "unknown_type", "reject", ("reject", "flag"),
        "an event type that neither the preset nor `types` knows; flagged, it counts as other", "event_type",
    ),
    PLACEHOLDER,
    Check(
        "bot", "reject", ("reject", "flag", "off"),
        "events of a customer's day with more than quality.max_events_per_minute in one minute; counted, not kept",
        "customer_id",
    ),
    Check(
        "clock_skew", "repair", ("repair", "flag", "reject", "off"),
        "a time over 5 minutes after received_ts: the sender's clock is wrong; received_ts is taken", "event_ts",
    ),
    Check("before_signup", "flag", NOT_REPAIRED, "an event before the customer signed up; kept, they were interested",
          "event_ts"),
    Check("unknown_channel", "flag", NOT_REPAIRED, "a channel that is none of ours; it counts as other", "channel"),
    Check("technical", "flag", ("flag",), "sent by the tracker without anybody doing anything; not counted",
          "event_type"),
    WHITESPACE,
    UNICODE,
    Check("visitor_joined", "repair", ("repair", "off"), "a visitor's event, given to the customer the visitor is",
          "visitor_id"),
    Check("duplicate_event", "repair", ("repair", "off"), "an event id of the same customer again; the earliest counts",
          "event_id"),
)  # fmt: skip

CHECKS = {"events": EVENT_CHECKS}
