"""Competitors on bare Spark: the floors under every job, and what tutorials teach."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from benchmarks import names
from benchmarks.job import AS_OF, COLUMNS, Job, transactions, warm_session
from benchmarks.measure import Parts, Result, Timing, timed

KS = range(2, 11)
ALL_HISTORY = "all history, refunds as orders"
"""The tutorial's measures: customers and money are equal from everybody; scores are not, ntile parts ties by chance."""
MEASURES = ("recency", "frequency", "monetary")

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


def scan(job: Job) -> list[Timing]:
    """The floor under everything: the columns read, and thrown away."""
    spark = warm_session(names.SCAN, job)
    return [_discarded(names.SCAN, transactions(spark, job).select(*COLUMNS))]


def groupby(job: Job) -> list[Timing]:
    """The floor under every RFM job on Spark: one group-by of three columns, and the result thrown away."""
    spark = warm_session(names.GROUPBY, job)
    measures = transactions(spark, job).groupBy("customer_id").agg(F.max("order_ts"), F.count("*"), F.sum("amount"))
    return [_discarded(names.GROUPBY, measures)]


def orders(job: Job) -> list[Timing]:
    """Lines to orders without any checks: the floor under intake."""
    spark = warm_session(names.ORDERS, job)
    grouped = transactions(spark, job).groupBy("customer_id", "order_id")
    return [_discarded(names.ORDERS, grouped.agg(F.max("order_ts"), F.sum("amount"), F.count("*")))]


def tutorial(job: Job) -> list[Timing]:
    """What tutorials teach: a group-by with distinct orders, and ntile over the whole table for each measure."""
    spark = warm_session(names.TUTORIAL, job)
    result = str(job.scratch / "segments")
    timing = timed(names.TUTORIAL, lambda: _with_ntile(spark, job).write.format("delta").save(result))
    return [dataclasses.replace(timing, result=_result(spark, result))]


def tutorial_with_kmeans(job: Job) -> list[Timing]:
    """The longer tutorial: cuts by approxQuantile, KMeans for each k, the best silhouette, everyone's cluster."""
    spark = warm_session(names.TUTORIAL_KMEANS, job)
    result = str(job.scratch / "clusters")
    parts = Parts()

    def work() -> None:
        with parts.part("measures and cuts"):
            scored = _with_quantiles(_measures(spark, job).persist())
        with parts.part("KMeans and silhouettes"):
            clustered = _with_best_kmeans(scored)
        with parts.part("writing"):
            clustered.write.format("delta").save(result)

    timing = timed(names.TUTORIAL_KMEANS, work)
    return [dataclasses.replace(timing, steps=parts.seconds, result=_result(spark, result))]


def _measures(spark: SparkSession, job: Job) -> DataFrame:
    return (
        transactions(spark, job)
        .groupBy("customer_id")
        .agg(
            F.datediff(F.lit(AS_OF), F.max("order_ts")).alias("recency"),
            F.countDistinct("order_id").alias("frequency"),
            F.sum("amount").alias("monetary"),
        )
    )


def _with_ntile(spark: SparkSession, job: Job) -> DataFrame:
    scored = _measures(spark, job).select(
        "*",
        F.ntile(5).over(Window.orderBy(F.desc("recency"))).alias("r"),
        F.ntile(5).over(Window.orderBy("frequency")).alias("f"),
        F.ntile(5).over(Window.orderBy("monetary")).alias("m"),
    )
    return _with_segment(scored)


def _with_quantiles(measures: DataFrame) -> DataFrame:
    doubles = measures.select("*", F.col("monetary").cast("double").alias("money"))
    recency, frequency, money = doubles.approxQuantile(["recency", "frequency", "money"], [0.2, 0.4, 0.6, 0.8], 0.001)
    scored = doubles.select(
        "*",
        (5 - _above("recency", recency)).alias("r"),
        (1 + _above("frequency", frequency)).alias("f"),
        (1 + _above("money", money)).alias("m"),
    )
    return _with_segment(scored.drop("money"))


def _above(column: str, cuts: Sequence[float]) -> Column:
    return sum(((F.col(column) > cut).cast("int") for cut in cuts), F.lit(0))


def _with_segment(scored: DataFrame) -> DataFrame:
    return scored.select("*", F.concat("r", "f", "m").alias("rfm_code"), F.expr(SEGMENT_RULES).alias("segment"))


def _with_best_kmeans(scored: DataFrame) -> DataFrame:
    from pyspark.ml.clustering import KMeans
    from pyspark.ml.evaluation import ClusteringEvaluator
    from pyspark.ml.feature import StandardScaler, VectorAssembler

    logged = [f"log_{name}" for name in MEASURES]
    logs = [
        F.log1p(F.greatest(F.col(column).cast("double"), F.lit(0.0))).alias(name)
        for name, column in zip(logged, MEASURES, strict=True)
    ]
    raw = VectorAssembler(inputCols=logged, outputCol="raw").transform(scored.select("*", *logs))
    points = StandardScaler(inputCol="raw", outputCol="features", withMean=True).fit(raw).transform(raw).persist()
    evaluator = ClusteringEvaluator(featuresCol="features", predictionCol="cluster", metricName="silhouette")
    found = []
    for k in KS:
        model = KMeans(k=k, seed=42, predictionCol="cluster").fit(points)
        found.append((evaluator.evaluate(model.transform(points)), k, model))
    best = max(found, key=lambda one: one[:2])[2]
    return best.transform(points).drop("raw", "features", *logged)


def _discarded(name: str, frame: DataFrame) -> Timing:
    return timed(name, frame.write.format("noop").mode("overwrite").save)


def _result(spark: SparkSession, path: str) -> Result:
    written = spark.read.format("delta").load(path)
    customers, monetary = written.agg(F.count("*"), F.sum("monetary").cast("decimal(28,2)")).collect()[0]
    return Result(ALL_HISTORY, int(customers), str(monetary))
