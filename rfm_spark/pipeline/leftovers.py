"""What runs that died left in a lake, and its removal: before a run, and once it is published."""

from __future__ import annotations

from collections.abc import Collection

from rfm_spark.core.errors import cause_of
from rfm_spark.lake.ledger import Ledger
from rfm_spark.lake.readers import refresh_views
from rfm_spark.lake.store import Store
from rfm_spark.pipeline.records import Records


def remove_useless(records: Records, held: Collection[str], published: Collection[str]) -> None:
    """Remove the rows of runs that died before they noted a step: nobody would find them later.

    Args:
        records: of the slot.
        held: runs that held the slot before.
        published: complete runs of the lake, as it is now.
    """
    dead = set(held) - set(published)
    if dead:
        noted = {one.run_id for one in records.known(published, ())}
        _remove(records, dead - noted)


def tidied(store: Store, records: Records, held: Collection[str], published: Collection[str]) -> list[str]:
    """Remove what dead runs of a slot left, and bring views up to date, once a run is published.

    Args:
        store: the lake.
        records: of the slot.
        held: runs that held the slot before.
        published: complete runs as they were when the run began, and this one.

    Returns:
        A warning where that fails: the run is published, and no failure after that makes it otherwise.
    """
    try:
        dead = {one.run_id for one in records.known(published, ())} | (set(held) - set(published))
        if dead:
            # Others may have published since.
            _remove(records, dead - {run.run_id for run in Ledger(store).complete()})
        refresh_views(store)
    except Exception as error:
        return [
            f"lake {store.location}: the run is published, but what dead runs of its date left could not be removed, "
            f"or views not brought up to date ({cause_of(error)}); the next run tries again"
        ]
    return []


def _remove(records: Records, dead: Collection[str]) -> None:
    for run_id in sorted(dead):
        records.delete_rows(run_id)
