"""Two runs side by side: who moved between them, and why."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.clusters.artefacts import Models, WholeModel, assigned
from rfm_spark.capabilities.movement.moves import (
    COUNTERFACTUAL,
    OF_USAGE,
    WAS,
    move_columns,
    moves,
    tracked_move_columns,
)
from rfm_spark.capabilities.purchases.tables import MEASURES
from rfm_spark.capabilities.rfm.artefacts import CutSet, from_rows, with_codes, with_scores
from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.capabilities.rfm.tables import SEGMENT_CUTS
from rfm_spark.capabilities.segments.artefacts import (
    column_changed,
    definition_changed,
    rule_map_of,
    rule_params_of,
    segment_column,
)
from rfm_spark.capabilities.segments.tables import SEGMENTS
from rfm_spark.core.access import TableWriter
from rfm_spark.core.columns import all_stages, stages, tracked_columns
from rfm_spark.core.parts import in_a_stage_of_its_own
from rfm_spark.core.runs import RunDetails
from rfm_spark.core.scopes import BETWEEN, CURRENCY, parted_by
from rfm_spark.core.table import SCOPE_COLUMN

_BEFORE = (
    "segment", "confirmed_segment", "segment_runs", "segment_before", "lines", "last_order_date", "monetary",
    "cluster_id",
)  # fmt: skip
_SCORES = ("r_score", "f_score", "m_score")
# What yesterday's cuts and model would change in a row.
_SHAPED = (
    *_SCORES, "rfm_code", "rfm_weighted", "cluster_id", "cluster_name", "cluster_distance",
    "second_distance", "cluster_imputed", "model_version",
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


@dataclass(frozen=True)
class Earlier:
    """A run that a later one is compared with.

    Attributes:
        side: the run.
        cut_sets: its cut points.
        model: its cluster model, where that is another one than the later run's and is known.
        same_model: whether clusters mean the same in both.
        definition_changed: whether segments mean something else in the later one.
        tracked: columns whose moves are told, of stages that run in both; and whether they mean something else.
        scoped: whether scopes parted customers.
        by_usage: whether customers were measured by something else than purchases.
    """

    side: Side
    cut_sets: Sequence[CutSet]
    model: WholeModel | None
    same_model: bool
    definition_changed: bool
    tracked: Mapping[str, bool] = field(default_factory=dict)
    scoped: bool = False
    by_usage: bool = False

    @property
    def rows(self) -> DataFrame:
        """customer_id, and the columns that moves need under names that begin with `moves.WAS`."""
        return self.side.segments.select("customer_id", *(F.col(name).alias(f"{WAS}{name}") for name in self._before))

    def stood(self, column: str) -> DataFrame:
        """customer_id, a column and monetary, as they were."""
        return self.side.segments.select("customer_id", column, "monetary")

    def with_moves(self, joined: DataFrame) -> DataFrame:
        """Customers of the later run, joined with `rows`, with the columns of `movement.columns` and without these."""
        judged = self.with_counterfactual(joined)
        told = move_columns(definition_changed=self.definition_changed, by_usage=self.by_usage) | tracked_move_columns(
            self.tracked, by_usage=self.by_usage
        )
        moved = judged.withColumns(told)
        return moved.drop(*(f"{WAS}{name}" for name in self._before), *COUNTERFACTUAL)

    def moves(self, segments: DataFrame) -> DataFrame:
        """Every customer of either run, with the cause of each move; see `moves.moves`.

        Args:
            segments: rows of the later run's `segments`, with is_corrected.
        """
        scopes = self.side.segments.select("customer_id", F.col(SCOPE_COLUMN).alias(f"{WAS}{SCOPE_COLUMN}"))
        with_scope = segments.join(scopes, "customer_id", "left") if self.scoped else segments
        judged = self.with_counterfactual(with_scope).drop(f"{WAS}{SCOPE_COLUMN}")
        return moves(
            judged, self.rows, self.side.run_id, definition_changed=self.definition_changed, by_usage=self.by_usage
        )

    def with_counterfactual(self, customers: DataFrame) -> DataFrame:
        """Customers with the segment and the cluster that the earlier run's cuts, rules and model would give them."""
        # Percentiles, z-scores and tiers stay today's: their old distribution is not kept, and cuts don't shape them.
        under = {**self._under_earlier(customers), **_scope_before(customers, parted_by(self.side.document))}
        today = {name: f"_today_{name}" for name in (*_SHAPED, *under) if name in customers.columns}
        kept = customers.withColumns({name: F.col(of) for of, name in today.items()}).withColumns(under)
        document = self.side.document
        scored = with_scores(in_a_stage_of_its_own(kept) if self.scoped else kept, self.cut_sets)
        if self.scoped:
            # Of a currency that nobody paid in then, there are no cut points of money: the score is left as it is.
            scored = scored.withColumns({name: F.coalesce(name, today[name]) for name in _SCORES if name in today})
        rescored = with_codes(scored, RfmConfig.model_validate(document["rfm"]))
        rules = segment_column(rule_map_of(document), rule_params_of(document))
        judged = rescored.withColumn("segment_before_cuts", rules)
        if self.model is not None:
            judged = assigned(judged, self.model).withColumn("cluster_before_model", F.col("cluster_id"))
        else:
            # Of a model that is gone nobody can say what it would have made of today's customers.
            its = F.col("cluster_id") if self.same_model else F.lit(None).cast("int")
            judged = judged.withColumn("cluster_before_model", its)
        return judged.withColumns({of: F.col(name) for of, name in today.items()}).drop(*today.values())

    def _under_earlier(self, customers: DataFrame) -> dict[str, Column]:
        """Tracked columns as they would be under what the earlier run knew, of rows that say so."""
        known = {name: tracked.under_earlier for name, tracked in tracked_columns(all_stages()).items()}
        return {name: F.col(known[name]) for name in self.tracked if known[name] in customers.columns}

    @property
    def _before(self) -> tuple[str, ...]:
        scope, usage = ((SCOPE_COLUMN,) if self.scoped else ()), (OF_USAGE if self.by_usage else ())
        return (*_BEFORE, *self.tracked, *scope, *usage)


