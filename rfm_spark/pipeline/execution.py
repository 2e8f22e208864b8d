"""Doing the steps of a run in their order, each with just what it declared, or taking over what it gave before."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.core.schemas import tables
from rfm_spark.lake.holding import written_aside
from rfm_spark.lake.store import Store
from rfm_spark.lake.tables import Written
from rfm_spark.pipeline.account import Total, total
from rfm_spark.pipeline.artefact import Artefact, as_text, from_text
from rfm_spark.pipeline.environment import Environment, Frames, RunFacts
from rfm_spark.pipeline.inputs import Inputs, readable
from rfm_spark.pipeline.plan import Planned
from rfm_spark.pipeline.prepared import Prepared
from rfm_spark.pipeline.progress import Progress
from rfm_spark.pipeline.records import Record, Records, SliceNote
from rfm_spark.pipeline.step import Need
from rfm_spark.pipeline.writing import StepWriter, Writer

# Every writer gives a slice its own.
_KEYS = ("run_id", "as_of_date")


@dataclass
class _Done:
    """A step that was done, or is being done beside others."""

    planned: Planned
    artefact: Artefact
    writer: StepWriter
    seconds: float = 0.0
    rows: int | None = None


class Execution:
    """The steps of one run."""

    def __init__(
        self, facts: RunFacts, store: Store, inputs: Inputs, writer: Writer, records: Records,
        decisions: Sequence[Prepared], held: ExitStack, progress: Progress,
    ) -> None:  # fmt: skip
        """Bind to a run."""
        self._facts, self._store, self._inputs, self._writer = facts, store, inputs, writer
        self._records, self._progress, self._decisions = records, progress, decisions
        self._frames = Frames(store.spark, held, written_aside(store.location))
        self._published = {run.run_id for run in facts.published}
        self._done: dict[str, _Done] = {}

    def do(self, planned: Planned) -> None:
        """Do one step; what it writes may go on while the next one begins."""
        step = planned.chosen.step
        self._progress.started(step.title, step.waits_for)
        begun = time.perf_counter()
        writer = self._writer.for_step()
        artefact = (
            self._computed(planned, writer) if planned.record is None else self._found(planned, planned.record, writer)
        )
        done = _Done(planned, artefact, writer, rows=artefact.account.dealt_with)
        self._done[step.name] = done
        keeps = [table for table in step.writes if table.kind == "kept"]
        if keeps and writer.futures and planned.record is None:
            writer.futures[-1].add_done_callback(lambda _: self._finish(done, begun))
        else:
            self._finish(done, begun)
        known = planned.record
        if step.lasts and (known is None or known.run_id != self._facts.run_id):
            self._records.note(writer.futures, lambda: self._record(done), at_once=step.takes_long)

    def settle(self, before: Sequence[str]) -> Total:
        """Wait for all that is being written; what the decisions and the steps told, after warnings of before."""
        self._writer.settle()
        self._records.settle()
        decided = (decision.account for decision in self._decisions)
        return total((*decided, *(done.artefact.account for done in self._done.values())), before)

    def as_rows(self) -> list[dict[str, Any]]:
        """What `runs.steps` keeps, once everything is written."""
        return [self._row(done) for done in self._done.values()]

    def _computed(self, planned: Planned, writer: StepWriter) -> Artefact:
        chosen, step = planned.chosen, planned.chosen.step
        sources = {name: self._inputs.pinned[name] for name in step.sources if name in self._inputs.pinned}
        environment = Environment(
            step.name, self._facts, self._frames, sources, step.reads, step.writes, self._store, writer
        )
        given = {need.name: self._given(planned, need, environment) for need in step.needs}
        source = next(iter(sources), None)
        with readable(source) if source is not None else nullcontext():
            found = step.work(**{**given, **chosen.settings})
        self._writer.clear([table for table in step.writes if table.name not in writer.begun])
        return found

    def _given(self, planned: Planned, need: Need, environment: Environment) -> Any:
        if need.role == "environment":
            return environment
        ready = [one for one in self._decisions if isinstance(one, need.kind)]
        found = [*ready, *(self._done[name].artefact for name in planned.chosen.givers[need.name])]
        return tuple(found) if need.role == "all" else next(iter(found), None)

    def _found(self, planned: Planned, record: Record, writer: StepWriter) -> Artefact:
        """What the step gave before; rows under another run's id are written again under this one's."""
        mine = self._facts.run_id
        slices = [self._taken_over(one, record, writer) for one in record.slices]
        by_table = {one.table: one.run_id for one in slices}
        text = record.artefact.replace(record.run_id, mine)

        def rows(name: str) -> DataFrame | None:
            if name not in by_table:
                return None
            writer.wait(name)
            return self._store.of_runs(name, [by_table[name]]).drop("run_id")

        return from_text(planned.chosen.step.gives, text, rows)

    def _taken_over(self, one: SliceNote, record: Record, writer: StepWriter) -> SliceNote:
        table, mine = tables()[one.table], self._facts.run_id
        if table.kind != "run" or one.run_id == mine:
            self._writer.note(
                one.table, Written(one.version, one.rows), add=bool(one.part) and one.table in self._writer.rows
            )
            writer.slices.append(one)
            return one
        frame = self._store.of_runs(one.table, [one.run_id])
        if one.part:
            frame = frame.where(F.col(table.part) == one.part)
        # Who was first stays so, unless nobody ever saw it.
        first = [table.first_run] if table.first_run and one.run_id not in self._published else []
        same = {
            name: F.when(F.col(name) == one.run_id, F.lit(mine)).otherwise(F.col(name))
            for name in (*table.run_columns, *first)
        }
        writer.put(table, frame.withColumns(same).drop(*_KEYS), one.part)
        return replace(one, run_id=mine)

    def _finish(self, done: _Done, begun: float) -> None:
        done.seconds = time.perf_counter() - begun
        if done.rows is None and done.writer.slices and any(not one.run_id for one in done.writer.slices):
            done.rows = sum(one.rows for one in done.writer.slices)
        self._progress.finished(done.planned.chosen.step.title, done.rows, done.seconds)

    def _record(self, done: _Done) -> Record:
        planned = done.planned
        return Record(
            self._facts.run_id, planned.chosen.step.name, planned.fingerprint, planned.parts, as_text(done.artefact),
            tuple(done.writer.slices),
        )  # fmt: skip

    def _row(self, done: _Done) -> dict[str, Any]:
        step = done.planned.chosen.step
        previous = [
            f"previous {table.name}" for table in step.reads if self._facts.previous is not None and table.kind == "run"
        ]
        return {
            "step": step.title,
            "seconds": round(done.seconds, 3),
            "rows": done.rows,
            "reads": [*(name for name in step.sources if name in self._inputs.pinned), *previous],
            "writes": {one.table: one.rows for one in done.writer.slices},
        }
