"""What is known of a source's rows as of a date, from what its batches counted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from rfm_spark.core.batches import Batch, Batches, date_of, day_number
from rfm_spark.core.reading.checks import ANONYMOUS

# The last week against the mean of the four before it.
RECENT_DAYS = 7
TRAILING_WEEKS = 4
CURRENCIES = "currencies"
# Facts of a batch: rows that it read, and the first moment of those that were dated too far ahead.
DELIVERED, DUE = "delivered", "due"


@dataclass(frozen=True)
class LineCounts:
    """Figures of a source's rows.

    Attributes:
        read: rows of the source.
        filtered: rows outside the source's condition; None where it has none.
        rejected: rows per reason, anonymous ones among them.
        later: accepted rows dated after as_of.
        newest: date of the newest accepted row up to as_of.
        oldest: date of the oldest accepted row.
        currencies: smallest and largest currency code up to as_of; empty for a line that lacks what is mapped.
        recent: accepted rows of the last 7 days up to as_of.
        trailing: accepted rows of the 28 days before these.
        fingerprint: of the rows dated up to as_of.
        sale_cents: sales up to as_of.
        refund_cents: refunds up to as_of.
    """

    read: int
    rejected: Mapping[str, int] = field(default_factory=dict)
    later: int = 0
    newest: date | None = None
    oldest: date | None = None
    currencies: tuple[str | None, str | None] = (None, None)
    recent: int = 0
    trailing: int = 0
    fingerprint: str = ""
    filtered: int | None = None
    sale_cents: int = 0
    refund_cents: int = 0

    @property
    def reject_share(self) -> float:
        """Rejected rows with a customer, as a share of all rows with a customer."""
        return reject_share(self.read, self.rejected, self.filtered or 0)

    @property
    def volume_ratio(self) -> float | None:
        """Rows of the last week against the mean week of the four before; None where these had none."""
        return self.recent * TRAILING_WEEKS / self.trailing if self.trailing else None


def reject_share(read: int, rejected: Mapping[str, int], filtered: int) -> float:
    """Rejected rows with a customer, as a share of all rows with a customer."""
    anonymous = rejected.get(ANONYMOUS, 0)
    known = read - anonymous - filtered
    return (sum(rejected.values()) - anonymous) / known if known else 0.0


def line_counts(batches: Batches, source: str, as_of: date) -> LineCounts:
    """Figures of the batches that hold.

    Args:
        batches: of one reading.
        source: its name.
        as_of: last day that counts.
    """
    rows, last = batches.rows(), day_number(as_of)
    days = {number: day for number, day in batches.days().items() if day.rows}
    until = {number: day for number, day in days.items() if number <= last}
    week, month = last - RECENT_DAYS + 1, last - RECENT_DAYS * (TRAILING_WEEKS + 1) + 1
    told = sorted(_currencies((batch.facts for batch in batches.live), last))
    return LineCounts(
        read=rows.get(f"{source}.read", 0),
        rejected=rejected_by_reason(rows, source),
        later=sum(day.rows for number, day in days.items() if number > last),
        newest=date_of(max(until)) if until else None,
        oldest=date_of(min(days)) if days else None,
        currencies=(told[0], told[-1]) if told else (None, None),
        recent=sum(day.rows for number, day in until.items() if number >= week),
        trailing=sum(day.rows for number, day in until.items() if month <= number < week),
        fingerprint=batches.fingerprint(as_of),
        filtered=rows.get(f"{source}.filtered"),
        sale_cents=sum(day.sale_cents for day in until.values()),
        refund_cents=sum(day.refund_cents for day in until.values()),
    )


def rejected_by_reason(rows: Mapping[str, int], source: str) -> dict[str, int]:
    """Rejected rows of counts by name, per reason."""
    start = f"{source}.rejected."
    return {name.removeprefix(start): count for name, count in rows.items() if name.startswith(start)}


def _currencies(facts: Iterable[Mapping[str, str]], last: int) -> set[str]:
    each = (json.loads(one.get(CURRENCIES, "{}")) for one in facts)
    return {name for first in each for name, number in first.items() if number <= last}


def delivered(batch: Batch) -> int:
    """Rows that a batch read, whatever they took the place of."""
    return int(batch.facts.get(DELIVERED, batch.rows.get(f"{batch.source}.read", 0)))


def first_due(batches: Iterable[Batch]) -> int | None:
    """When the first row that was dated too far ahead will no longer be, in microseconds since 1970."""
    return min((int(batch.facts[DUE]) for batch in batches if DUE in batch.facts), default=None)


def currencies_text(currencies: Mapping[str, int]) -> str:
    """Currencies with their first day, as a fact of a batch."""
    return json.dumps(dict(sorted(currencies.items())))
