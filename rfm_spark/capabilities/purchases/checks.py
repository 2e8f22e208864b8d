"""The catalogue of checks on transactions, in order of precedence; see `core.reading.checks`."""

from __future__ import annotations

from collections.abc import Mapping

from rfm_spark.core.reading.checks import NOT_REPAIRED, ONLY_FLAGGED, ONLY_REJECT, Check, Severity, severity

FUTURE = "future_date"
# In order of precedence: a row that several would reject gets the first one's reason.
LINE_CHECKS = (
    Check("malformed", "reject", ONLY_REJECT, "a line of CSV or JSON that can't be parsed; kept as raw text"),
    Check("anonymous", "reject", ONLY_REJECT, "no customer: null, blank or NaN; counted apart", "customer_id"),
    Check(
        "placeholder_id", "reject", NOT_REPAIRED,
        "a customer id that is the text of a missing value, such as NULL or n/a", "customer_id",
    ),
    Check("bad_date", "reject", ONLY_REJECT, "no date, or one that can't be read", "order_ts"),
    Check("before_1970", "reject", NOT_REPAIRED, "a date before 1970-01-01", "order_ts"),
    Check(FUTURE, "reject", NOT_REPAIRED, "dated over a day after the source was last written", "order_ts"),
    Check("missing_order_id", "reject", ONLY_REJECT, "no order id, where one is mapped", "order_id"),
    Check(
        "unknown_type", "reject", ONLY_REJECT,
        "a type that is neither a sale's nor a refund's, or a return mark that is neither yes nor no", "type",
    ),
    Check(
        "bad_amount", "reject", ONLY_REJECT,
        "an amount, quantity, price or discount that is no finite number, or a discount above the line", "amount",
    ),
    Check("amount_overflow", "reject", ONLY_REJECT, "an amount beyond ±10,000,000,000,000", "amount"),
    Check(
        "unknown_currency", "reject", NOT_REPAIRED,
        "a currency that is no three-letter code, or has no rate on that day", "currency",
    ),
    Check("negative_price", "reject", NOT_REPAIRED, "a unit price below 0", "unit_price"),
    Check(
        "negative_sale", "repair", ("reject", "repair"),
        "a negative amount on a line not marked as a return; repaired into a refund", "amount",
    ),
    Check("absurd_quantity", "flag", NOT_REPAIRED, "a quantity beyond quality.max_quantity", "quantity"),
    Check("zero_price", "flag", NOT_REPAIRED, "a line that cost exactly nothing", "amount"),
    Check("repeated_hour", "flag", NOT_REPAIRED, "a local time that came twice as daylight saving ended", "order_ts"),
    Check(
        "formatted_number", "repair", ("reject", "repair"),
        "a number written for people: 1.234,50 €, $1,234.50, (12.50)", "amount",
    ),
    Check(
        "id_whitespace", "repair", ("repair", "flag", "off"),
        "white space around a customer or order id; trimmed", "customer_id",
    ),
    Check(
        "id_unicode", "repair", ("repair", "off"),
        "an id in another Unicode form than NFC; normalised", "customer_id",
    ),
    Check(
        "exact_duplicate", "flag", ("repair", "flag", "off"),
        "the same row again; flagged and kept, unless a line id is mapped: then dropped", "order_id",
    ),
    Check(
        "duplicate_line", "repair", ("repair", "off"),
        "the same order and line id with other content; the latest is kept, the others go to rejects", "line_id",
    ),
    Check("refund_exceeds_sale", "flag", ONLY_FLAGGED, "an order refunded by more than was sold", unit="orders"),
    Check("refund_without_sale", "flag", ONLY_FLAGGED, "an order that has refunds only", unit="orders"),
    Check("case_collision", "flag", ONLY_FLAGGED, "customer ids that differ only by case; kept apart", unit="ids"),
)  # fmt: skip
BY_CODE = {check.code: check for check in LINE_CHECKS}

CHECKS = {"transactions": LINE_CHECKS}


def line_severity(code: str, overrides: Mapping[str, Severity]) -> Severity:
    """What is done about a check on transactions: as configured, otherwise its default."""
    return severity(code, overrides, LINE_CHECKS)