def _scope_before(customers: DataFrame, names: Sequence[str]) -> dict[str, Column]:
    """The scope that customers were in: the cut points of another one are none of yesterday's.

    Those of money say nothing of another currency, so that who pays in one by now is judged by that of today.
    """
    was = f"{WAS}{SCOPE_COLUMN}"
    if was not in customers.columns:
        return {}
    before = F.coalesce(was, SCOPE_COLUMN)
    if CURRENCY not in names:
        return {SCOPE_COLUMN: before}
    then, now = (F.get(F.split(F.col(name), BETWEEN), names.index(CURRENCY)) for name in (was, SCOPE_COLUMN))
    return {SCOPE_COLUMN: F.when(then.eqNullSafe(now), before).otherwise(F.col(SCOPE_COLUMN))}


def side_of(lake: TableWriter, run: RunDetails) -> Side:
    """A published run as a side."""
    return Side(run.run_id, json.loads(run.config), run.model_version, lake.of_runs(SEGMENTS.name, [run.run_id]))


def earlier_of(
    lake: TableWriter, run: RunDetails, config_name: str, document: Mapping[str, Any], model_version: str | None
) -> Earlier:
    """A published run as the earlier one.

    Args:
        lake: holds it.
        run: the earlier one.
        config_name: segmentation.
        document: configuration of the later run, as it is stored.
        model_version: cluster model of the later run.
    """
    before = side_of(lake, run)
    cut_sets, old = from_rows(lake.rows(SEGMENT_CUTS.name, run_id=before.run_id)), None
    if before.model_version is not None and before.model_version != model_version:
        found = Models(lake, config_name).find(before.model_version)
        old = None if found is None else found.model
    changed = definition_changed(document, before.document, (model_version, before.model_version))
    both = stages(document) & stages(before.document)
    tracked = {name: column_changed(name, document, before.document) for name in tracked_columns(both)}
    same_model, scoped = before.model_version in (None, model_version), bool(before.document["rfm"].get("scope"))
    by_usage = "measures" in before.document["rfm"]
    return Earlier(before, cut_sets, old, same_model, changed, tracked, scoped, by_usage)


def compared_runs(lake: TableWriter, now: RunDetails, before: RunDetails) -> DataFrame:
    """Customers of two published runs of a segmentation, with the cause of each move; see `moves.moves`."""
    later = side_of(lake, now)
    earlier = earlier_of(lake, before, now.config_name, later.document, later.model_version)
    return earlier.moves(_with_corrections(lake, later.segments, now, before))


def changed_between(now: Side, before: Side) -> bool:
    """Whether segments mean something else: rules, scoring, windows, the mapping of the source."""
    return definition_changed(now.document, before.document, (now.model_version, before.model_version))


def _with_corrections(lake: TableWriter, segments: DataFrame, now: RunDetails, before: RunDetails) -> DataFrame:
    """Rows of a run with is_corrected, which it knows against the run that it followed, and only against that one."""
    if now.previous_run_id != before.run_id or not lake.exists(MEASURES.name):
        return segments.withColumn("is_corrected", F.lit(None).cast("boolean"))
    known = lake.of_runs(MEASURES.name, [now.run_id]).where("is_corrected").select("customer_id", "is_corrected")
    return segments.join(known, "customer_id", "left")
