"""What is decided before a run has an id, since the id hangs on it: which model assigns customers, and the like."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from rfm_spark.core.access import TableWriter
from rfm_spark.core.config import Config
from rfm_spark.core.registry import given
from rfm_spark.core.runs import Configs, RunRow
from rfm_spark.pipeline.artefact import Artefact


@dataclass(frozen=True)
class Ahead:
    """What is known before a run begins.

    Attributes:
        config: of the run.
        as_of: last day that counts.
        complete: complete runs of the segmentation.
        lake: its tables.
        configs: reads stored configurations of runs.
        options: of the command, such as refit.
    """

    config: Config
    as_of: date
    complete: Sequence[RunRow]
    lake: TableWriter
    configs: Configs
    options: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Prepared(Artefact):
    """A decision of before the run.

    Attributes:
        fingerprint: part of the run's id; None for a decision that shapes no result.
        basis: part of the fingerprints of steps that need it: two runs of a date may decide alike on the same grounds
            though one came after the other; as `fingerprint` where empty.
    """

    fingerprint: str | None = None
    basis: str = ""

    def made(self, run: RunRow) -> bool:
        """Whether a published run decided the same."""
        return True

    def touched(self, earlier: Mapping[date, RunRow], canonical: str, configs: Configs) -> list[date]:
        """Published as-of dates whose rows are others by now, oldest first.

        Args:
            earlier: the current run of each date.
            canonical: the present configuration.
            configs: reads those of the runs.
        """
        return []


Prepare = Callable[[Ahead], Prepared]


def prepared(ahead: Ahead) -> tuple[Prepared, ...]:
    """The decisions of all capabilities.

    Raises:
        ConfigError: an option or a configuration that can't work in this lake.
    """
    return tuple(prepare(ahead) for _, found in given("step", "PREPARES") for prepare in found)


def prepared_kinds() -> tuple[type[Artefact], ...]:
    """Types of the decisions, and of what is known of sources that are taken in."""
    return tuple(kind for name in ("PREPARED", "TAKEN") for _, found in given("step", name) for kind in found)
