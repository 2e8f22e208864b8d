"""What a capability may do when a lake is maintained, as `NEEDED_RUNS` and `UPKEEP` in its `maintenance.py`.

A function of `NEEDED_RUNS` takes an `Upkeep` and names runs whose rows its capability reads later, each with the reason
in a clause; these are not dropped. A function of `UPKEEP` does what its tables need beside that, or only says so, and
returns what it did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from rfm_spark.core.access import BatchWriter
from rfm_spark.core.config import Config
from rfm_spark.core.runs import Configs, RunRow


@dataclass(frozen=True)
class Upkeep:
    """A lake that is maintained.

    Attributes:
        config: of the segmentation whose retention holds.
        as_of: what days and months are counted back from.
        complete: complete runs of the lake, oldest as-of date first.
        kept: runs of the segmentation that keep their rows.
        configs: reads configurations of runs.
        tables: of the lake; where `is_dry` holds nothing may be written.
        is_dry: whether only to say what would be done.
        must_be_alone: raises SlotHeldError where a run is at work. Asked for before rows are dropped that one may read
            which began meanwhile.
    """

    config: Config
    as_of: date
    complete: Sequence[RunRow]
    kept: Sequence[RunRow]
    configs: Configs
    tables: BatchWriter
    is_dry: bool
    must_be_alone: Callable[[], None]


@dataclass(frozen=True)
class Done:
    """What was done to a table, or would be.

    Attributes:
        table: its name.
        action: drop, fold, clean or vacuum; or a capability's own word.
        amount: of what, such as "34 files into 1".
    """

    table: str
    action: str
    amount: str


NeededRuns = Callable[[Upkeep], Mapping[str, str]]
Maintains = Callable[[Upkeep], Sequence[Done]]
