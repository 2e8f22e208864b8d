"""Frames written aside in the lake for as long as they are needed, where a runtime refuses to keep them itself."""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from rfm_spark.core.moments import from_micros
from rfm_spark.core.session import Keeper
from rfm_spark.lake.location import LOCAL, LakeLocation, quoted

PREFIX = "_held_"


def written_aside(location: LakeLocation) -> Keeper:
    """Keeps frames beside the tables of a lake; a frame is written once, and read from there as often as it is asked.

    In a folder that isn't of this machine nothing is written aside, since only a catalog removes what lies there: the
    frame's plan is evaluated again. What a process that was killed leaves behind is removed by maintenance.
    """

    @contextmanager
    def kept(frame: DataFrame) -> Iterator[DataFrame]:
        spark, name = frame.sparkSession, f"{PREFIX}{uuid.uuid4().hex}"
        if location.is_catalog:
            table = location.table(name)
            frame.write.format("delta").saveAsTable(table)
            try:
                yield spark.table(table)
            finally:
                with suppress(Exception):
                    spark.sql(f"DROP TABLE IF EXISTS {table}")
            return
        root = _folder(str(location.root))
        if root is None:
            yield frame
            return
        folder = root / name
        frame.write.parquet(folder.as_uri())
        try:
            yield spark.read.schema(frame.schema).parquet(folder.as_uri())
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    return kept


def left_aside(spark: SparkSession, location: LakeLocation, before: datetime, *, is_dry: bool) -> int:
    """Remove what killed processes have left; how many frames that were.

    Args:
        spark: the session.
        location: of the lake.
        before: a moment with a time zone; what was written later may be of a process that takes in rows.
        is_dry: only count.
    """
    if location.is_catalog:
        schema = ".".join(quoted(part) for part in location.schema)
        found = [row["tableName"] for row in spark.sql(f"SHOW TABLES IN {schema} LIKE '{PREFIX}*'").collect()]
        tables = [location.table(name) for name in found]
        old = [table for table in tables if _made(spark, table) < before]
        for table in [] if is_dry else old:
            spark.sql(f"DROP TABLE IF EXISTS {table}")
        return len(old)
    folder = _folder(str(location.root))
    held = [] if folder is None else sorted(folder.glob(f"{PREFIX}*"))
    past = [one for one in held if one.stat().st_mtime < before.timestamp()]
    for one in [] if is_dry else past:
        shutil.rmtree(one, ignore_errors=True)
    return len(past)


def _made(spark: SparkSession, table: str) -> datetime:
    micros = spark.sql(f"DESCRIBE DETAIL {table}").select(F.unix_micros("createdAt")).collect()[0][0]
    return from_micros(micros)


def _folder(path: str) -> Path | None:
    return Path(re.sub(r"^file:/{1,3}", "/", path)) if LOCAL.match(path) else None
