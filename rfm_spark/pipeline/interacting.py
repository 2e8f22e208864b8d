"""The interactions stage: events and messages become columns of customers, and every row of theirs is accounted for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from rfm_spark.behaviour.engagement import customer_columns, engaged_rows, engagement, engagement_summary
from rfm_spark.behaviour.engagement_rfm import of_interactions, of_responses
from rfm_spark.behaviour.interactions import (
    Features,
    bot_days,
    customer_interactions,
    events_each_once,
    interaction_rows,
    of_window,
    without_days,
)
from rfm_spark.behaviour.messages import MESSAGE_FLAGS, Judging, channel_counts, outcomes
from rfm_spark.behaviour.tracking import PAST_DAYS, Health, tracking_health, warnings
from rfm_spark.core.checks import Check, severity
from rfm_spark.core.config import Config
from rfm_spark.core.interaction_checks import EVENT_CHECKS, MESSAGE_CHECKS
from rfm_spark.core.interaction_tables import ENGAGEMENT, ENGAGEMENT_SUMMARY, INTERACTIONS, TRACKING
from rfm_spark.core.interaction_words import (
    EVENT_CHANNELS,
    EVENT_TYPES,
    IGNORED,
    MESSAGE_CHANNELS,
    MESSAGE_EVENTS,
)
from rfm_spark.core.interactions import EventsSource, MessagesSource, SourceLimits
from rfm_spark.core.schemas import REJECTS
from rfm_spark.core.session import session_settings
from rfm_spark.intake import events as event_rows
from rfm_spark.intake import messages as message_rows
from rfm_spark.intake.counts import ANONYMOUS
from rfm_spark.intake.events import Reading, judged_events, visitors
from rfm_spark.intake.ids import unicode_changes
from rfm_spark.intake.interaction_counts import InteractionCounts, interaction_counts, tallied
from rfm_spark.intake.messages import judged_messages
from rfm_spark.intake.rejects import interaction_rejects, with_first_seen
from rfm_spark.lake.ledger import Ledger, RunRow, current_runs
from rfm_spark.lake.sources import PinnedSource, pin
from rfm_spark.pipeline.accounting import account, checks_found, gate, told
from rfm_spark.pipeline.context import RunContext
from rfm_spark.pipeline.inputs import readable

EVENTS, MESSAGES = "events", "messages"
BOT = "bot"


def interact(run: RunContext) -> int | None:
    """Fill `behaviour`, and write what customers did beside buying."""
    frames: dict[str, DataFrame] = {}
    health: list[Health] = []
    columns: list[DataFrame] = []
    stirred = run.known_customers.select("customer_id", F.col("last_order_date").alias("stirred_on"))
    if run.config.sources.events is not None:
        with readable(EVENTS):
            customers = _events(run, run.config.sources.events, frames, health)
        columns.append(_of_events(run, customers))
        visited = customers.select("customer_id", F.to_date("last_event_ts").alias("stirred_on"))
        stirred = stirred.unionByName(visited).groupBy("customer_id").agg(F.max("stirred_on").alias("stirred_on"))
    if run.config.sources.messages is not None:
        with readable(MESSAGES):
            columns.append(_messages(run, run.config.sources.messages, stirred, frames, health))
    if not columns:
        return None
    run.behaviour = columns
    run.warnings += warnings(health)
    if health:
        frames[TRACKING.name] = run.small_frame(TRACKING.name, [one.as_row() for one in health])
    run.write(frames)
    return sum(run.rows[name] for name in (INTERACTIONS.name, ENGAGEMENT.name) if name in run.rows)


def same_interactions(run: RunRow, config: Config, pinned: Mapping[str, PinnedSource]) -> bool:
    """Whether a published run has counted just the events and messages that are there now, up to its date."""
    sources, changed = config.sources, {name for name, at in pinned.items() if run.inputs.get(name) != at.version}
    if sources.events is not None and EVENTS in changed:
        rows = _judged_events(sources.events, pinned[EVENTS], config, run.as_of)
        if run.contents.get(EVENTS) != _event_counts(rows, run.as_of).contents:
            return False
    if sources.messages is not None and MESSAGES in changed:
        rows = _judged_messages(sources.messages, pinned[MESSAGES], config, run.as_of)
        return run.contents.get(MESSAGES) == _message_counts(rows, run.as_of).contents
    return True


def interaction_lines(spark: SparkSession, config: Config, as_of: date) -> list[str]:
    """What `check` says of events and messages, a line each: rows, and what their checks would find.

    Raises:
        SourceError: a source that can't be opened or mapped.
    """
    found = []
    with session_settings(spark, {"spark.sql.session.timeZone": config.timezone}):
        if config.sources.events is not None:
            with readable(EVENTS):
                rows = _judged_events(config.sources.events, pin(None, spark, config, EVENTS), config, as_of)
                found.append(_line(EVENTS, _event_counts(rows, as_of)))
        if config.sources.messages is not None:
            with readable(MESSAGES):
                rows = _judged_messages(config.sources.messages, pin(None, spark, config, MESSAGES), config, as_of)
                found.append(_line(MESSAGES, _message_counts(rows, as_of)))
    return found


def _line(source: str, counts: InteractionCounts) -> str:
    rejected = ", ".join(f"{reason} {n:,}" for reason, n in counts.rejected.items()) or "none"
    marked = ", ".join(f"{code} {n:,}" for code, n in counts.marked.items()) or "none"
    newest = f", the newest of {counts.newest}" if counts.newest is not None else ""
    return f"{source}: {counts.read:,} rows of the days looked at{newest}; rejected: {rejected}; marked: {marked}"


def _judged_events(source: EventsSource, pinned: PinnedSource, config: Config, as_of: date) -> DataFrame:
    return judged_events(pinned.frame, source, _events_reading(pinned, config, as_of))


def _events_reading(pinned: PinnedSource, config: Config, as_of: date) -> Reading:
    # A day more than the longest window, for the session that reaches into it; five weeks for tracking health.
    days = max(config.interactions.windows[-1], PAST_DAYS)
    return Reading(pinned.written, as_of - timedelta(days=days), as_of)


def _judged_messages(source: MessagesSource, pinned: PinnedSource, config: Config, as_of: date) -> DataFrame:
    first_day = Judging(as_of, config.engagement).read_from
    return judged_messages(pinned.frame, source, Reading(pinned.written, first_day))


def _event_counts(rows: DataFrame, as_of: date) -> InteractionCounts:
    names = ("customer_id", "event_ts", "type", "channel", "session_id", "event_id")
    return interaction_counts(tallied(rows, [F.col(name) for name in names]), EVENT_CHECKS, as_of)


def _message_counts(rows: DataFrame, as_of: date) -> InteractionCounts:
    names = ("customer_id", "event_ts", "type", "channel", "message_id")
    return interaction_counts(tallied(rows, [F.col(name) for name in names]), MESSAGE_CHECKS, as_of)


def _events(run: RunContext, source: EventsSource, frames: dict[str, DataFrame], health: list[Health]) -> DataFrame:
    """Customers of `interactions.customer_interactions`; rows accounted for, tables added to `frames`."""
    pinned = run.sources[EVENTS]
    reading = _events_reading(pinned, run.config, run.as_of)
    if "visitor_id" in source.columns:
        seen = run.hold(visitors(pinned.frame, source, reading))
        run.rows |= _visitor_counts(seen)
        reading = replace(reading, visitors=seen)
    rows = judged_events(pinned.frame, source, reading)
    counts = _event_counts(rows, run.as_of)
    changes = _id_changes(run, rows, counts, source.quality, EVENT_CHECKS)
    if changes is not None:
        rows = judged_events(pinned.frame, source, replace(reading, id_changes=changes))
        counts = _event_counts(rows, run.as_of)
    start = reading.first_day or run.as_of
    health += tracking_health(EVENTS, _named(counts, EVENT_CHANNELS, EVENT_TYPES), run.as_of, start)
    run.contents[EVENTS] = counts.contents
    each_id = severity("duplicate_event", source.quality.checks, EVENT_CHECKS) != "off"
    features = Features(
        run.as_of, run.config.interactions, "session_id" in source.columns, "event_id" in source.columns and each_id
    )
    events = events_each_once(event_rows.counted(rows, run.as_of), features)
    customers = run.hold(customer_interactions(events, features))
    totals = _event_totals(customers)
    copies, apart, marked = totals["copies"], {}, dict(counts.marked)
    found = _bots(run, events, customers, source)
    if found is not None:
        people = customer_interactions(without_days(events, found.days), features)
        run.rows[f"{EVENTS}.bots"] = found.ids
        if severity(BOT, source.quality.checks, EVENT_CHECKS) == "reject":
            customers = run.hold(people)
            left = _event_totals(customers)["all_events"]
            apart, totals = {BOT: totals["all_events"] - left}, {**totals, "all_events": left}
        else:
            marked[BOT] = totals["all_events"] - _event_totals(people)["all_events"]
    run.rows |= account(EVENTS, counts, totals["all_events"] + _technical(counts), copies, apart)
    marked["duplicate_event"] = copies
    run.rows |= checks_found(EVENTS, marked, source.quality.checks, EVENT_CHECKS)
    _write_rejects(run, rows, EVENTS, counts)
    run.warnings += [*gate(EVENTS, counts, source.quality, run.as_of, apart), *told(EVENTS, run.rows)]
    frames[INTERACTIONS.name] = interaction_rows(customers, run.config.interactions.windows)
    return customers


def _technical(counts: InteractionCounts) -> int:
    place = EVENT_TYPES.index(IGNORED)
    return sum(sum(days.values()) for (_, kind), days in counts.series.items() if kind == place)


def _event_totals(customers: DataFrame) -> dict[str, int]:
    row = customers.agg(F.sum("all_events").alias("all_events"), F.sum("copies").alias("copies")).collect()[0]
    return {name: int(row[name] or 0) for name in ("all_events", "copies")}


@dataclass(frozen=True)
class _Bots:
    """Customers' days that a program filled, and how many customers they are of."""

    days: DataFrame
    ids: int


