"""What the report shows of interactions: sums per window, and two spreads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.events.config import InteractionsConfig
from rfm_spark.capabilities.events.tables import INTERACTIONS
from rfm_spark.report.bins import doubling_bin
from rfm_spark.report.section import Reader

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
class InteractionFacts:
    """Interactions of a run; all empty where it wrote none.

    Attributes:
        windows: the shortest first, those with an event only.
        channels: events per channel in the main window.
        intent: customers with an event in the main window by doubling bin of their intent score.
    """

    windows: tuple[WindowTotals, ...] = ()
    channels: Mapping[str, int] = field(default_factory=dict)
    intent: Mapping[int, int] = field(default_factory=dict)


def read_interactions(reader: Reader) -> InteractionFacts:
    """Interactions of a run."""
    if not reader.wrote(INTERACTIONS.name):
        return InteractionFacts()
    main = InteractionsConfig.model_validate(reader.run.settings.get("interactions") or {}).main_window
    seen = reader.frame(INTERACTIONS.name).where(F.col("events") > 0)
    inside = seen.where(F.col("window_days") == F.lit(main))
    return InteractionFacts(_windows(seen), _channels(inside), _intent(inside))


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
