"""A capability of one folder outside the package: its source, table, column, rule and section, through a real run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import SparkSession

from rfm_spark.core.columns import customer_columns
from rfm_spark.core.config import Config, config_model
from rfm_spark.core.errors import ConfigError, PlanError
from rfm_spark.core.loading import validate
from rfm_spark.core.registry import with_capability
from rfm_spark.core.resources import shipped_text
from rfm_spark.core.schemas import tables
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import current
from rfm_spark.pipeline import run
from rfm_spark.pipeline.checking import look_ahead
from rfm_spark.report.build import build_report
from rfm_spark.report.collect import collect
from tests.helpers import AS_OF, CLOCK, COLUMNS, Stages, purchases, write_source

REGULARS = {
    "name": "regulars", "label": "Regulars", "description": "Many points", "action": "Thank them", "colour": "#224466",
    "when": [{"points": {"min": 100}}],
}  # fmt: skip


@pytest.fixture
def loyalty() -> Iterator[None]:
    with with_capability("tests.loyalty"):
        yield


@pytest.fixture
def folder(spark: SparkSession, tmp_path: Path) -> Path:
    write_source(spark, tmp_path / "source", purchases())
    bookings = [("c01", 60), ("c01", 50), ("c02", 100), ("c03", 99), ("nobody", 500)]
    frame = spark.createDataFrame(bookings, "who string, booked bigint")
    frame.write.format("delta").save(str(tmp_path / "points"))
    rules = yaml.safe_load(shipped_text("segments", "rf_grid.yml"))
    rules["segments"].insert(0, REGULARS)
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rules), encoding="utf-8")
    return tmp_path


def config(folder: Path, *, points: bool = True) -> Config:
    source = {"path": str(folder / "source"), "format": "delta", "columns": COLUMNS}
    document: dict[str, Any] = {
        "name": "tiny",
        "lake": {"root": str(folder / "lake")},
        "sources": {"transactions": source},
        "clusters": {"enabled": False},
        "quality": {"max_staleness_days": None},
    }
    if points:
        location = {"path": str(folder / "points"), "format": "delta"}
        document["sources"] |= {"points": {**location, "columns": {"customer_id": "who", "points": "booked"}}}
        document["segments"] = {"rules": str(folder / "rules.yml")}
    return validate(config_model(), document, "tiny.yml")


def test_a_folder_is_a_capability(spark: SparkSession, folder: Path, loyalty: None) -> None:
    mine, stages = config(folder), Stages()
    outcome = run(spark, mine, AS_OF, clock=CLOCK, progress=stages)
    location = LakeLocation.of(mine)
    assert "Points" in stages.done
    rows = {row["customer_id"]: row for row in current(spark, location, "segments").collect()}
    assert {name: rows[name]["points"] for name in ("c01", "c02", "c03", "c04")} == {
        "c01": 110, "c02": 100, "c03": 99, "c04": 0,
    }  # fmt: skip
    assert {name for name, row in rows.items() if row["segment"] == "regulars"} == {"c01", "c02"}
    assert current(spark, location, "loyalty_points").count() == 4
    page = build_report(collect(spark, location, outcome.run_id), mine.display)
    assert "<p>3 regulars</p>" in page


def test_new_rows_of_its_source_make_another_run(spark: SparkSession, folder: Path, loyalty: None) -> None:
    mine = config(folder)
    first = run(spark, mine, AS_OF, clock=CLOCK, progress=Stages())
    assert run(spark, mine, AS_OF, clock=CLOCK, progress=Stages()).repeated
    more = spark.createDataFrame([("c04", 7)], "who string, booked bigint")
    more.write.format("delta").mode("append").save(str(folder / "points"))
    second = run(spark, mine, AS_OF, clock=CLOCK, progress=Stages())
    assert (second.repeated, second.run_id != first.run_id) == (False, True)
    (row,) = current(spark, LakeLocation.of(mine), "segments").where("customer_id = 'c04'").collect()
    assert row["points"] == 7


def test_a_check_says_nothing_of_its_source_and_does_not_stumble(
    spark: SparkSession, folder: Path, loyalty: None
) -> None:
    found = look_ahead(spark, config(folder), AS_OF)
    assert found.stops == []


def test_without_its_source_it_is_off_and_on_again(spark: SparkSession, folder: Path, loyalty: None) -> None:
    for points, day in ((True, 28), (False, 29), (True, 30)):
        mine = config(folder, points=points)
        outcome = run(spark, mine, AS_OF.replace(day=day), clock=CLOCK, progress=Stages())
        location = LakeLocation.of(mine)
        named = current(spark, location, "segments").where("points IS NOT NULL").count()
        assert (named > 0) == points
        page = build_report(collect(spark, location, outcome.run_id), mine.display)
        assert ("<h2>Loyalty</h2>" in page) == points
        assert any("sources.points is not connected any more" in one for one in outcome.warnings) != points


def test_it_is_gone_with_its_folder(folder: Path) -> None:
    assert "points" not in customer_columns()
    assert "loyalty_points" not in tables()
    with pytest.raises(ConfigError, match="unknown key"):
        config(folder)


def test_the_same_column_table_or_key_twice_is_refused_by_name() -> None:
    with with_capability("tests.loyalty"), with_capability("tests.loyalty_twin"):
        with pytest.raises(PlanError, match="loyalty and loyalty_twin both give the column points; rename one"):
            customer_columns()
        with pytest.raises(PlanError, match="loyalty and loyalty_twin both declare the table loyalty_points"):
            tables()
        with pytest.raises(PlanError, match="capability loyalty_twin has the key"):
            config_model()
