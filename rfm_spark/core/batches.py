"""Batches of a source: what was read at once, what became of it, and which batches hold."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

EPOCH = date(1970, 1, 1)
# Halves of fingerprints are remainders of this prime: as products and sums of 28 bits they stay within a BIGINT.
MODULUS = (1 << 28) - 57
# Part of every fingerprint: which rows it is made of, and how.
_EDITION = "3:"
# The kind of a batch that is made of earlier ones, and the fact that names these.
FOLD, _TAKEN = "fold", "taken"


class Day(NamedTuple):
    """What a batch has of one day; all but rows added up to a date are what counts as of it.

    Attributes:
        rows: lines of that day, those among them that a later day's version replaces.
        sale_cents: sales of the day, less those that no longer count from that day on.
        refund_cents: the same of refunds.
        low: one half of a fingerprint of them, a remainder of MODULUS.
        high: the other half.
    """

    rows: int = 0
    sale_cents: int = 0
    refund_cents: int = 0
    low: int = 0
    high: int = 0

    def plus(self, other: Day, times: int = 1) -> Day:
        """Both together; less the other for -1."""
        added = Day(*(mine + times * theirs for mine, theirs in zip(self, other, strict=True)))
        return added._replace(low=added.low % MODULUS, high=added.high % MODULUS)


NO_DAY = Day()


class Taken(NamedTuple):
    """A batch as it was taken, whatever became of its rows.

    Attributes:
        batch_id: under which its rejected rows are.
        kind: append, correction or rebuild.
        why: why everything was read again, where that is not always so.
    """

    batch_id: str
    kind: str
    why: str = ""


@dataclass(frozen=True)
class Batch:
    """One row of table `batches`.

    Attributes:
        reading: hash of all that shapes how rows are read.
        number: in the order in which batches of its reading were written, from 1.
        batch_id: number and the start of a hash of what was read; of a fold, before these, that of the last one in it.
        source: name of the source.
        from_version: version up to which rows had been read; None for all of them.
        to_version: version that was read.
        kind: append, correction or rebuild; or fold, of earlier ones whose place it takes.
        why: why everything was read again, where that is not always so.
        rows: by what became of them, and by check.
        money: by what became of its rows.
        days: by number of the day since 1970-01-01.
        files: of the source that were read by now.
        facts: what else later batches ask.
    """

    reading: str
    number: int
    batch_id: str
    source: str
    from_version: str | None
    to_version: str
    kind: str
    why: str = ""
    rows: Mapping[str, int] = field(default_factory=dict)
    money: Mapping[str, Decimal] = field(default_factory=dict)
    days: Mapping[int, Day] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def taken(self) -> tuple[Taken, ...]:
        """Itself; of a fold those that it is made of, and those before whose rows no longer held, oldest first."""
        if self.kind != FOLD:
            return (Taken(self.batch_id, self.kind, self.why),)
        return tuple(Taken(*one) for one in json.loads(self.facts[_TAKEN]))

    @property
    def place(self) -> int:
        """Where it stands among the batches of its reading: a fold, where the last one in it stood."""
        return number_of(self.batch_id, first=True) if self.kind == FOLD else self.number

    def as_row(self) -> dict[str, Any]:
        """The row."""
        days = [{"day": number, **day._asdict()} for number, day in sorted(self.days.items())]
        return {
            "reading": self.reading, "number": self.number, "batch_id": self.batch_id, "source": self.source,
            "from_version": self.from_version, "to_version": self.to_version, "kind": self.kind, "why": self.why,
            "rows": dict(self.rows), "money": dict(self.money), "days": days, "files": list(self.files),
            "facts": dict(self.facts),
        }  # fmt: skip


def batch_of(row: Mapping[str, Any]) -> Batch:
    """A batch from its row."""
    days = {int(one["day"]): Day(*(int(one[name]) for name in Day._fields)) for one in row["days"] or ()}
    return Batch(
        row["reading"], int(row["number"]), row["batch_id"], row["source"], row["from_version"], row["to_version"],
        row["kind"], row["why"] or "", dict(row["rows"] or {}), dict(row["money"] or {}), days,
        tuple(row["files"] or ()), dict(row["facts"] or {}),
    )  # fmt: skip


@dataclass(frozen=True)
class Batches:
    """The batches of one reading, oldest first, as far as they are known.

    Attributes:
        known: from the last rebuild on; or from an earlier one on.
    """

    known: tuple[Batch, ...] = ()

    @property
    def live(self) -> tuple[Batch, ...]:
        """Those whose rows hold: from the last rebuild on; of a fold, which is the oldest one, all that is in it."""
        rebuilt = [at for at, batch in enumerate(self.known) if batch.kind == "rebuild"]
        return self.known[rebuilt[-1] :] if rebuilt else self.known

    @property
    def before(self) -> tuple[Batch, ...]:
        """Those that a rebuild took the place of."""
        return self.known[: len(self.known) - len(self.live)]

    @property
    def last(self) -> Batch | None:
        """The newest one."""
        return self.known[-1] if self.known else None

    @property
    def next_number(self) -> int:
        """Of the batch that is written next."""
        return max((batch.number for batch in self.known), default=0) + 1

    @property
    def ids(self) -> list[str]:
        """Ids of those that hold."""
        return [batch.batch_id for batch in self.live]

    @property
    def taken(self) -> tuple[Taken, ...]:
        """All of them as they were taken, oldest first."""
        return tuple(one for batch in self.known for one in batch.taken)

    @property
    def held(self) -> tuple[Taken, ...]:
        """Those that hold, as they were taken: from the last rebuild on."""
        return _held(self.taken)

    def until(self, batch_id: str) -> Batches | None:
        """As it was when a batch was the newest one taken; None where that is not known, or folded with later ones."""
        at = next((at for at, batch in enumerate(self.known) if batch.taken[-1].batch_id == batch_id), None)
        return None if at is None else Batches(self.known[: at + 1])

    def taken_until(self, batch_id: str) -> tuple[Taken, ...]:
        """Batches taken up to one of them, that among them; none where it is not known."""
        every = self.taken
        at = next((at for at, one in enumerate(every) if one.batch_id == batch_id), -1)
        return every[: at + 1]

    def held_at(self, batch_id: str) -> tuple[Taken, ...]:
        """Those that held when one of them was the newest; none where it is not known."""
        return _held(self.taken_until(batch_id))

    def with_one(self, batch: Batch) -> Batches:
        """These and one more."""
        return Batches((*self.known, batch))

    def days(self) -> dict[int, Day]:
        """What all of them have of each day."""
        return total_days(batch.days for batch in self.live)

    def rows(self) -> dict[str, int]:
        """Counts of all of them."""
        found: dict[str, int] = {}
        for batch in self.live:
            for name, count in batch.rows.items():
                found[name] = found.get(name, 0) + count
        return found

    def money(self) -> dict[str, Decimal]:
        """Sums of all of them."""
        found: dict[str, Decimal] = {}
        for batch in self.live:
            for name, amount in batch.money.items():
                found[name] = found.get(name, Decimal(0)) + amount
        return found

    def fingerprint(self, as_of: date) -> str:
        """Of the rows dated up to a day."""
        return fingerprint_of(self.days(), as_of)


def total_days(parts: Iterable[Mapping[int, Day]]) -> dict[int, Day]:
    """Days added up; those of which nothing is left are none."""
    found: dict[int, Day] = {}
    for days in parts:
        for number, day in days.items():
            found[number] = found.get(number, NO_DAY).plus(day)
    return {number: day for number, day in found.items() if day != NO_DAY}


def fingerprint_of(days: Mapping[int, Day], as_of: date) -> str:
    """A fingerprint of the rows that count as of a day, which does not depend on how they came."""
    return fingerprints_of(days, [as_of])[as_of]


def fingerprints_of(days: Mapping[int, Day], dates: Iterable[date]) -> dict[date, str]:
    """Such a fingerprint as of each of some dates: of ten years of them at once, since days are added up but once."""
    found: dict[date, str] = {}
    low = high = at = 0
    ordered = sorted(days.items())
    for as_of in sorted(dates):
        last = day_number(as_of)
        while at < len(ordered) and ordered[at][0] <= last:
            low, high = (low + ordered[at][1].low) % MODULUS, (high + ordered[at][1].high) % MODULUS
            at += 1
        found[as_of] = f"{_EDITION}{low:x}.{high:x}"
    return found


def changed_days(before: Mapping[int, Day], now: Mapping[int, Day]) -> list[int]:
    """Numbers of the days whose rows differ."""
    return sorted(number for number in {*before, *now} if before.get(number, NO_DAY) != now.get(number, NO_DAY))


def is_comparable(fingerprint: str) -> bool:
    """Whether a fingerprint of the ledger was made as today's are."""
    return fingerprint.startswith(_EDITION)


