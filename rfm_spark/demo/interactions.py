"""What the demo shows beside purchases: real coupon mailings, and with --full simulated events and messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pyspark.sql import SparkSession

from rfm_spark.capabilities.engagement.words import TIERS
from rfm_spark.cli import console
from rfm_spark.core.printing import Shown
from rfm_spark.core.runs import RunDetails
from rfm_spark.demo.simulated_browsing import LAST_DAY
from rfm_spark.demo.simulated_events import EventTruth, simulated_events
from rfm_spark.demo.simulated_messages import RESPONSE_DAYS, MessageTruth, coupon_messages, simulated_messages
from rfm_spark.lake.landing import land_locally
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import of_run
from rfm_spark.lake.store import Store

SEED = 20171231
_COUPONS = ("campaigns", "campaign_descriptions", "coupon_redemptions")
_TITLES = {"coupon": "Coupon response", "email": "E-mail", "sms": "SMS", "ad": "Ads", "push": "Push", "all": "All"}


@dataclass(frozen=True)
class Planted:
    """What is known of the simulated data, since it was put there."""

    events: EventTruth
    messages: MessageTruth
    late_coupons: int


def land_coupons(data: Path, folder: Path) -> int:
    """The campaigns mailed to households and the coupons they redeemed, as messages of the channel coupon."""
    return _land(folder / "sources" / "coupon_messages", _coupons(data))


def land_simulated(data: Path, folder: Path) -> Planted:
    """Invented events and messages of the real households, and what was planted in them."""
    orders = pd.read_parquet(data / "transactions.parquet")[["household_id", "basket_id", "transaction_timestamp"]]
    households = sorted(orders["household_id"].astype(str).unique())
    events, event_truth = simulated_events(households, orders, SEED)
    messages, message_truth = simulated_messages(households, SEED)
    _land(folder / "sources" / "events", events)
    coupons = _coupons(data)
    everything = pd.concat([messages, coupons], ignore_index=True)
    _land(folder / "sources" / "messages", everything)
    return Planted(event_truth, message_truth, _late(coupons))


def _late(coupons: pd.DataFrame) -> int:
    """Real mailings of the year redeemed for the first time over RESPONSE_DAYS later: they count as late, too."""
    year = coupons[coupons["ts"].dt.year == LAST_DAY.year]
    first = {event: rows.groupby(["household_id", "message_id"])["ts"].min() for event, rows in year.groupby("event")}
    lag = (first["redeemed"] - first["delivered"]).dropna()
    return int((lag > pd.Timedelta(days=RESPONSE_DAYS)).sum())


def show_engagement(spark: SparkSession, location: LakeLocation, run: RunDetails) -> None:
    """Tiers per channel."""
    rows = [row for row in Store(spark, location).rows("engagement_summary", run_id=run.run_id) if row["customers"]]
    order = {name: at for at, name in enumerate(TIERS)}
    console.heading(f"Engagement by channel{_label(run)}")
    shown = [
        (
            _TITLES[row["channel"]], row["tier"], row["customers"], Shown(f"{100 * row['share']:.1f} %"),
            row["suppressed"], row["action"],
        )
        for row in sorted(rows, key=lambda row: (row["channel"] != "all", row["channel"], order[row["tier"]]))
    ]  # fmt: skip
    console.table(("channel", "tier", "customers", "share", "suppressed", "action"), shown)


def show_truth(spark: SparkSession, location: LakeLocation, run: RunDetails, planted: Planted) -> None:
    """What was planted beside what was recovered."""
    console.heading("Simulated data: what was planted, and what the run recovered")
    rows = [*_event_lines(spark, location, run, planted.events), *_message_lines(run, planted)]
    console.table(("simulated", "planted", "recovered"), rows)
    console.heading("Simulated e-mail tiers: planted against recovered")
    found = of_run(spark, location, "engagement", run.run_id).where("channel = 'email'")
    recovered = {row["customer_id"]: row["tier"] for row in found.select("customer_id", "tier").collect()}
    tiers = planted.messages.tiers
    lines = []
    for tier in TIERS:
        mine = [household for household, planned in tiers.items() if planned == tier]
        same = sum(recovered.get(household) == tier for household in mine)
        lines.append((tier, len(mine), same, Shown(f"{100 * same / len(mine):.1f} %" if mine else "")))
    console.table(("tier", "planted", "recovered as such", "share"), lines)


def _label(run: RunDetails) -> str:
    return " (e-mail, SMS and ads are simulated)" if run.rows.get("events.read") else ""


def _event_lines(
    spark: SparkSession, location: LakeLocation, run: RunDetails, truth: EventTruth
) -> list[tuple[str, object, object]]:
    stopped = Store(spark, location).rows("tracking", run_id=run.run_id, source="events", status="stopped")
    types = ", ".join(sorted({f"{row['event_type']} after {row['last_day']}" for row in stopped})) or "none"
    rows = run.rows
    return [
        ("events resent under the same id", truth.duplicates, rows.get("events.duplicates", 0)),
        ("events dated years ahead", truth.future_dated, rows.get("events.rejected.future_date", 0)),
        ("events of wrong clocks", truth.clock_skewed, rows.get("events.repaired.clock_skew", 0)),
        ("events of unknown types", truth.unknown_types, rows.get("events.rejected.unknown_type", 0)),
        ("programs", len(truth.bot_days), rows.get("events.bots", 0)),
        ("events on the days of programs", truth.bot_events, rows.get("events.rejected.bot", 0)),
        ("visitors' events joined to households", truth.joined_events, rows.get("events.repaired.visitor_joined", 0)),
        ("events of strangers", truth.anonymous_events, rows.get("events.rejected.anonymous", 0)),
        ("a tracker that stopped", f"{truth.stopped_type} on {truth.stopped_on}", types),
    ]


def _message_lines(run: RunDetails, planted: Planted) -> list[tuple[str, object, object]]:
    rows, truth = run.rows, planted.messages
    late = truth.late_responses + planted.late_coupons
    return [
        ("mails answered without an open", truth.clicks_without_open, _of(rows, "click_without_open")),
        ("mails opened but never sent", truth.orphan_messages, _of(rows, "orphan_response")),
        ("mails opened by a machine", truth.machine_opens, _of(rows, "machine_open")),
        ("mails, and real coupons, answered too late", late, _of(rows, "late_response")),
    ]


def _of(rows: Mapping[str, int], code: str) -> int:
    return sum(n for name, n in rows.items() if name.startswith("messages.") and name.endswith(f".{code}"))


def _coupons(data: Path) -> pd.DataFrame:
    return coupon_messages(*(pd.read_parquet(data / f"{name}.parquet") for name in _COUPONS))


def _land(target: Path, rows: pd.DataFrame) -> int:
    """A Delta table of the rows; one that is there stays."""
    from pyarrow import Table

    return land_locally(Table.from_pandas(rows, preserve_index=False), target)
