"""Writing the tables of one run: side by side, some of them while the run goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from typing import Any

from pyspark.sql import DataFrame

from rfm_spark.core.schemas import tables
from rfm_spark.core.table import Table
from rfm_spark.lake.store import Store
from rfm_spark.lake.tables import Written

_WRITERS = 4
Content = DataFrame | Sequence[Mapping[str, Any]]


class Writer:
    """Writes rows of one run, and remembers what became of them.

    Most of a small write is waiting for the commit, so tables don't wait for each other.

    Attributes:
        outputs: table to the Delta version that holds the run's rows.
        rows: table to the number of them.
    """

    def __init__(self, store: Store, run_id: str, as_of: date) -> None:
        """Bind to a lake and a run."""
        self._store, self._run_id, self._as_of = store, run_id, as_of
        self._pool = ThreadPoolExecutor(max_workers=_WRITERS)
        # Of its own, so that a few rows don't wait for large tables.
        self._later = ThreadPoolExecutor(max_workers=_WRITERS)
        self._pending: list[Future[None]] = []
        self.outputs: dict[str, int] = {}
        self.rows: dict[str, int] = {}

    def write(self, contents: Mapping[str, Content]) -> dict[str, int]:
        """Write several tables; returns how many rows each got."""
        # list() raises what a writer raised.
        list(self._pool.map(lambda item: self._one(*item), contents.items()))
        return {name: self.rows[name] for name in contents}

    def write_later(self, contents: Mapping[str, Content]) -> None:
        """Begin to write several tables; `settle` waits for them."""
        self._pending += [self._later.submit(self._one, name, content) for name, content in contents.items()]

    def do_later(self, work: Callable[[], None]) -> None:
        """Begin something else that nobody waits for before the run ends."""
        self._pending.append(self._later.submit(work))

    def replace(self, table: Table, frame: DataFrame, reflects: str) -> int:
        """Replace a kept table by rows that reflect a state of its source; returns how many they are."""
        written = self._store.replace(table, frame, reflects)
        self._note(table.name, written, written.rows)
        return written.rows

    def keep(self, name: str, version: int, rows: int) -> int:
        """Note that a kept table has what this run would write; returns how many rows."""
        self._note(name, Written(version, rows), rows)
        return rows

    def write_part(self, name: str, frame: DataFrame, part: str) -> int:
        """Write some of this run's rows of a table: the first part replaces what an earlier attempt left there."""
        written = self._store.write_run(
            tables()[name], frame, self._run_id, self._as_of, part, more=name in self.outputs
        )
        self._note(name, written, self.rows.get(name, 0) + written.rows)
        return written.rows

    def settle(self) -> None:
        """Wait for what is being written.

        Raises:
            LakeError: the lake could not be written.
        """
        pending, self._pending = self._pending, []
        for one in pending:
            one.result()

    def close(self) -> None:
        """Begin nothing more, and wait for what has begun: nothing writes under a claim that was given back."""
        for pool in (self._pool, self._later):
            pool.shutdown(wait=True, cancel_futures=True)

    def _one(self, name: str, content: Content) -> None:
        if isinstance(content, DataFrame):
            written = self._store.write_run(tables()[name], content, self._run_id, self._as_of)
        else:
            written = self._store.write_rows(tables()[name], content, self._run_id, self._as_of)
        self._note(name, written, written.rows)

    def _note(self, name: str, written: Written, rows: int) -> None:
        self.outputs[name], self.rows[name] = written.version, rows


def collected(few: DataFrame) -> list[dict[str, Any]]:
    """Rows of an aggregate that has few."""
    return [row.asDict(recursive=True) for row in few.collect()]
