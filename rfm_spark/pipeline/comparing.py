"""Two runs side by side: who moved between them, and why."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.clusters.assign import assigned
from rfm_spark.capabilities.clusters.model import ClusterModel
from rfm_spark.capabilities.clusters.models import Models
from rfm_spark.capabilities.movement.moves import moves
from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.capabilities.rfm.cuts import CutSet, from_rows, with_scores
from rfm_spark.capabilities.rfm.scores import with_codes
from rfm_spark.capabilities.rfm.tables import SEGMENT_CUTS
from rfm_spark.capabilities.segments.rules import RuleMap, segment_column
from rfm_spark.capabilities.segments.tables import SEGMENTS
from rfm_spark.core.columns import customer_columns
from rfm_spark.core.runs import RunRow
from rfm_spark.lake.store import Store
from rfm_spark.pipeline.late import reading

_PLACE = ("table", "path", "format", "options")
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

    @property
    def rule_map(self) -> RuleMap:
        """Its rules."""
        return RuleMap.model_validate(self.document["segments"]["rule_map"])


def side_of(store: Store, run: RunRow) -> Side:
    """A published run as a side."""
    return Side(run.run_id, json.loads(run.config), run.model_version, rows_of(store, SEGMENTS.name, run.run_id))


def rows_of(store: Store, table: str, run_id: str) -> DataFrame:
    """Rows of one run."""
    return store.of_runs(table, [run_id])


def compared(store: Store, config_name: str, now: Side, before: Side) -> DataFrame:
    """Customers of two runs of a lake, with the cause of each move; see `movement.moves.moves`."""
    rows = store.rows(SEGMENT_CUTS.name, run_id=before.run_id)
    old = None
    if before.model_version is not None and before.model_version != now.model_version:
        found = Models(store, config_name).find(before.model_version)
        old = None if found is None else ClusterModel.from_row(found.row)
    return moved_between(now, before, from_rows(rows), old)


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
        definition_changed=definition_changed(now, before),
    )


def definition_changed(now: Side, before: Side) -> bool:
    """Whether segments mean something else: rules, scoring, windows, the mapping of the source."""
    if _definition(now) != _definition(before):
        return True
    return _names_clusters(now.rule_map) and now.model_version != before.model_version


def _rescored(now: Side, before: Side, old_cuts: Sequence[CutSet]) -> DataFrame:
    # Percentiles, z-scores and tiers stay today's: their old distribution is not kept, and cuts don't shape them.
    rescored = with_scores(now.segments.withColumnRenamed("segment", "segment_now"), old_cuts)
    rescored = with_codes(rescored, RfmConfig.model_validate(before.document["rfm"]))
    params = {"new_within_days": float(before.document["segments"]["new_within_days"])}
    return rescored.withColumn("segment_before_cuts", segment_column(before.rule_map, params)).withColumnRenamed(
        "segment_now", "segment"
    )


def _under(scored: DataFrame, old: ClusterModel) -> DataFrame:
    """What the earlier run's model makes of today's customers, beside today's cluster."""
    labelled = assigned(scored.withColumnRenamed("cluster_id", "cluster_now"), old)
    both = labelled.withColumnsRenamed({"cluster_id": "cluster_before_model", "cluster_now": "cluster_id"})
    return both.select(*_NOW, "cluster_before_model")


def _definition(side: Side) -> dict[str, Any]:
    document, rule_map = side.document, side.rule_map
    # Titles, colours and advice may change, and the files that rules and lines are in may move.
    rules = [*((rule.name, rule.when) for rule in rule_map.segments), rule_map.otherwise.name]
    segments = {"rules": rules, "new_within_days": document["segments"]["new_within_days"]}
    read = reading(document)
    read["source"] = {key: value for key, value in read["source"].items() if key not in _PLACE}
    # The sketch's error shapes no result.
    scoring = {key: value for key, value in document["rfm"]["scoring"].items() if key != "relative_error"}
    parts: dict[str, Any] = {"segments": segments, "reading": read}
    parts["rfm"] = {**document["rfm"], "scoring": scoring}
    if _names_clusters(rule_map):
        parts["clusters"] = document["clusters"]
    if {customer_columns()[column].stage for column in rule_map.columns()} & {
        "interactions",
        "engagement",
        "engagement.rfm",
    }:
        parts["behaviour"] = [document.get("interactions"), document.get("engagement")]
        parts["behaviour"] += [_without_place(document["sources"].get(name)) for name in ("events", "messages")]
    return parts


def _without_place(source: Mapping[str, Any] | None) -> dict[str, Any]:
    return {key: value for key, value in (source or {}).items() if key not in (*_PLACE, "quality", "simulated")}


def _names_clusters(rule_map: RuleMap) -> bool:
    return any(column.startswith("cluster") or column == "second_distance" for column in rule_map.columns())
