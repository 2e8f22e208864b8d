"""What the checks of the catalogue say of a row: a reason to reject it, or marks of what was repaired and flagged."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import reduce

from pyspark.sql import Column
from pyspark.sql import functions as F

from rfm_spark.core.reading.checks import Check, Severity, severity

REJECTING: tuple[Severity, ...] = ("reject",)
MARKING: tuple[Severity, ...] = ("repair", "flag")


def reason_of(conditions: Mapping[str, Column], overrides: Mapping[str, Severity], checks: Sequence[Check]) -> Column:
    """The code of the first check that rejects the row, in the order of the catalogue; null when none does."""
    cases = [F.when(conditions[code], F.lit(code)) for code in coded(conditions, overrides, REJECTING, checks)]
    return F.coalesce(*cases) if cases else F.lit(None).cast("string")


def marks_of(conditions: Mapping[str, Column], overrides: Mapping[str, Severity], checks: Sequence[Check]) -> Column:
    """BIGINT with a bit for each check that repaired or flagged the row, by its place in the catalogue."""
    places = {check.code: place for place, check in enumerate(checks)}
    bits = [
        F.when(conditions[code], F.lit(1 << places[code])).otherwise(F.lit(0)).cast("bigint")
        for code in coded(conditions, overrides, MARKING, checks)
    ]
    return reduce(lambda left, right: left.bitwiseOR(right), bits) if bits else F.lit(0).cast("bigint")


def coded(
    conditions: Mapping[str, Column],
    overrides: Mapping[str, Severity],
    severities: Collection[Severity],
    checks: Sequence[Check],
) -> list[str]:
    """Checks that apply and have one of the severities, in the order of the catalogue."""
    return [c.code for c in checks if c.code in conditions and severity(c.code, overrides, checks) in severities]


def codes_of(marks: int, checks: Sequence[Check]) -> list[str]:
    """The checks whose bits are set."""
    return [check.code for place, check in enumerate(checks) if marks & (1 << place)]


def place_of(reason: str, checks: Sequence[Check]) -> Column:
    """The place in the catalogue of the reason in a column; null without one."""
    cases = [F.when(F.col(reason) == check.code, F.lit(place)) for place, check in enumerate(checks)]
    return F.coalesce(*cases)
