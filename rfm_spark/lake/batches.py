"""Batches that held for a run, and what is derived from their rows instead of being written."""

from __future__ import annotations

import json
from collections.abc import Container, Sequence

from pyspark.sql import DataFrame

from rfm_spark.core.batches import FOLD, Batches, batch_of, in_order
from rfm_spark.core.derived import Derived
from rfm_spark.core.errors import LakeError
from rfm_spark.core.runs import RunRow
from rfm_spark.core.schemas import BATCHES
from rfm_spark.lake.ledger import Ledger
from rfm_spark.lake.store import Store

# Of a run's inputs, those that tell how far a source had been read.
_LAST = ".batches"


def batches_of(store: Store, run: RunRow, source: str) -> Batches:
    """Batches of a source that held for a run, oldest first; none where they were folded with later ones.

    Args:
        store: the lake.
        run: published.
        source: its name.
    """
    last = run.inputs.get(f"{source}{_LAST}")
    found = [] if last is None else [known.until(last) for known in _known(store, last)]
    return Batches(tuple(batch for one in found if one is not None for batch in one.live))


def taken_for(store: Store, run: RunRow) -> list[str]:
    """Ids of the batches of all sources that held for a run, as they were taken: rejected rows are under these."""
    lasts = [last for name, last in run.inputs.items() if name.endswith(_LAST)]
    return [one.batch_id for last in lasts for known in _known(store, last) for one in known.held_at(last)]


def taken_in(store: Store, batch_id: str) -> list[str]:
    """The batch itself; of a fold those that it is made of."""
    found = [batch_of(row) for row in store.rows(BATCHES.name, batch_id=batch_id)]
    return [one.batch_id for batch in found for one in batch.taken]


def derived_rows(store: Store, one: Derived, runs: Sequence[RunRow]) -> DataFrame | None:
    """Rows of what is derived from batches, as of runs; None where none of them had any.

    Raises:
        LakeError: what all of them had is gone.
    """
    found: DataFrame | None = None
    configs, there = Ledger(store).configs(runs), store.slices(one.table.name)
    gone: list[RunRow] = []
    for run in runs:
        batches = batches_of(store, run, one.source)
        if _is_there(batches, there):
            rows = one.rows(store.of_runs(one.table.name, batches.ids), batches, json.loads(configs[run.run_id]))
            found = rows if found is None else found.unionByName(rows)
        elif taken_for(store, run):
            gone.append(run)
    if found is None and gone:
        raise _gone(store, one, gone[-1])
    return found


def read_for(store: Store, one: Derived, run: RunRow) -> tuple[DataFrame, Batches]:
    """Rows of the kept table that something follows from, as a run had read them, and the batches that held for it.

    Raises:
        LakeError: they are gone.
    """
    batches = batches_of(store, run, one.source)
    if not _is_there(batches, store.slices(one.table.name)):
        raise _gone(store, one, run)
    return store.of_runs(one.table.name, batches.ids), batches


def _is_there(batches: Batches, slices: Container[str]) -> bool:
    return bool(batches.known) and all(batch.batch_id in slices for batch in batches.live if batch.days)


def _gone(store: Store, one: Derived, run: RunRow) -> LakeError:
    return LakeError(
        f"lake {store.location}: {one.name} of run {run.run_id} can't be told from later ones any more, since the "
        "source was read again whole, or `rfm-spark maintain` folded its batches; ask for those of a later run"
    )


def _known(store: Store, last: str) -> list[Batches]:
    """All batches of the readings that took a batch."""
    rows = store.rows(BATCHES.name, columns=("reading",), batch_id=last)
    if not rows:
        folds = store.rows(BATCHES.name, kind=FOLD)
        rows = [row for row in folds if any(one.batch_id == last for one in batch_of(row).taken)]
    return [in_order(store.rows(BATCHES.name, reading=reading)) for reading in {row["reading"] for row in rows}]
