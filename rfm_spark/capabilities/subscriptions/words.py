"""The words of subscriptions."""

from __future__ import annotations

# Months that an interval has.
INTERVALS = {"month": 1, "quarter": 3, "half_year": 6, "year": 12, "two_years": 24}
_KNOWN = {
    "month": ("month", "monthly", "m", "1m", "p1m", "mo"),
    "quarter": ("quarter", "quarterly", "3m", "p3m", "q"),
    "half_year": ("half_year", "half-yearly", "semiannual", "semi-annual", "6m", "p6m"),
    "year": ("year", "yearly", "annual", "annually", "y", "1y", "12m", "p1y", "p12m", "yr"),
    "two_years": ("two_years", "biennial", "2y", "p2y", "24m"),
}
INTERVAL_WORDS = {word: INTERVALS[name] for name, words in _KNOWN.items() for word in words}

RUNNING, PAUSED, ENDED = "running", "paused", "ended"
# An ended subscription ran until its end, which a date says; a paused version brings nothing while it lasts.
_STATUSES = {
    RUNNING: ("running", "active", "trialing", "trial", "past_due"),
    PAUSED: ("paused", "suspended", "on_hold", "unpaid", "incomplete", "incomplete_expired"),
    ENDED: ("ended", "canceled", "cancelled", "churned", "expired"),
}
STATUS_WORDS = {word: status for status, words in _STATUSES.items() for word in words}

MOVEMENTS = ("new", "expansion", "contraction", "churn", "reactivation", "unchanged")
