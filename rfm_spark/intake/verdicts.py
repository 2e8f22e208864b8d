"""What the checks of the catalogue say of a row: a reason to reject it, or marks of what was repaired and flagged."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import reduce

from pyspark.sql import Column
from pyspark.sql import functions as F

from rfm_spark.core.checks import CHECKS, Severity, severity

# A bit of `marks` for each check, by its place in the catalogue.
BIT = {check.code: 1 << place for place, check in enumerate(CHECKS)}
REJECTING: tuple[Severity, ...] = ("reject",)
MARKING: tuple[Severity, ...] = ("repair", "flag")


def reason_of(conditions: Mapping[str, Column], overrides: Mapping[str, Severity]) -> Column:
    """The code of the first check that rejects the row, in the order of the catalogue; null when none does."""
    cases = [F.when(conditions[code], F.lit(code)) for code in coded(conditions, overrides, REJECTING)]
    return F.coalesce(*cases) if cases else F.lit(None).cast("string")


def marks_of(conditions: Mapping[str, Column], overrides: Mapping[str, Severity]) -> Column:
    """BIGINT with a bit for each check that repaired or flagged the row."""
    bits = [
        F.when(conditions[code], F.lit(BIT[code])).otherwise(F.lit(0)).cast("bigint")
        for code in coded(conditions, overrides, MARKING)
    ]
    return reduce(lambda left, right: left.bitwiseOR(right), bits) if bits else F.lit(0).cast("bigint")


def coded(
    conditions: Mapping[str, Column], overrides: Mapping[str, Severity], severities: Collection[Severity]
) -> list[str]:
    """Checks that apply and have one of the severities, in the order of the catalogue."""
    return [c.code for c in CHECKS if c.code in conditions and severity(c.code, overrides) in severities]


def codes_of(marks: int) -> list[str]:
    """The checks whose bits are set."""
    return [code for code, bit in BIT.items() if marks & bit]


def place_of(reason: str) -> Column:
    """The place in the catalogue of the reason in a column; null without one."""
    cases = [F.when(F.col(reason) == check.code, F.lit(place)) for place, check in enumerate(CHECKS)]
    return F.coalesce(*cases)
