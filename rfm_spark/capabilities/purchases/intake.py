"""Taking a batch of lines: rows become days of orders, and every row and cent is accounted for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Protocol

from pyspark.sql import DataFrame, Observation, Row
from pyspark.sql import functions as F

from rfm_spark.capabilities.purchases.accounting import balance, checks_found
from rfm_spark.capabilities.purchases.checks import FUTURE, line_severity
from rfm_spark.capabilities.purchases.days import DayShape, days_of_known_lines, order_days
from rfm_spark.capabilities.purchases.duplicates import (
    distinct_lines,
    drops_copies,
    lines_of_suspects,
    looks_for_duplicates,
    repeated,
    replaces_lines,
    superseded_lines,
    with_repeat_hash,
)
from rfm_spark.capabilities.purchases.lines import (
    ReadOptions,
    ValidatedLines,
    currency_origin,
    rejects,
    superseded_rejects,
    validated_lines,
)
from rfm_spark.capabilities.purchases.seen import Seen, by_reason, counted_apart, earliest, less, observed, watched
from rfm_spark.capabilities.purchases.settings import LineSettings
from rfm_spark.capabilities.purchases.sums import Sums, subtract, summed, sums_of
from rfm_spark.capabilities.purchases.values import IDS
from rfm_spark.core.batches import Day
from rfm_spark.core.reading.ids import unicode_changes
from rfm_spark.core.reading.mapping import FILTERED
from rfm_spark.pipeline.environment import Frames

SOURCE = "transactions"
# So few customers or hashes are sent everywhere to be joined with.
BROADCAST = 200_000


class Keep(Protocol):
    """Keeps what was made of a batch, and gives it back as it is kept."""

    def days(self, rows: DataFrame, *, more: bool) -> DataFrame:
        """Keep rows of `order_days`, in place of those kept before or beside them."""

    def rejects(self, rows: DataFrame) -> None:
        """Keep rejected rows."""


@dataclass(frozen=True)
class Replaced:
    """Customers whose rows are read again whole.

    Attributes:
        customers: customer_id, once each.
        count: how many.
        lines: accepted lines of the whole source, ids in one form.
        before: their rows of `order_days` that no longer count.
    """

    customers: DataFrame
    count: int
    lines: DataFrame
    before: DataFrame


@dataclass(frozen=True)
class Taken:
    """What became of a batch.

    Attributes:
        rows: by what became of them, and by check; less what the batch takes the place of.
        money: by what became of it.
        days: what the batch adds to each day.
        currencies: of lines that count, each with the first day it is of; empty for a line without what is mapped.
        delivered: rows that were read, whatever they took the place of.
        due: when the first of the rows that are dated too far ahead will be, in microseconds since 1970; None for none.
        days_frame: rows of `order_days` as they are kept.
    """

    rows: Mapping[str, int]
    money: Mapping[str, Decimal]
    days: Mapping[int, Day]
    currencies: Mapping[str, int]
    delivered: int
    due: int | None
    days_frame: DataFrame


@dataclass(frozen=True)
class _Flow:
    """The lines of a batch, what flowed by, and lines that are no longer there."""

    validated: ValidatedLines
    seen: Seen
    gone: ValidatedLines | None


class LineIntake:
    """Takes one batch."""

    def __init__(self, settings: LineSettings, frames: Frames, keep: Keep) -> None:
        """Remember how lines are read, and where they are kept."""
        self._settings, self._frames, self._keep = settings, frames, keep
        self._source, self._quality = settings.source, settings.quality
        self._shape = DayShape.of(settings.source)
        self._looks = looks_for_duplicates(self._source, self._quality)

    def lines(self, frame: DataFrame, options: ReadOptions) -> DataFrame:
        """Accepted lines of rows."""
        return accepted(validated_lines(frame, self._source, options).lines)

    def with_known_ids(self, frame: DataFrame, options: ReadOptions) -> ReadOptions:
        """How rows are read, once it is known whether their ids come in several Unicode forms."""
        if line_severity("id_unicode", self._quality.checks) == "off":
            return options
        changes = self._frames.persist(unicode_changes(self.lines(frame, options), IDS))
        return replace(options, id_changes=changes) if changes.count() else options

    def take(
        self, frame: DataFrame, options: ReadOptions, replaced: Replaced | None = None, gone: DataFrame | None = None
    ) -> Taken:
        """Read rows, keep what they come to, and account for each of them.

        Args:
            frame: rows of the source that are new.
            options: how they are read.
            replaced: customers whose rows are read again whole.
            gone: rows that were read before and are no longer there; of customers that are replaced.

        Raises:
            BalanceError: a row or a cent is missing, or there twice.
        """
        validated = validated_lines(frame, self._source, options)
        kept, seen = self._first(validated, replaced)
        changes = self._id_changes(validated, seen, options)
        if changes is not None:
            # Ids came in several Unicode forms: the rows are read once more, with each id in one form.
            validated = validated_lines(frame, self._source, replace(options, id_changes=changes))
            kept, seen = self._first(validated, replaced)
        sums = sums_of(self._summed(kept))
        lines = self._lines(accepted(validated.lines), replaced)
        if sums.may_repeat and not replaces_lines(self._source, self._quality):
            told = self._with_copies(lines, kept, sums.may_repeat)
            if told is not None:
                kept, sums = told, sums_of(self._summed(told))
        flow = _Flow(validated, seen, None if gone is None else validated_lines(gone, self._source, options))
        versions = sums.duplicate_lines
        if replaced is not None:
            subtract(sums, sums_of(self._summed(replaced.before)))
        # Where none is gone, only a line more that is replaced is one that was not replaced before.
        found = versions and (sums.duplicate_lines or gone is not None)
        superseded = self._superseded(flow, lines, replaced) if found else None
        return self._accounted(flow, sums, self._apart(flow, superseded), kept)

    def _first(self, validated: ValidatedLines, replaced: Replaced | None) -> tuple[DataFrame, Seen]:
        """Lines to days in one pass, and what flowed by."""
        watch = Observation()
        lines = accepted(validated.lines.observe(watch, *watched()))
        every = self._lines(lines, replaced)
        kept = self._keep.days(self._marked(self._days(every), replaced), more=False)
        return kept, observed(watch) or counted_apart(validated.lines)

    def _lines(self, lines: DataFrame, replaced: Replaced | None) -> DataFrame:
        if replaced is None:
            return lines
        customers = broadcast(replaced.customers, replaced.count)
        again = replaced.lines.join(customers, "customer_id", "left_semi")
        return lines.join(customers, "customer_id", "left_anti").unionByName(again)

    def _days(self, lines: DataFrame) -> DataFrame:
        if not replaces_lines(self._source, self._quality):
            return order_days(lines, self._shape, looks=self._looks)
        # A later version of a line may be of another day: which lines repeat is known before they are added up.
        hashes = self._repeated(lines)
        if hashes is None:
            return order_days(lines, self._shape, looks=False)
        marked = with_repeat_hash(lines)
        others = marked.join(hashes, "repeat_hash", "left_anti").drop("repeat_hash")
        theirs = distinct_lines(marked.join(hashes, "repeat_hash", "left_semi"), self._source, self._quality)
        known = days_of_known_lines(theirs, self._shape)
        once = order_days(others, self._shape, looks=False)
        return once.unionByName(known.select(*once.columns))

    def _repeated(self, lines: DataFrame) -> DataFrame | None:
        hashes = self._frames.persist(repeated(lines))
        count = hashes.count()
        return broadcast(hashes, count) if count else None

    def _with_copies(self, lines: DataFrame, kept: DataFrame, count: int) -> DataFrame | None:
        """Rows that tell of copies beside those that are kept; copies that don't count are taken off.

        Of few orders that may repeat only their lines are looked at again. None where there are no copies.
        """
        theirs = lines
        if count <= BROADCAST:
            theirs = self._frames.persist(lines_of_suspects(lines, kept, self._shape.grain))
        hashes = self._repeated(theirs)
        if hashes is None:
            return None
        theirs = with_repeat_hash(theirs).join(hashes, "repeat_hash", "left_semi")
        copies = distinct_lines(theirs, self._source, self._quality).where("exact_duplicates > 0")
        copies = self._frames.persist(copies)
        if copies.isEmpty():
            return None
        off = F.col("exact_duplicates") * F.lit(-1 if drops_copies(self._source, self._quality) else 0).cast("bigint")
        money = {name: F.col(name) * off for name in ("sale_cents", "refund_cents")}
        told = days_of_known_lines(copies.withColumns({"lines": off, **money}), self._shape)
        return self._keep.days(told, more=True)

    def _marked(self, rows: DataFrame, replaced: Replaced | None) -> DataFrame:
        """Rows with the mark of customers that were read again, one row of nothing for each of them."""
        if replaced is None:
            return rows
        mark = {"customer_id": F.col("customer_id"), "replaces": F.lit(True)}
        empty = replaced.customers.select(*(mark.get(name, F.lit(None)).alias(name) for name in rows.columns))
        return rows.unionByName(empty)

    def _summed(self, kept: DataFrame) -> list[Row]:
        return summed(kept, self._shape.grain, replaces=replaces_lines(self._source, self._quality))

    def _id_changes(self, validated: ValidatedLines, seen: Seen, options: ReadOptions) -> DataFrame | None:
        if (
            not seen.non_ascii
            or options.id_changes is not None
            or line_severity("id_unicode", self._quality.checks) == "off"
        ):
            return None
        changes = self._frames.persist(unicode_changes(accepted(validated.lines), IDS))
        return changes if changes.count() else None

    def _superseded(self, flow: _Flow, lines: DataFrame, replaced: Replaced | None) -> DataFrame | None:
        """Lines that another one replaced, but those that were replaced before."""
        hashes = self._repeated(lines)
        if hashes is None:
            return None
        fresh = None if replaced is None else accepted(flow.validated.lines)
        gone = None if flow.gone is None else accepted(flow.gone.lines)
        theirs, *others = (
            None if one is None else with_repeat_hash(one).join(hashes, "repeat_hash", "left_semi")
            for one in (lines, fresh, gone)
        )
        return None if theirs is None else superseded_lines(theirs, self._source, self._quality, *others)

    def _apart(self, flow: _Flow, superseded: DataFrame | None) -> dict[str, tuple[int, int]]:
        """Rows and cents that are rejected or filtered, by reason; rejected rows are kept, and superseded ones."""
        lines, seen = flow.validated.lines, flow.seen
        frames, found = [], dict[str, tuple[int, int]]()
        if seen.rejected or seen.filtered:
            # What flowed by may count twice, but never too little: without any there are none.
            found = by_reason(lines)
        if any(reason != FILTERED for reason in found):
            frames.append(rejects(lines, self._source))
        if superseded is not None:
            frames.append(superseded_rejects(superseded))
        if frames:
            self._keep.rejects(frames[0] if len(frames) == 1 else frames[0].unionByName(frames[1]))
        return found

    def _accounted(self, flow: _Flow, sums: Sums, apart: Mapping[str, tuple[int, int]], kept: DataFrame) -> Taken:
        validated, seen, settings = flow.validated, flow.seen, self._settings
        due = earliest(validated.lines, FUTURE) if FUTURE in apart else None
        gone = None if flow.gone is None else counted_apart(flow.gone.lines)
        if flow.gone is not None:
            apart = less(apart, by_reason(flow.gone.lines))
        held = balance(seen.less(gone), sums, apart, settings)
        if not held.holds:
            # Where a task's output was lost, what flowed by was counted again: only a count of its own decides.
            seen = counted_apart(validated.lines)
            held = balance(seen.less(gone), sums, apart, settings)
        held.must_hold(SOURCE)
        found = checks_found(sums, apart, settings)
        money = held.sums(SOURCE)
        if "flagged.exact_duplicate" in found:
            money[f"{SOURCE}.flagged.exact_duplicate"] = Decimal(sums.copy_cents) / 100
        rows = {**held.row_counts(SOURCE), **{f"{SOURCE}.{name}": count for name, count in found.items()}}
        origin = currency_origin(validated.lines, self._source)
        told = {name: day for name, day in sums.currencies.items() if name or origin == "column"}
        currencies = told if origin != "nowhere" else {}
        return Taken(rows, money, sums.days, currencies, seen.read, due, kept)


def accepted(lines: DataFrame) -> DataFrame:
    """Usable lines of all dates, without what only rejects need."""
    return lines.where(F.col("reason").isNull()).drop("reason")


def broadcast(rows: DataFrame, count: int) -> DataFrame:
    """Rows to be joined with, sent everywhere where they are few."""
    return F.broadcast(rows) if count <= BROADCAST else rows
