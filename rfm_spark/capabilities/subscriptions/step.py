"""The step of subscriptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.events.artefacts import Interactions
from rfm_spark.capabilities.purchases.artefacts import Purchases, known_customers
from rfm_spark.capabilities.subscriptions.artefacts import Subscriptions
from rfm_spark.capabilities.subscriptions.checks import SUBSCRIPTION_CHECKS
from rfm_spark.capabilities.subscriptions.config import SubscriptionsSource
from rfm_spark.capabilities.subscriptions.mrr import movements, mrr_of, versions
from rfm_spark.capabilities.subscriptions.rows import validated_subscriptions
from rfm_spark.capabilities.subscriptions.tables import MRR, MRR_MOVEMENT
from rfm_spark.capabilities.subscriptions.words import MOVEMENTS
from rfm_spark.core.config import Config
from rfm_spark.core.reading.accounting import check_messages, checks_found, gate_of_rejects
from rfm_spark.core.reading.checks import ANONYMOUS
from rfm_spark.core.reading.mapping import FILTERED
from rfm_spark.core.reading.verdicts import codes_of
from rfm_spark.core.schemas import REJECTS
from rfm_spark.pipeline.artefact import Account
from rfm_spark.pipeline.environment import Environment
from rfm_spark.pipeline.rejecting import first_seen
from rfm_spark.pipeline.step import step

SOURCE = "subscriptions"


@dataclass(frozen=True)
class SubscriptionSettings:
    """How subscriptions are read.

    Attributes:
        source: their mapping.
        timezone: of days.
    """

    source: SubscriptionsSource
    timezone: str

    @classmethod
    def of(cls, config: Config) -> SubscriptionSettings | None:
        """As configured; None without subscriptions."""
        source = config.find(SubscriptionsSource)
        return None if source is None else cls(source, config.timezone)


@step("Subscriptions", "Spark reads subscriptions", sources=(SOURCE,), reads=(REJECTS, MRR),
      writes=(REJECTS, MRR, MRR_MOVEMENT))  # fmt: skip
def read(
    environment: Environment,
    purchases: Purchases | None,
    interactions: Interactions | None,
    settings: SubscriptionSettings,
) -> Subscriptions:
    """What does each customer pay a month, and how did that change?"""
    run, frames = environment.run, environment.frames
    validated = frames.persist(validated_subscriptions(environment.source(SOURCE).frame, settings.source))
    rows = _account(validated)
    if any(name.startswith(f"{SOURCE}.rejected.") and not name.endswith(f".{ANONYMOUS}") for name in rows):
        environment.write(REJECTS, first_seen(environment, _rejects(validated)), SOURCE)
        environment.wait(REJECTS)
    warnings = _gated(rows, settings.source, run.run_id)
    known = frames.persist(versions(validated.where("reason IS NULL")))
    found = frames.hold(mrr_of(known, run.as_of), known_customers(purchases))
    environment.write(MRR, found)
    previous = run.previous
    before = None
    if previous is not None and previous.rows.get(MRR.name) is not None:
        before = environment.of_runs(MRR.name, [previous.run_id])
    moved = movements(found, before).collect()
    of = None if before is None or previous is None else previous.run_id
    ordered = sorted(moved, key=lambda row: MOVEMENTS.index(row["movement"]))
    environment.write(MRR_MOVEMENT, [{**row.asDict(), "previous_run_id": of} for row in ordered])
    flagged = {**_versions_flagged(known), **_usage_flagged(found, interactions)}
    rows |= checks_found(SOURCE, flagged, settings.source.quality.checks, SUBSCRIPTION_CHECKS)
    money = {"mrr": sum((row["mrr_now"] for row in moved), start=Decimal(0))}
    account = Account(
        rows=rows,
        money=money,
        warnings=(*warnings, *check_messages(SOURCE, rows, SUBSCRIPTION_CHECKS)),
        dealt_with=rows[f"{SOURCE}.read"],
    )
    return Subscriptions(account=account, mrr=found)


def _account(validated: DataFrame) -> dict[str, int]:
    """Rows by verdict, and by check that flagged them."""
    counts = validated.groupBy("reason", "marks").count().collect()
    rejected: dict[str, int] = {}
    flagged: dict[str, int] = {}
    accepted = filtered = 0
    for reason, marks, count in counts:
        if reason is None:
            accepted += count
            for code in codes_of(marks, SUBSCRIPTION_CHECKS):
                flagged[code] = flagged.get(code, 0) + count
        elif reason == FILTERED:
            filtered += count
        else:
            rejected[reason] = rejected.get(reason, 0) + count
    rows = {
        f"{SOURCE}.read": sum(count for _, _, count in counts),
        f"{SOURCE}.accepted": accepted,
        f"{SOURCE}.rejected": sum(rejected.values()),
        **({f"{SOURCE}.filtered": filtered} if filtered else {}),
        **{f"{SOURCE}.rejected.{code}": count for code, count in sorted(rejected.items())},
    }
    return {**rows, **{f"{SOURCE}.flagged.{code}": count for code, count in sorted(flagged.items())}}


def _gated(rows: Mapping[str, int], source: SubscriptionsSource, run_id: str) -> list[str]:
    """A warning where many rows were rejected.

    Raises:
        GateError: too many were.
    """
    start = f"{SOURCE}.rejected."
    rejected = {name.removeprefix(start): count for name, count in rows.items() if name.startswith(start)}
    nobody = rejected.pop(ANONYMOUS, 0)
    known = rows[f"{SOURCE}.read"] - rows.get(f"{SOURCE}.filtered", 0) - nobody
    return gate_of_rejects(SOURCE, rejected, known, source.quality.rejects, run_id)


def _versions_flagged(known: DataFrame) -> dict[str, int]:
    row = known.agg(F.sum(F.col("copies") - 1), F.count_if("same_day"), F.count_if("overlaps")).collect()[0]
    codes = ("duplicate_subscription", "same_day_change", "overlapping_versions")
    return {code: int(count or 0) for code, count in zip(codes, row, strict=True)}


def _usage_flagged(found: DataFrame, interactions: Interactions | None) -> Mapping[str, int]:
    """Customers with usage and no subscription, and the other way round; none without events."""
    if interactions is None:
        return {}
    joined = found.join(interactions.visits, "customer_id", "full_outer")
    subscribed, seen = F.col("subscribed_since"), F.col("last_event_date")
    row = joined.agg(
        F.count_if(subscribed.isNull()),
        F.count_if((F.col("subscriptions") > 0) & seen.isNull()),
        F.count_if(seen < subscribed),
    ).collect()[0]
    codes = ("usage_without_subscription", "subscription_without_usage", "usage_before_start")
    return {code: int(count) for code, count in zip(codes, row, strict=True)}


def _rejects(validated: DataFrame) -> DataFrame:
    kept = validated.where(F.col("reason").isNotNull() & ~F.col("reason").isin(ANONYMOUS, FILTERED))
    detail = F.concat_ws(
        ", ",
        *(F.concat(F.lit(f"{name} = "), F.coalesce(F.col(name).cast("string"), F.lit("null")))
          for name in ("customer_id", "subscription_id", "start_date", "end_date")),
    )  # fmt: skip
    return kept.select(
        F.lit(SOURCE).alias("source"),
        "reason",
        detail.alias("detail"),
        F.to_json("record", {"ignoreNullFields": "false"}).alias("record"),
    )


STEPS = (read,)
