"""The job as a cluster starts it: spark-submit, with the zip, in an empty working directory."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pyspark
from pyspark.sql import SparkSession

from rfm_spark.core.session import DELTA_VERSION
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import current
from tests.helpers import purchases, write_source

ROOT = Path(__file__).resolve().parents[2]
CONF = """
name: submitted
lake: {root: lake}
sources:
  transactions:
    path: source
    format: delta
    columns: {customer_id: customer, order_id: order, order_ts: at, amount: amount}
clusters: {enabled: false}
"""


def submit(cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    spec = find_spec("pyspark")
    assert spec is not None
    assert spec.origin is not None
    series = ".".join(pyspark.__version__.split(".")[:2])
    command = [
        str(Path(spec.origin).parent / "bin" / "spark-submit"),
        "--master", "local[2]", "--conf", "spark.ui.enabled=false", "--conf", "spark.sql.shuffle.partitions=2",
        "--conf", "spark.databricks.delta.snapshotPartitions=1",
        "--packages", f"io.delta:delta-spark_{series}_2.13:{DELTA_VERSION}",
        "--py-files", str(cwd / "rfm_spark.zip"), str(cwd / "job.py"), *arguments,
    ]  # fmt: skip
    environment = {**os.environ, "PYSPARK_PYTHON": sys.executable, "PYTHONPATH": "", "PYTHONSAFEPATH": "1"}
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=environment, check=False)


def test_the_job_runs_from_the_zip_with_the_same_options_and_exit_codes(spark: SparkSession, tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "build_zip.py"), str(tmp_path / "rfm_spark.zip")], check=True
    )
    job = (ROOT / "jobs" / "segment_customers.py").read_text(encoding="utf-8")
    # The job itself, after saying where its code comes from: not from this checkout.
    (tmp_path / "job.py").write_text(f"import rfm_spark\nprint('code', rfm_spark.__file__)\n{job}", encoding="utf-8")
    write_source(spark, tmp_path / "source", purchases(8))
    (tmp_path / "conf.yml").write_text(CONF, encoding="utf-8")
    done = submit(tmp_path, "-c", "conf.yml", "--as-of", "2024-06-30")
    assert done.returncode == 0, done.stderr
    assert "published" in done.stdout
    assert "rfm_spark.zip" in done.stdout.partition("code ")[2].splitlines()[0]
    assert current(spark, LakeLocation(root=str(tmp_path / "lake")), "segments").count() == 8
    wrong = submit(tmp_path, "-c", "nowhere.yml")
    assert wrong.returncode == 2
    # spark-submit sends a program's stderr to its own stdout.
    assert "rfm-spark: nowhere.yml: can't be read" in wrong.stdout


def test_the_delta_version_for_clusters_is_the_one_installed() -> None:
    assert version("delta-spark") == DELTA_VERSION
