"""What the report shows of drift: the figures of a run, and the same figures of the runs before it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from rfm_spark.capabilities.drift.tables import DRIFT
from rfm_spark.capabilities.movement.tables import CLUSTER_CAUSES, CLUSTER_TRANSITIONS
from rfm_spark.core.runs import current_runs
from rfm_spark.report.section import Reader

# As-of dates of the strip: more make its cells too narrow to read.
RUNS_SHOWN = 18
# Figures that are shown over time.
_OVER_TIME = ("psi", "verdict", "moved", "flapping", "confirmed_moved", "members_held", "ids_held", "names_held")


@dataclass(frozen=True)
class DriftLine:
    """One figure of one run, as table `drift` has it."""

    as_of: date
    metric: str
    subject: str
    against: str
    value: float | None
    severity: str
    detail: str = ""


@dataclass(frozen=True)
class DriftFacts:
    """Drift of a run.

    Attributes:
        policy: `drift.policy` of its configuration.
        lines: its figures; empty where there was nothing to compare with.
        history: those of the current runs up to it that are shown over time, oldest first.
        cluster_causes: customers per cause of a change of cluster.
    """

    policy: str = "monitor"
    lines: tuple[DriftLine, ...] = ()
    history: tuple[DriftLine, ...] = ()
    cluster_causes: Mapping[str, int] | None = None


def read_drift(reader: Reader) -> DriftFacts:
    """Figures of a run and of those before it."""
    run = reader.run
    policy = (run.settings.get("drift") or {}).get("policy", "monitor")
    if not reader.tables.exists(DRIFT.name):
        return DriftFacts(policy)
    current = current_runs(list(reader.complete), run.config_name)
    # The run itself also where it is superseded by now.
    shown = {day: one.run_id for day, one in current.items() if day < run.as_of}
    ids = [*sorted(shown.values())[-RUNS_SHOWN + 1 :], run.run_id]
    rows = reader.of_scope(reader.tables.rows(DRIFT.name, run_id=ids))
    lines = [drift_line(row) for row in rows if row["run_id"] == run.run_id]
    history = [drift_line(row) for row in rows if row["metric"] in _OVER_TIME]
    return DriftFacts(policy, _sorted(lines), _sorted(history), _causes(reader))


def _causes(reader: Reader) -> dict[str, int] | None:
    pairs = reader.tables.rows(CLUSTER_TRANSITIONS.name, run_id=reader.run.run_id)
    if not pairs:
        return None
    moved = {cause: sum(pair[cause] for pair in pairs) for cause in CLUSTER_CAUSES}
    return {"stayed": sum(pair["customers"] for pair in pairs) - sum(moved.values()), **moved}


def drift_line(row: Mapping[str, Any]) -> DriftLine:
    """One figure from a row of table `drift`."""
    return DriftLine(
        row["as_of_date"],
        row["metric"],
        row["subject"],
        row["against"],
        row["value"],
        row["severity"],
        row["detail"] or "",
    )


def _sorted(lines: Iterable[DriftLine]) -> tuple[DriftLine, ...]:
    return tuple(sorted(lines, key=lambda line: (line.as_of, line.metric, line.subject, line.against)))
