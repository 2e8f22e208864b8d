"""Two runs side by side: who moved between them, and why."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.clusters.artefacts import ClusterModel, Models, assigned
from rfm_spark.capabilities.movement.moves import moves
from rfm_spark.capabilities.rfm.artefacts import CutSet, from_rows, with_codes, with_scores
from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.capabilities.rfm.tables import SEGMENT_CUTS
from rfm_spark.capabilities.segments.artefacts import definition_changed, rule_map_of, rule_params_of, segment_column
from rfm_spark.capabilities.segments.tables import SEGMENTS
from rfm_spark.core.access import TableWriter
from rfm_spark.core.runs import RunDetails

_NOW = (
    "customer_id", "segment", "confirmed_segment", "segment_before_cuts", "lines", "last_order_date", "monetary",
    "cluster_id",
)  # fmt: skip
_BEFORE = (
    "customer_id", "segment", "confirmed_segment", "segment_runs", "segment_before", "lines", "last_order_date",
    "monetary", "cluster_id",
)  # fmt: skip


@dataclass(frozen=True)
class Side:
    """One of two runs that are compared.

    Attributes:
        run_id: of the run.
        document: its configuration with the rule map.
        model_version: cluster model its customers were assigned by.
        segments: its rows of `segments`.
    """

    run_id: str
    document: Mapping[str, Any]
    model_version: str | None
    segments: DataFrame


def side_of(lake: TableWriter, run: RunDetails) -> Side:
    """A published run as a side."""
    return Side(run.run_id, json.loads(run.config), run.model_version, lake.of_runs(SEGMENTS.name, [run.run_id]))


def compared(lake: TableWriter, config_name: str, now: Side, before: Side) -> DataFrame:
    """Customers of two runs of a lake, with the cause of each move; see `moves.moves`."""
    rows = lake.rows(SEGMENT_CUTS.name, run_id=before.run_id)
    old = None
    if before.model_version is not None and before.model_version != now.model_version:
        found = Models(lake, config_name).find(before.model_version)
        old = None if found is None else ClusterModel.from_row(found.row)
    return moved_between(now, before, from_rows(rows), old)


def compared_runs(lake: TableWriter, now: RunDetails, before: RunDetails) -> DataFrame:
    """Customers of two published runs of a segmentation, with the cause of each move."""
    return compared(lake, now.config_name, side_of(lake, now), side_of(lake, before))


def changed_between(now: Side, before: Side) -> bool:
    """Whether segments mean something else: rules, scoring, windows, the mapping of the source."""
    return definition_changed(now.document, before.document, (now.model_version, before.model_version))


def moved_between(
    now: Side, before: Side, old_cuts: Sequence[CutSet], old_model: ClusterModel | None = None
) -> DataFrame:
    """Customers of two runs, with the cause of each move.

    Args:
        now: the later run.
        before: the earlier one.
        old_cuts: cut points of the earlier one.
        old_model: its cluster model, where that is another one than the later run's.

    Returns:
        As `movement.moves.moves`.
    """
    scored = _rescored(now, before, old_cuts)
    if old_model is not None:
        labelled = _under(scored, old_model)
    else:
        # Of a model that is gone nobody can say what it would have made of today's customers.
        same = before.model_version in (None, now.model_version)
        its = F.col("cluster_id") if same else F.lit(None).cast("int")
        labelled = scored.select(*_NOW, its.alias("cluster_before_model"))
    return moves(
        labelled,
        before.segments.select(*_BEFORE),
        before.run_id,
        definition_changed=changed_between(now, before),
    )


def _rescored(now: Side, before: Side, old_cuts: Sequence[CutSet]) -> DataFrame:
    # Percentiles, z-scores and tiers stay today's: their old distribution is not kept, and cuts don't shape them.
    rescored = with_scores(now.segments.withColumnRenamed("segment", "segment_now"), old_cuts)
    rescored = with_codes(rescored, RfmConfig.model_validate(before.document["rfm"]))
    params = rule_params_of(before.document)
    return rescored.withColumn(
        "segment_before_cuts", segment_column(rule_map_of(before.document), params)
    ).withColumnRenamed("segment_now", "segment")


def _under(scored: DataFrame, old: ClusterModel) -> DataFrame:
    """What the earlier run's model makes of today's customers, beside today's cluster."""
    labelled = assigned(scored.withColumnRenamed("cluster_id", "cluster_now"), old)
    both = labelled.withColumnsRenamed({"cluster_id": "cluster_before_model", "cluster_now": "cluster_id"})
    return both.select(*_NOW, "cluster_before_model")
