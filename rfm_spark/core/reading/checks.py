"""Catalogues of checks on a source: what can be wrong with a row, and what is done about it.

Data only: a capability that reads a source has a catalogue of its own, the configuration switches each check, and the
expressions are where the source is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rfm_spark.core.registry import given

Severity = Literal["reject", "repair", "flag", "off"]
SEVERITIES: tuple[Severity, ...] = ("reject", "repair", "flag", "off")


@dataclass(frozen=True)
class Check:
    """One thing that can be wrong.

    Attributes:
        code: its name in `rejects`, `runs.rows` and the configuration.
        default: what is done when the configuration says nothing.
        choices: what the configuration may say.
        message: what it means, in one clause.
        column: of ours, whose value is shown with a rejected row.
        unit: what is counted: rows, orders, ids or messages.
    """

    code: str
    default: Severity
    choices: tuple[Severity, ...]
    message: str
    column: str = ""
    unit: Literal["rows", "orders", "ids", "messages"] = "rows"


ONLY_REJECT: tuple[Severity, ...] = ("reject",)
NOT_REPAIRED: tuple[Severity, ...] = ("reject", "flag", "off")
ONLY_FLAGGED: tuple[Severity, ...] = ("flag", "off")
# What trackers and senders report without anybody doing anything.
IGNORED = "ignored"
# Rows without a customer are counted apart.
ANONYMOUS = "anonymous"

MALFORMED = Check("malformed", "reject", ONLY_REJECT, "a line of CSV or JSON that can't be parsed; kept as raw text")
ANONYMOUS_ROW = Check(
    "anonymous", "reject", ONLY_REJECT, "no customer, and no visitor who made themselves known; counted, not kept",
    "customer_id",
)  # fmt: skip
PLACEHOLDER = Check(
    "placeholder_id", "reject", NOT_REPAIRED,
    "a customer id that is the text of a missing value, such as NULL or n/a", "customer_id",
)  # fmt: skip
DATES = (
    Check("bad_date", "reject", ONLY_REJECT, "no time, or one that can't be read", "event_ts"),
    Check("before_1970", "reject", NOT_REPAIRED, "a time before 1970-01-01", "event_ts"),
    Check("future_date", "reject", NOT_REPAIRED, "dated over a day after the source was last written", "event_ts"),
)
WHITESPACE = Check(
    "id_whitespace", "repair", ("repair", "flag", "off"), "white space around an id; trimmed", "customer_id"
)
UNICODE = Check("id_unicode", "repair", ("repair", "off"), "an id in another Unicode form than NFC; normalised",
                 "customer_id")  # fmt: skip


def severity(code: str, overrides: Mapping[str, Severity], checks: Sequence[Check]) -> Severity:
    """What is done about a check of a catalogue: as configured, otherwise its default."""
    return overrides[code] if code in overrides else next(check.default for check in checks if check.code == code)


def problems(overrides: Mapping[str, str], checks: Sequence[Check]) -> list[str]:
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


def catalogues() -> dict[str, Sequence[Check]]:
    """The checks of every source, in order of precedence."""
    return {source: checks for _, found in given("checks", "CHECKS") for source, checks in found.items()}


def meaning_of(source: str, code: str) -> str:
    """What a check of a source means; empty for one that its catalogue does not have."""
    return next((check.message for check in catalogues().get(source, ()) if check.code == code), "")
