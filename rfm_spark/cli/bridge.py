"""What commands of capabilities need of the pipeline's files `comparing` and `drifting`. It is to go with them.

Once these functions are in the capabilities, `capabilities/movement/compare.py` and `capabilities/drift/comparison.py`
import them themselves, and `Desk.bridge` goes too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame

from rfm_spark.core.runs import RunRow
from rfm_spark.lake.store import Store
from rfm_spark.pipeline import comparing, drifting


def compared(store: Store, now: RunRow, before: RunRow) -> DataFrame:
    """Customers of two runs of a lake, with the cause of each move."""
    sides = (comparing.side_of(store, now), comparing.side_of(store, before))
    return comparing.compared(store, now.config_name, *sides)


def definition_changed(store: Store, now: RunRow, before: RunRow) -> bool:
    """Whether segments mean something else in the later run."""
    return comparing.definition_changed(comparing.side_of(store, now), comparing.side_of(store, before))


def compare_columns(
    store: Store, previous: RunRow, today: Mapping[str, Any], *, same_model: bool, same_definition: bool
) -> list[Any]:
    """Figures of columns and volumes against an earlier run."""
    return [*drifting.compare_columns(store, previous, today, same_model=same_model, same_definition=same_definition)]