def day_number(day: date) -> int:
    """Days since 1970-01-01, as Spark counts them: it has days that Python's dates can't hold."""
    return (day - EPOCH).days


def date_of(number: int) -> date:
    """The date of a day's number, or the nearest one that Python has."""
    first, last = day_number(date.min), day_number(date.max)
    return EPOCH + timedelta(days=min(max(number, first), last))


def in_order(rows: Sequence[Mapping[str, Any]]) -> Batches:
    """Batches from rows of the ledger, of one reading; without those whose place the newest fold takes."""
    every = sorted((batch_of(row) for row in rows), key=lambda batch: batch.number)
    fold = next((batch for batch in reversed(every) if batch.kind == FOLD), None)
    if fold is not None:
        every = [fold, *(batch for batch in every if batch.place > fold.place)]
    return Batches(tuple(sorted(every, key=lambda batch: batch.place)))


def number_of(batch_id: str, *, first: bool = False) -> int:
    """The number of a batch, from its id; or the first one there, which puts ids in the order of batches."""
    return int(batch_id.split("-")[0 if first else -2])


def taken_as_fact(taken: Iterable[Taken]) -> dict[str, str]:
    """The fact of a fold that names what it is made of."""
    return {_TAKEN: json.dumps(list(taken))}


def _held(taken: tuple[Taken, ...]) -> tuple[Taken, ...]:
    rebuilt = [at for at, one in enumerate(taken) if one.kind == "rebuild"]
    return taken[rebuilt[-1] :] if rebuilt else taken
