"""The competitors: each gets the same table, does its work once in a process of its own, and gives its timings."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import duckdb
import yaml
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from benchmarks import clustering
from benchmarks.generate import live_files
from benchmarks.measure import Timing, timed
from rfm_spark.core.session import local_session

AS_OF = "2025-12-31"
WRITTEN = datetime(2026, 1, 1, tzinfo=timezone.utc)
CORES = 2
SETTINGS = {"spark.driver.memory": "6g", "spark.sql.session.timeZone": "UTC"}
"""The same for every Spark competitor; all else, such as the shuffle partitions, is the project's default."""

SEGMENT_RULES = """
    CASE WHEN r >= 4 AND f >= 4 AND m >= 4 THEN 'Champions'
         WHEN r >= 3 AND f >= 4 THEN 'Loyal'
         WHEN r >= 4 AND f >= 2 THEN 'Potential Loyalist'
         WHEN r = 5 THEN 'New'
         WHEN r = 4 THEN 'Promising'
         WHEN r = 3 AND f = 3 THEN 'Need Attention'
         WHEN r = 3 THEN 'About To Sleep'
         WHEN f = 5 THEN 'Cannot Lose Them'
         WHEN f >= 3 THEN 'At Risk'
         ELSE 'Hibernating' END
"""

TUTORIAL_SQL = """
    WITH measures AS (
        SELECT customer_id, date_diff('day', CAST(max(order_ts) AS DATE), DATE ':as_of') AS recency,
               count(DISTINCT order_id) AS frequency, sum(amount) AS monetary
        FROM transactions GROUP BY customer_id
    ), scored AS (
        SELECT *, ntile(5) OVER (ORDER BY recency DESC) AS r, ntile(5) OVER (ORDER BY frequency) AS f,
               ntile(5) OVER (ORDER BY monetary) AS m
        FROM measures
    )
    SELECT *, concat(r, f, m) AS rfm_code, :rules AS segment FROM scored
"""


@dataclasses.dataclass(frozen=True)
class Job:
    """What a competitor works on.

    Attributes:
        table: The Delta table of transaction lines.
        scratch: An empty folder for results, removed afterwards.
    """

    table: Path
    scratch: Path


def spark_session(name: str) -> SparkSession:
    """Starts the session that all Spark competitors share the settings of."""
    return local_session(f"benchmark {name}", CORES, SETTINGS, quiet=True)


def run_groupby(job: Job) -> list[Timing]:
    """The floor under every RFM job on Spark: one group-by of three columns, and the result thrown away."""
    spark = _warm_session("groupby", job)
    measures = _transactions(spark, job).groupBy("customer_id").agg(F.max("order_ts"), F.count("*"), F.sum("amount"))
    return [timed("groupby", measures.write.format("noop").mode("overwrite").save)]


def run_tutorial(job: Job) -> list[Timing]:
    """What tutorials teach: a group-by with distinct orders, and ntile over the whole table for each measure."""
    spark = _warm_session("tutorial", job)
    result = str(job.scratch / "segments")
    timing = timed("tutorial", lambda: _tutorial(_transactions(spark, job)).write.format("delta").save(result))
    return [dataclasses.replace(timing, customers=spark.read.format("delta").load(result).count())]


def run_duckdb(job: Job) -> list[Timing]:
    """The tutorial's work in DuckDB, on the same Parquet files and as many threads."""
    files = [str(file) for file in live_files(job.table)]
    settings: dict[str, str | bool | int | float | list[str]] = {"threads": CORES, "temp_directory": str(job.scratch)}
    with duckdb.connect(config=settings) as database:
        database.execute("SET TimeZone = 'UTC'")
        database.read_parquet(files).create_view("transactions")
        database.sql("SELECT count(*) FROM (FROM transactions LIMIT 1000) GROUP BY store_id").fetchall()
        query = TUTORIAL_SQL.replace(":as_of", AS_OF).replace(":rules", SEGMENT_RULES)
        result = str(job.scratch / "segments.parquet")
        timing = timed("duckdb", lambda: database.sql(query).write_parquet(result))
        (customers,) = database.read_parquet(result).count("*").fetchall()[0]
    return [dataclasses.replace(timing, customers=int(customers))]


