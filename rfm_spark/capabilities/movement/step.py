"""The steps of movement: what the previous run would have made of today's customers, who moved, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.sql import functions as F

from rfm_spark.capabilities.clusters.artefacts import Clusters
from rfm_spark.capabilities.clusters.tables import CLUSTER_MODELS
from rfm_spark.capabilities.movement.artefacts import Comparison, Movement
from rfm_spark.capabilities.movement.comparing import earlier_of
from rfm_spark.capabilities.movement.moves import (
    WAS,
    changes_of,
    flapping,
    left_moved,
)
from rfm_spark.capabilities.movement.tables import CLUSTER_TRANSITIONS, SEGMENT_CHANGES, SEGMENT_TRANSITIONS
from rfm_spark.capabilities.movement.transitions import cluster_transitions, moved_from, segment_transitions
from rfm_spark.capabilities.purchases.artefacts import Measures
from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.capabilities.rfm.tables import SEGMENT_CUTS
from rfm_spark.capabilities.segments.artefacts import CLUSTER_MOVES, SEGMENT_MOVES, CustomerCounts, Segments
from rfm_spark.capabilities.segments.tables import SEGMENTS
from rfm_spark.core.config import Config
from rfm_spark.core.counting import CountedCustomers
from rfm_spark.core.scopes import amounts_apart, parted_by
from rfm_spark.core.table import ALL, SCOPE_COLUMN
from rfm_spark.pipeline.artefact import Account
from rfm_spark.pipeline.environment import Environment
from rfm_spark.pipeline.step import aside, step


@dataclass(frozen=True)
class MovementSettings:
    """What segments mean, for the causes of moves; who is in which one hangs on the rows themselves.

    Attributes:
        document: the configuration as it is stored.
    """

    document: Mapping[str, Any] = aside()

    @classmethod
    def of(cls, config: Config) -> MovementSettings:
        """As configured."""
        return cls(config.document())


@dataclass(frozen=True)
class ScopeSettings:
    """What parts customers.

    Attributes:
        scope: names of what does; none where nothing does.
        amounts_apart: whether amounts of all scopes together have no sum.
    """

    scope: tuple[str, ...]
    amounts_apart: bool

    @classmethod
    def of(cls, config: Config) -> ScopeSettings:
        """As configured."""
        rfm = config.part(RfmConfig)
        return cls(rfm.scope or (), rfm.amounts_apart)


@step("Run before", "cut points and model of the run before are looked up",
      reads=(SEGMENTS, SEGMENT_CUTS, CLUSTER_MODELS), lasts=False)  # fmt: skip
def look_back(environment: Environment, clusters: Clusters | None, settings: MovementSettings) -> Comparison:
    """What would the run before have made of today's customers?"""
    run = environment.run
    if run.previous is None:
        return Comparison()
    model = None if clusters is None else clusters.assigns
    version = None if model is None else model.version
    return Comparison(earlier=earlier_of(environment, run.previous, run.config_name, settings.document, version))


@step("Changes", "customers are compared with the run before",
      writes=(SEGMENT_CHANGES, SEGMENT_TRANSITIONS, CLUSTER_TRANSITIONS))  # fmt: skip
def compare(
    environment: Environment, measures: Measures, segments: Segments, counts: CustomerCounts, comparison: Comparison,
    clusters: Clusters | None, settings: ScopeSettings,
) -> Movement:  # fmt: skip
    """Who is in another segment than in the run before, and why?"""
    earlier, previous = comparison.earlier, environment.run.previous
    if earlier is None or previous is None:
        return Movement()
    counted = counts.made
    moved = {scope: moved_from(counted.of(scope).crossed(SEGMENT_MOVES)) for scope in counted.scopes}
    clusters_moved = moved_from(counted.crossed(CLUSTER_MOVES))
    returned, confirmed = (_yes(counted, name) for name in ("moved_back", "confirmed_moved"))
    found = flapping(moved[ALL], clusters_moved, returned, confirmed)
    left = None
    if previous.rows.get(SEGMENTS.name) != found.both:
        gone = earlier.rows.join(segments.customers.select("customer_id"), "customer_id", "left_anti")
        if parted_by(earlier.side.document) != settings.scope:
            # Nobody is in a scope of another kind any more.
            gone = gone.drop(f"{WAS}{SCOPE_COLUMN}")
        left = environment.frames.hold(gone, measures.count)
        apart = settings.amounts_apart or amounts_apart(earlier.side.document)
        for scope, mine in left_moved(left, f"{WAS}segment", amounts_apart=apart).items():
            moved[scope] = moved.get(scope, []) + mine
        clustered = left.where(F.col(f"{WAS}cluster_id").isNotNull())
        clusters_moved += left_moved(clustered, f"{WAS}cluster_id", amounts_apart=apart)[ALL]
    environment.write(SEGMENT_CHANGES, changes_of(segments.customers, left, previous.run_id))
    rows = [row for scope, mine in moved.items() for row in segment_transitions(mine, previous.run_id, scope)]
    environment.write(SEGMENT_TRANSITIONS, rows)
    if clusters is not None and clusters.models and previous.model_version is not None:
        environment.write(CLUSTER_TRANSITIONS, cluster_transitions(clusters_moved, previous.run_id))
    return Movement(account=Account(dealt_with=found.both), flapping=found)


def _yes(counts: CountedCustomers, column: str) -> int:
    return sum(one.customers for one in counts.values(column) if one.of == ("True",))


STEPS = (look_back, compare)
