"""The interactions stage: events and messages become columns of customers, and every row of theirs is accounted for."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.drift.config import DriftConfig
from rfm_spark.capabilities.drift.tables import TRACKING
from rfm_spark.capabilities.drift.tracking import Health, warnings
from rfm_spark.capabilities.drift.watched_rates import fates_counted, rates_of_messages, rates_of_visits, visits_counted
from rfm_spark.capabilities.engagement.config import EngagementConfig, MessagesSource
from rfm_spark.capabilities.engagement.messages import Judging
from rfm_spark.capabilities.engagement.scores import of_interactions, of_responses
from rfm_spark.capabilities.engagement.tables import ENGAGEMENT, ENGAGEMENT_SUMMARY
from rfm_spark.capabilities.engagement.tiers import customer_columns, engaged_rows, engagement, engagement_summary
from rfm_spark.capabilities.events.config import EventsSource, InteractionsConfig
from rfm_spark.capabilities.events.interactions import interaction_rows, of_window
from rfm_spark.capabilities.events.tables import INTERACTIONS
from rfm_spark.core.reading.checks import ANONYMOUS
from rfm_spark.core.reading.rejects import interaction_rejects
from rfm_spark.core.runs import RunRow, current_runs
from rfm_spark.core.schemas import REJECTS
from rfm_spark.lake.ledger import Ledger
from rfm_spark.pipeline.context import RunContext
from rfm_spark.pipeline.inputs import readable
from rfm_spark.pipeline.interaction_reading import EVENTS, MESSAGES, connected
from rfm_spark.pipeline.interaction_rows import Seen, interaction_warnings, look_at_events, look_at_messages
from rfm_spark.pipeline.rejecting import first_seen
from rfm_spark.pipeline.writing import Content, collected


def interact(run: RunContext) -> int | None:
    """Fill `behaviour`, and write what customers did beside buying."""
    contents: dict[str, Content] = {}
    health: list[Health] = []
    columns: list[DataFrame] = []
    stirred = run.known_customers.select("customer_id", F.col("last_order_date").alias("stirred_on"))
    if run.config.find(EventsSource) is not None:
        with readable(EVENTS):
            customers = _judged(run, look_at_events(run, run.config.part(EventsSource)), health)
        contents[INTERACTIONS.name] = interaction_rows(customers, run.config.part(InteractionsConfig).windows)
        columns.append(_of_events(run, customers))
        run.rates += rates_of_visits(
            [(age, bits, n) for age, bits, n in visits_counted(customers).collect()], run.as_of
        )
        visited = customers.select("customer_id", F.to_date("last_event_ts").alias("stirred_on"))
        stirred = stirred.unionByName(visited).groupBy("customer_id").agg(F.max("stirred_on").alias("stirred_on"))
    if run.config.find(MessagesSource) is not None:
        with readable(MESSAGES):
            channels = _judged(run, look_at_messages(run, run.config.part(MessagesSource)), health)
            fates = [(channel, fate, n) for channel, fate, n in fates_counted(channels).collect()]
            run.rates += rates_of_messages(fates, run.as_of, run.config.part(DriftConfig).rates.wait_days)
            columns.append(_engaged(run, run.config.part(MessagesSource), channels, stirred, contents))
    if not columns:
        return None
    run.behaviour = columns
    run.warnings += warnings(health)
    if health:
        contents[TRACKING.name] = [one.as_row() for one in health]
    large = {name: content for name, content in contents.items() if isinstance(content, DataFrame)}
    run.write({name: content for name, content in contents.items() if name not in large})
    run.write_later(large)
    return sum(run.rows[f"{name}.read"] for name in connected(run.config))


def _judged(run: RunContext, seen: Seen, health: list[Health]) -> DataFrame:
    """What rows were added up to, once rejects are written and the gates have let them pass."""
    health += seen.health
    _write_rejects(run, seen)
    run.warnings += interaction_warnings(run, seen, run.run_id)
    return seen.summed


def _of_events(run: RunContext, customers: DataFrame) -> DataFrame:
    config, rfm = run.config.part(InteractionsConfig), run.config.part(EngagementConfig).rfm
    columns = of_window(customers, config.main_window)
    if rfm is None or rfm.of != "interactions":
        return columns
    return columns.join(of_interactions(customers, run.as_of, config.windows[-1]), "customer_id")


def _engaged(
    run: RunContext, source: MessagesSource, channels: DataFrame, stirred: DataFrame, contents: dict[str, Content]
) -> DataFrame:
    """Customers of `engagement.customer_columns`; tables are added to `contents`."""
    judging = Judging(
        run.as_of, run.config.part(EngagementConfig), source.quality, run.config.part(DriftConfig).rates.wait_days
    )
    found = run.hold(engagement(channels, judging, _before(run), stirred))
    contents[ENGAGEMENT.name] = engaged_rows(found)
    contents[ENGAGEMENT_SUMMARY.name] = collected(engagement_summary(found, run.config.part(EngagementConfig)))
    columns, rfm = customer_columns(found), run.config.part(EngagementConfig).rfm
    if rfm is not None and rfm.of == "responses":
        columns = columns.join(of_responses(columns, run.as_of, rfm), "customer_id")
    return columns.drop("last_response_date", *(name for name in columns.columns if name.startswith("all_")))


def _before(run: RunContext) -> DataFrame | None:
    """Engagement of the latest earlier run that had messages: one without them forgets nothing."""
    if run.previous is None or not run.store.exists(ENGAGEMENT.name):
        return None
    last: RunRow | None = run.previous
    if MESSAGES not in run.previous.contents:
        current = current_runs(Ledger(run.store).complete(run.config.name), run.config.name)
        earlier = [one for day, one in current.items() if day < run.as_of and MESSAGES in one.contents]
        last = earlier[-1] if earlier else None
    if last is None:
        return None
    return run.of_run(ENGAGEMENT.name, last.run_id)


def _write_rejects(run: RunContext, seen: Seen) -> None:
    if any(code != ANONYMOUS for code in seen.counts.rejected):
        run.writer.write_part(REJECTS.name, first_seen(run, interaction_rejects(seen.judged, seen.name)), seen.name)
