"""What the report shows of a run, as plain values: a few hundred numbers, never one per customer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from rfm_spark.capabilities.movement.tables import CAUSES, NO_SEGMENT
from rfm_spark.capabilities.rfm.cuts import CutSet
from rfm_spark.capabilities.segments.rules import Outcome, RuleMap
from rfm_spark.report.cluster_data import FeatureValues, ModelFacts
from rfm_spark.report.drift_data import DriftFacts
from rfm_spark.report.engagement_data import EngagementFacts
from rfm_spark.report.interaction_data import InteractionFacts


@dataclass(frozen=True)
class RunFacts:
    """The run's row in the ledger.

    Attributes:
        started_at: with the configured time zone.
        finished_at: likewise.
        config: canonical JSON, with the rule map.
        rows: counts by name, as `customers.active`.
        money: sums by name.
        status: ok, thin or empty; None for a run of a version that did not tell.
    """

    run_id: str
    as_of: date
    config_name: str
    config: str
    code_version: str
    spark_version: str
    previous_run_id: str | None
    model_version: str | None
    started_at: datetime
    finished_at: datetime
    inputs: Mapping[str, str]
    outputs: Mapping[str, int]
    rows: Mapping[str, int]
    money: Mapping[str, Decimal]
    warnings: tuple[str, ...]
    drift_verdict: str | None = None
    status: str | None = None


@dataclass(frozen=True)
class Profile:
    """Size, revenue and mean measures of a segment or a cluster.

    Attributes:
        name: the segment's name in the tables, or the cluster's.
        customers: how many.
        revenue: sum of monetary.
        mean_recency: days; null for an empty group.
        mean_frequency: purchases in the window.
        mean_monetary: money per customer.
        note: the segment's action, or the cluster's insight.
    """

    name: str
    customers: int
    revenue: Decimal
    mean_recency: float | None
    mean_frequency: float | None
    mean_monetary: float | None
    note: str


@dataclass(frozen=True)
class ClusterProfile(Profile):
    """A cluster with customers; what the lake's version did not write is empty.

    Attributes:
        cluster_id: None where it is not known.
        features: what it was found by, in the order of the model.
        medoids: ids of the customers nearest to the centre, the nearest first.
        segments: its customers per rule segment.
    """

    cluster_id: int | None = None
    features: tuple[FeatureValues, ...] = ()
    medoids: tuple[str, ...] = ()
    segments: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class GridCell:
    """Customers of one recency and one frequency score.

    Attributes:
        segment: the one most of them are in; the first by name of equals.
        monetary: sum over them.
    """

    r: int
    f: int
    customers: int
    monetary: Decimal
    segment: str


@dataclass(frozen=True)
class Transition:
    """Customers who went from one segment to another (or stayed), by cause.

    Attributes:
        share: of the customers of from_segment, 0 to 1.
        causes: customers per cause, in the order of CAUSES.
    """

    from_segment: str
    to_segment: str
    customers: int
    share: float
    causes: tuple[int, ...]

    @property
    def stayed(self) -> bool:
        """Whether it is on the diagonal."""
        return self.from_segment == self.to_segment


@dataclass(frozen=True)
class ReportData:
    """All the report is built from.

    Attributes:
        run: facts of the run.
        rule_map: the rules it used.
        segments: one per segment that occurs.
        cuts: cut points, outer measures first.
        grid: cells of recency by frequency score that occur.
        transitions: since the previous run; empty without one.
        clusters: empty when clusters are off.
        histograms: per measure, customers by doubling bin: bin b holds whole values v with 2^b - 1 <= v < 2^(b+1) - 1,
            and -1 the negative ones.
        model: that assigned the customers to clusters; None without, or in a lake that does not have it.
        drift: its figures, and those of the runs before it.
        interactions: sums per window, and the volumes that were tracked.
        engagement: its tiers, and those of the runs before it.
    """

    run: RunFacts
    rule_map: RuleMap
    segments: tuple[Profile, ...]
    cuts: tuple[CutSet, ...]
    grid: tuple[GridCell, ...]
    transitions: tuple[Transition, ...]
    clusters: tuple[ClusterProfile, ...]
    histograms: Mapping[str, Mapping[int, int]]
    model: ModelFacts | None = None
    drift: DriftFacts = field(default_factory=DriftFacts)
    interactions: InteractionFacts = field(default_factory=InteractionFacts)
    engagement: EngagementFacts = field(default_factory=EngagementFacts)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The configuration of the run, parsed."""
        parsed: dict[str, Any] = json.loads(self.run.config)
        return parsed

    @property
    def window_days(self) -> int | None:
        """Days counted for frequency and monetary value; None for all history."""
        found: int | None = self.settings.get("rfm", {}).get("window_days")
        return found

    @cached_property
    def customers(self) -> int:
        """Customers in segments."""
        return sum(row.customers for row in self.segments)

    @cached_property
    def revenue(self) -> Decimal:
        """Revenue in the window."""
        return sum((row.revenue for row in self.segments), Decimal(0))

    @cached_property
    def outcomes(self) -> dict[str, Outcome]:
        """Segments of the rule map by name, in its order."""
        return {outcome.name: outcome for outcome in self.rule_map.all_outcomes()}

    def revenue_share(self, revenue: Decimal) -> float | None:
        """Share of the window's revenue; None where that is not above zero and a share has no meaning."""
        return float(revenue / self.revenue) if self.revenue > 0 else None

    def customer_share(self, customers: int) -> float:
        """Share of all customers, 0 to 1."""
        return customers / self.customers if self.customers else 0.0

    def label(self, segment: str) -> str:
        """A segment's name for people, also of one that only an earlier rule map knows."""
        if segment in self.outcomes:
            return self.outcomes[segment].label
        return segment.replace("_", " ").capitalize()

    def colour(self, segment: str) -> str:
        """A segment's colour."""
        return self.outcomes[segment].colour if segment in self.outcomes else "#8c8c8c"

    def cause_counts(self) -> dict[str, int]:
        """Customers per cause, those that occur, in the order of CAUSES."""
        totals = {cause: sum(t.causes[at] for t in self.transitions) for at, cause in enumerate(CAUSES)}
        return {cause: count for cause, count in totals.items() if count}

    def kept_and_before(self) -> tuple[int, int]:
        """Customers still in the segment of the previous run, and customers of that run."""
        before = [t for t in self.transitions if t.from_segment != NO_SEGMENT]
        return sum(t.customers for t in before if t.stayed), sum(t.customers for t in before)
