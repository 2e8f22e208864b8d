"""Made-up interactions and engagement of the made-up run."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from rfm_spark.capabilities.drift.section.tracking_data import TrackingLine, most_severe_first
from rfm_spark.capabilities.engagement.section.data import EngagementFacts, TierLine, TierShare
from rfm_spark.capabilities.events.section.data import InteractionFacts, WindowTotals
from rfm_spark.report.data import ReportData
from tests.report.example import report_data, run_facts

DAYS = [dt.date(2017, month, 28) for month in range(2, 13)]
TIERS = ("highly_engaged", "moderately", "disengaged", "insufficient")
# Customers per tier.
SIZES = {"all": (200, 500, 100, 200), "email": (90, 400, 210, 100), "sms": (30, 10, 40, 20), "ad": (5, 10, 85, 900)}


def settings(**sources: Any) -> str:
    """The configuration of a run with these sources besides the transactions."""
    return json.dumps(
        {
            "rfm": {"window_days": 365},
            "clusters": {"enabled": True},
            "timezone": "Europe/Berlin",
            "sources": {"transactions": {"path": "x"}, "events": None, "messages": None, **sources},
        }
    )


def source(simulated: bool | list[str] = False) -> dict[str, Any]:
    """A configured source."""
    return {"path": "x", "format": "delta", "columns": {}, "simulated": simulated}


def window(days: int, customers: int, **changed: Any) -> WindowTotals:
    """The totals of a window."""
    counts = {"sessions": 400, "events": 12345, "product_views": 3456, "searches": 789, "filter_uses": 12,
              "add_to_carts": 321, "video_plays": 0}  # fmt: skip
    given = {"with_sessions": customers // 2, "counts": counts, "bounces": 100, "session_seconds": 84000.0,
             "active_days": 3 * customers, "view_to_cart": 0.1234, "cart_to_order": None}  # fmt: skip
    return WindowTotals(**{"window_days": days, "customers": customers, **given, **changed})


def stream(status: str, channel: str = "web", kind: str = "page_view", **changed: Any) -> TrackingLine:
    """A tracked volume."""
    given = {"source": "events", "recent": 120, "weekly_mean": 456.25, "ratio": 0.263,
             "last_day": dt.date(2017, 12, 30), "silent_days": 1, "detail": f"In words: {status}."}  # fmt: skip
    return TrackingLine(**{"channel": channel, "event_type": kind, "status": status, **given, **changed})


def interaction_facts() -> InteractionFacts:
    """Three windows and three channels."""
    return InteractionFacts(
        windows=(window(7, 100), window(30, 250), window(90, 600)),
        channels={"web": 9000, "app": 3000, "social": 345},
        intent={0: 20, 2: 100, 3: 80, 6: 50},
    )


def tracked() -> tuple[TrackingLine, ...]:
    """Four streams."""
    lines = [
        stream("ok", ratio=1.01),
        stream("stopped", "app", "add_to_cart", recent=0, ratio=0.0, last_day=dt.date(2017, 12, 3), silent_days=28),
        stream("low", "email", "opened", source="messages"),
        stream("new", "store", "contact", weekly_mean=None, ratio=None),
    ]
    return most_severe_first(lines)


def tier_lines(sizes: dict[str, tuple[int, ...]] | None = None) -> tuple[TierLine, ...]:
    """The tiers of each channel."""
    return tuple(
        TierLine(
            channel=channel,
            tier=tier,
            customers=count,
            share=count / sum(counts),
            share_lower=count / sum(counts) * 1.1,
            share_higher=count / sum(counts) * 0.9,
            suppressed=7 if tier == "disengaged" else 0,
            delivered=count * 12,
            action=f"Do {tier} things.",
        )
        for channel, counts in (sizes or SIZES).items()
        for tier, count in zip(TIERS, counts, strict=True)
    )


def engagement_facts(days: list[dt.date] | None = None, invented: int = 0) -> EngagementFacts:
    """Four channels, the tiers of which change over time; those of the first so many days are simulated."""
    shown = DAYS if days is None else days
    history = tuple(
        TierShare(day, channel, tier, share, at < invented)
        for at, day in enumerate(shown)
        for channel in SIZES
        for tier, share in zip(TIERS, (0.1 + 0.01 * at, 0.5 - 0.01 * at, 0.25, 0.15), strict=True)
    )
    spread = {at: (at * 7 + 3) % 40 for at in range(20)}
    low = {0: 880, 1: 12}
    rates = {
        "all": {"open_rate": spread, "click_rate": spread, "response_rate": {0: 300, 1: 200, 2: 90, 4: 10}},
        "email": {"open_rate": spread, "click_rate": {0: 400, 1: 200, 9: 7, 12: 3}, "response_rate": spread},
        "sms": {"click_rate": low, "response_rate": {0: 40, 3: 10, 19: 30}},
        "ad": {"click_rate": low, "response_rate": low},
    }
    return EngagementFacts(tier_lines(), rates, history)


def connected(
    events: bool | list[str] = False, messages: bool | list[str] = False, config: str | None = None, **changed: Any
) -> ReportData:
    """A run with both sources, simulated or not."""
    found = settings(events=source(events), messages=source(messages)) if config is None else config
    # Without the drawings of the other sections, which take their time.
    bare: dict[str, Any] = {"clusters": (), "histograms": {}, "grid": (), "transitions": (), "segments": ()}
    given = {
        "run": run_facts(config=found),
        "interactions": interaction_facts(),
        "tracking": tracked(),
        "engagement": engagement_facts(),
    }
    return report_data(**(bare | given | changed))
