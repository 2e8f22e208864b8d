"""What the report is built from, as plain values: the run's row in the ledger, and what each section read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from rfm_spark.core.table import ALL


@dataclass(frozen=True)
class RunFacts:
    """The run's row in the ledger.

    Attributes:
        started_at: with the configured time zone.
        finished_at: likewise.
        config: canonical JSON, with the rule map.
        rows: counts by name, as `customers.active`.
        money: sums by name.
        status: ok, thin or empty; None for a run of a version that did not tell.
    """

    run_id: str
    as_of: date
    config_name: str
    config: str
    code_version: str
    spark_version: str
    previous_run_id: str | None
    model_version: str | None
    started_at: datetime
    finished_at: datetime
    inputs: Mapping[str, str]
    outputs: Mapping[str, int]
    rows: Mapping[str, int]
    money: Mapping[str, Decimal]
    warnings: tuple[str, ...]
    drift_verdict: str | None = None
    status: str | None = None

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The configuration of the run, parsed; one of an older version lacks the newer parts."""
        parsed: dict[str, Any] = json.loads(self.config)
        return parsed


@dataclass(frozen=True)
class ReportData:
    """All the report is built from: a few hundred numbers, never one per customer.

    Attributes:
        run: facts of the run.
        sections: what each section read, by its name.
        scope: whose figures they are.
    """

    run: RunFacts
    sections: Mapping[str, Any] = field(default_factory=dict)
    scope: str = ALL
