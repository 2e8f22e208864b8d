"""The catalogues of checks on events and messages, in order of precedence; see `core.checks`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rfm_spark.core.checks import CHECKS, Check, Severity

_ONLY_REJECT: tuple[Severity, ...] = ("reject",)
_NOT_MENDED: tuple[Severity, ...] = ("reject", "flag", "off")
_FLAGGED: tuple[Severity, ...] = ("flag", "off")

_MALFORMED = Check("malformed", "reject", _ONLY_REJECT, "a line of CSV or JSON that can't be parsed; kept as raw text")
_ANONYMOUS = Check(
    "anonymous", "reject", _ONLY_REJECT, "no customer, and no visitor who made themselves known; counted, not kept",
    "customer_id",
)  # fmt: skip
_PLACEHOLDER = Check(
    "placeholder_id", "reject", _NOT_MENDED,
    "a customer id that is the text of a missing value, such as NULL or n/a", "customer_id",
)  # fmt: skip
_DATES = (
    Check("bad_date", "reject", _ONLY_REJECT, "no time, or one that can't be read", "event_ts"),
    Check("before_1970", "reject", _NOT_MENDED, "a time before 1970-01-01", "event_ts"),
    Check("future_date", "reject", _NOT_MENDED, "dated over a day after the source was last written", "event_ts"),
)
_WHITESPACE = Check(
    "id_whitespace", "repair", ("repair", "flag", "off"), "white space around an id; trimmed", "customer_id"
)
_UNICODE = Check("id_unicode", "repair", ("repair", "off"), "an id in another Unicode form than NFC; normalised",
                 "customer_id")  # fmt: skip

EVENT_CHECKS = (
    _MALFORMED,
    _ANONYMOUS,
    *_DATES,
    Check(
        "unknown_type", "reject", ("reject", "flag"),
        "an event type that neither the preset nor `types` knows; flagged, it counts as other", "event_type",
    ),
    _PLACEHOLDER,
    Check(
        "bot", "reject", ("reject", "flag", "off"),
        "events of a customer's day with more than quality.max_events_per_minute in one minute; counted, not kept",
        "customer_id",
    ),
    Check(
        "clock_skew", "repair", ("repair", "flag", "reject", "off"),
        "a time over 5 minutes after received_ts: the sender's clock is wrong; received_ts is taken", "event_ts",
    ),
    Check("before_signup", "flag", _NOT_MENDED, "an event before the customer signed up; kept, they were interested",
          "event_ts"),
    Check("unknown_channel", "flag", _NOT_MENDED, "a channel that is none of ours; it counts as other", "channel"),
    Check("technical", "flag", ("flag",), "sent by the tracker without anybody doing anything; not counted",
          "event_type"),
    _WHITESPACE,
    _UNICODE,
    Check("visitor_joined", "repair", ("repair", "off"), "a visitor's event, given to the customer the visitor is",
          "visitor_id"),
    Check("duplicate_event", "repair", ("repair", "off"), "an event id of the same customer again; the earliest counts",
          "event_id"),
)  # fmt: skip

MESSAGE_CHECKS = (
    _MALFORMED,
    _ANONYMOUS,
    *_DATES,
    Check("unknown_type", "reject", _ONLY_REJECT, "an event that neither the preset nor `events` knows", "event"),
    Check("unknown_channel", "reject", _ONLY_REJECT, "a channel that is none of ours", "channel"),
    _PLACEHOLDER,
    Check("technical", "flag", ("flag",), "told by the sender without anybody doing anything; not counted", "event"),
    Check("missing_message_id", "reject", _ONLY_REJECT, "no message id, where the event belongs to a message",
          "message_id"),
    _WHITESPACE,
    _UNICODE,
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

CATALOGUES: Mapping[str, Sequence[Check]] = {"transactions": CHECKS, "events": EVENT_CHECKS, "messages": MESSAGE_CHECKS}


def meaning_of(source: str, code: str) -> str:
    """What a check of a source means; empty for one that its catalogue does not have."""
    return next((check.says for check in CATALOGUES.get(source, ()) if check.code == code), "")
