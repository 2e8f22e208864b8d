"""The benchmark on Spark: the rows it generates, and a first run and a night as the command line does them."""

from __future__ import annotations

import dataclasses
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks import generate, in_memory, names, ours
from benchmarks.competitors import COMPETITORS
from benchmarks.job import AS_OF, Job
from benchmarks.measure import Timing
from benchmarks.shapes import Shape

SHAPE = Shape.of(20_000)
TINY = Shape(2000, 200)


@pytest.fixture(scope="module")
def job(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Job:
    data = tmp_path_factory.mktemp("bench")
    found = Job(SHAPE.table(data), SHAPE.night(data), data / "scratch")
    found.scratch.mkdir()
    generate.write_table(session, found.table, SHAPE)
    generate.write_night(session, found.night, SHAPE)
    return found


def counted(frame: DataFrame, *columns: str) -> list[tuple[object, ...]]:
    return sorted(tuple(row) for row in frame.groupBy(*columns).count().collect())


def test_rows_are_those_that_figures_of_before_are_of(spark: SparkSession) -> None:
    lines = generate.transaction_lines(spark, TINY)
    hashes = F.sum(F.xxhash64(*lines.columns).cast("decimal(38,0)"))
    (found,) = lines.agg(F.count(F.lit(1)), F.sum("amount"), hashes).collect()
    assert tuple(found) == (2000, Decimal("34392.47"), Decimal("39478811828273142057"))


def test_a_table_and_its_night_are_whole_on_disk(job: Job) -> None:
    assert generate.is_complete(job.table)
    assert generate.is_written(job.night)
    assert len(generate.live_files(job.table)) == 2
    assert len(list(job.night.glob("*.parquet"))) == 1


def test_a_night_has_orders_of_its_day_late_ones_and_refunds_of_old_ones(spark: SparkSession, job: Job) -> None:
    night = spark.read.parquet(str(job.night)).withColumns({
        "today": F.to_date("order_ts") == F.lit(generate.NIGHT),
        "back": F.datediff(F.lit(generate.NIGHT), F.to_date("order_ts")),
        "old": F.col("order_id").startswith("O"),
    })  # fmt: skip
    # Of twelve orders the numbers 3 and 11 are late, and 5 gives back; these have two lines.
    assert counted(night, "today", "old") == [(False, False, 4), (True, False, 24), (True, True, 2)]
    assert night.where(~F.col("today") & ~F.col("back").between(1, 28)).count() == 0
    assert night.where(F.col("old") & (F.col("amount") >= 0)).count() == 0
    bought = spark.read.format("delta").load(str(job.table)).select("customer_id", "order_id").distinct()
    assert night.where("old").join(bought, ["customer_id", "order_id"]).count() == 2


def test_more_years_leave_the_last_one_and_the_night_as_they_are(spark: SparkSession) -> None:
    one, four = Shape.history(2000, 1), Shape.history(2000, 4)
    long = generate.transaction_lines(spark, four)
    last = long.where(F.col("order_ts") >= F.lit("2025-01-01").cast("timestamp"))
    assert (long.count(), last.count()) == (8000, 2000)
    assert last.exceptAll(generate.transaction_lines(spark, one)).count() == 0
    assert long.agg(F.countDistinct("customer_id")).first() == last.agg(F.countDistinct("customer_id")).first()
    assert generate.night_lines(spark, four).exceptAll(generate.night_lines(spark, one)).count() == 0


def test_baskets_and_skew_are_as_asked(spark: SparkSession) -> None:
    baskets = generate.transaction_lines(spark, dataclasses.replace(TINY, basket=10))
    assert counted(baskets.groupBy("order_id").count().withColumnRenamed("count", "lines"), "lines") == [(10, 200)]
    days = baskets.agg(F.to_date(F.min("order_ts")), F.to_date(F.max("order_ts"))).first()
    assert days is not None
    assert date(2024, 1, 1) <= days[0] < days[1] <= AS_OF
    ordinary, skewed = (
        generate.transaction_lines(spark, shape).where("customer_id = 'C000'").count()
        for shape in (TINY, dataclasses.replace(TINY, skewed=True))
    )
    assert ordinary < 0.06 * TINY.lines
    assert skewed - ordinary == pytest.approx(0.1 * TINY.lines, rel=0.3)


def test_a_first_run_and_a_night_find_what_a_database_finds(spark: SparkSession, job: Job) -> None:
    found: list[Timing] = []
    for stage, as_of in zip(COMPETITORS["rfm-spark"].stages[:4], (None, AS_OF, None, generate.NIGHT), strict=True):
        timings = stage(job)
        found += timings
        for timing in timings:
            assert as_of is not None
            assert timing.result is not None
            independent = in_memory.result_of(in_memory.duckdb_segments(job.source, as_of), timing.result.of)
            assert timing.result == independent
    first, night = found
    assert (first.name, night.name) == (names.FIRST, names.THE_NIGHT)
    assert first.result != night.result
    for timing in found:
        assert timing.steps is not None
        assert set(ours.INTAKE_AND_MEASURES) & set(timing.steps)
        assert 0 < sum(timing.steps.values()) < 2 * timing.seconds
    assert first.lake_mb is not None
    assert night.lake_mb is not None
    assert first.lake_mb < night.lake_mb
    assert len(list(Path(job.table).glob("*.parquet"))) == 2
