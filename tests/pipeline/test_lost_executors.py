"""A task's output is lost in the middle of a run: counts, money and rows are those of a run that lost nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from rfm_spark.core.config import Config
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import of_run
from rfm_spark.lake.store import Store
from tests.effort import only_in_full
from tests.helpers import AS_OF, ROOT, config_for, rows_of, run_tiny

LINES = 1_000_000
# So many partitions has nothing else that is as early in a run: a stage with them adds lines up by order.
PARTITIONS = 23
SCRIPT = """
import json, os, signal, subprocess, sys, threading, time
from pathlib import Path
from rfm_spark.capabilities.purchases import intake
from rfm_spark.core.java import jars_folder
from rfm_spark.core.session import local_session
from tests.helpers import run_tiny
from tests.pipeline.test_lost_executors import shop

partitions = int(sys.argv[2])
spark = local_session("lost", 2, {
    "spark.master": "local-cluster[2,1,1024]", "spark.executorEnv.PYTHONPATH": sys.argv[3],
    "spark.sql.shuffle.partitions": str(partitions), "spark.sql.adaptive.coalescePartitions.enabled": "false",
    "spark.shuffle.io.retryWait": "500ms",
    "spark.executor.extraClassPath": os.pathsep.join(map(str, jars_folder().glob("*.jar"))),
})
tracker, killed, counted = spark.sparkContext.statusTracker(), [], []

def kill_one():
    mine = ["pgrep", "-f", f"CoarseGrainedExecutorBackend.*{spark.sparkContext.applicationId}"]
    while not killed:
        for stage in tracker.getActiveStageIds():
            info = tracker.getStageInfo(stage)
            if info is not None and info.numTasks == partitions and info.numCompletedTasks >= 3:
                pids = subprocess.run(mine, capture_output=True, text=True).stdout.split()
                os.kill(int(pids[0]), signal.SIGKILL)
                killed.append(stage)
                return
        time.sleep(0.01)

apart = intake.counted_apart
intake.counted_apart = lambda lines: (counted.append(1), apart(lines))[1]
threading.Thread(target=kill_one, daemon=True).start()
run_id = run_tiny(spark, shop(Path(sys.argv[1]), "lossy")).run_id
infos = [tracker.getStageInfo(stage) for stage in range(200)]
again = [info.stageId for info in infos if info is not None and info.currentAttemptId]
print(json.dumps({"run_id": run_id, "killed": killed, "again": again, "counted": len(counted)}))
spark.stop()
"""


def shop(folder: Path, lake: str) -> Config:
    source = {"path": str(folder / "source"), "format": "parquet"}
    columns = {"customer_id": "customer", "order_id": "order", "order_ts": "at", "amount": "amount"}
    return config_for(
        folder, lake={"root": str(folder / lake)}, sources={"transactions": {**source, "columns": columns}},
        quality={"max_staleness_days": None, "max_reject_share": None},
    )  # fmt: skip


def write_lines(spark: SparkSession, folder: Path) -> None:
    """Two lines an order, some by nobody."""
    rows = spark.range(0, LINES, 1, 6).select(
        F.when(F.col("id") % 997 != 0, F.concat(F.lit("c"), F.pmod(F.xxhash64(F.expr("id div 2")), F.lit(9_000))))
        .alias("customer"),
        F.expr("concat('o', id div 2)").alias("order"),
        F.timestamp_seconds(F.lit(1_719_700_000) - F.expr("id div 2") * 60).alias("at"),
        (F.pmod(F.xxhash64("id"), F.lit(10_000)) / F.lit(100)).cast("decimal(12,2)").alias("amount"),
    )  # fmt: skip
    rows.write.parquet(str(folder / "source"))


def with_a_loss(folder: Path) -> dict[str, Any]:
    """What a run on two executors tells, one of which is killed while lines are added up."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    arguments = [str(folder), str(PARTITIONS), str(ROOT)]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], env=environment, cwd=folder, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return told


@only_in_full
@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes as Linux has them")
def test_an_executor_that_is_lost_changes_no_count_and_no_row(spark: SparkSession, tmp_path: Path) -> None:
    write_lines(spark, tmp_path)
    plain, lossy = shop(tmp_path, "plain"), shop(tmp_path, "lossy")
    expected = run_tiny(spark, plain, AS_OF)
    told = with_a_loss(tmp_path)
    # Tasks were done again, and what had flowed by counted some lines twice: they were counted apart.
    assert told["killed"]
    assert told["again"]
    assert told["counted"] > 0
    assert told["run_id"] == expected.run_id
    places = [LakeLocation.of(config) for config in (plain, lossy)]
    rows, others = (Store(spark, place).rows("runs", run_id=expected.run_id)[0] for place in places)
    for name in ("rows", "money", "source_fingerprints"):
        assert rows[name] == others[name]
    assert rows["rows"]["transactions.read"] == LINES
    for name in ("measures", "segments", "segment_cuts", "segment_summary"):
        left, right = (of_run(spark, place, name, expected.run_id) for place in places)
        assert left.exceptAll(right).count() == right.exceptAll(left).count() == 0
    batches = [rows_of(Store(spark, place).read("batches"), "batch_id") for place in places]
    assert batches[0] == batches[1]
