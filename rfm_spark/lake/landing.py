"""Sources that have no versions of their own are copied into the lake before they are read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.core.config import digest
from rfm_spark.core.errors import GateError
from rfm_spark.core.session import persisted
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
        GateError: the source gave other rows the second time it was asked.
    """
    target = f"landed_{name}"
    # Read once where the session can hold it: a database may answer differently the second time.
    with persisted(rows) as held:
        content = _content_hash(held)
        metadata = json.dumps({"content": content})
        if not store.exists(target) or store.last_metadata(target) != metadata:
            writer = held.write.format("delta").mode("overwrite").option("overwriteSchema", "true")
            writer = writer.options(userMetadata=metadata, **PROPERTIES)
            store.make_schema()
            if store.place.root is not None:
                writer.save(f"{store.place.root}/{target}")
            else:
                writer.saveAsTable(store.place.table(target))
            if _content_hash(store.read(target)) != content:
                raise GateError(f"{where}: its rows changed while they were landed; start the run again")
    version = store.version_of(target, metadata)
    return Landed(store.read(target, version), content, store.written_at(target, version))


def _content_hash(rows: DataFrame) -> str:
    # Two sums of independent 64-bit hashes, exact in DECIMAL: equal for equal rows in any order.
    # Which values are null belongs to a row: the hash passes over nulls.
    values = [F.col(quoted(name)) for name in rows.columns]
    names = [*values, F.array(*(value.isNull() for value in values))]
    first = F.xxhash64(*names).cast("decimal(38,0)")
    second = F.xxhash64(F.lit("second"), *names).cast("decimal(38,0)")
    row = rows.agg(F.count(F.lit(1)), F.sum(first), F.sum(second)).collect()[0]
    schema = rows.schema.simpleString()
    return digest(f"{schema}|{row[0]}|{row[1]}|{row[2]}")[:16]
