"""What the report shows of interactions and of tracking: sums per window, two spreads, and the volumes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.drift.tables import TRACKING
from rfm_spark.capabilities.drift.tracking import GRAVEST
from rfm_spark.capabilities.events.config import InteractionsConfig
from rfm_spark.capabilities.events.tables import INTERACTIONS
from rfm_spark.lake.store import Store
from rfm_spark.report.bins import doubling_bin

COUNTS = ("sessions", "events", "product_views", "searches", "filter_uses", "add_to_carts", "video_plays")


@dataclass(frozen=True)
class WindowTotals:
    """One window, over the customers with an event in it.

    Attributes:
        window_days: its length.
        customers: with an event in it.
        with_sessions: with a session in it.
        counts: sums of COUNTS.
        bounces: sessions of one event.
        session_seconds: sum over the sessions.
        active_days: sum over the customers.
        view_to_cart: mean of the customers who have the rate, 0 to 1; None without any.
        cart_to_order: likewise.
    """

    window_days: int
    customers: int
    with_sessions: int
    counts: Mapping[str, int]
    bounces: int
    session_seconds: float
    active_days: int
    view_to_cart: float | None
    cart_to_order: float | None

    @property
    def bounce_rate(self) -> float | None:
        """Share of the sessions, 0 to 1; None without one."""
        return self.bounces / self.counts["sessions"] if self.counts["sessions"] else None

    @property
    def session_minutes(self) -> float | None:
        """Mean length of a session; None without one."""
        return self.session_seconds / self.counts["sessions"] / 60 if self.counts["sessions"] else None

    @property
    def mean_active_days(self) -> float | None:
        """Mean over the customers; None without one."""
        return self.active_days / self.customers if self.customers else None


@dataclass(frozen=True)
class TrackingLine:
    """The volume of one source, channel and event type, as table `tracking` has it."""

    source: str
    channel: str
    event_type: str
    recent: int
    weekly_mean: float | None
    ratio: float | None
    last_day: date | None
    silent_days: int | None
    status: str
    detail: str = ""


@dataclass(frozen=True)
class InteractionFacts:
    """Interactions of a run; all empty where it wrote none.

    Attributes:
        windows: the shortest first, those with an event only.
        channels: events per channel in the main window.
        intent: customers with an event in the main window by doubling bin of their intent score.
        tracking: the gravest first; of events and of messages.
    """

    windows: tuple[WindowTotals, ...] = ()
    channels: Mapping[str, int] = field(default_factory=dict)
    intent: Mapping[int, int] = field(default_factory=dict)
    tracking: tuple[TrackingLine, ...] = ()


def read_interactions(
    store: Store, run_id: str, settings: Mapping[str, Any], outputs: Mapping[str, int]
) -> InteractionFacts:
    """Interactions and tracking of a run.

    Args:
        store: of the lake.
        run_id: of the run.
        settings: its configuration; one of an older version lacks the part on interactions.
        outputs: tables it wrote; another one may not exist at all.
    """
    tracking: tuple[TrackingLine, ...] = ()
    if TRACKING.name in outputs:
        tracking = gravest_first(tracking_line(row) for row in store.rows(TRACKING.name, run_id=run_id))
    if INTERACTIONS.name not in outputs:
        return InteractionFacts(tracking=tracking)
    main = InteractionsConfig.model_validate(settings.get("interactions") or {}).main_window
    seen = store.of_runs(INTERACTIONS.name, [run_id]).where(F.col("events") > 0)
    inside = seen.where(F.col("window_days") == F.lit(main))
    return InteractionFacts(_windows(seen), _channels(inside), _intent(inside), tracking)


def window_totals(row: Mapping[str, Any]) -> WindowTotals:
    """The totals of a window from a row of sums."""
    return WindowTotals(
        window_days=row["window_days"],
        customers=row["customers"],
        with_sessions=row["with_sessions"] or 0,
        counts={name: row[name] or 0 for name in COUNTS},
        bounces=row["bounces"] or 0,
        session_seconds=float(row["session_seconds"] or 0),
        active_days=row["active_days"] or 0,
        view_to_cart=None if row["view_to_cart"] is None else float(row["view_to_cart"]),
        cart_to_order=None if row["cart_to_order"] is None else float(row["cart_to_order"]),
    )


def tracking_line(row: Mapping[str, Any]) -> TrackingLine:
    """One volume from a row of table `tracking`."""
    return TrackingLine(
        row["source"],
        row["channel"],
        row["event_type"],
        row["recent"] or 0,
        row["weekly_mean"],
        row["ratio"],
        row["last_day"],
        row["silent_days"],
        row["status"],
        row["detail"] or "",
    )


def gravest_first(lines: Iterable[TrackingLine]) -> tuple[TrackingLine, ...]:
    """By status, then by name; a status of another version comes last."""
    order = {status: at for at, status in enumerate(GRAVEST)}

    def place(line: TrackingLine) -> tuple[int, str, str, str]:
        return order.get(line.status, len(order)), line.source, line.channel, line.event_type

    return tuple(sorted(lines, key=place))


def _windows(seen: DataFrame) -> tuple[WindowTotals, ...]:
    sessions = F.col("sessions")
    # Sums of whole numbers and of decimals do not depend on the order of the rows; those of doubles do.
    sums = seen.groupBy("window_days").agg(
        F.count(F.lit(1)).alias("customers"),
        F.sum((sessions > 0).cast("int")).alias("with_sessions"),
        *(F.sum(name).alias(name) for name in COUNTS),
        F.sum(F.round(F.col("bounce_rate") * sessions).cast("bigint")).alias("bounces"),
        F.sum((F.col("mean_session_seconds") * sessions).cast("decimal(28,3)")).alias("session_seconds"),
        F.sum("active_days").alias("active_days"),
        _mean("view_to_cart_rate").alias("view_to_cart"),
        _mean("cart_to_order_rate").alias("cart_to_order"),
    )
    found = (window_totals(row.asDict()) for row in sums.collect())
    return tuple(sorted(found, key=lambda window: window.window_days))


def _mean(rate: str) -> Column:
    return F.avg(F.col(rate).cast("decimal(28,20)"))


def _channels(inside: DataFrame) -> dict[str, int]:
    each = inside.select(F.explode("channels").alias("channel", "events"))
    rows = each.groupBy("channel").agg(F.sum("events").alias("events")).collect()
    return {row["channel"]: row["events"] for row in sorted(rows, key=lambda row: (-row["events"], row["channel"]))}


def _intent(inside: DataFrame) -> dict[int, int]:
    bins = inside.select(doubling_bin(F.floor("intent_score").cast("bigint")).alias("bin"))
    rows = bins.where(F.col("bin").isNotNull()).groupBy("bin").agg(F.count(F.lit(1)).alias("customers")).collect()
    return {row["bin"]: row["customers"] for row in sorted(rows, key=lambda row: row["bin"])}
