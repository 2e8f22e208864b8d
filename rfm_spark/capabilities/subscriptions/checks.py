"""The catalogue of checks on subscriptions, in order of precedence; see `core.reading.checks`."""

from __future__ import annotations

from rfm_spark.core.reading.checks import (
    MALFORMED,
    NOT_REPAIRED,
    ONLY_FLAGGED,
    ONLY_REJECT,
    PLACEHOLDER,
    UNICODE,
    WHITESPACE,
    Check,
)

SUBSCRIPTION_CHECKS = (
    MALFORMED,
    Check("anonymous", "reject", ONLY_REJECT, "no customer; counted, not kept", "customer_id"),
    Check("bad_date", "reject", ONLY_REJECT, "no start, or a start or an end that can't be read", "start_date"),
    Check("bad_amount", "reject", ONLY_REJECT, "no amount, or one that is no number; or a discount that is none",
          "amount"),
    Check("unknown_interval", "reject", ONLY_REJECT, "an interval that is none of ours", "interval"),
    Check("end_before_start", "reject", ("reject", "flag"), "ends before it starts; flagged, it never runs",
          "end_date"),
    Check("ended_without_end", "reject", ("reject", "flag"), "a status that says it is over, and no end; flagged, it "
          "goes on", "status"),
    Check("negative_mrr", "reject", ONLY_REJECT, "less than nothing a month", "amount"),
    PLACEHOLDER,
    Check("unknown_status", "flag", ("reject", "flag", "off"), "a status that is none of ours; it counts as running",
          "status"),
    Check("zero_mrr", "flag", NOT_REPAIRED, "costs nothing: a trial or a free plan", "amount"),
    WHITESPACE,
    UNICODE,
    Check("duplicate_subscription", "flag", ONLY_FLAGGED, "a row equal to another one; it counts once"),
    Check("same_day_change", "flag", ONLY_FLAGGED, "versions of one subscription that start on one day; the one that "
          "ends last counts, of these the dearest"),
    Check("overlapping_versions", "flag", ONLY_FLAGGED, "a version of a subscription that starts before the one before "
          "it ends; the later one counts from its start on"),
    Check("usage_without_subscription", "flag", ONLY_FLAGGED, "customers with events and no subscription", unit="ids"),
    Check("subscription_without_usage", "flag", ONLY_FLAGGED, "customers with a running subscription and no events in "
          "the days that are read", unit="ids"),
    Check("usage_before_start", "flag", ONLY_FLAGGED, "customers whose last event is of before their first "
          "subscription", unit="ids"),
)  # fmt: skip

CHECKS = {"subscriptions": SUBSCRIPTION_CHECKS}
