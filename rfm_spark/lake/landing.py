"""Sources that have no versions of their own are copied into the lake before they are read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.core.digests import digest
from rfm_spark.core.errors import EnvironmentSetupError, GateError
from rfm_spark.core.hashing import hashable
from rfm_spark.core.session import persisted
from rfm_spark.lake.commits import translating_write_errors, with_retries
from rfm_spark.lake.location import LakeLocation, quoted
from rfm_spark.lake.store import Store
from rfm_spark.lake.tables import PROPERTIES

# A reader takes as many parts of a file at once as it has groups of rows.
_ROWS_OF_A_GROUP = 200_000


@dataclass(frozen=True)
class Landed:
    """A copy in the lake.

    Attributes:
        rows: pinned.
        fingerprint: of the rows, independent of their order.
        written: when they were landed first.
    """

    rows: DataFrame
    fingerprint: str
    written: datetime


def land(store: Store, rows: DataFrame, name: str, where: str) -> Landed:
    """Copy rows to `landed_<name>`, unless they are there already; each segmentation lands its own.

    Args:
        store: the lake.
        rows: of a view or a database.
        name: of the segmentation and its source.
        where: the source, for messages.

    Raises:
        LakeError: the lake can't be written.
        GateError: the source gave other rows the second time it was asked.
    """
    target = f"landed_{name}"
    # Read once where the session can hold it: a database may answer differently the second time.
    with persisted(rows) as held:
        fingerprint = rows_fingerprint(held)
        metadata = json.dumps({"content": fingerprint})
        fresh = not store.exists(target) or store.last_metadata(target) != metadata
        if fresh:
            # Nothing is claimed yet, so another run may be landing the same source.
            store.location.make_folder()
            with translating_write_errors(store.location):
                with_retries(lambda: _copy(store, held, target, metadata))
    made = store.commit_with_metadata(target, metadata)
    landed = store.read(target, made.version)
    if fresh and rows_fingerprint(landed) != fingerprint:
        raise GateError(f"{where}: its rows changed while they were landed; start the run again")
    return Landed(landed, fingerprint, made.made_at)


def _copy(store: Store, rows: DataFrame, target: str, metadata: str) -> None:
    writer = rows.write.format("delta").mode("overwrite").option("overwriteSchema", "true")
    writer = writer.options(userMetadata=metadata, **PROPERTIES)
    store.make_schema()
    if store.location.root is not None:
        writer.save(f"{store.location.root}/{target}")
    else:
        writer.saveAsTable(store.location.table(target))


def rows_fingerprint(rows: DataFrame) -> str:
    """A hash of rows that is equal for equal rows in any order."""
    # Two sums of independent 64-bit hashes, exact in DECIMAL.
    values = hashable([(F.col(quoted(field.name)), field.dataType) for field in rows.schema.fields])
    first = F.xxhash64(*values).cast("decimal(38,0)")
    second = F.xxhash64(F.lit("second"), *values).cast("decimal(38,0)")
    row = rows.agg(F.count(F.lit(1)), F.sum(first), F.sum(second)).collect()[0]
    schema = rows.schema.simpleString()
    return digest(f"{schema}|{row[0]}|{row[1]}|{row[2]}")[:16]


def land_locally(rows: Any, folder: Path) -> int:
    """Make a Delta table of rows in memory in a folder of this machine, without a session; one that is there stays.

    Args:
        rows: a table of pyarrow; times without a zone are taken for UTC.
        folder: of the table.

    Returns:
        How many rows were landed.

    Raises:
        EnvironmentSetupError: `deltalake` is not installed.
        LakeError: the folder can't be written.
    """
    try:
        from deltalake import WriterProperties, write_deltalake
        from pyarrow import timestamp
        from pyarrow.types import is_timestamp
    except ImportError as error:
        raise EnvironmentSetupError(f"{error.name} is not installed; pip install 'rfm-spark[local]'") from error
    if any(folder.glob("_delta_log/*.json")):
        return 0
    exact = rows.schema
    for at, field in enumerate(exact):
        if is_timestamp(field.type):
            exact = exact.set(at, field.with_type(timestamp("us", tz="UTC")))
    with translating_write_errors(LakeLocation(root=str(folder.parent))):
        folder.mkdir(parents=True, exist_ok=True)
        parts = WriterProperties(max_row_group_size=_ROWS_OF_A_GROUP)
        write_deltalake(folder.absolute().as_uri(), rows.cast(exact), writer_properties=parts)
    return int(rows.num_rows)
