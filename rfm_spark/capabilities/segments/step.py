"""The steps of segments: a customer's row is put together, named, written and summed up."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F

from rfm_spark.capabilities.clusters.artefacts import Clusters
from rfm_spark.capabilities.movement.artefacts import Comparison
from rfm_spark.capabilities.purchases.artefacts import Measures
from rfm_spark.capabilities.rfm.artefacts import Scores
from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.capabilities.segments.artefacts import (
    CustomerCounts,
    CustomerRows,
    Segments,
    SegmentSize,
    SegmentSizes,
    Summary,
)
from rfm_spark.capabilities.segments.config import SegmentsConfig
from rfm_spark.capabilities.segments.counting import wanted_counts
from rfm_spark.capabilities.segments.definition import definition, rule_map_of
from rfm_spark.capabilities.segments.load import rule_params_of
from rfm_spark.capabilities.segments.rules import segment_column
from rfm_spark.capabilities.segments.spells import with_spells
from rfm_spark.capabilities.segments.summary import named, segment_sizes
from rfm_spark.capabilities.segments.tables import SEGMENT_SUMMARY, SEGMENTS
from rfm_spark.core.columns import customer_columns, tracked_columns
from rfm_spark.core.config import Config
from rfm_spark.core.counting import CountedCustomers
from rfm_spark.core.errors import GateError
from rfm_spark.core.scopes import counted_as
from rfm_spark.pipeline.artefact import Account, CustomerColumns, CustomerLookup, CustomerProjection
from rfm_spark.pipeline.environment import SMALL, Environment
from rfm_spark.pipeline.step import aside, step

# Of what every run fills, the columns that have few values.
CATEGORIES = ("segment", "value_tier", "r_score", "f_score", "m_score")


@dataclass(frozen=True)
class RowSettings:
    """What a customer's scores are made with.

    Attributes:
        rfm: weights, bins, what value tiers rank.
        asked: columns that rules name.
        rules: the rule map, for messages.
    """

    rfm: RfmConfig
    asked: tuple[str, ...]
    rules: str = aside()

    @classmethod
    def of(cls, config: Config) -> RowSettings:
        """As configured."""
        asked = rule_map_of(config.document()).columns()
        return cls(config.part(RfmConfig), tuple(sorted(asked)), config.part(SegmentsConfig).rules)


@dataclass(frozen=True)
class SegmentSettings:
    """What segments mean.

    Attributes:
        definition: all that they hang on: rules without titles, colours and advice, scoring, windows, mappings.
        confirm_runs: runs in a row that a segment has to hold before it is confirmed.
    """

    definition: Mapping[str, Any]
    confirm_runs: int
    document: Mapping[str, Any] = aside()

    @classmethod
    def of(cls, config: Config) -> SegmentSettings:
        """As configured."""
        document = config.document()
        return cls(
            json.loads(json.dumps(definition(document), default=str)),
            config.part(SegmentsConfig).confirm_runs,
            document,
        )


@dataclass(frozen=True)
class LabelSettings:
    """What segments are called, and what to do with them.

    Attributes:
        rule_map: with titles, colours and advice.
    """

    rule_map: Mapping[str, Any]

    @classmethod
    def of(cls, config: Config) -> LabelSettings:
        """As configured."""
        return cls({"rule_map": config.document()["segments"]["rule_map"]})


@dataclass(frozen=True)
class CountSettings:
    """What customers are counted by.

    Attributes:
        categories: columns with few values.
        scope: what parts customers into scopes.
        numbers: columns whose spread is watched, beside those that are scored or clustered by.
        running: stages.
    """

    categories: tuple[str, ...]
    scope: tuple[str, ...]
    numbers: tuple[str, ...]
    running: tuple[str, ...] = aside()

    @classmethod
    def of(cls, config: Config) -> CountSettings:
        """The columns that every run fills, and those of capabilities that run whose values are watched."""
        running = config.stages
        watched = [one for one in customer_columns().values() if one.is_watched and one.stage in running]
        categories = (*CATEGORIES, *(column.name for column in watched if not column.is_number))
        numbers = tuple(column.name for column in watched if column.is_number)
        return cls(categories, config.part(RfmConfig).scope or (), numbers, tuple(sorted(running)))


@step("Rows of customers", "columns of all capabilities are put together", lasts=False)
def put_together(
    environment: Environment, measures: Measures, scores: Scores, columns: tuple[CustomerColumns, ...],
    lookups: tuple[CustomerLookup, ...], settings: RowSettings,
) -> CustomerRows:  # fmt: skip
    """What is known of each customer, in one row?"""
    _must_be_known(settings, {name for one in lookups for name in one.left_empty})
    scored = scores.scored(measures.purchased, settings.rfm)
    if columns:
        absent: dict[str, Any] = {}
        for one in columns:
            scored, absent = scored.join(one.columns, "customer_id", "left"), {**absent, **one.absent}
        scored = scored.withColumns(_filled(scored.columns, absent))
    for found in lookups:
        scored = found.look_up(scored)
    return CustomerRows(frame=environment.frames.hold_if_few(scored, measures.count))


def _must_be_known(settings: RowSettings, empty: Collection[str]) -> None:
    """Rules that go by columns without values would put everybody into the segment of whom nothing is known.

    Raises:
        GateError: such a column.
    """
    missing = [name for name in settings.asked if name in empty]
    if missing:
        raise GateError(
            f"segments.rules {settings.rules} goes by {' and '.join(missing)}, and there is too little history to tell "
            "them; take rules that go without, such as rf_grid, until there is more; nothing was published"
        )


@step(
    "Segments",
    "rules are applied, and a row per customer is written",
    takes_long=True,
    writes=(SEGMENTS,),
)
def name(
    environment: Environment, measures: Measures, rows: CustomerRows, projections: tuple[CustomerProjection, ...],
    comparison: Comparison, settings: SegmentSettings,
) -> Segments:  # fmt: skip
    """Which segment is each customer in, and for how long?"""
    customers = rows.made
    for one in projections:
        customers = one.project(customers)
    complete = customers.withColumns({**_blank(customers.columns), "as_of_date": F.lit(environment.run.as_of)})
    document = settings.document
    rows_now = complete.withColumn("segment", segment_column(rule_map_of(document), rule_params_of(document)))
    earlier = comparison.earlier
    changed = earlier is not None and earlier.definition_changed
    # The one join of a customer's row with that of the run before.
    joined = rows_now if earlier is None else rows_now.join(earlier.rows, "customer_id", "left")
    spelled = with_spells(joined, settings.confirm_runs, goes_on=earlier is not None and not changed)
    if earlier is not None:
        spelled = earlier.with_moves(spelled)
    if measures.count <= SMALL:
        # What is written is what is looked at from here on.
        held = environment.frames.hold(spelled, measures.count)
        written = held.select(*(F.col(n).cast(kind.lower()).alias(n) for n, kind, _ in SEGMENTS.columns[1:]))
        environment.write(SEGMENTS, held)
    else:
        environment.write(SEGMENTS, spelled)
        # Not at its version: time travel builds a snapshot of its own, and nobody else writes this run's slice.
        written = environment.written(SEGMENTS)
    return Segments(account=Account(dealt_with=measures.buyers), customers=written, definition_changed=changed)


@step("Counts of customers", "customers are counted by all that the tables after this one tell", lasts=False)
def count(
    environment: Environment, segments: Segments, clusters: Clusters | None, settings: CountSettings
) -> CustomerCounts:
    """How many customers are alike in what?"""
    model = None if clusters is None else clusters.assigns
    tracked = tracked_columns(settings.running)
    moves = environment.run.previous is not None
    wanted = wanted_counts(
        settings.categories, model, moves=moves, tracked=tracked, scope=settings.scope, watched=settings.numbers
    )
    return CustomerCounts(counts=CountedCustomers(segments.customers, wanted))


@step("Summary of segments", "customers are added up by segment")
def sum_up(environment: Environment, counts: CustomerCounts) -> SegmentSizes:
    """How many customers and how much revenue does each segment have?"""
    made = counts.made
    found = tuple(SegmentSize(**row) for scope in made.scopes for row in segment_sizes(made.of(scope), scope))
    customers = {scope: sum(one.customers for one in found if one.scope == scope) for scope in made.scopes[1:]}
    rows = {counted_as(scope): count for scope, count in customers.items()}
    return SegmentSizes(account=Account(rows=rows, dealt_with=len(found)), sizes=found)


@step("Summary kept", "it is written", writes=(SEGMENT_SUMMARY,))
def keep_summary(environment: Environment, sizes: SegmentSizes, settings: LabelSettings) -> Summary:
    """What is each segment called, and what should be done with it?"""
    environment.write(
        SEGMENT_SUMMARY, named((asdict(one) for one in sizes.sizes), rule_map_of({"segments": settings.rule_map}))
    )
    return Summary()


def _filled(there: list[str], absent: Mapping[str, Any]) -> dict[str, Column]:
    known = {n: column.absent for n, column in customer_columns().items() if column.absent is not None}
    return {n: F.coalesce(F.col(n), F.lit(value)) for n, value in {**known, **absent}.items() if n in there}


def _blank(there: list[str]) -> dict[str, Column]:
    """Columns of capabilities that are off, as nulls."""
    missing = (column for column in customer_columns().values() if column.stored and column.name not in there)
    return {column.name: F.lit(None).cast(column.kind.lower()) for column in missing if column.name != "segment"}


STEPS = (put_together, name, count, sum_up, keep_summary)
