"""What readers may ask for like a table, though it is not written: it follows from rows of batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame

from rfm_spark.core.batches import Batches
from rfm_spark.core.registry import given
from rfm_spark.core.table import Table

Rows = Callable[[DataFrame, Batches, Mapping[str, Any]], DataFrame]


@dataclass(frozen=True)
class Derived:
    """Rows that follow from a kept table.

    Attributes:
        name: as users ask for it.
        source: whose batches it is made of.
        table: that holds their rows.
        rows: makes them, of rows of the table, the batches and the configuration of a run.
    """

    name: str
    source: str
    table: Table
    rows: Rows


def derived() -> dict[str, Derived]:
    """All of them, by name."""
    return {one.name: one for _, found in given("derived", "DERIVED") for one in found}
