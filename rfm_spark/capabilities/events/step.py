"""The step of events: what customers did beside buying."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from pyspark.sql import Column
from pyspark.sql import functions as F

from rfm_spark.capabilities.events.activity import accepted_events, feature_adoption, last_events
from rfm_spark.capabilities.events.artefacts import FeatureAdoption, Interactions, LastEvents
from rfm_spark.capabilities.events.config import FOUR_WEEKS, EventsSource, InteractionsConfig
from rfm_spark.capabilities.events.interactions import customer_columns, interaction_rows
from rfm_spark.capabilities.events.look import EVENTS, EventLook, event_warnings, look_at_events, read_events
from rfm_spark.capabilities.events.rows import FEATURE
from rfm_spark.capabilities.events.tables import FEATURE_ADOPTION, FEATURE_SUMMARY, INTERACTIONS, LAST_EVENTS, VISITS
from rfm_spark.capabilities.events.visit_rates import rates_of_visits, visits_counted
from rfm_spark.capabilities.purchases.artefacts import Purchases, known_customers
from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.core.config import Config
from rfm_spark.core.hashing import as_fingerprint, summed_hashes
from rfm_spark.core.reading.checks import ANONYMOUS
from rfm_spark.core.reading.interactions import unheld
from rfm_spark.core.reading.rejects import interaction_rejects
from rfm_spark.core.runs import Configs, RunRow
from rfm_spark.core.schemas import REJECTS
from rfm_spark.pipeline.artefact import Account
from rfm_spark.pipeline.environment import Environment, Source
from rfm_spark.pipeline.rejecting import first_seen
from rfm_spark.pipeline.step import step

# Under which name the ledger keeps the fingerprint of latest events.
_LAST = "events.last"


@dataclass(frozen=True)
class EventSettings:
    """How events are read and what is made of them.

    Attributes:
        source: mapping of the events.
        interactions: windows, gap, weights.
        timezone: of days.
    """

    source: EventsSource
    interactions: InteractionsConfig
    timezone: str

    @classmethod
    def of(cls, config: Config) -> EventSettings | None:
        """As configured; None without events."""
        source, interactions = config.find(EventsSource), config.part(InteractionsConfig)
        if config.part(RfmConfig).measures.frequency == "weekly_sessions":
            interactions = interactions.with_weeks()
        return None if source is None else cls(source, interactions, config.timezone)


@step(
    "Events",
    "Spark reads events",
    takes_long=True,
    sources=(EVENTS,),
    reads=(REJECTS,),
    writes=(REJECTS, INTERACTIONS, VISITS),
)
def read(environment: Environment, purchases: Purchases | None, settings: EventSettings) -> Interactions:
    """What did customers do on web, app and elsewhere before they bought?"""
    run, config = environment.run, settings.interactions
    look = EventLook(
        run.as_of, environment.source(EVENTS), settings.source, config, environment.frames, known_customers(purchases)
    )
    seen = look_at_events(look)
    if any(code != ANONYMOUS for code in seen.counts.rejected):
        environment.write(REJECTS, first_seen(environment, interaction_rejects(seen.validated, EVENTS)), EVENTS)
        environment.wait(REJECTS)
    warnings = event_warnings(look, seen, run.run_id)
    visits = seen.customers.select("customer_id", F.to_date("last_event_ts").alias("last_event_date"))
    rows, weekly = interaction_rows(seen.customers, config.windows), FOUR_WEEKS in config.windows
    environment.write(INTERACTIONS, rows)
    environment.write(VISITS, visits)
    counted = [(age, bits, n) for age, bits, n in visits_counted(seen.customers).collect()]
    account = Account(
        rows=seen.rows,
        warnings=tuple(warnings),
        source_fingerprints={EVENTS: seen.counts.fingerprint},
        dealt_with=seen.counts.read,
    )
    return Interactions(
        account=account,
        source=EVENTS,
        volumes=seen.volumes,
        first_day=seen.first_day,
        rates=tuple(rates_of_visits(counted, run.as_of)),
        interactions=rows,
        visits=visits,
        main_window=config.main_window,
        longest=config.windows[-1],
        counts_weeks=weekly,
        made=customer_columns(seen.customers, config.main_window, weekly=weekly),
    )


@dataclass(frozen=True)
class FeatureSettings:
    """Which events say what feature was used.

    Attributes:
        source: mapping of the events.
        main_window: days that are looked at.
        timezone: of days.
    """

    source: EventsSource
    main_window: int
    timezone: str

    @classmethod
    def of(cls, config: Config) -> FeatureSettings | None:
        """As configured; None without features."""
        source = config.find(EventsSource)
        if source is None or FEATURE not in source.columns:
            return None
        return cls(source, config.part(InteractionsConfig).main_window, config.timezone)


@step("Features", "events are added up by feature", takes_long=True, sources=(EVENTS,),
      writes=(FEATURE_ADOPTION, FEATURE_SUMMARY))  # fmt: skip
def adopt(
    environment: Environment, purchases: Purchases | None, interactions: Interactions, settings: FeatureSettings
) -> FeatureAdoption:
    """Which features did customers use, how often, and on which share of their days?"""
    as_of = environment.run.as_of
    first_day = as_of - timedelta(days=settings.main_window - 1)
    events = accepted_events(environment.source(EVENTS), settings.source, as_of, first_day)
    found = environment.frames.hold(feature_adoption(events), known_customers(purchases))
    environment.write(FEATURE_ADOPTION, found)
    active = interactions.of_window(settings.main_window).count()
    rows = found.groupBy(FEATURE).agg(F.count(F.lit(1)), F.sum("uses"), F.sum("days")).collect()
    summary = [
        {"feature": feature, "customers": customers, "share": customers / active, "uses": uses, "days": days}
        for feature, customers, uses, days in sorted(rows, key=str)
    ]
    environment.write(FEATURE_SUMMARY, summary)
    return FeatureAdoption(account=Account(dealt_with=len(summary)), adoption=found)


@dataclass(frozen=True)
class RecencySettings:
    """Which event recency is of.

    Attributes:
        source: mapping of the events.
        event: a type of ours, or a word as the source has it.
        timezone: of days.
    """

    source: EventsSource
    event: str
    timezone: str

    @classmethod
    def of(cls, config: Config) -> RecencySettings | None:
        """As configured; None where recency is of purchases."""
        source, event = config.find(EventsSource), config.part(RfmConfig).measures.event
        return None if source is None or event is None else cls(source, event, config.timezone)


@step("Last events", "the latest event of each customer is looked for", takes_long=True, sources=(EVENTS,),
      writes=(LAST_EVENTS,))  # fmt: skip
def recall(environment: Environment, settings: RecencySettings) -> LastEvents:
    """When did customers last do what recency is of?"""
    source, as_of = environment.source(EVENTS), environment.run.as_of
    environment.write(LAST_EVENTS, last_events(source, settings.source, as_of, settings.event))
    written = environment.written(LAST_EVENTS)
    count, *sums = written.agg(*_last_content()).collect()[0]
    warnings = () if count else (
        f"rfm.measures.recency: nobody has an event {settings.event} in sources.events up to {as_of}",
    )  # fmt: skip
    account = Account(warnings=warnings, source_fingerprints={_LAST: as_fingerprint(*sums)}, dealt_with=count)
    return LastEvents(account=account, dates=written)


def _last_content() -> tuple[Column, ...]:
    return (F.count(F.lit(1)), *summed_hashes([F.col("customer_id"), F.col("last_date")]))


class EventRows:
    """Whether published runs have counted just the events that are there now."""

    sources = (EVENTS,)

    def __init__(self, config: Config, pinned: Mapping[str, Source]) -> None:
        """Remember what to look at; nothing is read yet."""
        self._settings, self._pinned = EventSettings.of(config), pinned
        self._recency = RecencySettings.of(config)

    def same(self, run: RunRow, canonical: str) -> bool:
        """Whether a published run has the same events up to its date."""
        settings = self._settings
        if settings is None or run.inputs.get(EVENTS) == self._pinned[EVENTS].version:
            return True
        if self._recency is not None and not self._same_last(self._recency, run):
            return False
        rows = read_events(self._pinned[EVENTS], settings.source, settings.interactions, run.as_of, unheld)
        return run.source_fingerprints.get(EVENTS) == rows.counts.fingerprint

    def _same_last(self, recency: RecencySettings, run: RunRow) -> bool:
        """The latest event of each customer is looked for in all of them, not in the last months."""
        found = last_events(self._pinned[EVENTS], recency.source, run.as_of, recency.event)
        _, *sums = found.agg(*_last_content()).collect()[0]
        return run.source_fingerprints.get(_LAST) == as_fingerprint(*sums)

    def touched(self, earlier: Mapping[date, RunRow], canonical: str, configs: Configs) -> list[date]:
        """None: late events change no order."""
        return []


STEPS = (read, adopt, recall)
ROWS = EventRows
