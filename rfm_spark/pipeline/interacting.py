"""The interactions stage: events and messages become columns of customers, and every row of theirs is accounted for."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame
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
from rfm_spark.behaviour.tracking import Health, tracking_health, warnings
from rfm_spark.core.checks import severity
from rfm_spark.core.interaction_checks import EVENT_CHECKS, MESSAGE_CHECKS
from rfm_spark.core.interaction_tables import ENGAGEMENT, ENGAGEMENT_SUMMARY, INTERACTIONS, TRACKING
from rfm_spark.core.interaction_words import EVENT_CHANNELS, EVENT_TYPES, MESSAGE_CHANNELS, MESSAGE_EVENTS
from rfm_spark.core.interactions import EventsSource, InteractionsConfig, MessagesSource
from rfm_spark.core.schemas import REJECTS
from rfm_spark.intake import events as event_rows
from rfm_spark.intake import messages as message_rows
from rfm_spark.intake.counts import ANONYMOUS
from rfm_spark.intake.interaction_counts import InteractionCounts
from rfm_spark.intake.rejects import interaction_rejects
from rfm_spark.lake.ledger import Ledger, RunRow, current_runs
from rfm_spark.pipeline.accounting import account, checks_found, gate, told
from rfm_spark.pipeline.context import RunContext
from rfm_spark.pipeline.inputs import readable
from rfm_spark.pipeline.interaction_rows import (
    EVENTS,
    MESSAGES,
    connected,
    kinds_seen,
    named_series,
    read_rows,
    sessions_cut,
    technical,
    unknown_in,
)
from rfm_spark.pipeline.rejecting import first_seen
from rfm_spark.pipeline.writing import Content, collected

BOT = "bot"


def interact(run: RunContext) -> int | None:
    """Fill `behaviour`, and write what customers did beside buying."""
    contents: dict[str, Content] = {}
    health: list[Health] = []
    columns: list[DataFrame] = []
    stirred = run.known_customers.select("customer_id", F.col("last_order_date").alias("stirred_on"))
    if run.config.sources.events is not None:
        with readable(EVENTS):
            customers = _events(run, run.config.sources.events, contents, health)
        columns.append(_of_events(run, customers))
        visited = customers.select("customer_id", F.to_date("last_event_ts").alias("stirred_on"))
        stirred = stirred.unionByName(visited).groupBy("customer_id").agg(F.max("stirred_on").alias("stirred_on"))
    if run.config.sources.messages is not None:
        with readable(MESSAGES):
            columns.append(_messages(run, run.config.sources.messages, stirred, contents, health))
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


def _events(run: RunContext, source: EventsSource, contents: dict[str, Content], health: list[Health]) -> DataFrame:
    """Customers of `interactions.customer_interactions`; rows accounted for, tables added to `contents`."""
    found = read_rows(EVENTS, run.config, run.sources[EVENTS], run.as_of, run.persist)
    rows, counts = found.judged, found.counts
    if found.reading.visitors is not None:
        run.rows |= _visitor_counts(found.reading.visitors)
    health += tracking_health(EVENTS, named_series(counts, EVENT_CHANNELS, EVENT_TYPES), run.as_of, found.first_day)
    run.contents[EVENTS] = counts.contents
    each_id = severity("duplicate_event", source.quality.checks, EVENT_CHECKS) != "off"
    cut = sessions_cut(counts, run.config.interactions.session_channels)
    features = Features(
        run.as_of, run.config.interactions, "session_id" in source.columns, "event_id" in source.columns and each_id,
        all_named=not cut, kinds=kinds_seen(counts),
    )  # fmt: skip
    if cut:
        run.rows[f"{EVENTS}.sessions_cut"] = cut
        run.warnings.append(_cut_sessions(cut, counts, run.config.interactions))
    events = events_each_once(event_rows.counted(rows, run.as_of), features)
    customers = run.hold(customer_interactions(events, features))
    totals = _event_totals(customers)
    copies, apart, marked = totals["copies"], {}, dict(counts.marked)
    bots = _bots(run, events, customers, source)
    if bots is not None:
        # Only the customers concerned are computed again.
        their_events = events.join(bots.ids, "customer_id", "left_semi")
        again = customer_interactions(without_days(their_events, bots.days), features)
        people = run.hold(customers.join(bots.ids, "customer_id", "left_anti").unionByName(again))
        left = _event_totals(people)["all_events"]
        run.rows[f"{EVENTS}.bots"], theirs = bots.count, totals["all_events"] - left
        if severity(BOT, source.quality.checks, EVENT_CHECKS) == "reject":
            customers, apart, totals = people, {BOT: theirs}, {**totals, "all_events": left}
        else:
            marked[BOT] = theirs
    run.rows |= account(EVENTS, counts, totals["all_events"] + technical(counts, EVENT_TYPES), copies, apart)
    marked["duplicate_event"] = copies
    run.rows |= checks_found(EVENTS, marked, source.quality.checks, EVENT_CHECKS)
    _write_rejects(run, rows, EVENTS, counts)
    run.warnings += gate(
        EVENTS, counts, source.quality, run.as_of, run.run_id, apart, unknown=unknown_in(EVENTS, found)
    )
    run.warnings += told(EVENTS, run.rows, EVENT_CHECKS)
    contents[INTERACTIONS.name] = interaction_rows(customers, run.config.interactions.windows)
    return customers


def _cut_sessions(cut: int, counts: InteractionCounts, config: InteractionsConfig) -> str:
    return (
        f"events: {cut:,} of {counts.read:,} rows have no value in sources.events.columns.session_id: their sessions "
        f"are cut at {config.session_gap_minutes} minutes of silence; see whether the column is the right one"
    )


def _event_totals(customers: DataFrame) -> dict[str, int]:
    row = customers.agg(F.sum("all_events").alias("all_events"), F.sum("copies").alias("copies")).collect()[0]
    return {name: int(row[name] or 0) for name in ("all_events", "copies")}


@dataclass(frozen=True)
class _Bots:
    """Customers' days that a program filled, the customers, and how many they are."""

    days: DataFrame
    ids: DataFrame
    count: int


