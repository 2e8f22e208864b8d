"""Batches that held for a run, and what is derived from their rows instead of being written."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pyspark.sql import DataFrame

from rfm_spark.core.batches import Batches, in_order
from rfm_spark.core.derived import Derived
from rfm_spark.core.runs import RunRow
from rfm_spark.core.schemas import BATCHES
from rfm_spark.lake.ledger import Ledger
from rfm_spark.lake.store import Store

# Of a run's inputs, those that tell how far a source had been read.
_LAST = ".batches"


def batches_of(store: Store, run: RunRow, source: str | None = None) -> Batches:
    """Batches of a source that held for a run, oldest first; of all sources for None.

    Args:
        store: the lake.
        run: published.
        source: its name.
    """
    found: list[Batches] = []
    for name, last in run.inputs.items():
        if name.endswith(_LAST) and source in (None, name.removesuffix(_LAST)):
            readings = [row["reading"] for row in store.rows(BATCHES.name, columns=("reading",), batch_id=last)]
            known = [in_order(store.rows(BATCHES.name, reading=reading)).until(last) for reading in readings]
            found += [one for one in known if one is not None]
    return Batches(tuple(batch for one in found for batch in one.live))


def derived_rows(store: Store, one: Derived, runs: Sequence[RunRow]) -> DataFrame | None:
    """Rows of what is derived from batches, as of runs; None where none of them had any."""
    found: DataFrame | None = None
    configs = Ledger(store).configs(runs)
    for run in runs:
        batches = batches_of(store, run, one.source)
        if batches.known:
            rows = one.rows(store.of_runs(one.table.name, batches.ids), batches, json.loads(configs[run.run_id]))
            found = rows if found is None else found.unionByName(rows)
    return found
