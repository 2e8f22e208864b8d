"""What every competitor is given: the table, a folder of its own, and a Spark session of the same settings."""

from __future__ import annotations

import dataclasses
import os
import shutil
from datetime import date
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

from rfm_spark.core.session import local_session

AS_OF = date(2025, 12, 31)
"""The last day of the generated tables."""
WINDOW_DAYS = 365
CORES = 2
DRIVER_MEMORY = "6g"
COLUMNS = ("customer_id", "order_id", "order_ts", "amount")
"""All that anybody needs of the table."""
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"), str(CORES))
"""The environment that gives engines without Spark as many threads."""


@dataclasses.dataclass(frozen=True)
class Job:
    """What a competitor works on.

    Attributes:
        table: The Delta table of transaction lines, which stays as it is.
        night: The folder with the rows of the night after it.
        scratch: A folder for results, shared by the stages of one competitor and removed afterwards.
        memory: Spark's driver memory.
    """

    table: Path
    night: Path
    scratch: Path
    memory: str = DRIVER_MEMORY

    @property
    def source(self) -> Path:
        """The competitor's own copy of the table, where one was made."""
        return self.scratch / "source"

    @property
    def records(self) -> Path:
        """Records of customers, where these are parted into markets."""
        return self.scratch / "records"

    @property
    def lake(self) -> Path:
        """Where its runs go."""
        return self.scratch / "lake"


def settings(memory: str) -> dict[str, str]:
    """The same for every Spark competitor; all else, such as the shuffle partitions, is the project's default."""
    return {"spark.driver.memory": memory, "spark.sql.session.timeZone": "UTC"}


def spark_session(name: str, memory: str = DRIVER_MEMORY) -> SparkSession:
    """Starts the session that all Spark competitors share the settings of."""
    return local_session(f"benchmark {name}", CORES, settings(memory), quiet=True)


def warm_session(name: str, job: Job) -> SparkSession:
    """A session that has planned, compiled, read and shuffled something tiny."""
    spark = spark_session(name, job.memory)
    transactions(spark, job).limit(1000).groupBy("store_id").count().write.format("noop").mode("overwrite").save()
    return spark


def transactions(spark: SparkSession, job: Job) -> DataFrame:
    """All lines of the table."""
    return spark.read.format("delta").load(str(job.table))


def copied(table: Path, copy: Path) -> None:
    """A copy of a table with a log of its own and, where the file system has hard links, the same data files.

    Delta never changes a data file in place, so what is appended to the copy leaves the table as it was.
    """
    shutil.copytree(table / "_delta_log", copy / "_delta_log")
    shutil.copytree(table, copy, copy_function=_linked, ignore=lambda *_: {"_delta_log"}, dirs_exist_ok=True)


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
