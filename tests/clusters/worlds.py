"""Customers for the tests of clusters, and plain numpy versions of what Spark does."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession

from rfm_spark.capabilities.clusters.config import ClustersConfig
from rfm_spark.capabilities.clusters.driver import Points
from rfm_spark.capabilities.clusters.features import FeatureSpace
from rfm_spark.capabilities.clusters.model import ClusterModel
from rfm_spark.capabilities.clusters.names import cluster_names
from rfm_spark.capabilities.clusters.train import Stamp, Training, train

FEATURES = ("recency_days", "frequency", "monetary")
SCHEMA = "customer_id STRING, recency_days INT, frequency BIGINT, monetary DECIMAL(18,2), tenure_days INT"
STAMP = Stamp("v1", "shop", "run", "2024-06-30", definition="0a1b2c3d")
DATA = Path(__file__).resolve().parents[1] / "data"


def kinds(n: int = 2000, seed: int = 2024) -> pd.DataFrame:
    """Customers of five overlapping kinds, a few with money below zero."""
    draws = np.random.default_rng(seed)
    kind = draws.integers(0, 5, n)
    recency = np.array([5, 40, 150, 300, 20])[kind] * draws.lognormal(0, 0.5, n)
    frequency = 1 + draws.poisson(np.array([30, 8, 2, 1, 1])[kind])
    money = frequency * draws.lognormal(np.array([3, 4, 3, 2, 5])[kind], 0.4) - 3
    return table(recency.astype(int), frequency, money.round(2))


def islands(k: int, n: int = 1500, seed: int = 7) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """k clearly separate groups, and the group of each customer."""
    draws = np.random.default_rng(seed)
    # High enough for whole days and purchases not to be lumps.
    centres = np.array([[3, 5.5, 8], [4.5, 3.5, 3.5], [6, 4.5, 6], [3.2, 3.2, 5], [6.5, 3.3, 8.5], [4.6, 6, 4.5]])[:k]
    group = draws.integers(0, k, n)
    points = centres[group] + draws.normal(0, 0.15, (n, 3))
    values = np.expm1(np.maximum(points, 0.01))
    made = table(
        values[:, 0].round().astype(int), np.maximum(values[:, 1].round(), 1).astype(int), values[:, 2].round(2)
    )
    return made, group


def cdnow() -> pd.DataFrame:
    """The public 1/10 sample of CDNOW (Fader and Hardie), as of 1998-06-30: one purchase per customer and day."""
    with gzip.open(DATA / "cdnow_sample.csv.gz", "rt", encoding="ascii") as file:
        orders = pd.read_csv(file, dtype={"customer": str}, parse_dates=["date"], date_format="%Y%m%d")
    days = orders.groupby(["customer", "date"], as_index=False)["dollars"].sum()
    each = days.groupby("customer").agg(
        last=("date", "max"), first=("date", "min"), n=("date", "size"), money=("dollars", "sum")
    )
    end = pd.Timestamp("1998-06-30")
    return table((end - each["last"]).dt.days, each["n"], each["money"].round(2), (end - each["first"]).dt.days)


def table(
    recency: Iterable[Any], frequency: Iterable[Any], money: Iterable[Any], tenure: Iterable[Any] | None = None
) -> pd.DataFrame:
    """Customers with ids that sort as their rows."""
    made = pd.DataFrame({"recency_days": list(recency), "frequency": list(frequency), "monetary": list(money)})
    made["tenure_days"] = made["recency_days"] + 30 if tenure is None else list(tenure)
    made.insert(0, "customer_id", [f"c{i:06d}" for i in range(len(made))])
    return made


def as_frame(spark: SparkSession, customers: pd.DataFrame) -> DataFrame:
    """The customers in Spark, with money as DECIMAL."""
    rows = [
        (row[0], *(None if pd.isna(value) else int(value) for value in row[1:3]), Decimal(f"{row[3]:.2f}"), int(row[4]))
        for row in customers.itertuples(index=False)
    ]
    return spark.createDataFrame(rows, SCHEMA)


def standardised(customers: pd.DataFrame) -> Points:
    """log1p of the three measures, money at least 0, by population moments."""
    logged = np.log1p(np.maximum(customers[list(FEATURES)].to_numpy(dtype=float), 0))
    found: Points = (logged - logged.mean(axis=0)) / logged.std(axis=0)
    return found


def config(**changes: object) -> ClustersConfig:
    """The default configuration with changes."""
    return ClustersConfig.model_validate(changes)


def model_of(space: FeatureSpace, centres: Sequence[Sequence[float]] | Points) -> ClusterModel:
    """A model from given centres, ids from 1."""
    fixed = tuple(tuple(float(x) for x in centre) for centre in centres)
    ids = tuple(range(1, len(fixed) + 1))
    return ClusterModel("v1", space, fixed, ids, cluster_names(fixed, space), len(fixed))


def trained(
    frame: DataFrame, parent: ClusterModel | None = None, before: DataFrame | None = None, **given: Any
) -> Training:
    """A model of these customers under the default configuration with changes."""
    held = frame.persist()
    try:
        return train(held, config(**given), STAMP, parent, before)
    finally:
        held.unpersist()
