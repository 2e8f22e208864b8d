"""What runs that died left in a lake, and its removal: before a run, and once it is published."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rfm_spark.core.errors import cause_of
from rfm_spark.lake.ledger import Ledger
from rfm_spark.lake.readers import refresh_views
from rfm_spark.lake.store import Store
from rfm_spark.pipeline.records import Record, Records


class Leftovers:
    """What runs of one slot left that died: nobody else writes it while the slot is held."""

    def __init__(
        self, records: Records, found: Sequence[Record], held: Collection[str], published: Collection[str]
    ) -> None:
        """Remember who died.

        Args:
            records: of the slot.
            found: those that a run may use, of dead runs among them.
            held: runs that held the slot before and are not published.
            published: complete runs of the segmentation, and the one that is to come.
        """
        self._records = records
        self._noted = {one.run_id for one in found} - set(published)
        self._useless = set(held) - self._noted

    def remove_useless(self) -> None:
        """Remove the rows of runs that died before they noted a step: nobody would find them later."""
        self._remove(self._useless)

    def tidied(self, store: Store) -> list[str]:
        """Remove the rest, and bring views up to date, once a run is published.

        Args:
            store: the lake.

        Returns:
            A warning where that fails: the run is published, and no failure after that makes it otherwise.
        """
        try:
            if self._noted:
                # Others may have published since.
                self._remove(self._noted - {run.run_id for run in Ledger(store).named(*self._noted)})
            refresh_views(store)
        except Exception as error:
            return [
                f"lake {store.location}: the run is published, but what dead runs of its date left could not be "
                f"removed, or views not brought up to date ({cause_of(error)}); the next run tries again"
            ]
        return []

    def _remove(self, dead: Collection[str]) -> None:
        for run_id in sorted(dead):
            self._records.delete_rows(run_id)