def run_rfm_spark(job: Job) -> list[Timing]:
    """This project's full run without clusters, that of a later date, and what moved between the two."""
    from rfm_spark.cli.main import main

    _warm_session("rfm-spark", job)
    config = job.scratch / "bench.yml"
    config.write_text(yaml.safe_dump(_rfm_spark_config(job)), encoding="utf-8")
    return [
        timed("rfm-spark", lambda: _run(main, config, AS_OF)),
        timed("rfm-spark: second as-of date (orders kept)", lambda: _run(main, config, "2026-01-01")),
        timed("rfm-spark: compare runs", lambda: _done(main, ["compare", "runs", "-c", str(config)])),
    ]


def run_orders(job: Job) -> list[Timing]:
    """Lines to orders without any checks: the floor under intake."""
    spark = _warm_session("orders", job)
    orders = (
        _transactions(spark, job)
        .groupBy("customer_id", "order_id")
        .agg(F.max("order_ts"), F.sum("amount"), F.count("*"))
    )
    write = orders.write.format("noop").mode("overwrite").save
    return [timed("lines to orders, no checks (cold)", write), timed("lines to orders, no checks", write)]


def run_intake(job: Job) -> list[Timing]:
    """Lines to days of orders with every check of a run."""
    from rfm_spark.capabilities.purchases.config import TransactionsSource
    from rfm_spark.capabilities.purchases.days import DayShape, order_days
    from rfm_spark.capabilities.purchases.intake import accepted
    from rfm_spark.capabilities.purchases.lines import ReadOptions, validated_lines

    spark = _warm_session("intake", job)
    columns = {name: name for name in ("customer_id", "order_id", "order_ts", "amount")}
    source = TransactionsSource(table="bench", columns=columns)

    def work() -> None:
        validated = validated_lines(_transactions(spark, job), source, ReadOptions(written=WRITTEN))
        days = order_days(accepted(validated.lines), DayShape.of(source), looks=True)
        days.write.format("noop").mode("overwrite").save()

    return [timed("intake (cold)", work), timed("intake", work)]


def _clustering(name: str) -> Callable[[Job], list[Timing]]:
    return lambda job: clustering.WORKS[name](_warm_session(name, job), job.table)


COMPETITORS: dict[str, Callable[[Job], list[Timing]]] = {
    "groupby": run_groupby,
    "orders": run_orders,
    "intake": run_intake,
    "tutorial": run_tutorial,
    "duckdb": run_duckdb,
    "rfm-spark": run_rfm_spark,
    **{name: _clustering(name) for name in clustering.WORKS},
}


def _warm_session(name: str, job: Job) -> SparkSession:
    """A session that has planned, compiled, read and shuffled something tiny."""
    spark = spark_session(name)
    _transactions(spark, job).limit(1000).groupBy("store_id").count().write.format("noop").mode("overwrite").save()
    return spark


def _transactions(spark: SparkSession, job: Job) -> DataFrame:
    return spark.read.format("delta").load(str(job.table))


def _tutorial(transactions: DataFrame) -> DataFrame:
    measures = transactions.groupBy("customer_id").agg(
        F.datediff(F.lit(AS_OF).cast("date"), F.max("order_ts")).alias("recency"),
        F.countDistinct("order_id").alias("frequency"),
        F.sum("amount").alias("monetary"),
    )
    scored = measures.select(
        "*",
        F.ntile(5).over(Window.orderBy(F.desc("recency"))).alias("r"),
        F.ntile(5).over(Window.orderBy("frequency")).alias("f"),
        F.ntile(5).over(Window.orderBy("monetary")).alias("m"),
    )
    return scored.select("*", F.concat("r", "f", "m").alias("rfm_code"), F.expr(SEGMENT_RULES).alias("segment"))


def _rfm_spark_config(job: Job) -> dict[str, object]:
    columns = {name: name for name in ("customer_id", "order_id", "order_ts", "amount")}
    return {
        "name": "bench",
        "lake": {"root": str(job.scratch / "lake")},
        "sources": {"transactions": {"path": str(job.table), "format": "delta", "columns": columns}},
        "rfm": {"window_days": 365},
        "clusters": {"enabled": False},
        "quality": {"max_staleness_days": None},
    }


def _run(main: Callable[[list[str]], int], config: Path, as_of: str) -> None:
    _done(main, ["run", "-c", str(config), "--as-of", as_of])


def _done(main: Callable[[list[str]], int], words: list[str]) -> None:
    with contextlib.redirect_stdout(sys.stderr):
        code = main(words)
    if code != 0:
        raise SystemExit(f"rfm-spark {' '.join(words)} ended with {code}")
