"""What the report shows of engagement: tiers per channel, how the rates are spread, and the tiers of runs before."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.engagement.config import EngagementConfig
from rfm_spark.capabilities.engagement.tables import ENGAGEMENT, ENGAGEMENT_SUMMARY
from rfm_spark.capabilities.engagement.words import ALL_CHANNELS, TIERS
from rfm_spark.core.runs import RunRow, current_runs
from rfm_spark.report.badges import Badge, channel_badge, source_badge
from rfm_spark.report.section import Reader

MESSAGES = "messages"

# As-of dates of the tiers over time.
RUNS_SHOWN = 24
BINS = 20
RATES = ("open_rate", "click_rate", "response_rate")


@dataclass(frozen=True)
class TierLine:
    """One tier of one channel, as table `engagement_summary` has it; shares are 0 to 1."""

    channel: str
    tier: str
    customers: int
    share: float | None
    share_lower: float | None
    share_higher: float | None
    suppressed: int
    delivered: int
    action: str = ""


@dataclass(frozen=True)
class TierShare:
    """Share of a tier in a run.

    Attributes:
        simulated: whether the channel was in that run: what is real now may have been simulated then.
    """

    as_of: date
    channel: str
    tier: str
    share: float
    simulated: bool = False


@dataclass(frozen=True)
class EngagementFacts:
    """Engagement of a run; all empty where it wrote none.

    Attributes:
        lines: its tiers, by channel.
        rates: per channel and one of RATES, customers by bin of 5 points, over those with enough messages.
        history: tiers of the current runs up to it, oldest first.
    """

    lines: tuple[TierLine, ...] = ()
    rates: Mapping[str, Mapping[str, Mapping[int, int]]] = field(default_factory=dict)
    history: tuple[TierShare, ...] = ()


def read_engagement(reader: Reader) -> EngagementFacts:
    """Engagement of a run, and its tiers in the runs before it."""
    run = reader.run
    rates: Mapping[str, Mapping[str, Mapping[int, int]]] = {}
    if reader.wrote(ENGAGEMENT.name):
        config = EngagementConfig.model_validate(run.settings.get("engagement") or {})
        rates = _rates(reader.frame(ENGAGEMENT.name), config.min_messages)
    if not reader.wrote(ENGAGEMENT_SUMMARY.name):
        return EngagementFacts(rates=rates)
    runs = shown_runs(reader.complete, run.config_name, run.as_of)
    configs = {**reader.configs(runs), run.run_id: run.config}
    rows = reader.tables.rows(ENGAGEMENT_SUMMARY.name, run_id=sorted(configs))
    lines = tier_lines(row for row in rows if row["run_id"] == run.run_id)
    return EngagementFacts(lines, rates, tier_shares(rows, configs))


def badge_of(settings: Mapping[str, Any], channel: str) -> Badge:
    """The badge of a channel of messages, or of all channels together."""
    if channel == ALL_CHANNELS:
        return source_badge(settings, MESSAGES)
    return channel_badge(settings, MESSAGES, channel)


def shown_runs(complete: Iterable[RunRow], config_name: str, as_of: date) -> list[RunRow]:
    """The current runs before a date that are shown over time beside the run of that date, oldest first."""
    current = current_runs(list(complete), config_name)
    return [run for day, run in sorted(current.items()) if day < as_of][-RUNS_SHOWN + 1 :]


def tier_lines(rows: Iterable[Mapping[str, Any]]) -> tuple[TierLine, ...]:
    """Tiers from rows of table `engagement_summary`, by channel, the most engaged first."""
    found = (
        TierLine(
            channel=row["channel"],
            tier=row["tier"],
            customers=row["customers"],
            share=row["share"],
            share_lower=row["share_lower"],
            share_higher=row["share_higher"],
            suppressed=row["suppressed"] or 0,
            delivered=row["delivered"] or 0,
            action=row["action"] or "",
        )
        for row in rows
    )
    return tuple(sorted(found, key=lambda line: (line.channel, _place(line.tier), line.tier)))


def tier_shares(rows: Iterable[Mapping[str, Any]], configs: Mapping[str, str]) -> tuple[TierShare, ...]:
    """Shares over time from rows of table `engagement_summary`.

    Args:
        rows: of all runs shown.
        configs: configuration of each of these runs, canonical JSON.
    """
    settings = {run_id: json.loads(config) for run_id, config in configs.items()}

    def invented(run_id: str, channel: str) -> bool:
        return bool(badge_of(settings[run_id], channel).suffix)

    found = (
        TierShare(row["as_of_date"], row["channel"], row["tier"], row["share"], invented(row["run_id"], row["channel"]))
        for row in rows
        if row["share"] is not None
    )
    return tuple(sorted(found, key=lambda one: (one.as_of, one.channel, _place(one.tier), one.tier)))


def _place(tier: str) -> int:
    return TIERS.index(tier) if tier in TIERS else len(TIERS)


def _rates(engagement: DataFrame, least: int) -> dict[str, dict[str, dict[int, int]]]:
    validated = engagement.where(F.col("delivered") >= F.lit(least))
    each = F.array(*(F.struct(F.lit(name).alias("rate"), F.col(name).alias("value")) for name in RATES))
    values = validated.select("channel", F.explode(each).alias("one")).where(F.col("one.value").isNotNull())
    at = F.least(F.floor(F.col("one.value") * F.lit(BINS)), F.lit(BINS - 1)).cast("int")
    binned = values.select("channel", F.col("one.rate").alias("rate"), at.alias("bin"))
    rows = binned.groupBy("channel", "rate", "bin").agg(F.count(F.lit(1)).alias("customers")).collect()
    found: dict[str, dict[str, dict[int, int]]] = {}
    for row in sorted(rows, key=lambda row: (row["channel"], row["rate"], row["bin"])):
        found.setdefault(row["channel"], {}).setdefault(row["rate"], {})[row["bin"]] = row["customers"]
    return found
