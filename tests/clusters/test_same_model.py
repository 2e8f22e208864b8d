"""The same customers give bitwise the same model: any layout, several executors, any number of threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from rfm_spark.capabilities.clusters import cells as cells_module
from rfm_spark.capabilities.clusters.driver import squared_distances
from tests.clusters.worlds import as_frame, kinds, trained
from tests.effort import only_in_full
from tests.helpers import ROOT


def layouts(frame: DataFrame, folder: Path) -> list[DataFrame]:
    spark = frame.sparkSession
    frame.orderBy(F.rand(1)).repartition(7).write.format("delta").save(str(folder / "delta"))
    frame.orderBy(F.rand(2)).repartition(3).write.parquet(str(folder / "parquet"))
    return [
        frame.orderBy(F.rand(3)).repartition(2),
        spark.read.format("delta").load(str(folder / "delta")),
        spark.read.parquet(str(folder / "parquet")).repartition(50),
    ]


def test_the_same_customers_give_bitwise_the_same_model_from_any_layout(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Several customers to a cell, whose width is chosen on a sample.
    monkeypatch.setattr(cells_module, "MAX_CELLS", 300)
    monkeypatch.setattr(cells_module, "SAMPLE", 400)
    frame = as_frame(spark, kinds(700))
    options: dict[str, Any] = {
        "k": 4,
        "features": ["recency_days", "frequency", {"column": "monetary", "winsorise": [0.01, 0.99], "weight": 2}],
    }
    expected = trained(frame, **options)
    assert 100 < expected.model.cells <= 300
    for layout in layouts(frame, tmp_path):
        assert trained(layout, **options).model == expected.model
    points = frame.select(*expected.model.space.coordinates()).toPandas().to_numpy()
    inertia = squared_distances(points, np.array(expected.model.centres)).min(axis=1).sum()
    assert expected.model.inertia == pytest.approx(inertia, rel=1e-9)
    # What lies inside cells is not in it.
    assert expected.model.cells_inertia is not None
    assert 0.8 * inertia < expected.model.cells_inertia < inertia


CLUSTER_SCRIPT = """
import json, sys
from pyspark.sql import SparkSession
from rfm_spark.capabilities.clusters.train import Stamp, train
from rfm_spark.capabilities.clusters.config import ClustersConfig
spark = (SparkSession.builder.master(sys.argv[1]).config("spark.ui.enabled", "false")
         .config("spark.sql.shuffle.partitions", "4").config("spark.executorEnv.PYTHONPATH", sys.argv[3]).getOrCreate())
frame = spark.read.parquet(sys.argv[2]).persist()
stamp = Stamp("v1", "shop", "run", "2024-06-30", definition="0a1b2c3d")
model = train(frame, ClustersConfig(), stamp).model
print(json.dumps(model.as_row(), sort_keys=True))
spark.stop()
"""


def printed(script: str, folder: Path, threads: int, *arguments: str) -> str:
    """The last line that a script prints in a process of its own, with so many BLAS threads."""
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
        "PYTHONPATH": str(ROOT),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip().splitlines()[-1]


@only_in_full
def test_several_executors_give_bitwise_the_same_model(spark: SparkSession, tmp_path: Path) -> None:
    customers = as_frame(spark, kinds(700))
    customers.orderBy(F.rand(1)).repartition(6).write.parquet(str(tmp_path / "customers"))
    expected = json.dumps(trained(customers).model.as_row(), sort_keys=True)
    master = "local-cluster[2,1,1024]"
    assert printed(CLUSTER_SCRIPT, tmp_path, 1, master, str(tmp_path / "customers"), str(ROOT)) == expected


# All that training does on the driver, where BLAS and OpenMP may add in another order.
DRIVER_SCRIPT = """
import numpy as np
from rfm_spark.capabilities.clusters.cells import Cells
from rfm_spark.capabilities.clusters.choose import scan
from rfm_spark.capabilities.clusters.driver import nearest, one_thread
from rfm_spark.capabilities.clusters.fit import fit, reseeding_floor
draws = np.random.default_rng(5)
points = np.vstack([draws.normal(at, 0.3, (2000, 3)) for at in (-2, 0, 2)])
weights = draws.integers(1, 40, len(points)).astype(float)
rows = scan(points, weights, (2, 3, 4), 42)
cells = Cells(None, points, weights, 0.1)
fitted = fit(cells, 4, 42, mllib=False)
with one_thread():
    floor = reseeding_floor(cells, fitted.centres, 42)
figures = [(r.inertia, r.silhouette, r.prediction_strength, r.null_strength, r.jaccard, r.separation) for r in rows]
centres = [part.tobytes().hex() for part in (*(r.partition.centres for r in rows), fitted.centres)]
print(centres, figures, fitted.inertia, floor)
"""


def test_one_or_two_blas_threads_give_bitwise_the_same_figures(tmp_path: Path) -> None:
    assert printed(DRIVER_SCRIPT, tmp_path, 1) == printed(DRIVER_SCRIPT, tmp_path, 2)
