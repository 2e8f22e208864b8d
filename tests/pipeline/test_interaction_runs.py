"""Events and messages in a run: every row accounted for, columns for rules and clusters, and what stops a run."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from rfm_spark.capabilities.drift.config import DriftConfig
from rfm_spark.cli.main import main
from rfm_spark.core.config import Config
from rfm_spark.core.errors import GateError
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import current, of_run
from rfm_spark.lake.store import Store
from rfm_spark.pipeline import Outcome
from rfm_spark.report.build import build_report
from rfm_spark.report.collect import collect
from tests.helpers import AS_OF, commits, config_for, run_tiny
from tests.pipeline.interactions import events_log, mail_log, save, shop, shop_config

DATA = Path(__file__).parents[1] / "data"
Ran = tuple[Path, Config, Outcome, dict[str, int]]
NEXT = AS_OF + timedelta(days=1)
SETTINGS: dict[str, Any] = {
    "clusters": {"enabled": True, "k": 3, "features": ["recency_days", "intent_score", "response_rate"]},
    "engagement": {"rfm": {"of": "interactions"}, "actions": {"disengaged": "suppress"}},
    "quality": {"max_staleness_days": None},
}
RULES = """
name: mine
title: Mine
description: By what they do.
segments:
  - {name: browsing, label: Browsing, description: Visits now., action: Talk., colour: "#111111",
     when: {intent_score: {min: 5}, engagement_r_score: [2, 5]}}
  - {name: readers, label: Readers, description: Read mail., action: Write., colour: "#222222",
     when: {email_tier: highly_engaged}}
