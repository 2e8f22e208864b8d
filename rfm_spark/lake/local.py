"""Delta tables in a folder of this machine: where `deltalake` may commit, and a table read without Delta's reader."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from rfm_spark.core.session import runs_here
from rfm_spark.lake.location import LOCAL, LakeLocation
from rfm_spark.lake.log_files import has_commit, plain_frame
from rfm_spark.lake.tables import Commit


def local_folder(spark: SparkSession, location: LakeLocation) -> Path | None:
    """The folder of a lake whose commits are made here; None where Spark makes them.

    The one place that decides: a folder of this machine, a session that computes in this machine's Java process, and
    `deltalake` is installed.
    """
    if (
        location.root is None
        or not LOCAL.match(location.root)
        or find_spec("deltalake") is None
        or not runs_here(spark)
    ):
        return None
    # `deltalake` decodes what looks percent-encoded in a folder's name.
    if "%" in location.root:
        return None
    # Where Hadoop is configured, a path without a scheme may be one of another file system.
    if "HADOOP_CONF_DIR" in os.environ and not location.root.startswith("file:"):
        return None
    return Path(re.sub(r"^file:/{1,3}", "/", location.root))


@dataclass(frozen=True)
class LocalVersion:
    """A Delta table in a folder of this machine as it is now: its id, version, when that was made, and its rows."""

    table: str
    number: int
    written: datetime
    frame: DataFrame


def local_version(spark: SparkSession, path: str) -> LocalVersion | None:
    """The newest version of a Delta table of this machine; None where only Spark can tell, or read it."""
    folder = local_folder(spark, LakeLocation(root=path))
    if folder is None or not has_commit(folder):
        return None
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    try:
        table = DeltaTable(folder.as_uri())
        last = table.history(1)
        frame = plain_frame(spark, folder, table)
    except (DeltaError, OSError, ValueError, KeyError):
        # Of a feature, or in a state, that Spark may know more of.
        return None
    if frame is None or not last:
        return None
    return LocalVersion(str(table.metadata().id), table.version(), commit_of(last[0]).made_at, frame)


def commit_of(entry: Mapping[str, Any]) -> Commit:
    """A commit as `deltalake` tells it."""
    made_at = datetime.fromtimestamp(entry["timestamp"] / 1000, tz=timezone.utc)
    return Commit(int(entry["version"]), entry.get("userMetadata"), made_at, operation=str(entry.get("operation")))
