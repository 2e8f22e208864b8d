"""Batches of the transactions: what arrived is read once, and kept as days of orders."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.purchases.intake import SOURCE
from rfm_spark.capabilities.purchases.reading import reading
from rfm_spark.core.access import TableReader
from rfm_spark.core.batches import FOLD, Batches, fingerprints_of, in_order, is_comparable
from rfm_spark.core.digests import digest
from rfm_spark.core.runs import Configs, RunRow
from rfm_spark.core.schemas import BATCHES
from rfm_spark.pipeline.arrivals import TakenIn

# Under this name a run's inputs tell how far it had read.
LAST_BATCH = f"{SOURCE}.batches"
# Part of every reading: raised when lines become other days of orders.
_EDITION = "1"


@dataclass(frozen=True, kw_only=True)
class OrderDays(TakenIn):
    """What is known of transactions once those that arrived are taken in.

    Attributes:
        reading: hash of all that shapes how they are read.
        versions: of the sources they come from.
        batches: of that reading.
    """

    reading: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    batches: Batches = field(default_factory=Batches)

    @property
    def inputs(self) -> Mapping[str, str]:
        """The last batch, so that the next run knows how far this one had read."""
        return {} if self.batches.last is None else {LAST_BATCH: self.batches.last.taken[-1].batch_id}

    def made(self, run: RunRow) -> bool:
        """Whether a published run had the same rows; one of before there were batches, the same versions of sources."""
        known = run.source_fingerprints.get(SOURCE, "")
        if is_comparable(known):
            return known == self.fingerprint
        return all(run.inputs.get(name) == version for name, version in self.versions.items())

    def stands(self, tables: TableReader) -> bool:
        """Whether no batches were folded, or read again whole, since they were looked at."""
        if not self.batches.known:
            return True
        others = tables.rows(BATCHES.name, reading=self.reading, source=SOURCE, kind=[FOLD, "rebuild"])
        newest = max((row["number"] for row in others), default=None)
        return newest is None or newest in {batch.number for batch in self.batches.known}

    def touched(self, earlier: Mapping[date, RunRow], canonical: str, configs: Configs) -> list[date]:
        """Dates published under this reading whose rows are others by now."""
        known = {day: run.source_fingerprints.get(SOURCE, "") for day, run in sorted(earlier.items())}
        now = fingerprints_of(self.batches.days(), known)
        # Configurations are long: only those of runs whose rows differ are looked at, and each of them once.
        runs = [earlier[day] for day, one in known.items() if is_comparable(one) and one != now[day]]
        theirs = configs(runs)
        alike = {config for config in set(theirs.values()) if _read_alike(config, canonical)}
        return [run.as_of for run in runs if theirs[run.run_id] in alike]


def _read_alike(config: str, canonical: str) -> bool:
    return config == canonical or reading(json.loads(config)) == reading(json.loads(canonical))


def reading_hash(document: Mapping[str, object]) -> str:
    """Hash of all that shapes how lines are read, of a stored configuration."""
    return digest(json.dumps([_EDITION, reading(document)], sort_keys=True, default=str))[:16]


def known_batches(tables: TableReader, mine: str) -> Batches:
    """Batches of a reading."""
    return in_order(tables.rows(BATCHES.name, reading=mine, source=SOURCE))


def live_rows(rows: DataFrame, batches: Batches) -> DataFrame:
    """Rows that hold, of those of the batches that hold: without what a correction took the place of.

    Args:
        rows: of `order_days`, of these batches.
        batches: of one reading.
    """
    dated = rows.where("day IS NOT NULL")
    if all(batch.kind != "correction" for batch in batches.live):
        return dated
    since = rows.where("replaces").groupBy("customer_id").agg(F.max("batch_id").alias("since"))
    known = dated.join(F.broadcast(since), "customer_id", "left")
    return known.where(F.col("since").isNull() | (F.col("batch_id") >= F.col("since"))).drop("since")
