"""Competitors in clustering: the same customers, persisted beforehand, as a run has them at that stage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.job import AS_OF
from benchmarks.measure import Timing, timed
from benchmarks.spark_jobs import KS

K = 5


def customers_of(spark: SparkSession, table: Path) -> DataFrame:
    """Recency, frequency and monetary value of all customers, over all history, persisted."""
    lines = spark.read.format("delta").load(str(table))
    measures = lines.groupBy("customer_id").agg(
        F.datediff(F.lit(AS_OF), F.max("order_ts")).alias("recency_days"),
        F.countDistinct("order_id").alias("frequency"),
        F.sum("amount").alias("monetary"),
    )
    held = measures.persist()
    held.count()
    return held


def mllib_once(spark: SparkSession, table: Path) -> list[Timing]:
    """One plain MLlib KMeans fit at k = 5 on all rows, as tutorials do it; no k is chosen, nobody assigned."""
    from pyspark.ml.clustering import KMeans
    from pyspark.ml.feature import StandardScaler, VectorAssembler

    names = ["r", "f", "m"]
    logged = customers_of(spark, table).select(
        *(
            F.log1p(F.greatest(F.col(column).cast("double"), F.lit(0.0))).alias(name)
            for name, column in zip(names, ("recency_days", "frequency", "monetary"), strict=True)
        )
    )
    raw = VectorAssembler(inputCols=names, outputCol="raw").transform(logged)
    scaled = StandardScaler(inputCol="raw", outputCol="features", withMean=True).fit(raw).transform(raw)
    points = scaled.select("features").persist()
    points.count()
    return [timed("MLlib KMeans, k = 5, one fit", lambda: KMeans(k=K, seed=42).fit(points))]


def scikit_learn(spark: SparkSession, table: Path) -> list[Timing]:
    """scikit-learn on all rows: k = 2 to 10, ten starts each; no stability, no assignment in the lake."""
    import numpy as np
    from sklearn.cluster import KMeans

    columns = ("recency_days", "frequency", "monetary")
    frame = customers_of(spark, table).select(*(F.col(column).cast("double") for column in columns))
    values = np.log1p(np.maximum(frame.toPandas().to_numpy(), 0))
    points = (values - values.mean(axis=0)) / values.std(axis=0)

    def work() -> None:
        for k in KS:
            KMeans(k, n_init=10, random_state=42).fit(points)

    return [timed("scikit-learn, k = 2 … 10, 10 starts", work)]


def whole_scan(spark: SparkSession, table: Path) -> list[Timing]:
    """This project's training: k chosen over 2 … 10 with 20 bootstraps each, the fit, and everyone assigned."""
    from rfm_spark.capabilities.clusters.assign import assigned
    from rfm_spark.capabilities.clusters.config import ClustersConfig
    from rfm_spark.capabilities.clusters.train import Stamp, train

    customers = customers_of(spark, table)
    stamp = Stamp("bench", "bench", "bench", AS_OF.isoformat())

    def work() -> None:
        model = train(customers, ClustersConfig(), stamp).model
        assigned(customers, model).write.format("noop").mode("overwrite").save()

    return [timed("rfm-spark: k chosen, fit, everyone assigned", work)]


WORKS: dict[str, Callable[[SparkSession, Path], list[Timing]]] = {
    "mllib": mllib_once,
    "sklearn": scikit_learn,
    "clusters": whole_scan,
}