def _bots(run: RunContext, events: DataFrame, customers: DataFrame, source: EventsSource) -> _Bots | None:
    """None without any, or where nobody asks."""
    limit = source.quality.max_events_per_minute
    if severity(BOT, source.quality.checks, EVENT_CHECKS) == "off":
        return None
    # Nobody else can have so many in a minute.
    suspects = customers.where(F.col("all_events") > limit).select("customer_id")
    if suspects.isEmpty():
        return None
    days = run.persist(bot_days(events, suspects, limit))
    ids = days.select("customer_id").distinct()
    count = ids.count()
    return _Bots(days, ids, count) if count else None


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
    run: RunContext, source: MessagesSource, stirred: DataFrame, contents: dict[str, Content], health: list[Health]
) -> DataFrame:
    """Customers of `engagement.customer_columns`; rows accounted for, tables added to `contents`."""
    judging = Judging(run.as_of, run.config.engagement, source.quality)
    read = read_rows(MESSAGES, run.config, run.sources[MESSAGES], run.as_of, run.persist)
    rows, counts = read.judged, read.counts
    named = named_series(counts, MESSAGE_CHANNELS, MESSAGE_EVENTS)
    health += tracking_health(MESSAGES, named, run.as_of, read.first_day)
    run.contents[MESSAGES] = counts.contents
    channels = run.hold(channel_counts(outcomes(message_rows.counted(rows, run.as_of), judging), judging))
    sums = (F.sum(name).alias(name) for name in ("kept", "copies", *MESSAGE_FLAGS))
    totals = {name: int(n or 0) for name, n in channels.agg(*sums).collect()[0].asDict().items()}
    run.rows |= account(MESSAGES, counts, totals["kept"] + technical(counts, MESSAGE_EVENTS), totals["copies"])
    marked = {**counts.marked, "exact_duplicate": totals["copies"], **{flag: totals[flag] for flag in MESSAGE_FLAGS}}
    run.rows |= checks_found(MESSAGES, marked, source.quality.checks, MESSAGE_CHECKS)
    _write_rejects(run, rows, MESSAGES, counts)
    run.warnings += gate(MESSAGES, counts, source.quality, run.as_of, run.run_id, unknown=unknown_in(MESSAGES, read))
    run.warnings += told(MESSAGES, run.rows, MESSAGE_CHECKS)
    found = run.hold(engagement(channels, judging, _before(run), stirred))
    contents[ENGAGEMENT.name] = engaged_rows(found)
    contents[ENGAGEMENT_SUMMARY.name] = collected(engagement_summary(found, run.config.engagement))
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
    return run.of_run(ENGAGEMENT.name, last.run_id)


def _write_rejects(run: RunContext, rows: DataFrame, source: str, counts: InteractionCounts) -> None:
    kept = {code: n for code, n in counts.rejected.items() if code != ANONYMOUS}
    if not kept:
        return
    run.writer.write_part(REJECTS.name, first_seen(run, interaction_rejects(rows, source)), source)
