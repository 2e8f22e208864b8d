"""Whether an input is good enough to publish anything from."""

from __future__ import annotations

from datetime import date

from rfm_spark.core.config import QualityConfig
from rfm_spark.intake.lines import LineCounts


def breaches(counts: LineCounts, quality: QualityConfig, as_of: date) -> list[str]:
    """Every limit the input is beyond, a sentence each.

    Args:
        counts: of the source's rows.
        quality: the limits.
        as_of: last day that counts.
    """
    found = []
    if counts.read == 0:
        return ["sources.transactions has no rows; check the path and the mapping"]
    if counts.reject_share > quality.max_reject_share:
        reasons = ", ".join(f"{name} {n:,}" for name, n in counts.rejected.items())
        found.append(
            f"{counts.reject_share:.1%} of the rows of sources.transactions were rejected ({reasons}), more than "
            f"quality.max_reject_share allows ({quality.max_reject_share:.1%}); look at table rejects and mend the "
            "mapping or the data"
        )
    if counts.newest is None:
        found.append(
            f"no usable row of sources.transactions is dated up to {as_of} ({counts.later:,} are later); "
            "choose a later --as-of, or check columns.order_ts"
        )
    elif quality.max_staleness_days is not None and (as_of - counts.newest).days > quality.max_staleness_days:
        found.append(
            f"the newest row of sources.transactions up to {as_of} is of {counts.newest}, more than "
            f"{quality.max_staleness_days} days before; run with --as-of {counts.newest}, or raise "
            "quality.max_staleness_days"
        )
    return found


def mixed_currencies(counts: LineCounts) -> str | None:
    """A sentence when amounts of several currencies would be added up."""
    low, high = counts.currencies
    if low == high:
        return None
    return (
        f"sources.transactions has amounts in {low} and {high}, and currencies are never added up; "
        "convert them in columns.amount, or read one currency only"
    )
