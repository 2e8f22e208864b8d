"""Whether an input is good enough to publish anything from, and enough of it to mean something."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.capabilities.purchases.counts import LineCounts, delivered, reject_share, rejected_by_reason
from rfm_spark.capabilities.purchases.duplicates import can_be_dropped
from rfm_spark.capabilities.purchases.quality import QualityConfig
from rfm_spark.core.batches import FOLD, Batch, Batches
from rfm_spark.core.reading.checks import ANONYMOUS
from rfm_spark.core.reading.limits import Levels

# A share of fewer new rows is chance.
_MIN_BATCH = 20
# So many batches show what is usual.
_USUAL = 4
# The fact of a fold that keeps what they read.
USUAL_READS = "usual_reads"
# Below this many rows in four weeks a ratio of weeks is chance.
_MIN_TRAILING = 40


@dataclass(frozen=True)
class Finding:
    """A limit the input is beyond.

    Attributes:
        level: fail stops the run, warn is noted in it.
        gate: the key in `quality`; `currencies` has none.
        message: what and what to do, in a sentence.
    """

    level: Literal["warn", "fail"]
    gate: str
    message: str


@dataclass(frozen=True)
class Buyers:
    """How many customers there are to segment.

    Attributes:
        ever: customers who purchased.
        repeat: customers with at least `quality.min_repeat_buyers.orders` purchases in the window.
    """

    ever: int
    repeat: int


# These say that a result would mean little, not that the input is broken.
MINIMUM_GATES = ("min_buyers", "min_repeat_buyers", "min_history_days")


def findings(
    counts: LineCounts,
    quality: QualityConfig,
    as_of: date,
    buyers: Buyers | None = None,
    *,
    currencies_apart: bool = False,
) -> list[Finding]:
    """Every limit the input is beyond.

    Args:
        counts: of the source's rows.
        quality: the limits.
        as_of: last day that counts.
        buyers: None where they have not been counted yet; their limits are then left out.
        currencies_apart: whether customers are parted by currency, so that amounts of several never meet.
    """
    mixed = None if currencies_apart else mixed_currencies(counts)
    found = [Finding("fail", "currencies", mixed)] if mixed else []
    found += [*_rejects(counts, quality), *_freshness(counts, quality, as_of), *_volume(counts, quality)]
    if buyers is not None:
        found += _minimum(counts, quality, buyers)
    return found


def batch_findings(batch: Batch, before: Batches, quality: QualityConfig) -> list[Finding]:
    """Every limit of a delivery that a batch is beyond: a bad one must not hide behind two good years.

    Args:
        batch: the newest one.
        before: those that hold before it.
        quality: the limits.
    """
    source, limits, came = batch.source, quality.batch, delivered(batch)
    rejected, read = rejected_by_reason(batch.rows, source), batch.rows.get(f"{source}.read", 0)
    share = reject_share(read, rejected, batch.rows.get(f"{source}.filtered", 0))
    reasons = ", ".join(f"{name} {n:,}" for name, n in rejected.items() if name != ANONYMOUS)
    found = [] if read < _MIN_BATCH else _beyond(
        quality.batch_reject_levels, "batch.max_reject_share", lambda limit: share > limit,
        lambda limit: f"{share:.1%} of the new rows of sources.{source} that have a customer were rejected "
        f"({reasons}), more than quality.batch.max_reject_share allows ({limit:.1%}); correct the mapping or the data",
    )  # fmt: skip
    usual = usual_reads(before)
    only_removes = batch.kind == "correction" and not came
    if batch.kind == "rebuild" or only_removes or len(usual) < _USUAL or not sum(usual):
        return found
    ratio = came * len(usual) / sum(usual)
    return found + _beyond(
        quality.as_levels(limits.min_volume_ratio), "batch.min_volume_ratio", lambda limit: ratio < limit,
        lambda limit: f"sources.{source} brought {came:,} new rows, {ratio:.2f} times the mean of the {_USUAL} batches "
        f"before, less than quality.batch.min_volume_ratio ({limit:g}); check whether a part is missing",
    )  # fmt: skip


def usual_reads(batches: Batches) -> list[int]:
    """Rows that came with each of the last batches, as many as show what is usual; a fold remembers them."""
    found: list[int] = []
    for batch in batches.live:
        if batch.kind == FOLD:
            found += json.loads(batch.facts[USUAL_READS])
        elif batch.kind == "append" or (batch.kind == "correction" and delivered(batch)):
            found.append(delivered(batch))
    return found[-_USUAL:]


def mixed_currencies(counts: LineCounts) -> str | None:
    """A sentence when amounts of several currencies would be added up."""
    low, high = counts.currencies
    if low == high:
        return None
    several = f"amounts in {low} and {high}" if low else f"amounts in {high} and amounts without a currency"
    return (
        f"sources.transactions has {several}, and currencies are never added up; give "
        "sources.transactions.rates, convert them in columns.amount, part customers by rfm.scope: [currency], or read "
        "one currency only"
    )


def _rejects(counts: LineCounts, quality: QualityConfig) -> list[Finding]:
    reasons = ", ".join(f"{name} {n:,}" for name, n in counts.rejected.items() if name != ANONYMOUS)
    return _above(
        quality, "max_reject_share", counts.reject_share,
        lambda limit: f"{counts.reject_share:.1%} of the rows of sources.transactions that have a customer were "
        f"rejected ({reasons}), more than quality.max_reject_share allows ({limit:.1%}); look at them with "
        "`rfm-spark rejects` and correct the mapping or the data",
    )  # fmt: skip


def _freshness(counts: LineCounts, quality: QualityConfig, as_of: date) -> list[Finding]:
    levels = quality.levels("max_staleness_days")
    if counts.newest is None:
        if counts.read == 0:
            message = "sources.transactions has no rows; check the path and the mapping"
        elif counts.read == counts.filtered:
            message = f"sources.transactions.where leaves out all {counts.read:,} rows; check the condition"
        else:
            message = (
                f"no usable row of sources.transactions is dated up to {as_of} ({counts.later:,} are later); choose a "
                "later --as-of, or check columns.order_ts"
            )
        # Nothing at all is older than any limit; without a limit it is a shop that has not sold yet.
        return [Finding("warn" if levels.fail is None else "fail", "max_staleness_days", message)]
    newest, age = counts.newest, (as_of - counts.newest).days
    return _above(
        quality, "max_staleness_days", age,
        lambda limit: f"the newest row of sources.transactions up to {as_of} is of {newest}, more than {limit:g} days "
        f"before; run with --as-of {newest}, or raise quality.max_staleness_days",
    )  # fmt: skip


def _volume(counts: LineCounts, quality: QualityConfig) -> list[Finding]:
    ratio = counts.volume_ratio
    if ratio is None or counts.trailing < _MIN_TRAILING:
        return []
    week = (
        f"sources.transactions has {counts.recent:,} rows in the last 7 days, {ratio:.2f} times the mean week of the "
        "four before"
    )
    missing = _below(
        quality, "min_volume_ratio", ratio,
        lambda limit: f"{week}, less than quality.min_volume_ratio ({limit:g}); check whether a delivery is missing",
    )  # fmt: skip
    return missing + _above(
        quality, "max_volume_ratio", ratio,
        lambda limit: f"{week}, more than quality.max_volume_ratio ({limit:g}); check whether a delivery came twice",
    )  # fmt: skip


def _minimum(counts: LineCounts, quality: QualityConfig, buyers: Buyers) -> list[Finding]:
    found = _below(
        quality, "min_buyers", buyers.ever,
        lambda limit: f"only {buyers.ever:,} customers ever bought, fewer than quality.min_buyers ({limit:g}): scores "
        "that rank so few mean little",
    )  # fmt: skip
    repeat = quality.min_repeat_buyers
    if repeat is not None:
        found += _below(
            quality, "min_repeat_buyers", buyers.repeat,
            lambda limit: f"only {buyers.repeat:,} customers bought {repeat.orders} times or more in the window, fewer "
            f"than quality.min_repeat_buyers ({limit:g}): frequency can hardly tell customers apart",
        )  # fmt: skip
    if counts.newest is not None and counts.oldest is not None:
        days = (counts.newest - counts.oldest).days + 1
        found += _below(
            quality, "min_history_days", days,
            lambda limit: f"the history of {days:,} days is shorter than quality.min_history_days ({limit:g}): "
            "recency and frequency had little time to differ",
        )  # fmt: skip
    return found


def _above(quality: QualityConfig, gate: str, value: float, message: Callable[[float], str]) -> list[Finding]:
    return _beyond(quality.levels(gate), gate, lambda limit: value > limit, message)


def _below(quality: QualityConfig, gate: str, value: float, message: Callable[[float], str]) -> list[Finding]:
    return _beyond(quality.levels(gate), gate, lambda limit: value < limit, message)


def _beyond(
    levels: Levels, gate: str, breaks: Callable[[float], bool], message: Callable[[float], str]
) -> list[Finding]:
    if levels.fail is not None and breaks(levels.fail):
        return [Finding("fail", gate, message(levels.fail))]
    if levels.warn is not None and breaks(levels.warn):
        return [Finding("warn", gate, message(levels.warn))]
    return []


def copies_kept(rows: int, money: Decimal, source: TransactionsSource) -> str:
    """A sentence on equal rows that were flagged and kept, with what they are worth."""
    if can_be_dropped(source):
        why = "they may be two scans of an article or a row delivered twice, and no line id tells which"
        remedy = "map columns.line_id, or drop them with quality.checks.exact_duplicate: repair"
    else:
        why = "they may be two purchases or a row delivered twice, and no id tells which"
        remedy = "map columns.order_id or columns.line_id"
    return (
        f"{rows:,} rows of sources.transactions worth {money:,.2f} are equal to another one in every column and count: "
        f"{why}; {remedy}"
    )
