"""What a run finds before it is claimed: the lake, its sources, what arrived in them, and the plan."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date

from pyspark.sql import SparkSession

from rfm_spark.core.config import Config
from rfm_spark.core.runs import RunRow, current_runs, previous_of, with_rows
from rfm_spark.lake.holding import written_aside
from rfm_spark.lake.ledger import Ledger
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.store import Store
from rfm_spark.pipeline.arrivals import Arrivals, TakenIn, taken_in
from rfm_spark.pipeline.environment import Frames, RunFacts
from rfm_spark.pipeline.inputs import Inputs, last_with, open_inputs
from rfm_spark.pipeline.order import Chosen, ordered
from rfm_spark.pipeline.plan import Plan, Planned, planned_steps
from rfm_spark.pipeline.prepared import Ahead, prepared, prepared_kinds
from rfm_spark.pipeline.progress import Progress
from rfm_spark.pipeline.records import Record, Records


@dataclass(frozen=True)
class Opened:
    """A lake and the sources, as a run of one segmentation finds them, and what was taken in.

    Attributes:
        store: the lake.
        ledger: its runs.
        complete: complete runs of the segmentation.
        inputs: pinned.
        current: the current run of each as-of date.
        plan: what the run would be.
        order: its steps.
        records: of steps that were done for the date.
        arrived: rows of the ledger on what was taken in.
    """

    store: Store
    ledger: Ledger
    complete: list[RunRow]
    inputs: Inputs
    current: dict[date, RunRow]
    plan: Plan
    order: list[Chosen]
    records: Records
    arrived: tuple[dict[str, object], ...] = ()

    def done(self) -> list[RunRow]:
        """Complete runs of this plan; none where another run of the date was published after them."""
        return self.plan.stands(self.complete)

    def steps(self, run_id: str, records: Sequence[Record], *, force: bool) -> list[Planned]:
        """The steps, with what is known of each; of forced ones what an earlier attempt at the same run gave."""
        known = [one for one in records if not force or one.run_id == run_id]
        return planned_steps(
            self.order, self.plan.as_of, self.inputs, self.plan.earlier(), self.plan.decisions, known, self.records
        )

    def usable_records(self, run_id: str) -> list[Record]:
        """Records of a run's earlier attempts, of other dead runs, of the one it supersedes and of the same plan."""
        here = self.current.get(self.plan.as_of)
        published = {run.run_id for run in self.complete}
        same = [run.run_id for run in self.plan.done(self.complete)]
        found = self.records.known(published, {*same, *([] if here is None else [here.run_id])})
        return sorted(found, key=lambda one: (one.run_id != run_id, one.run_id not in published, one.run_id))

    def is_outdated(self, complete: Sequence[RunRow]) -> bool:
        """Whether the run of this date, or the one before, is another than when this was planned, or batches moved."""
        if self._around(current_runs(complete, self.plan.config.name)) != self._around(self.current):
            return True
        return not self.plan.rows_stand(self.store)

    def _around(self, current: dict[date, RunRow]) -> tuple[RunRow | None, ...]:
        as_of = self.plan.as_of
        return current.get(as_of), previous_of(current, as_of), previous_of(with_rows(current), as_of)

    def facts(self, run_id: str, options: Mapping[str, bool]) -> RunFacts:
        """What every step of a run may know; of the run before with all that was stored of it."""
        plan = self.plan
        details = self.ledger.details([plan.previous.run_id] if plan.previous else [])
        previous = details[plan.previous.run_id] if plan.previous else None
        before = with_rows(self.current).get(plan.as_of, plan.previous)
        published = tuple(self.complete)
        return RunFacts(plan.config.name, run_id, plan.as_of, previous, before, published, plan.touched, options)


def open_run(
    spark: SparkSession, config: Config, as_of: date, *, refit: bool = False, force: bool = False,
    look: list[str] | None = None, progress: Progress | None = None,
) -> Opened:  # fmt: skip
    """Open the lake and the sources, take in what arrived, and plan the run.

    Args:
        spark: the session.
        config: what to read, how to score, where to write.
        as_of: last day that counts.
        refit: whether a new cluster model is asked for.
        force: whether the run is to be done though nothing changed.
        look: to only look: nothing is taken in, and sentences on columns that would stop a run are added here.
        progress: told about what is taken in.

    Raises:
        ConfigError: a rule map or option that can't work.
        PlanError: capabilities that don't fit together.
        SourceError: a source that can't be opened or mapped.
        GateError: input beyond its limits.
    """
    order = ordered(config, prepared_kinds())
    store = Store(spark, LakeLocation.of(config))
    ledger = Ledger(store)
    # A rule map that can't work is told before a source that can't be opened.
    config.canonical()
    complete = ledger.complete(config.name)
    inputs = open_inputs(store, config, last_with(ledger, config, complete), look)
    current = current_runs(complete, config.name)
    decisions = prepared(Ahead(config, as_of, complete, store, ledger.configs, {"refit": refit}))
    found, arrived = _taken_in(store, config, as_of, inputs, progress, is_first=not current, writes=look is None)
    plan = Plan(config, as_of, inputs, previous_of(current, as_of), current, (*decisions, *found), ledger)
    plan = plan.comparable(complete, force=force)
    records = Records(store, config.name, as_of)
    return Opened(store, ledger, complete, inputs, current, plan, order, records, arrived)


def _taken_in(
    store: Store, config: Config, as_of: date, inputs: Inputs, progress: Progress | None, *, is_first: bool,
    writes: bool,
) -> tuple[tuple[TakenIn, ...], tuple[dict[str, object], ...]]:  # fmt: skip
    """What arrived in the sources is taken in; and what the ledger keeps of that."""
    begun: list[tuple[str, float]] = []

    def tell(title: str, waits_for: str) -> None:
        # Nothing was written before.
        store.location.make_folder()
        begun.append((title, time.perf_counter()))
        if progress is not None:
            progress.started(title, waits_for)

    with ExitStack() as held:
        frames = Frames(store.spark, held, written_aside(store.location))
        found = taken_in(Arrivals(config, as_of, inputs.pinned, store, frames, writes, tell, is_first))
    rows = [one for one in found if one.arrived is not None]
    told = []
    for (title, start), one in zip(begun[-len(rows) :] if rows else (), rows, strict=True):
        seconds = time.perf_counter() - start
        if progress is not None:
            progress.finished(title, one.arrived, seconds)
        told.append({"step": title, "seconds": round(seconds, 3), "rows": one.arrived, "reads": list(one.covers[:1]),
                     "writes": {}})  # fmt: skip
    return found, tuple(told)
