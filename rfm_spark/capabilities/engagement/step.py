"""The steps of engagement: tiers and suppression from messages, and scores of engagement."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.engagement.artefacts import Engagement, EngagementScores
from rfm_spark.capabilities.engagement.config import EngagementRfm
from rfm_spark.capabilities.engagement.customers import customer_columns, response_columns
from rfm_spark.capabilities.engagement.look import (
    MESSAGES,
    MessageLook,
    look_at_messages,
    message_warnings,
    read_messages,
)
from rfm_spark.capabilities.engagement.message_rates import fates_counted, rates_of_messages
from rfm_spark.capabilities.engagement.scores import (
    PREFIX,
    SCORED,
    active_measures,
    engagement_scores,
    lowest_code,
    of_interactions,
    of_responses,
)
from rfm_spark.capabilities.engagement.settings import MessageSettings, ScoreSettings
from rfm_spark.capabilities.engagement.tables import ENGAGEMENT, ENGAGEMENT_SCORES, ENGAGEMENT_SUMMARY, RESPONSES
from rfm_spark.capabilities.engagement.tiers import engaged_rows, engagement, engagement_summary
from rfm_spark.capabilities.events.artefacts import Interactions
from rfm_spark.capabilities.purchases.artefacts import Measures, Purchases, known_customers
from rfm_spark.capabilities.rfm.artefacts import quantile_cuts
from rfm_spark.core.config import Config
from rfm_spark.core.errors import PlanError
from rfm_spark.core.reading.checks import ANONYMOUS
from rfm_spark.core.reading.interactions import unheld
from rfm_spark.core.reading.rejects import interaction_rejects
from rfm_spark.core.runs import Configs, RunRow, current_runs, with_rows
from rfm_spark.core.schemas import REJECTS
from rfm_spark.pipeline.artefact import Account
from rfm_spark.pipeline.environment import Environment, Source
from rfm_spark.pipeline.rejecting import first_seen
from rfm_spark.pipeline.step import step


@step(
    "Messages", "Spark reads messages", takes_long=True, sources=(MESSAGES,), reads=(REJECTS, ENGAGEMENT),
    writes=(REJECTS, ENGAGEMENT, ENGAGEMENT_SUMMARY, RESPONSES),
)  # fmt: skip
def read(
    environment: Environment, purchases: Purchases | None, interactions: Interactions | None, settings: MessageSettings
) -> Engagement:
    """Who opens, clicks and answers messages, and whom must campaigns leave out?"""
    run, judging = environment.run, settings.judging(environment.run.as_of)
    look = MessageLook(
        environment.source(MESSAGES), settings.source, judging, environment.frames, known_customers(purchases)
    )
    seen = look_at_messages(look)
    if any(code != ANONYMOUS for code in seen.counts.rejected):
        environment.write(REJECTS, first_seen(environment, interaction_rejects(seen.validated, MESSAGES)), MESSAGES)
        environment.wait(REJECTS)
    warnings = message_warnings(look, seen, run.run_id)
    fates = [(channel, fate, n) for channel, fate, n in fates_counted(seen.channels).collect()]
    last_activity = _last_activity(purchases, interactions)
    made = engagement(seen.channels, judging, _before(environment), last_activity)
    found = environment.frames.hold(made, known_customers(purchases))
    environment.write(ENGAGEMENT, engaged_rows(found))
    rows = engagement_summary(found, settings.engagement).collect()
    environment.write(ENGAGEMENT_SUMMARY, [row.asDict(recursive=True) for row in rows])
    rfm, responses = settings.engagement.rfm, None
    if rfm is not None and rfm.of == "responses":
        responses = of_responses(response_columns(found), run.as_of, rfm)
        environment.write(RESPONSES, responses)
    account = Account(
        rows=seen.rows,
        warnings=tuple(warnings),
        source_fingerprints={MESSAGES: seen.counts.fingerprint},
        dealt_with=seen.counts.read,
    )
    return Engagement(
        account=account,
        source=MESSAGES,
        volumes=seen.volumes,
        first_day=seen.first_day,
        rates=tuple(rates_of_messages(fates, run.as_of, settings.wait_days)),
        engagement=engaged_rows(found),
        responses=responses,
        made=customer_columns(found),
    )


@step("Scores of engagement", "exact quantiles of all who are active", writes=(ENGAGEMENT_SCORES,))
def score(
    environment: Environment, measures: Measures, interactions: Interactions | None, messages: Engagement | None,
    settings: ScoreSettings,
) -> EngagementScores:  # fmt: skip
    """How recently, how often and how intently did customers engage, against each other?"""
    theirs = _measured(environment, interactions, messages, settings.rfm)
    active = environment.frames.hold(active_measures(theirs, measures.purchased), measures.count)
    bins = settings.scoring.bins
    cut_sets = tuple(quantile_cuts(active, settings.scoring)[0])
    scores = engagement_scores(theirs, active, cut_sets, bins)
    environment.write(ENGAGEMENT_SCORES, scores)
    absent: dict[str, int | float | bool | str] = {f"{PREFIX}rfm_code": lowest_code(bins)}
    return EngagementScores(cut_sets=cut_sets, measured=SCORED, absent=absent, scores=scores)


def _measured(
    environment: Environment, interactions: Interactions | None, messages: Engagement | None, rfm: EngagementRfm
) -> DataFrame:
    if rfm.of == "interactions" and interactions is not None:
        return of_interactions(interactions.of_window(interactions.longest), environment.run.as_of)
    if rfm.of == "responses" and messages is not None and messages.responses is not None:
        return messages.responses
    raise PlanError(f"engagement.rfm is of {rfm.of}, of which no source tells; connect it, or leave engagement.rfm out")


def _last_activity(purchases: Purchases | None, interactions: Interactions | None) -> DataFrame | None:
    """customer_id and last_activity_date, the date of their latest visit or order; None where no source tells."""
    sides = []
    if purchases is not None:
        sides.append(purchases.customers.select("customer_id", F.col("last_order_date").alias("last_activity_date")))
    if interactions is not None:
        visits = interactions.visits.select("customer_id", F.col("last_event_date").alias("last_activity_date"))
        sides.append(visits)
    if len(sides) < 2:
        return sides[0] if sides else None
    latest = F.max("last_activity_date").alias("last_activity_date")
    return sides[0].unionByName(sides[1]).groupBy("customer_id").agg(latest)


def _before(environment: Environment) -> DataFrame | None:
    """Engagement of the latest earlier run that had messages: one without them forgets nothing."""
    run = environment.run
    if run.previous is None or not environment.exists(ENGAGEMENT.name):
        return None
    last: RunRow | None = run.previous
    if MESSAGES not in run.previous.source_fingerprints:
        current = current_runs(run.published, run.config_name)
        earlier = [
            one for day, one in with_rows(current).items() if day < run.as_of and MESSAGES in one.source_fingerprints
        ]
        last = earlier[-1] if earlier else None
    return None if last is None else environment.of_runs(ENGAGEMENT.name, [last.run_id])


class MessageRows:
    """Whether published runs have counted just the messages that are there now."""

    sources = (MESSAGES,)

    def __init__(self, config: Config, pinned: Mapping[str, Source]) -> None:
        """Remember what to look at; nothing is read yet."""
        self._settings, self._pinned = MessageSettings.of(config), pinned

    def same(self, run: RunRow, canonical: str) -> bool:
        """Whether a published run has the same messages up to its date."""
        settings = self._settings
        if settings is None or run.inputs.get(MESSAGES) == self._pinned[MESSAGES].version:
            return True
        rows = read_messages(self._pinned[MESSAGES], settings.source, settings.judging(run.as_of), unheld)
        return run.source_fingerprints.get(MESSAGES) == rows.counts.fingerprint

    def touched(self, earlier: Mapping[date, RunRow], canonical: str, configs: Configs) -> list[date]:
        """None: late messages change no order."""
        return []


STEPS = (read, score)
ROWS = MessageRows