def _bots(run: RunContext, events: DataFrame, customers: DataFrame, source: EventsSource) -> _Bots | None:
    """None without any, or where nobody asks."""
    limit = source.quality.max_events_per_minute
    if severity(BOT, source.quality.checks, EVENT_CHECKS) == "off":
        return None
    # Nobody else can have so many in a minute.
    suspects = customers.where(F.col("all_events") > limit).select("customer_id")
    if suspects.isEmpty():
        return None
    days = run.hold(bot_days(events, suspects, limit))
    ids = days.select("customer_id").distinct().count()
    return _Bots(days, ids) if ids else None


def _visitor_counts(seen: DataFrame) -> dict[str, int]:
    rows = {row["customers"]: row["count"] for row in seen.groupBy("customers").count().collect()}
    names = {0: "unknown", 1: "identified", 2: "ambiguous"}
    return {f"{EVENTS}.visitors.{names[customers]}": count for customers, count in sorted(rows.items())}


def _of_events(run: RunContext, customers: DataFrame) -> DataFrame:
    config, rfm = run.config.interactions, run.config.engagement.rfm
    columns = of_window(customers, config.main_window)
    if rfm is None or rfm.of != "interactions":
        return columns
    return columns.join(of_interactions(customers, run.as_of, config.windows[-1]), "customer_id")


