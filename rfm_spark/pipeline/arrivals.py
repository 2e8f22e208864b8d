"""What arrived in the sources since they were last read: taken before a run is planned, since the run hangs on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

from rfm_spark.core.access import BatchWriter, TableReader
from rfm_spark.core.config import Config
from rfm_spark.core.registry import given
from rfm_spark.pipeline.environment import Frames, Source
from rfm_spark.pipeline.prepared import Prepared


@dataclass(frozen=True)
class Arrivals:
    """What taking in takes.

    Attributes:
        config: of the run.
        as_of: last day that counts, for what is rejected.
        sources: pinned, by name.
        lake: its tables.
        frames: keeps frames until everything is taken in.
        writes: whether batches are taken; otherwise only what is known of them is told.
        tell: told what goes on, in a title and what takes the time.
        is_first: whether the segmentation has no run in this lake.
    """

    config: Config
    as_of: date
    sources: Mapping[str, Source]
    lake: BatchWriter
    frames: Frames
    writes: bool = True
    tell: Callable[[str, str], None] = field(default=lambda title, why: None)
    is_first: bool = True


@dataclass(frozen=True, kw_only=True)
class TakenIn(Prepared):
    """What is known of a source's rows once those that arrived are taken in.

    Attributes:
        covers: names of the sources whose rows it stands for.
        pending: whether rows arrived that were not taken.
        arrived: rows that were taken this time; None where nothing was new.
    """

    covers: tuple[str, ...] = ()
    pending: bool = False
    arrived: int | None = None

    @property
    def inputs(self) -> Mapping[str, str]:
        """What the ledger keeps beside the versions of the sources."""
        return {}

    def stands(self, tables: TableReader) -> bool:
        """Whether its rows are still where they were when they were taken in."""
        del tables
        return True


def taken_in(arrivals: Arrivals) -> tuple[TakenIn, ...]:
    """Take in what arrived, for all capabilities.

    Raises:
        GateError: what arrived is not good enough; nothing of it is kept but what was rejected.
    """
    taken = (take(arrivals) for _, found in given("step", "TAKES") for take in found)
    return tuple(one for one in taken if one is not None)
