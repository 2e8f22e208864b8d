"""Writing the slices of one run: side by side, while the run goes on, each noted for the step that wrote it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from threading import Lock

from pyspark.sql import DataFrame

from rfm_spark.core.table import Table
from rfm_spark.lake.store import Store
from rfm_spark.lake.tables import Written
from rfm_spark.pipeline.environment import Content
from rfm_spark.pipeline.records import SliceNote

_WRITERS = 4


class Writer:
    """Writes rows of one run, and remembers what became of them.

    Most of a small write is waiting for the commit, so tables don't wait for each other.

    Attributes:
        outputs: table to the Delta version that holds the run's rows.
        rows: table to the number of them.
    """

    def __init__(self, store: Store, run_id: str, as_of: date, *, is_resumed: bool = False) -> None:
        """Bind to a lake and a run; of one that is resumed an earlier attempt may have left rows."""
        self._store, self._run_id, self._as_of, self._is_resumed = store, run_id, as_of, is_resumed
        self._few = ThreadPoolExecutor(max_workers=_WRITERS)
        # Of its own, so that a few rows don't wait for large tables.
        self._large = ThreadPoolExecutor(max_workers=_WRITERS)
        self._pending: dict[str, list[Future[None]]] = defaultdict(list)
        self._locks: dict[str, Lock] = defaultdict(Lock)
        self.outputs: dict[str, int] = {}
        self.rows: dict[str, int] = {}

    def for_step(self) -> StepWriter:
        """The same for one step, whose slices are noted."""
        return StepWriter(self)

    def begin(self, name: str, work: Callable[[], None], *, large: bool) -> Future[None]:
        """Begin to write a table."""
        future = (self._large if large else self._few).submit(work)
        self._pending[name].append(future)
        return future

    def write(self, table: Table, content: Content, part: str) -> SliceNote:
        """Write rows of this run; the first part of a table replaces what an earlier attempt left there."""
        with self._locks[table.name]:
            more = bool(part) and table.name in self.outputs
            if more and self._is_resumed:
                self._store.delete_rows(table, {"run_id": self._run_id, table.part: part})
            if isinstance(content, DataFrame):
                written = self._store.write_run(table, content, self._run_id, self._as_of, part, more=more)
            else:
                written = self._store.write_rows(table, content, self._run_id, self._as_of)
            self.note(table.name, written, add=more)
        return SliceNote(table.name, part, written.rows, written.version, self._run_id)

    def clear(self, tables: Sequence[Table]) -> None:
        """Remove what an earlier attempt at the run left in tables that a step writes, but not this time."""
        for table in tables if self._is_resumed else ():
            if table.kind == "run" and not table.part:
                self._store.delete_rows(table, {"run_id": self._run_id})

    def reflects(self, table: Table, state: str) -> bool:
        """Whether the last commit of a kept table says that it reflects a state."""
        return self._store.exists(table.name) and self._store.last_metadata(table.name) == state

    def keep(self, table: Table, state: str, rows: DataFrame | None) -> SliceNote:
        """Replace a kept table; None for one that reflects the state."""
        if rows is None:
            # As many as when they were written: a run that begins again tells the same of them.
            made = self._store.commit_with_metadata(table.name, state)
            count = self._store.row_count(table.name) if made.rows is None else made.rows
            written = Written(made.version, count)
        else:
            written = self._store.replace(table, rows, state)
        self.note(table.name, written)
        return SliceNote(table.name, "", written.rows, written.version, "")

    def note(self, name: str, written: Written, *, add: bool = False) -> None:
        """Remember what the run has of a table."""
        self.outputs[name] = written.version
        self.rows[name] = (self.rows.get(name, 0) if add else 0) + written.rows

    def wait(self, name: str) -> None:
        """Wait until a table is written."""
        for future in self._pending.pop(name, []):
            future.result()

    def settle(self) -> None:
        """Wait for all that is being written.

        Raises:
            LakeError: the lake could not be written.
        """
        for name in list(self._pending):
            self.wait(name)

    def close(self) -> None:
        """Wait for what has begun, and begin nothing more: nothing writes under a claim that was given back.

        What a run that failed had begun is worth its time: the next one need not do it again.
        """
        for pool in (self._few, self._large):
            pool.shutdown(wait=True)


class StepWriter:
    """What one step writes.

    Attributes:
        futures: of all it began.
        begun: names of the tables.
        slices: of what is written by now.
    """

    def __init__(self, writer: Writer) -> None:
        """Bind to the run's writer."""
        self._writer = writer
        self.futures: list[Future[None]] = []
        self.begun: set[str] = set()
        self.slices: list[SliceNote] = []

    def put(self, table: Table, content: Content, part: str) -> None:
        """Begin to write rows of this run, or of a part of them."""
        self._begin(table, lambda: self._writer.write(table, content, part), large=isinstance(content, DataFrame))

    def keep(self, table: Table, reflects: str, rows: Callable[[], DataFrame]) -> None:
        """Begin to replace a kept table, unless its last commit reflects the same."""
        # The frame is built here: the settings it is built under are the session's, not the thread's.
        frame = None if self._writer.reflects(table, reflects) else rows()
        self._begin(table, lambda: self._writer.keep(table, reflects, frame), large=True)

    def wait(self, name: str) -> None:
        """Wait until what was begun for a table is written."""
        self._writer.wait(name)

    def _begin(self, table: Table, work: Callable[[], SliceNote], *, large: bool) -> None:
        def noted() -> None:
            self.slices.append(work())

        self.begun.add(table.name)
        self.futures.append(self._writer.begin(table.name, noted, large=large))
