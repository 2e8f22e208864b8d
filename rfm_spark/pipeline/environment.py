"""What a step may touch: this run's facts, and of sources and tables just those it declared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol

from pyspark.sql import DataFrame, SparkSession

from rfm_spark.core.access import TableWriter
from rfm_spark.core.errors import PlanError
from rfm_spark.core.reading.delivery import Delivery, Seen
from rfm_spark.core.runs import RunDetails, RunRow
from rfm_spark.core.session import Keeper, persisted, runs_here
from rfm_spark.core.table import Table

# Of so few customers a frame is computed sooner than a plan that has grown over several steps is looked through.
SMALL = 50_000
# Where nobody counted them yet.
MANY = SMALL + 1
Content = DataFrame | Sequence[Mapping[str, Any]]


class Source(Protocol):
    """A source at one moment."""

    @property
    def version(self) -> str:
        """What identifies that moment."""

    @property
    def frame(self) -> DataFrame:
        """Its rows."""

    @property
    def written(self) -> datetime | None:
        """When that version was written; None where nobody knows."""

    def since(self, seen: Seen | None) -> Delivery:
        """What is new in it."""

    @property
    def recheck(self) -> Callable[[], None]:
        """Raises GateError where files changed while they were read."""


class SliceWriter(Protocol):
    """Writes one run's rows, side by side with whatever else goes on."""

    def put(self, table: Table, content: Content, part: str) -> None:
        """Begin to write rows of this run, or of a part of them."""

    def wait(self, name: str) -> None:
        """Wait until what was begun for a table is written."""

    def keep(self, table: Table, reflects: str, rows: Callable[[], DataFrame]) -> None:
        """Replace a kept table, unless its last commit reflects the same."""


@dataclass(frozen=True)
class RunFacts:
    """What every step may know of the run.

    Attributes:
        config_name: segmentation.
        run_id: of this run; empty for a look without one.
        as_of: last day that counts.
        previous: run that changes are against.
        before: run that this one supersedes, or follows.
        published: complete runs of the segmentation.
        touched: looks for earlier published dates whose rows are others by now.
        options: of the command, such as full.
    """

    config_name: str
    run_id: str
    as_of: date
    previous: RunDetails | None = None
    before: RunRow | None = None
    published: tuple[RunRow, ...] = ()
    touched: Callable[[], Sequence[date]] = tuple
    options: Mapping[str, bool] = field(default_factory=dict)


class Frames:
    """Frames that are read more than once; released when the run ends."""

    def __init__(self, spark: SparkSession, held: ExitStack, otherwise: Keeper | None = None) -> None:
        """Bind to what ends with the run, and to what keeps frames where the runtime refuses to."""
        self._here, self._held, self._otherwise = runs_here(spark), held, otherwise

    def persist(self, frame: DataFrame) -> DataFrame:
        """Keep a frame that may be larger than the customers are many."""
        return self._held.enter_context(persisted(frame, self._otherwise))

    def hold(self, frame: DataFrame, customers: int) -> DataFrame:
        """Keep a frame of so many customers: of a few its rows, until nobody refers to it any more."""
        return self._cut_off(frame) if customers <= SMALL and self._here else self.persist(frame)

    def hold_if_few(self, frame: DataFrame, customers: int) -> DataFrame:
        """Keep the rows of a frame of a few customers; one of more stays what it is."""
        if customers > SMALL:
            return frame
        return self._cut_off(frame) if self._here else self.persist(frame)

    def _cut_off(self, frame: DataFrame) -> DataFrame:
        # Its plan ends here: what is built on it is analysed and planned in no time.
        return frame.localCheckpoint(eager=False)


class Environment:
    """One step's view of the run.

    Attributes:
        run: what every step may know.
        frames: keeps frames until the run ends.
    """

    def __init__(
        self, step: str, run: RunFacts, frames: Frames, sources: Mapping[str, Source], reads: Sequence[Table],
        writes: Sequence[Table], lake: TableWriter, writer: SliceWriter,
    ) -> None:  # fmt: skip
        """Hand out what a step declared.

        Args:
            step: its name, for what it did not declare.
            run: facts of the run.
            frames: keeps frames.
            sources: those it declared, of these that there are.
            reads: tables it declared to read.
            writes: tables it declared to write.
            lake: reads and writes rows of tables.
            writer: of the run's slices.
        """
        self.run, self.frames = run, frames
        self._step, self._sources, self._lake, self._writer = step, sources, lake, writer
        self._reads = {table.name for table in reads}
        self._writes = {table.name for table in writes}

    def source(self, name: str) -> Source:
        """A source it declared.

        Raises:
            PlanError: it did not.
        """
        if name not in self._sources:
            raise PlanError(f"step {self._step} reads the source {name}, which it does not declare; add it")
        return self._sources[name]

    def has_source(self, name: str) -> bool:
        """Whether a source that it declared is connected."""
        return name in self._sources

    def exists(self, name: str) -> bool:
        """Whether a table that it declared is there."""
        return self._lake.exists(self._declared(name))

    def rows(self, name: str, **where: Any) -> list[dict[str, Any]]:
        """Rows of a table that has few; see `core.access.TableReader`."""
        return self._lake.rows(self._declared(name), **where)

    def of_runs(self, name: str, run_ids: Sequence[str]) -> DataFrame:
        """Rows of some runs of a run table."""
        return self._lake.of_runs(self._declared(name), run_ids)

    def insert_new(self, table: Table, rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> int:
        """Insert rows into a ledger it declared to write; how many were new."""
        return self._lake.insert_new(self._written(table), rows, keys)

    def delete_rows(self, table: Table, where: Mapping[str, str | Sequence[str]]) -> None:
        """Delete rows that an attempt at this run left in such a ledger before it died."""
        self._lake.delete_rows(self._written(table), where)

    def write(self, table: Table, content: Content, part: str = "") -> None:
        """Begin to write this run's rows of a table, a frame or a few rows, while the run goes on.

        Args:
            table: it declared to write.
            content: the rows, without the keys of the run.
            part: names which of them, where several steps write parts.
        """
        if bool(part) != bool(table.part):
            how = f"names its part, a value of {table.part}" if table.part else "has no parts"
            raise PlanError(f"step {self._step} writes {table.name}, which {how}; say so in the step, or in the table")
        self._writer.put(self._written(table), content, part)

    def written(self, table: Table) -> DataFrame:
        """This run's rows of a table it writes, as they were written."""
        self._writer.wait(self._written(table).name)
        return self._lake.of_runs(table.name, [self.run.run_id])

    def wait(self, table: Table) -> None:
        """Wait until what was begun for a table is written."""
        self._writer.wait(self._written(table).name)

    def keep(self, table: Table, reflects: str, rows: Callable[[], DataFrame]) -> None:
        """Replace a kept table while the run goes on, unless it reflects the same state already."""
        self._writer.keep(self._written(table), reflects, rows)

    def _declared(self, name: str) -> str:
        if name not in self._reads | self._writes:
            raise PlanError(f"step {self._step} reads the table {name}, which it does not declare; add it")
        return name

    def _written(self, table: Table) -> Table:
        if table.name not in self._writes:
            raise PlanError(f"step {self._step} writes the table {table.name}, which it does not declare; add it")
        return table
