"""Groups of a real run: by name, by condition, with a condition on both, in the table, the report and the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from scipy.stats import mannwhitneyu

from rfm_spark.capabilities.groups.naming import group
from rfm_spark.cli.main import main
from rfm_spark.core.config import Config
from rfm_spark.core.errors import ConfigError
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import of_run
from rfm_spark.pipeline import Outcome
from rfm_spark.report.build import build_report
from rfm_spark.report.collect import collect
from tests.helpers import config_for, run_tiny
from tests.pipeline.interactions import shop

EARLY, LATE = "customer_id <= 'c12'", "customer_id > 'c12'"
PAIRS = [{"first": EARLY, "second": LATE}, {"first": "loyal", "second": "nobody_is_here"},
         {"first": EARLY, "second": "customer_id < 'c20'"}]  # fmt: skip


@pytest.fixture(scope="module")
def world(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, Outcome, Path]:
    folder = tmp_path_factory.mktemp("groups")
    config = shop(session, folder, quality={"max_staleness_days": None}, groups={"compare": PAIRS})
    return config, run_tiny(session, config), folder


def test_differences_are_those_of_the_rows(spark: SparkSession, world: tuple[Config, Outcome, Path]) -> None:
    config, outcome, _ = world
    location = LakeLocation.of(config)
    rows = of_run(spark, location, "group_differences", outcome.run_id).orderBy("place").collect()
    people = of_run(spark, location, "segments", outcome.run_id).toPandas()
    first, second = (people[side] for side in (people["customer_id"] <= "c12", people["customer_id"] > "c12"))
    numbers = {row["column_name"]: row for row in rows if row["measure"] == "cliffs_delta"}
    assert {"sessions", "active_days", "delivered", "open_rate"} <= set(numbers)
    for name in ("sessions", "active_days", "events", "open_rate"):
        a, b = first[name].dropna(), second[name].dropna()
        pairs = mannwhitneyu(a, b).statistic / (len(a) * len(b))
        assert numbers[name]["effect"] == pytest.approx(2 * pairs - 1)
        assert (numbers[name]["first_customers"], numbers[name]["second_customers"]) == (len(a), len(b))
        assert numbers[name]["first_typical"] == a.quantile(0.5, interpolation="lower")
    tiers = [row for row in rows if row["column_name"] == "engagement_tier"]
    for row in tiers:
        assert row["first_typical"] == (first["engagement_tier"] == row["value"]).mean()
        assert row["effect"] == pytest.approx(row["first_typical"] - row["second_typical"])
    # Who opens everything is among the first third, who opens nothing among the last.
    assert rows[0]["differs"]
    assert [row["differs"] for row in rows] == sorted((row["differs"] for row in rows), reverse=True)
    assert all(row["q_value"] >= row["p_value"] for row in rows)


def test_a_pair_that_has_nobody_today_is_a_warning(world: tuple[Config, Outcome, Path]) -> None:
    _, outcome, _ = world
    assert any("groups.compare[1]: nobody is in a group nobody_is_here" in warning for warning in outcome.warnings)
    assert any("12 customers are in both" in warning for warning in outcome.warnings)


def test_the_report_shows_them_as_associations(spark: SparkSession, world: tuple[Config, Outcome, Path]) -> None:
    config, outcome, _ = world
    page = build_report(collect(spark, LakeLocation.of(config), outcome.run_id), config.display)
    assert "How groups differ" in page
    assert "tell of no cause" in page


def test_the_command_compares_any_two(world: tuple[Config, Outcome, Path], capsys: pytest.CaptureFixture[str]) -> None:
    lake = ["--lake", str(world[2] / "lake")]
    assert main(["compare", "groups", EARLY, LATE, "--where", "frequency > 1", *lake]) == 0
    printed = capsys.readouterr().out
    assert "where frequency > 1" in printed
    assert "columns differ" in printed
    assert "only an experiment can tell" in printed
    assert main(["compare", "groups", EARLY, LATE, "--format", "json", *lake]) == 0
    first = json.loads(capsys.readouterr().out.splitlines()[0])
    assert first["place"] == 1
    assert first["measure"] in ("cliffs_delta", "risk_difference")


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("champion", LATE, "nobody is in a group champion; there are segments champions"),
        ("no_column = 1", LATE, "is not a condition on columns of segments"),
        ("frequency", LATE, "is not a condition on columns of segments"),
        ("customer_id = 'c01'", LATE, "has 1 customers; it takes 5"),
        (EARLY, "customer_id > 'c08'", "4 customers are in both"),
        ("sum(frequency) > 1", LATE, "is not a condition"),
    ],
)
def test_what_is_no_group_is_said(
    world: tuple[Config, Outcome, Path], capsys: pytest.CaptureFixture[str], first: str, second: str, said: str
) -> None:
    assert main(["compare", "groups", first, second, "--lake", str(world[2] / "lake")]) == 2
    assert said in capsys.readouterr().err


def test_a_condition_that_is_none_stops_the_run(spark: SparkSession, tmp_path: Path) -> None:
    pairs = [{"first": "no_column > 1", "second": "frequency > 1"}]
    config = shop(spark, tmp_path, quality={"max_staleness_days": None}, groups={"compare": pairs})
    with pytest.raises(ConfigError, match=r"groups.compare\[0\]: 'no_column > 1' is not a condition"):
        run_tiny(spark, config)


@pytest.mark.parametrize(
    ("name", "members"),
    [
        ("not suppressed", None), ("orders between 3 and 5", ["c03", "c04", "c05"]), ("segment champions", None),
        ("stage loyal", None), ("cluster 1", []), ("tier disengaged", None),
    ],
)  # fmt: skip
def test_groups_by_kind_and_by_conditions_of_words(
    spark: SparkSession, world: tuple[Config, Outcome, Path], name: str, members: list[str] | None
) -> None:
    config, outcome, _ = world
    people = of_run(spark, LakeLocation.of(config), "segments", outcome.run_id)
    found = group(name, people, config.document(), "here")
    ids = sorted(row["customer_id"] for row in people.where(found.is_in).select("customer_id").collect())
    assert members is None or ids == members


def test_a_name_of_two_kinds_has_to_say_which(spark: SparkSession, world: tuple[Config, Outcome, Path]) -> None:
    config, outcome, _ = world
    people = of_run(spark, LakeLocation.of(config), "segments", outcome.run_id)
    staged = people.withColumn("lifecycle_stage", F.lit("loyal"))
    with pytest.raises(ConfigError, match=r"loyal is the name of 2 groups; say segment loyal or stage loyal"):
        group("loyal", staged, config.document(), "here")


def test_columns_that_define_the_groups_are_left_out(
    world: tuple[Config, Outcome, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    lake = ["--lake", str(world[2] / "lake")]
    assert main(["compare", "groups", "sessions > 0", "sessions = 0", *lake, "--format", "json"]) == 0
    named = [json.loads(line)["column_name"] for line in capsys.readouterr().out.splitlines()]
    assert "sessions" not in named
    assert "active_days" in named


def test_groups_need_a_source_of_what_customers_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"groups\.compare needs a source of what customers do"):
        config_for(tmp_path, groups={"compare": [{"first": "a", "second": "b"}]})


def test_a_group_against_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the same group"):
        config_for(tmp_path, groups={"compare": [{"first": "loyal", "second": "loyal"}]})
