"""The account of a batch: what was read against what became of it."""

from __future__ import annotations

from collections.abc import Mapping

from rfm_spark.capabilities.purchases.checks import line_severity
from rfm_spark.capabilities.purchases.duplicates import drops_copies
from rfm_spark.capabilities.purchases.seen import Seen
from rfm_spark.capabilities.purchases.settings import LineSettings
from rfm_spark.capabilities.purchases.sums import Sums
from rfm_spark.core.reading.balance import Balance
from rfm_spark.core.reading.mapping import FILTERED

Apart = Mapping[str, tuple[int, int]]


def balance(seen: Seen, sums: Sums, apart: Apart, settings: LineSettings) -> Balance:
    """Rows and cents as they were read, and as they ended.

    Args:
        seen: what was read.
        sums: of what counts.
        apart: rows and cents that do not count, by reason.
        settings: how rows become lines.
    """
    dropped = sums.duplicate_lines + (sums.exact_duplicates if drops_copies(settings.source, settings.quality) else 0)
    rejected = [count for reason, count in apart.items() if reason != FILTERED]
    rows = {
        "read": seen.read, "accepted": sums.lines, "rejected": sum(rows for rows, _ in rejected),
        "duplicates": dropped,
    }  # fmt: skip
    cents = {
        "read": seen.read_cents, "accepted": sums.line_cents, "rejected": sum(cents for _, cents in rejected),
        "duplicates": sums.duplicate_cents,
    }  # fmt: skip
    if settings.source.where is not None:
        rows["filtered"], cents["filtered"] = apart.get(FILTERED, (0, 0))
    return Balance(rows, cents)


def checks_found(sums: Sums, apart: Apart, settings: LineSettings) -> dict[str, int]:
    """Rows by what was done about them and why, as `rejected.bad_date`."""
    found = {f"rejected.{code}": rows for code, (rows, _) in apart.items() if code != FILTERED}
    marked = {**sums.marked, "exact_duplicate": sums.exact_duplicates, "duplicate_line": sums.duplicate_lines}
    for code, rows in marked.items():
        if rows:
            repaired = line_severity(code, settings.quality.checks) == "repair"
            if code == "exact_duplicate":
                repaired = drops_copies(settings.source, settings.quality)
            found[f"{'repaired' if repaired else 'flagged'}.{code}"] = rows
    return found
