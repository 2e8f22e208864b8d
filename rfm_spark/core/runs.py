"""Published runs: what is asked of one most often, and which is current, before and after."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from rfm_spark.core.moments import from_micros


@dataclass(frozen=True)
class RunRow:
    """What is asked of a complete run most often.

    Attributes:
        run_id: as_of date and the start of its fingerprint.
        as_of: last day that counted.
        config_name: the segmentation.
        config: canonical JSON, with the rule map.
        previous_run_id: run its changes are against.
        exit_code: 0, or 4 where drift was at or above --fail-on; a repeat judges the stored verdict anew.
        finished_at: when it became visible, in microseconds since 1970.
        code_version: of rfm-spark.
        model_version: cluster model its customers were assigned by.
        inputs: source to version.
        source_fingerprints: source to a fingerprint of its rows up to as_of; empty for runs before these were kept.
        schemas: source to its columns, as JSON; likewise.
        rows: counts by name.
        drift_verdict: most severe drift it found; None for runs before that was measured.
        retired_at: when its rows were dropped from run tables, in microseconds since 1970; None while they are there.
    """

    run_id: str
    as_of: date
    config_name: str
    config: str
    previous_run_id: str | None
    exit_code: int
    finished_at: int
    code_version: str = ""
    model_version: str | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    source_fingerprints: Mapping[str, str] = field(default_factory=dict)
    schemas: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)
    drift_verdict: str | None = None
    retired_at: int | None = None

    @property
    def has_rows(self) -> bool:
        """Whether its rows are in run tables; otherwise it is only known of."""
        return self.retired_at is None

    @property
    def retirement(self) -> str:
        """That its rows are gone, and what to do, in a sentence; empty while they are there."""
        if self.retired_at is None:
            return ""
        return (
            f"the rows of run {self.run_id} were dropped on {from_micros(self.retired_at).date()} by `rfm-spark "
            f"maintain`, as `retention` says; `rfm-spark run --as-of {self.as_of} --force` makes it anew"
        )

    def place_of(self, source: str) -> dict[str, Any]:
        """Where a source was: table, path, format and options of the configuration."""
        given = json.loads(self.config)["sources"].get(source) or {}
        return {name: given.get(name) for name in ("table", "path", "format", "options")}


def current_runs(complete: Sequence[RunRow], config_name: str) -> dict[date, RunRow]:
    """The newest complete run of each as-of date of one segmentation, oldest date first."""
    return {run.as_of: run for run in complete if run.config_name == config_name}


def with_rows(current: Mapping[date, RunRow]) -> dict[date, RunRow]:
    """Those of the current runs whose rows are there."""
    return {day: run for day, run in current.items() if run.has_rows}


def previous_of(current: dict[date, RunRow], as_of: date) -> RunRow | None:
    """Current run of the nearest earlier as-of date."""
    earlier = [day for day in current if day < as_of]
    return current[max(earlier)] if earlier else None


def successor_of(current: dict[date, RunRow], as_of: date) -> RunRow | None:
    """Current run of the nearest later as-of date."""
    later = [day for day in current if day > as_of]
    return current[min(later)] if later else None
