"""The steps of stages: the rhythm of the population, who has not ordered yet, and who moved between stages."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.customers.artefacts import CustomerRecords
from rfm_spark.capabilities.engagement.artefacts import Engagement
from rfm_spark.capabilities.events.artefacts import Interactions
from rfm_spark.capabilities.lifecycle.artefacts import Prospects, StageMoves, Stages
from rfm_spark.capabilities.lifecycle.config import LifecycleConfig
from rfm_spark.capabilities.lifecycle.moves import Entered, changed_rows, stage_rows, who_left, with_prospects
from rfm_spark.capabilities.lifecycle.prospects import REMEMBERED, WITH_LINES, prospects_of, with_moves
from rfm_spark.capabilities.lifecycle.rhythm import Rhythm, gaps_of, rhythm_of
from rfm_spark.capabilities.lifecycle.tables import (
    LIFECYCLE_CHANGES,
    LIFECYCLE_RHYTHM,
    LIFECYCLE_SUMMARY,
    LIFECYCLE_TRANSITIONS,
    NOBODY,
    PROSPECTS,
)
from rfm_spark.capabilities.lifecycle.words import PROSPECT
from rfm_spark.capabilities.movement.artefacts import (
    Comparison,
    Earlier,
    Moved,
    moved_from,
    transitions,
    without_amounts,
)
from rfm_spark.capabilities.purchases.artefacts import Purchases
from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.capabilities.segments.artefacts import CustomerCounts, Segments, moves_of
from rfm_spark.capabilities.segments.tables import SEGMENTS
from rfm_spark.core.config import Config
from rfm_spark.core.scopes import amounts_apart
from rfm_spark.core.table import ALL
from rfm_spark.pipeline.artefact import Account
from rfm_spark.pipeline.environment import SMALL, Environment
from rfm_spark.pipeline.step import step

RECORDS = "customers"
_COLUMN = "lifecycle_stage"


@dataclass(frozen=True)
class StageSettings:
    """Where stages begin.

    Attributes:
        config: as configured.
    """

    config: LifecycleConfig

    @classmethod
    def of(cls, config: Config) -> StageSettings | None:
        """As configured; None where stages are off."""
        found = config.part(LifecycleConfig)
        return cls(found.terms) if found.enabled else None


@dataclass(frozen=True)
class ProspectSettings:
    """Who is known.

    Attributes:
        remember_days: so long those are remembered of whom no source tells any more.
    """

    remember_days: int

    @classmethod
    def of(cls, config: Config) -> ProspectSettings | None:
        """As configured; None where stages are off."""
        found = config.part(LifecycleConfig)
        return cls(found.remember_days) if found.enabled else None


@dataclass(frozen=True)
class ActionSettings:
    """What to do with the customers of a stage.

    Attributes:
        config: as configured.
        amounts_apart: whether amounts of all customers together have no sum.
    """

    config: LifecycleConfig
    amounts_apart: bool

    @classmethod
    def of(cls, config: Config) -> ActionSettings | None:
        """As configured; None where stages are off."""
        found = config.part(LifecycleConfig)
        return cls(found, config.part(RfmConfig).amounts_apart) if found.enabled else None


@step("Rhythm of orders", "gaps between orders are added up", reads=(LIFECYCLE_RHYTHM,), writes=(LIFECYCLE_RHYTHM,))
def tell_rhythm(environment: Environment, purchases: Purchases, settings: StageSettings) -> Stages:
    """How long does it take from one order to the next?"""
    config, own = settings.config, settings.config.rhythm == "own"
    rhythm = rhythm_of(gaps_of(purchases.customers)) if own else None
    method = "own" if rhythm is not None else ("fixed_for_want_of_gaps" if own else "fixed")
    environment.write(LIFECYCLE_RHYTHM, [_rhythm_row(rhythm, method)])
    warnings = () if rhythm is not None or not own or not purchases.buyers else (
        "lifecycle.rhythm is own, and nobody bought on two days: stages were told by lifecycle.days",
    )  # fmt: skip
    previous = environment.run.previous
    rows = [] if previous is None else _rows_before(environment, previous.run_id)
    return Stages(
        account=Account(warnings=warnings, dealt_with=0 if rhythm is None else rhythm.customers),
        config=config,
        rhythm=rhythm,
        earlier=_rhythm_in(rows[0]) if rows else None,
        has_earlier=bool(rows),
    )


@step("Prospects", "customers without an order are looked for", reads=(PROSPECTS, SEGMENTS), writes=(PROSPECTS,))
def find_prospects(
    environment: Environment, purchases: Purchases, interactions: Interactions | None, messages: Engagement | None,
    records: CustomerRecords | None, stages: Stages, comparison: Comparison, settings: ProspectSettings,
) -> Prospects:  # fmt: skip
    """Who is known, and has not ordered yet?"""
    known: dict[str, DataFrame] = {
        WITH_LINES: purchases.customers.where("recency_days IS NULL").select("customer_id", "is_corrected")
    }
    if interactions is not None:
        known["events"] = interactions.visits.withColumnRenamed("last_event_date", "last_activity_date")
    if messages is not None:
        known["messages"] = messages.columns.select("customer_id", "engagement_tier")
    if records is not None:
        known[RECORDS] = records.made.select("customer_id")
    previous = environment.run.previous if stages.has_earlier else None
    before = None if previous is None else environment.of_runs(PROSPECTS.name, [previous.run_id])
    first_day = environment.run.as_of - timedelta(days=settings.remember_days)
    remembered = None if before is None else _remembered(before, known, first_day)
    earlier = None if previous is None else environment.of_runs(SEGMENTS.name, [previous.run_id])
    buyers = purchases.purchased.select("customer_id")
    every = prospects_of(known, buyers, remembered, environment.run.as_of)
    changed = comparison.earlier is not None and comparison.earlier.tracked.get(_COLUMN, False)
    # Whom only lines tell of have been counted.
    few = set(known) == {WITH_LINES} and purchases.count - purchases.buyers <= SMALL
    if few:
        every = environment.frames.hold(every, purchases.count - purchases.buyers)
    found = with_moves(every, before, earlier, definition_changed=changed, few=few)
    held = environment.frames.hold(found, purchases.count)
    moved = held.groupBy("previous_lifecycle_stage", "lifecycle_cause").count().collect()
    count = sum(row["count"] for row in moved)
    environment.write(PROSPECTS, held)
    account = Account(rows={"customers.prospects": count}, dealt_with=count)
    order = sorted(((row[0], row[1], row[2]) for row in moved), key=str)
    return Prospects(account=account, prospects=held, moved=tuple(order))


@step("Stages of customers", "customers are counted by stage, and compared with the run before",
      reads=(PROSPECTS, LIFECYCLE_SUMMARY),
      writes=(LIFECYCLE_SUMMARY, LIFECYCLE_CHANGES, LIFECYCLE_TRANSITIONS))  # fmt: skip
def compare_stages(
    environment: Environment, purchases: Purchases, segments: Segments, counts: CustomerCounts, comparison: Comparison,
    prospects: Prospects, settings: ActionSettings,
) -> StageMoves:  # fmt: skip
    """How many customers are at each stage, and who moved?"""
    count = sum(number for _, _, number in prospects.moved)
    made, actions = counts.made, settings.config.actions
    rows = stage_rows(made.values(_COLUMN), count, actions)
    # Nobody knows the market of a prospect.
    parted = (stage_rows(made.of(scope).values(_COLUMN), 0, actions, scope) for scope in made.scopes[1:])
    environment.write(LIFECYCLE_SUMMARY, [*rows, *(row for mine in parted for row in mine)])
    account = Account(rows={f"lifecycle.{row[_COLUMN]}": row["customers"] for row in rows}, dealt_with=len(rows))
    earlier, previous = comparison.earlier, environment.run.previous
    if earlier is None or previous is None or _COLUMN not in earlier.tracked:
        return StageMoves(account=account)
    before = environment.of_runs(PROSPECTS.name, [previous.run_id])
    bought = moved_from(counts.made.crossed(moves_of(_COLUMN)))
    entered = _entered(segments.customers, before) if any(one.start is None for one in bought) else []
    moved = with_prospects(bought, entered, prospects.moved)
    stood = environment.rows(LIFECYCLE_SUMMARY.name, run_id=previous.run_id, scope=ALL)
    changes = changed_rows(segments.customers, prospects.prospects, before)
    if who_left(moved, {row[_COLUMN]: row["customers"] for row in stood}):
        left = environment.frames.hold(_left(earlier, segments.customers, prospects.prospects, before), purchases.count)
        moved += _moved_out(left)
        changes = changes.unionByName(
            left.select("customer_id", "from_stage", F.lit(NOBODY).alias("to_stage"), F.lit("left").alias("cause"))
        )
    keys = {"scope": F.lit(ALL), "previous_run_id": F.lit(previous.run_id)}
    environment.write(LIFECYCLE_CHANGES, changes.withColumns(keys))
    if settings.amounts_apart or amounts_apart(earlier.side.document):
        moved = without_amounts(moved)
    ends = ("from_stage", "to_stage")
    environment.write(LIFECYCLE_TRANSITIONS, transitions(moved, ends, previous.run_id, NOBODY))
    return StageMoves(account=account)


def _rhythm_row(rhythm: Rhythm | None, method: str) -> dict[str, Any]:
    known = {} if rhythm is None else asdict(rhythm)
    return {
        "scope": "all",
        "method": method,
        "mean_gap_days": known.get("mean_gap"),
        "prior_gaps": known.get("weight"),
        "variance_within": known.get("within"),
        "variance_between": known.get("between"),
        "customers": known.get("customers"),
        "gaps": known.get("gaps"),
    }


def _rows_before(environment: Environment, run_id: str) -> list[dict[str, Any]]:
    return environment.rows(LIFECYCLE_RHYTHM.name, run_id=run_id) if environment.exists(LIFECYCLE_RHYTHM.name) else []


def _rhythm_in(row: dict[str, Any]) -> Rhythm | None:
    if row["mean_gap_days"] is None:
        return None
    return Rhythm(
        mean_gap=row["mean_gap_days"], weight=row["prior_gaps"], within=row["variance_within"],
        between=row["variance_between"], customers=row["customers"], gaps=row["gaps"],
    )  # fmt: skip


def _remembered(before: DataFrame, known: dict[str, DataFrame], first_day: date) -> DataFrame | None:
    still = [name for name in REMEMBERED if name in known]
    if not still:
        return None
    told = F.arrays_overlap("known_from", F.array(*(F.lit(name) for name in still)))
    return before.where(told & (F.col("last_known_date") >= F.lit(first_day)))


def _entered(customers: DataFrame, before: DataFrame) -> list[Entered]:
    new = customers.where("previous_lifecycle_stage IS NULL").join(
        before.select("customer_id"), "customer_id", "left_semi"
    )
    rows = new.groupBy(_COLUMN).agg(F.count(F.lit(1)), F.sum("monetary").cast("decimal(28,2)")).collect()
    return [Entered(*row) for row in rows]


def _left(earlier: Earlier, customers: DataFrame, prospects: DataFrame, before: DataFrame) -> DataFrame:
    """customer_id, from_stage and monetary of who was in the run before and is in this one no more."""
    here = customers.select("customer_id").unionByName(prospects.select("customer_id"))
    bought = earlier.stood(_COLUMN).withColumnRenamed(_COLUMN, "from_stage")
    known = before.select(
        "customer_id", F.lit(PROSPECT).alias("from_stage"), F.lit(0).cast("decimal(18,2)").alias("monetary")
    )
    return bought.unionByName(known).join(here, "customer_id", "left_anti")


def _moved_out(left: DataFrame) -> list[Moved]:
    rows = left.groupBy("from_stage").agg(F.count(F.lit(1)), F.sum("monetary").cast("decimal(28,2)")).collect()
    return [Moved(stage, None, "left", count, revenue) for stage, count, revenue in rows]


STEPS = (tell_rhythm, find_prospects, compare_stages)
