"""What `explain` asks of the capabilities: sentences about one customer of a published run.

A capability has in its `explain.py` EXPLAIN, functions whose sentences come in the order of the capabilities, and
HEADLINE, those whose sentences come before them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rfm_spark.core.access import TableReader
from rfm_spark.core.runs import RunDetails, RunRow


@dataclass(frozen=True)
class PublishedCustomer:
    """A customer as a run published them.

    Attributes:
        row: of `segments`.
        run: the run.
        document: its configuration with the rule map.
        current: the current run of every as-of date of the segmentation, oldest first.
        tables: of the lake.
    """

    row: Mapping[str, Any]
    run: RunDetails
    document: Mapping[str, Any]
    current: Sequence[RunRow]
    tables: TableReader


Explains = Callable[[PublishedCustomer], Sequence[str]]
