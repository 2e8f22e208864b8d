"""Frames written aside in the lake for as long as they are needed, where a runtime refuses to keep them itself."""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

from rfm_spark.core.session import Keeper
from rfm_spark.lake.location import LOCAL, LakeLocation, quoted

PREFIX = "_held_"


def written_aside(location: LakeLocation) -> Keeper:
    """Keeps frames beside the tables of a lake; a frame is written once, and read from there as often as it is asked.

    What a process that was killed leaves behind is removed by maintenance; in a folder that isn't of this machine it
    stays there, under names that begin with `_held_`.
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
        folder = f"{location.root}/{name}"
        frame.write.parquet(folder)
        try:
            yield spark.read.schema(frame.schema).parquet(folder)
        finally:
            _remove(folder)

    return kept


def left_aside(spark: SparkSession, location: LakeLocation, *, is_dry: bool) -> int:
    """Remove what killed processes have left, while nobody is at work; how many frames that were.

    Args:
        spark: the session.
        location: of the lake.
        is_dry: only count.
    """
    if location.is_catalog:
        schema = ".".join(quoted(part) for part in location.schema)
        found = [row["tableName"] for row in spark.sql(f"SHOW TABLES IN {schema} LIKE '{PREFIX}*'").collect()]
        for name in [] if is_dry else found:
            spark.sql(f"DROP TABLE IF EXISTS {location.table(name)}")
        return len(found)
    folder = _folder(str(location.root))
    held = [] if folder is None else sorted(folder.glob(f"{PREFIX}*"))
    for one in [] if is_dry else held:
        shutil.rmtree(one, ignore_errors=True)
    return len(held)


def _remove(path: str) -> None:
    folder = _folder(path)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def _folder(path: str) -> Path | None:
    return Path(re.sub(r"^file:/{1,3}", "/", path)) if LOCAL.match(path) else None