otherwise: {name: others, label: Others, description: The rest., action: Wait., colour: "#333333"}
"""


# A sender's own troubles: no message of ours, and nothing that anybody did.
DEFERRED = mail_log(6).iloc[::30].assign(what="deferred", message=None)


def dirty_events() -> tuple[pd.DataFrame, dict[str, int]]:
    """The log with so many of each kind of dirt."""
    log = events_log()
    row = log.iloc[[0]]
    day = pd.Timestamp(AS_OF)

    def rows(n: int, **values: Any) -> pd.DataFrame:
        values = {"received": pd.NaT, **values}
        made = pd.concat([row] * n, ignore_index=True)
        made = made.assign(
            id=[f"{values.get('action', '')}{values.get('who')}{values.get('ts')}-{i}" for i in range(n)]
        )
        return made.assign(**values)

    noon = day - pd.Timedelta(days=3) + pd.Timedelta(hours=12)
    parts = [
        log,
        rows(3, ts=pd.Timestamp("2060-01-01"), received=pd.NaT),
        rows(2, ts=noon + pd.Timedelta(hours=5), received=noon),
        rows(4, action="teleport", ts=noon),
        rows(5, who=None, cookie="v24", ts=noon),
        rows(4, who=None, cookie="stranger", ts=noon),
        rows(2, who=None, cookie="stranger", ts=noon, action="teleport"),
        rows(7, who="n/a", cookie=None, ts=noon),
        rows(8, action="heartbeat", ts=noon),
        log.iloc[:9],
        rows(205, who="c05", cookie=None, ts=noon),
        rows(10, who="c06", ts=day + pd.Timedelta(days=2), received=pd.NaT),
        rows(1, who=" c07 ", cookie=None, ts=noon),
        rows(2, channel="telepathy", ts=noon),
    ]
    on_day = log[(log["who"] == "c05") & (log["ts"].dt.date == noon.date())]
    found = {
        "rejected.future_date": 3, "repaired.clock_skew": 2, "rejected.unknown_type": 4, "repaired.visitor_joined": 5,
        "rejected.anonymous": 6, "rejected.placeholder_id": 7, "flagged.technical": 8, "duplicates": 9,
        "rejected.bot": 205 + len(on_day), "later": 10, "repaired.id_whitespace": 1, "flagged.unknown_channel": 2,
        "bots": 1, "repaired.duplicate_event": 9, "visitors.unknown": 1,
    }  # fmt: skip
    return pd.concat(parts, ignore_index=True), found


@pytest.fixture(scope="module")
def ran(
    session: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Config, Outcome, dict[str, int]]:
    folder = tmp_path_factory.mktemp("interactions")
    (folder / "mine.yml").write_text(RULES, encoding="utf-8")
    rules = {"rules": str(folder / "mine.yml")}
    config = shop(session, folder, segments=rules, messages={"preset": "sendgrid"}, **SETTINGS)
    events, found = dirty_events()
    save(session, events, folder / "events")
    save(session, DEFERRED, folder / "messages", "append")
    return folder, config, run_tiny(session, config), found


def test_every_kind_of_dirt_is_counted_exactly_and_the_rows_balance(spark: SparkSession, ran: Ran) -> None:
    _, config, outcome, found = ran
    rows = Store(spark, LakeLocation.of(config)).rows("runs", run_id=outcome.run_id)[0]["rows"]
    assert {name: rows.get(f"events.{name}") for name in found} == found
    events, _ = dirty_events()
    first = AS_OF - timedelta(days=90)
    assert rows["events.read"] == (events["ts"].dt.date >= first).sum()
    for source in ("events", "messages"):
        parts = (rows[f"{source}.{part}"] for part in ("accepted", "rejected", "duplicates"))
        assert rows[f"{source}.read"] == sum(parts)
    assert rows["messages.read"] == len(DEFERRED) + (mail_log()["ts"].dt.date >= AS_OF - timedelta(days=119)).sum()
    assert rows["messages.flagged.technical"] == rows["messages.accepted"] - len(mail_log()) == len(DEFERRED) > 0
    told = " ".join(outcome.warnings)
    assert "events: rejected (not counted): anonymous 6, future_date 3" in told
    kept = current(spark, LakeLocation.of(config), "rejects").groupBy("source", "reason").count().collect()
    # Strangers and programs are counted, not kept.
    assert {tuple(row) for row in kept} == {
        ("events", "future_date", 3), ("events", "unknown_type", 4), ("events", "placeholder_id", 7),
    }  # fmt: skip


def test_customers_carry_what_they_did(spark: SparkSession, ran: Ran) -> None:
    _, config, _, _ = ran
    location = LakeLocation.of(config)
    segments = current(spark, location, "segments").toPandas().set_index("customer_id")
    month = current(spark, location, "interactions").where("window_days = 30").toPandas().set_index("customer_id")
    for name in ("sessions", "events", "add_to_carts", "active_days", "intent_score"):
        expected = month[name].reindex(segments.index).fillna(0)
        assert (segments[name] == expected).all(), name
    tiers = current(spark, location, "engagement").where("channel = 'email'").toPandas().set_index("customer_id")
    assert segments["email_tier"].to_dict() == tiers["tier"].to_dict()
    assert tiers["tier"].value_counts().to_dict() == {"highly_engaged": 8, "moderately": 8, "disengaged": 8}
    assert tiers["suppressed"].sum() == 8
    assert set(segments.loc[month.index[month["events"] > 0], "engagement_r_score"]) - {1}
    assert set(segments["segment"]) == {"browsing", "readers", "others"}
    browsing = (segments["intent_score"] >= 5) & (segments["engagement_r_score"] >= 2)
    assert (segments["segment"] == "browsing").equals(browsing)
    assert segments["cluster_id"].notna().all()


def test_scores_of_engagement_are_cut_like_those_of_purchases(spark: SparkSession, ran: Ran) -> None:
    _, config, _, _ = ran
    location = LakeLocation.of(config)
    segments = current(spark, location, "segments").toPandas()
    cuts = {row["measure"]: row["cuts"] for row in current(spark, location, "segment_cuts").collect()}
    active = segments[segments["engagement_recency_days"].notna()]
    for measure, column, score in (
        ("f", "engagement_frequency", "engagement_f_score"), ("m", "engagement_value", "engagement_m_score"),
    ):  # fmt: skip
        values = active[column].astype(float)
        ordered = sorted(values)
        expected = [ordered[-(-j * len(ordered) // 5) - 1] for j in range(1, 5)]
        assert cuts[column] == expected, measure
        assert list(active[score]) == [1 + sum(edge < value for edge in expected) for value in values]
    never = segments[segments["engagement_recency_days"].isna()]
    assert (never[["engagement_r_score", "engagement_f_score", "engagement_m_score"]] == 1).all(axis=None)


def test_the_report_shows_both_with_what_is_real(spark: SparkSession, ran: Ran) -> None:
    _, config, outcome, _ = ran
    page = build_report(collect(spark, LakeLocation.of(config), outcome.run_id), config.display)
    for part in ("Interactions", "Tracking health", "Engagement", "E-mail", "Highly engaged"):
        assert part in page, part
    assert "not connected" not in page


def test_a_newer_version_that_tells_nothing_of_the_day_is_the_same_input(spark: SparkSession, ran: Ran) -> None:
    folder, config, outcome, _ = ran
    before = commits(folder / "lake")
    later = events_log().iloc[:5].assign(ts=pd.Timestamp(NEXT) + pd.Timedelta(days=3), received=None)
    save(spark, later, folder / "events", "append")
    assert run_tiny(spark, config).repeated
    assert commits(folder / "lake") == before
    late = events_log().iloc[:1].assign(ts=pd.Timestamp(AS_OF), id="late", received=None)
    save(spark, late, folder / "events", "append")
    again = run_tiny(spark, config)
    assert not again.repeated
    assert again.run_id != outcome.run_id


def test_sessions_without_an_id_are_cut_and_unknown_words_explained(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An export of Google Analytics; see tests/data. Events of u3 have no session id, and u2 has two browsers."""
    source: dict[str, Any] = {"path": str(DATA / "ga4_events.json"), "format": "json"}
    moment = "timestamp_micros(cast(event_timestamp as bigint))"
    orders = {"customer_id": "IF(event_name = 'purchase', user_id, NULL)", "order_id": "ecommerce.transaction_id",
              "order_ts": moment, "amount": "ecommerce.purchase_revenue"}  # fmt: skip
    number = "filter(event_params, p -> p.key = 'ga_session_id')[0].value.int_value"
    log = {"customer_id": "user_id", "visitor_id": "user_pseudo_id", "event_ts": moment, "event_type": "event_name",
           "session_id": f"concat(user_pseudo_id, {number})"}  # fmt: skip
    config = config_for(tmp_path, quality={"max_staleness_days": None}, sources={
        "transactions": {**source, "columns": orders},
        "events": {**source, "columns": log, "preset": "google_analytics"},
    })  # fmt: skip
    outcome = run_tiny(spark, config, date(2024, 5, 4))
    month = current(spark, LakeLocation.of(config), "interactions").where("window_days = 30").collect()
    found = {row["customer_id"]: (row["sessions"], row["events"], row["bounce_rate"]) for row in month}
    assert found == {"u1": (1, 5, 0.0), "u2": (2, 4, 0.0), "u3": (2, 3, 0.5)}
    rows = Store(spark, LakeLocation.of(config)).rows("runs", run_id=outcome.run_id)[0]["rows"]
    assert rows["events.sessions_cut"] == 3
    told = " ".join(outcome.warnings)
    assert "events: 3 of 15 rows have no value in sources.events.columns.session_id" in told
    assert "newsletter_popup 1; map them there with `types: {'?': [newsletter_popup]}`" in told
    capsys.readouterr()
    assert main(["rejects", "--lake", config.lake.root or "", "--reason", "unknown_type"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"events +unknown_type +1 +1 +an event type that neither the preset", said)
    assert "event_type = newsletter_popup, customer_id = u3, event_ts = 2024-05-03 16:00:00" in said


def test_input_beyond_its_limits_publishes_nothing(spark: SparkSession, tmp_path: Path) -> None:
    config = shop(spark, tmp_path, events={"quality": {"max_reject_share": 0.01}})
    unknown = events_log().assign(action="teleport")
    save(spark, unknown.iloc[:40], tmp_path / "events", "append")
    with pytest.raises(
        GateError, match=r"of the rows of sources.events .* were rejected \(unknown_type 40\)"
    ) as caught:
        run_tiny(spark, config)
    assert not Store(spark, LakeLocation.of(config)).exists("runs")
    kept = Store(spark, LakeLocation.of(config)).read("rejects").where(F.col("source") == "events")
    assert kept.count() == 40
    (run_id,) = {row["run_id"] for row in kept.select("run_id").distinct().collect()}
    assert f"`rfm-spark rejects --run {run_id}`" in str(caught.value)
    assert "teleport 40; map them there with `types: {'?': [teleport]}`" in str(caught.value)


def test_suppression_lasts_from_run_to_run(spark: SparkSession, tmp_path: Path) -> None:
    settings = {**SETTINGS, "clusters": {"enabled": False}}
    config = shop(spark, tmp_path, **settings)
    run_tiny(spark, config, AS_OF)
    opened = pd.DataFrame({"who": ["c20"], "message": ["m0"], "ts": [pd.Timestamp(NEXT) + pd.Timedelta(hours=10)],
                           "what": ["opened"], "channel": ["email"]})  # fmt: skip
    save(spark, opened, tmp_path / "messages", "append")
    second = run_tiny(spark, config, NEXT)
    rows = of_run(spark, LakeLocation.of(config), "engagement", second.run_id).where("channel = 'email'").collect()
    quiet = {row["customer_id"]: row for row in rows if row["suppressed"]}
    assert quiet["c21"]["suppressed_since"] == AS_OF
    assert "c20" not in quiet
    lifted = next(row for row in rows if row["customer_id"] == "c20")
    assert lifted["reactivated_on"] == NEXT


def test_sources_of_which_nothing_is_there_are_said(spark: SparkSession, tmp_path: Path) -> None:
    config = shop(spark, tmp_path, quality={"max_staleness_days": None})
    path = str(tmp_path / "events")
    spark.read.format("delta").load(path).limit(0).write.format("delta").mode("overwrite").save(path)
    outcome = run_tiny(spark, shop_config(tmp_path), date(2024, 6, 30))
    assert any("sources.events has no usable row" in warning for warning in outcome.warnings)
    assert current(spark, LakeLocation.of(config), "interactions").count() == 0


def clicked_less(fall: float) -> pd.DataFrame:
    """A hundred mails a day, half of them opened and half of these clicked, fewer by `fall` in the last week."""
    rows = []
    for day in range(4, 100):
        at = datetime(AS_OF.year, AS_OF.month, AS_OF.day, 8) - timedelta(days=day)
        for n in range(100):
            who, message = f"c{n % 24 + 1:02d}", f"m{day}-{n}"
            rows.append((who, message, at, "delivered", "email"))
            # Rounded, so that each day has as many as the rate says.
            share = 0.5 * (1 - fall if day < 10 else 1)
            if n % 2:
                rows.append((who, message, at + timedelta(hours=2), "opened", "email"))
            if n % 2 and (n // 2) < round(50 * share):
                rows.append((who, message, at + timedelta(hours=3), "clicked", "email"))
    return pd.DataFrame(rows, columns=["who", "message", "ts", "what", "channel"])


def test_fewer_clicks_at_unchanged_volume_are_a_figure_a_warning_and_a_verdict(
    spark: SparkSession, tmp_path: Path
) -> None:
    config = shop(spark, tmp_path, clusters={"enabled": False}, quality={"max_staleness_days": None})
    save(spark, clicked_less(0.4), tmp_path / "messages")
    outcome = run_tiny(spark, config)
    (said,) = [warning for warning in outcome.warnings if warning.startswith("rates: clicks per open")]
    assert said.startswith("rates: clicks per open of email fell by 40% at unchanged volume, from 50.00% of 1,400 to")
    assert said.endswith("look at links and tracking, then at content")
    assert "people answer otherwise: clicks per message" in outcome.verdict
    store = Store(spark, LakeLocation.of(config))
    figures = {(row["subject"], row["against"]): row for row in store.rows("drift") if row["metric"] == "rate"}
    of_clicks = figures["email.click_to_open_rate", "past"]
    assert of_clicks["value"] == pytest.approx(0.6)
    assert (of_clicks["severity"], of_clicks["threshold"]) == ("moderate", 0.8)
    assert figures["email.open_rate", "past"]["severity"] == "none"
    page = build_report(collect(spark, LakeLocation.of(config), outcome.run_id), config.display)
    assert "Rates against their own past" in page
    assert "clicks per open of email fell by 40%" in page
    # Silent when a person says so: the same fall is below what matters to them.
    calm = config.model_copy(update={"drift": DriftConfig.model_validate({"rates": {"smallest_fall": 0.5}})})
    assert not [said for said in run_tiny(spark, calm).warnings if said.startswith("rates:")]
