"""Maintenance of the tables of a lake: partitions of runs dropped, small files folded, old versions deleted.

Each part looks at what is there, so that one that was stopped is finished by the next, and a second one does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import cached_property
from typing import TypeVar

from rfm_spark.core.errors import LakeError
from rfm_spark.core.schemas import RUNS, tables
from rfm_spark.core.table import Table
from rfm_spark.core.upkeep import Done
from rfm_spark.lake.commits import is_conflict, translating_write_errors, with_retries
from rfm_spark.lake.holding import PREFIX, left_aside
from rfm_spark.lake.store import Store
from rfm_spark.lake.upkeep import Expired

Result = TypeVar("Result")


class Maintenance:
    """Maintains the tables of one lake, or only says what it would do."""

    def __init__(self, store: Store, *, is_dry: bool) -> None:
        """Bind to a lake; where `is_dry` holds nothing is written."""
        self._store, self._is_dry = store, is_dry

    def retire(self, runs: Collection[str], moment: datetime) -> None:
        """Note in the ledger that runs lose their rows: from now on nobody reads them.

        Args:
            runs: their ids; those that are noted already keep their moment.
            moment: the present one, kept to the second.

        Raises:
            LakeError: the lake can't be written.
        """
        if runs and not self._is_dry:
            self._store.prepare(RUNS)
            at = moment.replace(microsecond=0)
            upkeep = self._store.upkeep
            self._attempt(RUNS.name, lambda: upkeep.set_where_null(RUNS.name, "retired_at", at, "run_id", runs))

    def drop(self, retired: Collection[str]) -> list[Done]:
        """Drop the partitions of runs from all run tables, in a commit a table that reads and writes no file.

        Args:
            retired: ids of runs, those whose rows are gone already among them.
        """
        done = [self._dropped(table.name, retired) for table in self._there if table.kind == "run"]
        return [one for one in done if one is not None]

    def fold(self) -> list[Done]:
        """Fold small files of kept tables and ledgers; a run writes its rows of a run table once, and that is that."""
        done = [self._folded(table.name) for table in self._there if table.kind != "run"]
        return [one for one in done if one is not None]

    def clean(self) -> list[Done]:
        """Write checkpoints of long logs, and delete commits that have expired."""
        if self._is_dry:
            return []
        found = [(table.name, self._cleaned(table.name)) for table in self._there]
        return [
            Done(name, "clean", f"{_counted(count, 'expired file')} of its log") for name, count in found if count > 0
        ]

    def sweep(self, before: datetime) -> list[Done]:
        """Remove frames that runs have written aside before a moment and, being killed, left."""
        count = left_aside(self._store.spark, self._store.location, before, is_dry=self._is_dry)
        return [Done(PREFIX, "remove", _counted(count, "frame") + " that killed runs left")] if count else []

    def vacuum(self, hours: int, also: Sequence[str] = ()) -> list[Done]:
        """Delete files that no version of the last hours needs.

        Args:
            hours: at least; a version that is older can't be read afterwards.
            also: tables beside those that are declared; of them the newest version stays as it is.
        """
        names = [table.name for table in self._there] + [name for name in also if self._store.exists(name)]
        found = [(name, self._vacuumed(name, hours)) for name in names]
        return [Done(name, "vacuum", _amount(expired)) for name, expired in found if expired.count]

    @cached_property
    def _there(self) -> list[Table]:
        """Tables of the lake, looked for once: maintenance adds none, and Spark takes a tenth of a second for each."""
        return [table for table in tables().values() if self._store.exists(table.name)]

    def _dropped(self, name: str, retired: Collection[str]) -> Done | None:
        upkeep = self._store.upkeep
        found = upkeep.rows_per_run(name, retired)
        if not found:
            return None
        if not self._is_dry:
            self._attempt(name, lambda: upkeep.drop_runs(name, list(found)))
        return Done(name, "drop", f"{_counted(sum(found.values()), 'row')} of {_counted(len(found), 'run')}")

    def _folded(self, name: str) -> Done | None:
        files = self._store.upkeep.files(name)
        if not files.are_many_small:
            return None
        if self._is_dry:
            return Done(name, "fold", _counted(files.count, "file"))
        before, after = self._attempt(name, lambda: self._store.upkeep.fold(name))
        return Done(name, "fold", f"{_counted(before, 'file')} into {after:,}") if before else None

    def _cleaned(self, name: str) -> int:
        return self._attempt(name, lambda: self._store.upkeep.clean_log(name))

    def _vacuumed(self, name: str, hours: int) -> Expired:
        expired = self._store.upkeep.expired(name, hours)
        if expired.count and not self._is_dry:
            self._attempt(name, lambda: self._store.upkeep.vacuum(name, hours))
        return expired

    def _attempt(self, name: str, action: Callable[[], Result]) -> Result:
        try:
            with translating_write_errors(self._store.location):
                return with_retries(action)
        except Exception as error:
            if not is_conflict(error):
                raise
            raise LakeError(
                f"lake {self._store.location}: others commit to table {name} all the time, and maintenance found no "
                "moment between; start it again when they are done"
            ) from error


def _amount(expired: Expired) -> str:
    count = _counted(expired.count, "file") + (" or more" if expired.is_part else "")
    return count if expired.size is None else f"{count}, {expired.size / 1e6:,.1f} MB"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
