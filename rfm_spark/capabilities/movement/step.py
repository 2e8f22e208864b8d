"""The step of movement: who moved since the previous run, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rfm_spark.capabilities.clusters.artefacts import Clusters
from rfm_spark.capabilities.clusters.tables import CLUSTER_MODELS
from rfm_spark.capabilities.movement.artefacts import Movement
from rfm_spark.capabilities.movement.comparing import Side, compared, side_of
from rfm_spark.capabilities.movement.moves import (
    cluster_transitions,
    flapping,
    segment_changes,
    segment_transitions,
)
from rfm_spark.capabilities.movement.tables import CLUSTER_TRANSITIONS, SEGMENT_CHANGES, SEGMENT_TRANSITIONS
from rfm_spark.capabilities.purchases.artefacts import Measures
from rfm_spark.capabilities.rfm.tables import SEGMENT_CUTS
from rfm_spark.capabilities.segments.artefacts import Segments
from rfm_spark.capabilities.segments.tables import SEGMENTS
from rfm_spark.core.config import Config
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


@step(
    "Changes", "customers are compared with the run before", reads=(SEGMENTS, SEGMENT_CUTS, CLUSTER_MODELS),
    writes=(SEGMENT_CHANGES, SEGMENT_TRANSITIONS, CLUSTER_TRANSITIONS),
)  # fmt: skip
def compare(
    environment: Environment, measures: Measures, segments: Segments, clusters: Clusters | None,
    settings: MovementSettings,
) -> Movement:  # fmt: skip
    """Who is in another segment than in the run before, and why?"""
    run = environment.run
    if run.previous is None:
        return Movement()
    model = None if clusters is None else clusters.assigns
    now = Side(run.run_id, settings.document, None if model is None else model.version, segments.customers)
    before = side_of(environment, run.previous)
    moved = environment.frames.hold(compared(environment, run.config_name, now, before), measures.count)
    found = flapping(moved)
    environment.write(SEGMENT_CHANGES, segment_changes(moved))
    rows = [row.asDict(recursive=True) for row in segment_transitions(moved).collect()]
    environment.write(SEGMENT_TRANSITIONS, rows)
    if model is not None and before.model_version is not None:
        theirs = [row.asDict(recursive=True) for row in cluster_transitions(moved).collect()]
        environment.write(CLUSTER_TRANSITIONS, theirs)
    return Movement(account=Account(dealt_with=found.both), flapping=found)


STEPS = (compare,)
