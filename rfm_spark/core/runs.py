"""Published runs: what is asked of all of them, what of one, and which is current, before and after."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from rfm_spark.core.digests import digest
from rfm_spark.core.moments import from_micros, to_micros

# Columns of the ledger that are short: all that is read of every run.
_PLAIN = (
    "run_id", "config_name", "config_hash", "previous_run_id", "exit_code", "code_version", "model_version",
    "drift_verdict",
)  # fmt: skip
_MAPS = ("inputs", "source_fingerprints", "places")
SHORT = (*_PLAIN, *_MAPS, "as_of_date", "finished_at", "retired_at", "stages")


@dataclass(frozen=True)
class RunRow:
    """What is asked of every complete run: small, since a lake may have thousands.

    Attributes:
        run_id: as_of date and the start of its fingerprint.
        as_of: last day that counted.
        config_name: the segmentation.
        config_hash: of its configuration: two runs of the same hash have the same.
        previous_run_id: run its changes are against.
        exit_code: 0, or 4 where drift was at or above --fail-on; a repeat judges the stored verdict anew.
        finished_at: when it became visible, in microseconds since 1970.
        code_version: of rfm-spark.
        model_version: cluster model its customers were assigned by.
        inputs: source to version.
        source_fingerprints: source to a fingerprint of its rows up to as_of; empty for runs before these were kept.
        places: source to a hash of where it was, as `place_hash` gives it; empty for runs before these were kept.
        stages: that were on; None for runs before these were kept.
        drift_verdict: most severe drift it found; None for runs before that was measured.
        retired_at: when its rows were dropped from run tables, in microseconds since 1970; None while they are there.
    """

    run_id: str
    as_of: date
    config_name: str
    config_hash: str
    previous_run_id: str | None
    exit_code: int
    finished_at: int
    code_version: str = ""
    model_version: str | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    source_fingerprints: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)
    stages: frozenset[str] | None = None
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


def short_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a `RunRow` has, of a row of the ledger with the columns `SHORT`."""
    retired_at, stages = row["retired_at"], row["stages"]
    return {
        **{name: row[name] for name in _PLAIN},
        **{name: dict(row[name] or {}) for name in _MAPS},
        "as_of": row["as_of_date"],
        "finished_at": to_micros(row["finished_at"]),
        "retired_at": None if retired_at is None else to_micros(retired_at),
        "stages": None if stages is None else frozenset(stages),
    }


@dataclass(frozen=True)
class RunDetails(RunRow):
    """One complete run with what is long of it.

    Attributes:
        config: canonical JSON, with the rule map.
        schemas: source to its columns, as JSON; empty for runs before these were kept.
        rows: counts by name.
    """

    config: str = "{}"
    schemas: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)


# Stored configurations of runs, by run id; runs of the same configuration share one look.
Configs = Callable[[Sequence[RunRow]], Mapping[str, str]]


def place_in(document: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Where a source is under a stored configuration: its table, path, format and options."""
    given = document["sources"].get(source) or {}
    return {name: given.get(name) for name in ("table", "path", "format", "options")}


def place_hash(place: Mapping[str, Any]) -> str:
    """Hash of where a source is."""
    return digest(json.dumps(place, sort_keys=True))[:16]


def current_runs(complete: Sequence[RunRow], config_name: str) -> dict[date, RunRow]:
    """The newest complete run of each as-of date of one segmentation, oldest date first."""
    return {run.as_of: run for run in complete if run.config_name == config_name}


def with_rows(current: Mapping[date, RunRow]) -> dict[date, RunRow]:
    """Those of the current runs whose rows are there."""
    return {day: run for day, run in current.items() if run.has_rows}


def previous_of(current: Mapping[date, RunRow], as_of: date) -> RunRow | None:
    """Current run of the nearest earlier as-of date."""
    earlier = [day for day in current if day < as_of]
    return current[max(earlier)] if earlier else None


def successor_of(current: Mapping[date, RunRow], as_of: date) -> RunRow | None:
    """Current run of the nearest later as-of date."""
    later = [day for day in current if day > as_of]
    return current[min(later)] if later else None
