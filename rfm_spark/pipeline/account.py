"""What the steps of a run told of themselves, put together for the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from rfm_spark.pipeline.artefact import Account


@dataclass(frozen=True)
class Total:
    """All accounts of a run.

    Attributes:
        rows: counts by name.
        money: sums by name.
        warnings: in the order of the steps.
        source_fingerprints: source to a fingerprint of its rows up to as_of.
        facts: columns of the ledger.
    """

    rows: Mapping[str, int] = field(default_factory=dict)
    money: Mapping[str, Decimal] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    source_fingerprints: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)


def total(accounts: Iterable[Account], before: Iterable[str] = ()) -> Total:
    """Merge accounts.

    Args:
        accounts: in the order of the steps.
        before: warnings that come first.
    """
    rows: dict[str, int] = {}
    money: dict[str, Decimal] = {}
    source_fingerprints: dict[str, str] = {}
    facts: dict[str, str] = {}
    warnings = list(before)
    for one in accounts:
        rows |= one.rows
        money |= one.money
        source_fingerprints |= one.source_fingerprints
        facts |= one.facts
        warnings += one.warnings
    return Total(rows, money, tuple(warnings), source_fingerprints, facts)
