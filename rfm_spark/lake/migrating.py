"""Bringing the tables of a lake that an older version wrote up to today's columns and words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from pyspark.sql import SparkSession

from rfm_spark.core.errors import LakeError
from rfm_spark.core.schemas import RUNS, SCHEMA_VERSION, tables
from rfm_spark.core.table import Table
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.rewording import bring_up
from rfm_spark.lake.tables import VERSION_PROPERTY, Tables


def migrate_tables(
    spark: SparkSession, location: LakeLocation, known: Tables, attempt: Callable[[str, Callable[[], None]], None]
) -> list[str]:
    """Bring all tables up to date, where the ledger says that they are older.

    The ledger is migrated last and says how far the lake is. Before a first run is complete there is none.

    Args:
        spark: the session.
        location: of the lake.
        known: its tables.
        attempt: does something to a table of that name, and again where another writer was faster.

    Returns:
        Names of tables that were found to be there.

    Raises:
        LakeError: the lake was written by a newer version.
    """
    ledger = known.properties(RUNS.name)
    if ledger is not None and _version_in(location, RUNS.name, ledger) >= SCHEMA_VERSION:
        return [RUNS.name]
    others = [table for table in tables().values() if table.name != RUNS.name]
    found = [(table, known.properties(table.name)) for table in others]
    there = [(table, properties) for table, properties in (*found, (RUNS, ledger)) if properties is not None]
    for table, properties in there:
        if _version_in(location, table.name, properties) != SCHEMA_VERSION:
            attempt(table.name, partial(_bring_up, spark, location, known, table))
    return [table.name for table, _ in there]


def _version_in(location: LakeLocation, name: str, properties: Mapping[str, str]) -> int:
    found = int(properties.get(VERSION_PROPERTY, "0"))
    if found > SCHEMA_VERSION:
        raise LakeError(
            f"lake {location}: table {name} has schema version {found}, this rfm-spark knows {SCHEMA_VERSION}; upgrade "
            "rfm-spark"
        )
    return found


def _bring_up(spark: SparkSession, location: LakeLocation, known: Tables, table: Table) -> None:
    # Looked at again in each try: another run may be doing the same. The version comes last, so that one that dies
    # here is done again.
    bring_up(known, table, set(spark.sql(f"SELECT * FROM {location.table(table.name)}").columns))
    known.change(table.name, (), {VERSION_PROPERTY: str(SCHEMA_VERSION)})
