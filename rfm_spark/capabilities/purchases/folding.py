"""Folding batches of transactions: which of them become one, what that one says, and its rows."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.purchases.counts import CURRENCIES, DELIVERED, DUE, currencies_text, first_due
from rfm_spark.capabilities.purchases.gates import USUAL_READS, usual_reads
from rfm_spark.capabilities.purchases.orders import Grain
from rfm_spark.core.batches import FOLD, Batch, Batches, taken_as_fact
from rfm_spark.core.digests import digest

# Rows of `order_days` that are alike in these are one in a fold: whoever reads them takes sums and maxima per group of
# fewer. Of grain `row` a row is an order, and stays one.
_KEYS = ("customer_id", "order_id", "day", "seen_until", "marks", "currency", "channel")
_SUMS = (
    "sale_cents", "refund_cents", "lines", "exact_duplicates", "duplicate_lines", "duplicate_cents", "copy_cents",
)  # fmt: skip
_MAXIMA = ("last_sale_ts", "last_line_ts", "may_repeat", "replaces")


def foldable(known: Batches, last: Collection[str], enough: int) -> tuple[Batch, ...]:
    """Batches that become one: from the oldest to the last one that every recent run had; none where it is not due.

    A run after the fold knows from which rows the run before it was made: from all of the fold. It is due for `enough`
    batches, or for rows that a rebuild took the place of, once no recent run was made of them. Runs of before a rebuild
    are not waited for longer: a source that is rewritten every night has nothing else.

    Args:
        known: of one reading.
        last: ids of the last batches that recent runs had, of any reading.
        enough: how many batches are worth it.
    """
    gone = {one.batch_id for batch in known.before for one in batch.taken}
    ends = {batch.taken[-1].batch_id: at for at, batch in enumerate(known.live, len(known.before) + 1)}
    seen = [ends[batch_id] for batch_id in last if batch_id in ends]
    found = known.known[: min(seen)] if seen else ()
    nobody_asks = bool(gone) and gone.isdisjoint(last)
    return found if len(found) > 1 and (len(found) >= enough or nobody_asks) else ()


def folded(found: Sequence[Batch], number: int, attempt: str) -> Batch:
    """The batch that takes the place of others: it says of its rows what they said together.

    Args:
        found: of `foldable`.
        number: of the new one.
        attempt: unlike any other's: of two at the same fold, the slower one must not write where the faster one did.
    """
    these, last = Batches(tuple(found)), found[-1]
    batch_id = f"{last.place:05d}-{number:05d}-{digest(attempt)[:8]}"
    facts = {
        **last.facts,
        CURRENCIES: currencies_text(_first_days(these)),
        USUAL_READS: json.dumps(usual_reads(these)),
        **taken_as_fact(these.taken),
    }
    # These are of one batch each.
    facts.pop(DELIVERED, None)
    facts.pop(DUE, None)
    due = first_due(these.live)
    if due is not None:
        facts[DUE] = str(due)
    return Batch(
        last.reading, number, batch_id, last.source, None, last.to_version, FOLD, "", these.rows(), these.money(),
        these.days(), last.files, facts,
    )  # fmt: skip


def folded_rows(rows: DataFrame, grain: Grain) -> DataFrame:
    """Rows of `order_days` that hold, without batch: those of one order, day and kind as one.

    Args:
        rows: of `batches.live_rows`.
        grain: what is one order where lines have no order_id.
    """
    if grain == "row":
        return rows.drop("batch_id")
    together = rows.groupBy("reading", *_KEYS)
    return together.agg(*(F.sum(name).alias(name) for name in _SUMS), *(F.max(name).alias(name) for name in _MAXIMA))


def _first_days(batches: Batches) -> dict[str, int]:
    found: dict[str, int] = {}
    for batch in batches.live:
        for name, day in json.loads(batch.facts.get(CURRENCIES, "{}")).items():
            found[name] = min(found.get(name, day), day)
    return found