def _messages(
    run: RunContext, source: MessagesSource, stirred: DataFrame, frames: dict[str, DataFrame], health: list[Health]
) -> DataFrame:
    """Customers of `engagement.customer_columns`; rows accounted for, tables added to `frames`."""
    judging = Judging(run.as_of, run.config.engagement, source.quality)
    pinned = run.sources[MESSAGES]
    reading = Reading(pinned.written, judging.read_from)
    rows = judged_messages(pinned.frame, source, reading)
    counts = _message_counts(rows, run.as_of)
    changes = _id_changes(run, rows, counts, source.quality, MESSAGE_CHECKS)
    if changes is not None:
        rows = judged_messages(pinned.frame, source, replace(reading, id_changes=changes))
        counts = _message_counts(rows, run.as_of)
    named = _named(counts, MESSAGE_CHANNELS, MESSAGE_EVENTS)
    health += tracking_health(MESSAGES, named, run.as_of, judging.read_from)
    run.contents[MESSAGES] = counts.contents
    channels = run.hold(channel_counts(outcomes(message_rows.counted(rows, run.as_of), judging), judging))
    sums = (F.sum(name).alias(name) for name in ("kept", "copies", *MESSAGE_FLAGS))
    totals = {name: int(n or 0) for name, n in channels.agg(*sums).collect()[0].asDict().items()}
    run.rows |= account(MESSAGES, counts, totals["kept"], totals["copies"])
    marked = {**counts.marked, "exact_duplicate": totals["copies"], **{flag: totals[flag] for flag in MESSAGE_FLAGS}}
    run.rows |= checks_found(MESSAGES, marked, source.quality.checks, MESSAGE_CHECKS)
    _write_rejects(run, rows, MESSAGES, counts)
    run.warnings += [*gate(MESSAGES, counts, source.quality, run.as_of), *told(MESSAGES, run.rows)]
    found = run.hold(engagement(channels, judging, _before(run), stirred))
    frames[ENGAGEMENT.name] = engaged_rows(found)
    frames[ENGAGEMENT_SUMMARY.name] = engagement_summary(found, run.config.engagement)
    columns, rfm = customer_columns(found), run.config.engagement.rfm
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
    run.store.prepare(ENGAGEMENT)
    return run.of_run(ENGAGEMENT.name, last.run_id)


def _id_changes(
    run: RunContext, rows: DataFrame, counts: InteractionCounts, limits: SourceLimits, checks: Sequence[Check]
) -> DataFrame | None:
    if not counts.foreign_ids or severity("id_unicode", limits.checks, checks) == "off":
        return None
    changes = run.hold(unicode_changes(rows.where(F.col("reason").isNull()), ("customer_id",)))
    return changes if changes.count() else None


def _write_rejects(run: RunContext, rows: DataFrame, source: str, counts: InteractionCounts) -> None:
    kept = {code: n for code, n in counts.rejected.items() if code != ANONYMOUS}
    if not kept:
        return
    known = None
    if run.before is not None and run.store.exists(REJECTS.name):
        run.store.prepare(REJECTS)
        known = run.of_run(REJECTS.name, run.before.run_id)
    found = interaction_rejects(rows, source)
    marked = with_first_seen(found, known, run.run_id, run.before.run_id if run.before else None)
    run.write_part(REJECTS.name, marked, {"source": source})


def _named(
    counts: InteractionCounts, channels: tuple[str, ...], kinds: tuple[str, ...]
) -> dict[tuple[str, str], dict[date, int]]:
    return {(channels[channel], kinds[kind]): days for (channel, kind), days in counts.series.items()}
