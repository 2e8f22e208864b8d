"""Sources and settings switched off and on again between runs: the lake goes on, and says what is missing."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from rfm_spark.core.config import Config, config_model
from rfm_spark.core.loading import validate
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import current, of_run
from rfm_spark.lake.store import Store
from rfm_spark.pipeline import Outcome
from rfm_spark.report.build import build_report
from rfm_spark.report.collect import collect
from tests.helpers import AS_OF, run_tiny
from tests.pipeline.interactions import shop

DAYS = (AS_OF.replace(day=26), AS_OF.replace(day=28), AS_OF)
WITH_INTENT = {"enabled": True, "k": 2, "features": ["recency_days", "monetary", "intent_score", "delivered"]}
PLAIN = {"enabled": True, "k": 2}


def without(config: Config, *sources: str, **changes: Any) -> Config:
    """The same configuration, some sources and settings taken away."""
    document = config.model_dump(mode="json", by_alias=True, exclude_unset=True)
    document["sources"] = {name: one for name, one in document["sources"].items() if name not in sources}
    return validate(config_model(), {**document, **changes}, "tiny.yml")


@pytest.fixture(scope="module")
def lake(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, list[Outcome]]:
    """Three runs: with everything, without events, messages and clusters' own columns of theirs, with everything."""
    folder: Path = tmp_path_factory.mktemp("on-off-on")
    scores = {"rfm": {"of": "interactions"}, "actions": {"disengaged": "suppress"}}
    on = shop(session, folder, clusters=WITH_INTENT, engagement=scores, quality={"max_staleness_days": None})
    off = without(on, "events", "messages", clusters=PLAIN, engagement={})
    return on, [run_tiny(session, config, day) for config, day in zip((on, off, on), DAYS, strict=True)]


def named(spark: SparkSession, config: Config, outcome: Outcome, column: str) -> int:
    return of_run(spark, LakeLocation.of(config), "segments", outcome.run_id).where(f"{column} IS NOT NULL").count()


def test_columns_are_empty_while_their_source_is_gone(spark: SparkSession, lake: tuple[Config, list[Outcome]]) -> None:
    config, outcomes = lake
    for column in ("intent_score", "engagement_tier", "engagement_r_score"):
        assert [named(spark, config, one, column) > 0 for one in outcomes] == [True, False, True], column
    assert [named(spark, config, one, "cluster_id") > 0 for one in outcomes] == [True, True, True]


def test_a_champion_whose_columns_are_gone_is_set_aside(
    spark: SparkSession, lake: tuple[Config, list[Outcome]]
) -> None:
    config, (first, second, third) = lake
    (warning,) = (one for one in second.warnings if "is set aside" in one)
    assert first.run_id in warning
    assert "nothing fills intent_score any more" in warning
    runs = {row["run_id"]: row["model_version"] for row in Store(spark, LakeLocation.of(config)).rows("runs")}
    assert runs == {one.run_id: one.run_id for one in (first, second, third)}


def test_what_is_missing_is_said_with_its_last_run(spark: SparkSession, lake: tuple[Config, list[Outcome]]) -> None:
    config, (first, second, third) = lake
    for source in ("events", "messages"):
        (warning,) = (one for one in second.warnings if one.startswith(f"sources.{source} is not connected any more"))
        assert f"{first.run_id}, as of {DAYS[0]}" in warning
    # Its settings were taken away, and not just its source.
    (off,) = (one for one in second.warnings if one.startswith("the stage "))
    assert off.startswith(f"the stage engagement.rfm is off: the last run with it is {first.run_id}, as of {DAYS[0]}")
    assert not any("not connected" in one or "the stage" in one for one in (*first.warnings, *third.warnings))
    page = build_report(collect(spark, LakeLocation.of(config), second.run_id), config.display)
    assert "is not connected any more" in page


def test_suppression_lives_on(spark: SparkSession, lake: tuple[Config, list[Outcome]]) -> None:
    config, (first, _, third) = lake
    location = LakeLocation.of(config)
    held = "sunset_since IS NOT NULL AND channel <> 'all'"
    before = of_run(spark, location, "engagement", first.run_id).where(held)
    after = of_run(spark, location, "engagement", third.run_id).where(held)
    since = {(row["customer_id"], row["channel"]): row["sunset_since"] for row in before.collect()}
    now = {(row["customer_id"], row["channel"]): row["sunset_since"] for row in after.collect()}
    kept = since.keys() & now.keys()
    assert {key: now[key] for key in kept} == {key: since[key] for key in kept}


def test_history_has_both_stretches(spark: SparkSession, lake: tuple[Config, list[Outcome]]) -> None:
    from rfm_spark.lake.history import segment_history

    config, _ = lake
    tiers = segment_history(spark, LakeLocation.of(config)).where("kind = 'tier'")
    starts = {row["valid_from"] for row in tiers.select("valid_from").distinct().collect()}
    assert starts == {DAYS[0], DAYS[2]}
    assert current(spark, LakeLocation.of(config), "drift").where("metric = 'verdict'").count() == 1
    assert isinstance(DAYS[0], date)
