"""Sources that have no versions of their own are copied into the lake before they are read."""

from __future__ import annotations

import json

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.core.config import digest
from rfm_spark.lake.store import PROPERTIES, Store


def land(store: Store, rows: DataFrame, name: str) -> tuple[DataFrame, str]:
    """Copy a view's rows to `landed_<name>`, unless they are there already; each segmentation lands its own.

    Args:
        store: the lake.
        rows: the view.
        name: of the segmentation and its source.

    Returns:
        The landed rows, pinned, and the hash of their content (independent of row order).
    """
    target = f"landed_{name}"
    content = _content_hash(rows)
    metadata = json.dumps({"content": content})
    if not store.exists(target) or store.last_metadata(target) != metadata:
        writer = rows.write.format("delta").mode("overwrite").option("overwriteSchema", "true")
        writer = writer.options(userMetadata=metadata, **PROPERTIES)
        store.make_schema()
        if store.place.root is not None:
            writer.save(f"{store.place.root}/{target}")
        else:
            writer.saveAsTable(store.place.table(target))
    return store.read(target, store.version_of(target, metadata)), content


def _content_hash(rows: DataFrame) -> str:
    # Two sums of independent 64-bit hashes, exact in DECIMAL: equal for equal rows in any order.
    names = [F.col(f"`{name}`") for name in rows.columns]
    first = F.xxhash64(*names).cast("decimal(38,0)")
    second = F.xxhash64(F.lit("second"), *names).cast("decimal(38,0)")
    row = rows.agg(F.count(F.lit(1)), F.sum(first), F.sum(second)).collect()[0]
    schema = rows.schema.simpleString()
    return digest(f"{schema}|{row[0]}|{row[1]}|{row[2]}")[:16]
