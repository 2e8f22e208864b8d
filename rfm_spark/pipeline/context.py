"""What the stages of one run share, and what a look without a run needs of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Protocol, TypeVar

from pyspark.sql import DataFrame, SparkSession

from rfm_spark.capabilities.clusters.model import ClusterModel
from rfm_spark.capabilities.clusters.refit import Check
from rfm_spark.capabilities.clusters.train import Training
from rfm_spark.capabilities.drift.verdict import Verdict
from rfm_spark.capabilities.drift.watched_rates import Rate
from rfm_spark.capabilities.movement.moves import Flicker
from rfm_spark.capabilities.purchases.counts import LineCounts
from rfm_spark.capabilities.purchases.gates import Buyers
from rfm_spark.capabilities.purchases.lines import Intake, Judged
from rfm_spark.capabilities.purchases.quality import QualityConfig
from rfm_spark.capabilities.rfm.cuts import CutSet
from rfm_spark.capabilities.segments.rules import RuleMap
from rfm_spark.core.config import Config
from rfm_spark.core.runs import RunRow
from rfm_spark.core.session import persisted, runs_here
from rfm_spark.core.stats import Moments
from rfm_spark.lake.claims import Claim
from rfm_spark.lake.sources import PinnedSource
from rfm_spark.lake.store import Store
from rfm_spark.pipeline.champion import PlannedModel
from rfm_spark.pipeline.writing import Content, Writer

# Of so few customers a frame is computed sooner than a plan that has grown over several stages is looked through.
SMALL = 50_000
Value = TypeVar("Value")


class Progress(Protocol):
    """Told about each stage as it starts and ends."""

    def started(self, title: str, waits_for: str) -> None:
        """A stage begins; what takes its time, in words."""

    def finished(self, title: str, rows: int | None, seconds: float) -> None:
        """A stage is done; rows is what it wrote or looked at, None when nothing was to do.

        A stage that goes on beside others is done after later ones have begun, and says so from a thread of its own.
        """


@dataclass(kw_only=True)
class Look:
    """What looking at the rows of a day takes, and what it finds; nothing is written.

    Attributes:
        spark: the session.
        config: of the run.
        as_of: last day that counts.
        source: transactions, pinned.
        sources: all of them, by name.
        held: frames kept for several stages; released when the look ends.
        quality: limits and checks of the source.
        intake: how its lines are read.
        judged: its lines with their verdicts.
        counts: of its rows, known after the first stage.
        customers: persisted, all who have a usable row.
        buyers: how many there are to segment, known after the first stage.
        suspects: customers whose lines may repeat; None for nobody, or everybody.
        suspect_count: how many; more than 0 without `suspects` means everybody.
        measures: those of customers who purchased.
        contents: source to a fingerprint of its rows up to as_of.
        few_customers: whether plans cost more than the customers in them; known after the first stage.
        rows: counts for the ledger.
        money: sums for the ledger.
    """

    spark: SparkSession
    config: Config
    as_of: date
    source: PinnedSource
    held: ExitStack
    sources: Mapping[str, PinnedSource] = field(default_factory=dict)
    quality: QualityConfig = field(default_factory=QualityConfig)
    intake: Intake = field(default_factory=Intake)
    judged: Judged | None = None
    counts: LineCounts | None = None
    customers: DataFrame | None = None
    buyers: Buyers | None = None
    suspects: DataFrame | None = None
    suspect_count: int = 0
    measures: DataFrame | None = None
    contents: dict[str, str] = field(default_factory=dict)
    few_customers: bool = False
    rows: dict[str, int] = field(default_factory=dict)
    money: dict[str, Decimal] = field(default_factory=dict)

    @property
    def known_counts(self) -> LineCounts:
        """The counts, after the first stage."""
        return _have(self.counts)

    @property
    def known_judged(self) -> Judged:
        """The lines, after the first stage."""
        return _have(self.judged)

    @property
    def known_customers(self) -> DataFrame:
        """All customers, after the first stage."""
        return _have(self.customers)

    @property
    def known_measures(self) -> DataFrame:
        """Customers who purchased, after the first stage."""
        return _have(self.measures)

    @property
    def known_buyers(self) -> Buyers:
        """How many there are, after the first stage."""
        return _have(self.buyers)

    def hold(self, frame: DataFrame) -> DataFrame:
        """Keep a frame that is read more than once: of a few customers its rows, until nobody refers to it any more."""
        if self.few_customers and runs_here(self.spark):
            # Its plan ends here: what is built on it is analysed and planned in no time.
            return frame.localCheckpoint(eager=False)
        return self.persist(frame)

    def persist(self, frame: DataFrame) -> DataFrame:
        """Keep a frame that may be larger than the customers are many, until the look ends."""
        return self.held.enter_context(persisted(frame))


@dataclass(kw_only=True)
class RunContext(Look):
    """State of one run, filled by its stages in order.

    Attributes:
        store: tables of the lake.
        rule_map: checked against the configuration.
        run_id: of this run.
        previous: run that changes are against.
        claim: on the slot.
        writer: of its tables.
        before: run that this one supersedes, or follows; what it rejected is not seen for the first time.
        moments: of the measures, as z-scores and features need them.
        cut_sets: cuts of this run.
        scored: measures with scores and standings.
        planned_model: the champion, and whether this run trains a model.
        model: clusters of this run, if any.
        training: of `model`, where this run trained it.
        champion_check: the champion on today's customers, where there is one.
        definition_changed: whether segments mean something else than in the previous run.
        flicker: moves back and forth since the previous run.
        verdict: on drift; None where there was nothing to compare with.
        fail_on: verdict from which on the run ends with exit code 4; None for never.
        challenger: a model trained because today's customers lie elsewhere; it assigns nobody yet.
        behaviour: columns of customers from events and messages, a frame for each, keyed by customer_id.
        rates: of events and messages, by day.
        engagement_cuts: rows of `segment_cuts` for the scores of engagement.
        segments: this run's rows of `segments`, as written.
        warnings: for the ledger and the report.
        status: ok, thin or empty.
        inputs: source to version.
        touched: looks for earlier published dates that late rows touch.
    """

    store: Store
    rule_map: RuleMap
    run_id: str
    previous: RunRow | None
    claim: Claim
    writer: Writer
    before: RunRow | None = None
    behaviour: Sequence[DataFrame] = ()
    rates: list[Rate] = field(default_factory=list)
    engagement_cuts: Sequence[Mapping[str, Any]] = ()
    status: str = "ok"
    inputs: Mapping[str, str] = field(default_factory=dict)
    touched: Callable[[], Sequence[date]] = tuple
    moments: Mapping[str, Moments] = field(default_factory=dict)
    cut_sets: Sequence[CutSet] = ()
    scored: DataFrame | None = None
    planned_model: PlannedModel = field(default_factory=PlannedModel)
    model: ClusterModel | None = None
    training: Training | None = None
    champion_check: Check | None = None
    definition_changed: bool = False
    flicker: Flicker | None = None
    verdict: Verdict | None = None
    fail_on: str | None = None
    challenger: Training | None = None
    segments: DataFrame | None = None
    warnings: list[str] = field(default_factory=list)

    def write(self, contents: Mapping[str, Content]) -> None:
        """Write this run's rows of several run tables, each a frame or a few rows, and note how many they are."""
        self.rows |= self.writer.write(contents)

    def write_later(self, contents: Mapping[str, Content]) -> None:
        """The same while the run goes on; nobody reads these tables before it ends."""
        self.writer.write_later(contents)

    def of_run(self, name: str, run_id: str) -> DataFrame:
        """The rows of one run of a run table."""
        return self.store.of_runs(name, [run_id])


def _have(value: Value | None) -> Value:
    if value is None:
        raise RuntimeError("a stage ran before the one whose result it needs")
    return value
