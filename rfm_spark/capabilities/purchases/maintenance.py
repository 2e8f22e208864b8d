"""What transactions need when a lake is maintained: old batches become one, and rows that nothing refers to go."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from rfm_spark.capabilities.purchases.batches import LAST_BATCH, known_batches, live_rows, reading_hash
from rfm_spark.capabilities.purchases.duplicates import replaces_lines
from rfm_spark.capabilities.purchases.folding import foldable, folded, folded_rows
from rfm_spark.capabilities.purchases.settings import LineSettings
from rfm_spark.capabilities.purchases.sums import summed, sums_of
from rfm_spark.capabilities.purchases.tables import ORDER_DAYS
from rfm_spark.core.batches import Batch, Batches, changed_days, in_order, number_of
from rfm_spark.core.errors import BalanceError
from rfm_spark.core.runs import current_runs, previous_of, with_rows
from rfm_spark.core.schemas import BATCHES
from rfm_spark.core.upkeep import Done, Upkeep


@dataclass(frozen=True)
class _Useless:
    """What nothing refers to.

    Attributes:
        listed: ids of batches of the ledger whose place a fold took.
        kept: batches with rows in `order_days` that are in no ledger, or are among these.
    """

    listed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


def fold_batches(upkeep: Upkeep) -> Sequence[Done]:
    """Fold batches of this reading that every recent run had into one; remove what folds and dead processes left.

    Killed between any two commits it leaves what the next one removes: rows of a fold that is not in the ledger are
    read by nobody, and where it is there, nobody looks for the batches whose place it takes.

    Raises:
        BalanceError: the rows of the fold don't add up to those of the batches; nothing was folded.
        SlotHeldError: a run is at work; the next maintenance removes what it may read.
    """
    done = []
    left = _useless(upkeep)
    if left.listed or left.kept:
        count = len({*left.listed, *left.kept})
        done.append(
            Done(ORDER_DAYS.name, "drop", f"{count:,} batch{'' if count == 1 else 'es'} that nothing refers to")
        )
        _remove(upkeep, left)
    reading = reading_hash(upkeep.config.document())
    known = known_batches(upkeep.tables, reading)
    found = foldable(known, _last_batches(upkeep), upkeep.config.retention.batches)
    if found and (upkeep.is_dry or _fold(upkeep, found, known.next_number)):
        done.append(Done(ORDER_DAYS.name, "fold", f"{len(found):,} batches into 1"))
        if not upkeep.is_dry:
            _remove(upkeep, _useless(upkeep))
    return done


def _last_batches(upkeep: Upkeep) -> set[str]:
    """How far recent runs had read: those that a run of any segmentation may be compared with before long."""
    first = upkeep.as_of - timedelta(days=upkeep.config.retention.daily)
    runs = [run for run in upkeep.complete if run.has_rows and run.as_of > first]
    for name in {run.config_name for run in upkeep.complete}:
        current = with_rows(current_runs(upkeep.complete, name))
        if not current:
            continue
        newest = max(current)
        before = previous_of(current, newest)
        runs += [current[newest], *([] if before is None else [before])]
    return {run.inputs[LAST_BATCH] for run in runs if LAST_BATCH in run.inputs}


def _fold(upkeep: Upkeep, found: Sequence[Batch], number: int) -> bool:
    """Write the fold, its row last; False where a run that took a batch was faster."""
    tables, lines = upkeep.tables, LineSettings.given(upkeep.config)
    batch, these, grain = folded(found, number, uuid.uuid4().hex), Batches(tuple(found)), lines.source.order_grain
    there = live_rows(tables.of_runs(ORDER_DAYS.name, these.ids), these)
    tables.write_slice(ORDER_DAYS, folded_rows(there, grain), batch.batch_id)
    written = tables.of_runs(ORDER_DAYS.name, [batch.batch_id])
    sums = sums_of(summed(written, grain, replaces=replaces_lines(lines.source, lines.quality)))
    if changed_days(sums.days, batch.days):
        tables.drop_slices(ORDER_DAYS, [batch.batch_id])
        raise BalanceError(
            f"order_days: {len(found):,} batches up to {batch.taken[-1].batch_id} don't come to what batches says of "
            "them; nothing was folded; run with --full --verify, and report it"
        )
    tables.insert_new(BATCHES, [batch.as_row()], keys=("reading", "number"))
    mine = {row["batch_id"] for row in tables.rows(BATCHES.name, reading=batch.reading, number=number)}
    if mine == {batch.batch_id}:
        return True
    tables.drop_slices(ORDER_DAYS, [batch.batch_id])
    return False


def _useless(upkeep: Upkeep) -> _Useless:
    """What folds took the place of, and what processes left that died before their batch was in the ledger.

    A batch that is being taken is not in the ledger either, but its number is one that is still free.
    """
    tables = upkeep.tables
    rows = tables.rows(BATCHES.name)
    known = {
        name: in_order([row for row in rows if row["reading"] == name]) for name in {row["reading"] for row in rows}
    }
    listed = {batch.batch_id for batches in known.values() for batch in batches.known}
    hidden = {row["batch_id"] for row in rows} - listed
    others = sorted(tables.slices(ORDER_DAYS.name) - listed)
    readings = {one.batch_id: name for name, batches in known.items() for one in batches.taken}
    free = {name: batches.next_number for name, batches in known.items()}
    for one in others:
        if one not in hidden and one not in readings:
            first = tables.of_runs(ORDER_DAYS.name, [one]).select("reading").first()
            readings[one] = "" if first is None else str(first["reading"])
    over = (one for one in others if one in hidden or number_of(one) < free.get(readings[one], 0))
    return _Useless(tuple(sorted(hidden)), tuple(over))


def _remove(upkeep: Upkeep, useless: _Useless) -> None:
    if upkeep.is_dry or not (useless.listed or useless.kept):
        return
    upkeep.must_be_alone()
    # The ledger first: what it names is looked for.
    upkeep.tables.delete_rows(BATCHES, {"batch_id": useless.listed})
    upkeep.tables.drop_slices(ORDER_DAYS, useless.kept)


UPKEEP = (fold_batches,)
