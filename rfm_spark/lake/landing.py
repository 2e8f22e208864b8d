"""Sources that have no versions of their own are copied into the lake before they are read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.core.config import digest
from rfm_spark.core.errors import GateError
from rfm_spark.core.hashing import hashable
from rfm_spark.core.session import persisted
from rfm_spark.lake.commits import patiently, writable
from rfm_spark.lake.place import quoted
from rfm_spark.lake.store import PROPERTIES, Store


@dataclass(frozen=True)
class Landed:
    """A copy in the lake.

    Attributes:
        rows: pinned.
        content: hash of the rows, independent of their order.
        written: when they were landed first.
    """

    rows: DataFrame
    content: str
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
        content = content_hash(held)
        metadata = json.dumps({"content": content})
        fresh = not store.exists(target) or store.last_metadata(target) != metadata
        if fresh:
            # Nothing is claimed yet, so another run may be landing the same source.
            store.place.make_folder()
            with writable(store.place):
                patiently(lambda: _copy(store, held, target, metadata))
    version = store.version_of(target, metadata)
    landed = store.read(target, version)
    if fresh and content_hash(landed) != content:
        raise GateError(f"{where}: its rows changed while they were landed; start the run again")
    return Landed(landed, content, store.written_at(target, version))


def _copy(store: Store, rows: DataFrame, target: str, metadata: str) -> None:
    writer = rows.write.format("delta").mode("overwrite").option("overwriteSchema", "true")
    writer = writer.options(userMetadata=metadata, **PROPERTIES)
    store.make_schema()
    if store.place.root is not None:
        writer.save(f"{store.place.root}/{target}")
    else:
        writer.saveAsTable(store.place.table(target))


def content_hash(rows: DataFrame) -> str:
    """A hash of rows that is equal for equal rows in any order."""
    # Two sums of independent 64-bit hashes, exact in DECIMAL.
    values = hashable([(F.col(quoted(field.name)), field.dataType) for field in rows.schema.fields])
    first = F.xxhash64(*values).cast("decimal(38,0)")
    second = F.xxhash64(F.lit("second"), *values).cast("decimal(38,0)")
    row = rows.agg(F.count(F.lit(1)), F.sum(first), F.sum(second)).collect()[0]
    schema = rows.schema.simpleString()
    return digest(f"{schema}|{row[0]}|{row[1]}|{row[2]}")[:16]
