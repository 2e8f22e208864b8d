"""What `compare runs` asks of the capabilities beside who moved.

A capability has in its `comparison.py` COMPARE: functions that print what it knows of two runs, in the order of the
capabilities.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rfm_spark.core.registry import given
from rfm_spark.core.runs import RunDetails

if TYPE_CHECKING:
    from rfm_spark.core.desk import Desk


@dataclass(frozen=True)
class ComparedRuns:
    """Two published runs of one segmentation.

    Attributes:
        before: the earlier one.
        now: the later one.
        definition_changed: whether segments mean something else in them: rules, scoring, windows, the mapping.
    """

    before: RunDetails
    now: RunDetails
    definition_changed: bool


Compares = Callable[[ComparedRuns, "Desk"], None]


def print_what_others_know(pair: ComparedRuns, desk: Desk) -> None:
    """Let every capability print what it knows of two runs."""
    for _, found in given("comparison", "COMPARE"):
        compares: Compares
        for compares in found:
            compares(pair, desk)
