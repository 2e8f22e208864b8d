"""The catalogue of checks on a source: what can be wrong with a row, and what is done about it.

Data only: `quality.checks` in the configuration switches each one, `intake` holds the expressions, and a test keeps
the two in step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal["reject", "repair", "flag", "off"]
SEVERITIES: tuple[Severity, ...] = ("reject", "repair", "flag", "off")


@dataclass(frozen=True)
class Check:
    """One thing that can be wrong.

    Attributes:
        code: its name in `rejects`, `runs.rows` and the configuration.
        default: what is done when the configuration says nothing.
        choices: what the configuration may say.
        says: what it means, in one clause.
        column: of ours, whose value is shown with a rejected row.
        unit: what is counted: rows, orders, ids or messages.
    """

    code: str
    default: Severity
    choices: tuple[Severity, ...]
    says: str
    column: str = ""
    unit: Literal["rows", "orders", "ids", "messages"] = "rows"


_ONLY_REJECT: tuple[Severity, ...] = ("reject",)
_NOT_MENDED: tuple[Severity, ...] = ("reject", "flag", "off")
_COUNTED: tuple[Severity, ...] = ("flag", "off")

# In order of precedence: a row that several would reject gets the first one's reason.
CHECKS = (
    Check("malformed", "reject", _ONLY_REJECT, "a line of CSV or JSON that can't be parsed; kept as raw text"),
    Check("anonymous", "reject", _ONLY_REJECT, "no customer: null, blank or NaN; counted apart", "customer_id"),
    Check(
        "placeholder_id", "reject", _NOT_MENDED,
        "a customer id that is the text of a missing value, such as NULL or n/a", "customer_id",
    ),
    Check("bad_date", "reject", _ONLY_REJECT, "no date, or one that can't be read", "order_ts"),
    Check("before_1970", "reject", _NOT_MENDED, "a date before 1970-01-01", "order_ts"),
    Check("future_date", "reject", _NOT_MENDED, "dated over a day after the source was last written", "order_ts"),
    Check("missing_order_id", "reject", _ONLY_REJECT, "no order id, where one is mapped", "order_id"),
    Check(
        "unknown_type", "reject", _ONLY_REJECT,
        "a type that is neither a sale's nor a refund's, or a return mark that is neither yes nor no", "type",
    ),
    Check(
        "bad_amount", "reject", _ONLY_REJECT,
        "an amount, quantity, price or discount that is no finite number, or a discount above the line", "amount",
    ),
    Check("amount_overflow", "reject", _ONLY_REJECT, "an amount beyond ±10,000,000,000,000", "amount"),
    Check(
        "unknown_currency", "reject", _NOT_MENDED,
        "a currency that is no three-letter code, or has no rate on that day", "currency",
    ),
    Check("negative_price", "reject", _NOT_MENDED, "a unit price below 0", "unit_price"),
    Check(
        "negative_sale", "repair", ("reject", "repair"),
        "a negative amount on a line not marked as a return; repaired into a refund", "amount",
    ),
    Check("absurd_quantity", "flag", _NOT_MENDED, "a quantity beyond quality.max_quantity", "quantity"),
    Check("zero_price", "flag", _NOT_MENDED, "a line that cost exactly nothing", "amount"),
    Check("repeated_hour", "flag", _NOT_MENDED, "a local time that came twice when summer time ended", "order_ts"),
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
    Check("refund_exceeds_sale", "flag", _COUNTED, "an order refunded by more than was sold", unit="orders"),
    Check("refund_without_sale", "flag", _COUNTED, "an order that has refunds only", unit="orders"),
    Check("case_collision", "flag", _COUNTED, "customer ids that differ only by case; kept apart", unit="ids"),
)  # fmt: skip
BY_CODE = {check.code: check for check in CHECKS}


def severity(code: str, overrides: Mapping[str, Severity], checks: Sequence[Check] = CHECKS) -> Severity:
    """What is done about a check of a catalogue: as configured, otherwise its default."""
    return overrides[code] if code in overrides else next(check.default for check in checks if check.code == code)


def problems(overrides: Mapping[str, str], checks: Sequence[Check] = CHECKS) -> list[str]:
    """What is wrong with configured severities of a catalogue, a sentence each."""
    found = []
    known = {check.code: check for check in checks}
    for code, chosen in overrides.items():
        check = known.get(code)
        if check is None:
            found.append(f"checks.{code} is unknown; there are {', '.join(known)}")
        elif chosen not in check.choices:
            found.append(f"checks.{code} can be {', '.join(check.choices)}, not {chosen}")
    return found
