"""The step of cohorts."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce
from typing import Any, Literal

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.cohorts.artefacts import Cohorts
from rfm_spark.capabilities.cohorts.cells import Cell, Tiers, carried, cells_of, cohort_rows, differences, first_days
from rfm_spark.capabilities.cohorts.config import CohortsConfig
from rfm_spark.capabilities.cohorts.periods import between, start_column, start_of
from rfm_spark.capabilities.cohorts.tables import COHORTS
from rfm_spark.capabilities.events.artefacts import active_days
from rfm_spark.capabilities.events.config import EventsSource
from rfm_spark.capabilities.purchases.artefacts import MeasuredAgain, OrderDays, Purchases, is_purchase, orders_until
from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.capabilities.purchases.tables import ORDER_DAYS
from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.capabilities.segments.artefacts import Segments
from rfm_spark.core.config import Config
from rfm_spark.core.errors import BalanceError
from rfm_spark.core.runs import Configs, RunDetails, RunRow
from rfm_spark.pipeline.artefact import Account
from rfm_spark.pipeline.environment import Environment, Source
from rfm_spark.pipeline.step import step

_EVENTS = "events"
_AMOUNTS = ("revenue", "revenue_per_customer", "cumulated_revenue")


@dataclass(frozen=True)
class CohortSettings:
    """What cohorts are made of.

    Attributes:
        config: as configured.
        transactions: mapping of the lines; None without.
        refunds: net or ignore.
        events: mapping of the events, where these make customers begin.
        amounts_apart: whether amounts are of several currencies, which have no sum.
        has_tiers: whether customers have engagement tiers, and rows that say when they began.
    """

    config: CohortsConfig
    transactions: TransactionsSource | None
    refunds: Literal["net", "ignore"]
    events: EventsSource | None
    amounts_apart: bool
    has_tiers: bool

    @classmethod
    def of(cls, config: Config) -> CohortSettings | None:
        """As configured; None where cohorts are off."""
        cohorts = config.part(CohortsConfig)
        if not cohorts.enabled:
            return None
        events = config.find(EventsSource) if cohorts.start == "first_event" else None
        rfm = config.part(RfmConfig)
        apart = rfm.amounts_apart
        has_tiers = "engagement" in config.stages and cohorts.start == "first_order"
        return cls(cohorts, config.find(TransactionsSource), rfm.refunds, events, apart, has_tiers)


@step("Cohorts", "orders of all customers are added up by the month they began", takes_long=True, sources=(_EVENTS,),
      reads=(ORDER_DAYS, COHORTS), writes=(COHORTS,))  # fmt: skip
def follow(
    environment: Environment, days: OrderDays | None, purchases: Purchases | None, segments: Segments,
    settings: CohortSettings,
) -> Cohorts:  # fmt: skip
    """What became of customers who began together?"""
    config, as_of = settings.config, environment.run.as_of
    before = _rows_before(environment, environment.run.previous)
    cells = _cells(environment, days, purchases, settings, before)
    tiers = _tiers(environment, segments.customers, config, before) if settings.has_tiers else {}
    rows = cohort_rows(cells, as_of, config.period, config.existing_days, tiers)
    if settings.amounts_apart:
        rows = [{**row, **dict.fromkeys(_AMOUNTS)} for row in rows]
    environment.write(COHORTS, rows)
    cohorts = len({row["cohort_month"] for row in rows})
    return Cohorts(account=Account(rows={"cohorts": cohorts}, dealt_with=cohorts))


def _cells(
    environment: Environment, days: OrderDays | None, purchases: Purchases | None, settings: CohortSettings,
    before: Sequence[Mapping[str, Any]],
) -> list[Cell]:  # fmt: skip
    """Cells of today, carried from the run before where they can be.

    Raises:
        BalanceError: carried ones differ from those made anew; looked at where a run is asked to verify.
    """
    found, again = None, None if purchases is None else purchases.again
    if purchases is not None and again is not None and _is_base(environment.run.previous, before, settings):
        found = carried_cells(again, purchases.purchased, environment.run.as_of, settings, before)
    if found is not None and not environment.run.options.get("verify"):
        return found
    anew = cells_of(_activity(environment, days, purchases, settings), settings.config.period)
    if found is not None and found != anew:
        raise BalanceError(
            "cohorts carried from the run before differ from those made anew; nothing was published; run with --full, "
            "and report it"
        )
    return anew


def _is_base(previous: RunDetails | None, before: Sequence[Mapping[str, Any]], settings: CohortSettings) -> bool:
    """Whether cells of the run before are cells of the same kind; of events nobody knows which are new."""
    if previous is None or not before or len(before) != previous.rows.get(COHORTS.name):
        return False
    if settings.events is not None or settings.amounts_apart or settings.transactions is None:
        return False
    then = json.loads(previous.config).get("cohorts") or {}
    return (then.get("period"), then.get("start")) == (settings.config.period, settings.config.start)


def carried_cells(
    again: MeasuredAgain, customers: DataFrame, as_of: date, settings: CohortSettings,
    before: Sequence[Mapping[str, Any]],
) -> list[Cell] | None:  # fmt: skip
    """Cells of the run before, with what customers who were measured again have by now instead of what they had then.

    Args:
        again: whose orders may be others than they were.
        customers: measures of all who purchased.
        as_of: last day that counts.
        settings: the same as in the run before, but for what shapes no cell.
        before: rows of table `cohorts` of that run.

    Returns:
        What `cells.cells_of` tells of all; None where rows of before are not what that run had counted.
    """
    period, source = settings.config.period, settings.transactions
    if source is None:
        return None
    now = orders_until(again.rows_now, again.now, source, as_of)
    then = orders_until(again.rows_then, again.before.batches, source, again.before.as_of)
    changes = differences(ordered(now, settings), ordered(then, settings), period)
    began = first_days(customers, period)
    cells = carried(before, changes, {cohort: day for cohort, (day, _) in began.items()})
    sizes = {cell.cohort: cell.active for cell in cells if cell.period == cell.cohort}
    return cells if sizes == {cohort: count for cohort, (_, count) in began.items()} else None


def _activity(
    environment: Environment, days: OrderDays | None, purchases: Purchases | None, settings: CohortSettings
) -> DataFrame:
    """Rows of `cells.cells_of`: orders, and events where these make customers active."""
    found, as_of = [], environment.run.as_of
    if days is not None and settings.transactions is not None:
        rows = environment.of_runs(ORDER_DAYS.name, days.batches.ids)
        apart = settings.amounts_apart
        orders = orders_until(rows, days.batches, settings.transactions, as_of, by_currency=apart)
        if apart and purchases is not None:
            orders = _in_own_currency(orders, purchases.customers)
        found.append(ordered(orders, settings))
    if settings.events is not None:
        nothing = F.lit(0).cast("bigint")
        seen = active_days(environment.source(_EVENTS), settings.events, as_of)
        found.append(
            seen.select(
                "customer_id", F.col("event_date").alias("day"), F.lit(True).alias("is_active"),
                nothing.alias("orders"), nothing.alias("cents"),
            )
        )  # fmt: skip
    return reduce(DataFrame.unionByName, found)


def _in_own_currency(orders: DataFrame, customers: DataFrame) -> DataFrame:
    """Orders in the currency of their customer, as measures have it; those in others count in nothing."""
    own = customers.select("customer_id", F.col("currency").alias("own_currency"))
    same = F.col("currency").eqNullSafe(F.col("own_currency"))
    return orders.join(own, "customer_id").where(same).drop("own_currency")


def ordered(orders: DataFrame, settings: CohortSettings) -> DataFrame:
    """What orders add to cells, for `cells.cells_of`; those without a date have no part in them.

    Args:
        orders: of `purchases.artefacts.orders_until`.
        settings: whether refunds count, and whether orders make customers active.
    """
    by_events = settings.events is not None
    gross, refund = F.col("gross_cents"), F.col("refund_cents")
    bought = is_purchase(settings.refunds)
    return orders.where("order_date IS NOT NULL").select(
        "customer_id",
        F.col("order_date").alias("day"),
        (F.lit(False) if by_events else bought).alias("is_active"),
        F.when(bought, F.col("orders")).otherwise(F.lit(0).cast("bigint")).alias("orders"),
        (gross if settings.refunds == "ignore" else gross - refund).alias("cents"),
    )


def _tiers(
    environment: Environment, customers: DataFrame, config: CohortsConfig, before: Sequence[Mapping[str, Any]]
) -> Tiers:
    """Shares of engagement tiers by cohort: as of today, and as earlier runs found them in earlier periods."""
    as_of = environment.run.as_of
    now = start_of(as_of, config.period)
    began = start_column(F.col("first_order_date"), config.period)
    counts = customers.groupBy(began.alias("cohort"), "engagement_tier").count().collect()
    found = {
        (row["cohort_month"], row["period"]): row["tiers"]
        for row in before
        if row["tiers"] and row["period_start"] < now and row["length"] == config.period
    }
    by_cohort: dict[date, dict[str, int]] = defaultdict(dict)
    for cohort, tier, count in sorted(counts, key=str):
        if cohort is not None and tier is not None:
            by_cohort[cohort][tier] = count
    for cohort, tiers in by_cohort.items():
        total = sum(tiers.values())
        found[cohort, between(cohort, now, config.period)] = {tier: count / total for tier, count in tiers.items()}
    return found


def _rows_before(environment: Environment, previous: RunDetails | None) -> list[dict[str, Any]]:
    """Rows of the run before; none where it had no cohorts."""
    if previous is None or not environment.exists(COHORTS.name):
        return []
    return environment.rows(COHORTS.name, run_id=previous.run_id)


class CohortRows:
    """Whether published runs have seen just the events that are there now, where these make customers begin."""

    sources = (_EVENTS,)

    def __init__(self, config: Config, pinned: Mapping[str, Source]) -> None:
        """Remember what to look at; nothing is read."""
        settings = CohortSettings.of(config)
        by_events = settings is not None and settings.events is not None
        self._version = pinned[_EVENTS].version if by_events else None

    def same(self, run: RunRow, canonical: str) -> bool:
        """Whether a published run has read the same version: all of the source is looked at, not its last months."""
        return self._version is None or run.inputs.get(_EVENTS) == self._version

    def touched(self, earlier: Mapping[date, RunRow], canonical: str, configs: Configs) -> list[date]:
        """None: late events change no order."""
        return []


STEPS = (follow,)
ROWS = CohortRows
