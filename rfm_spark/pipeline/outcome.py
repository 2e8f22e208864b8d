"""How a run ended, for whoever started it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from rfm_spark.core.errors import Exit
from rfm_spark.core.runs import RunRow

# From the mildest on.
SEVERITIES = ("none", "insufficient", "changed", "moderate", "major")


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        run_id: of the complete run.
        as_of: its as-of date.
        exit_code: 0, or what the stored run ended with.
        repeated: whether it was complete before, and nothing was written.
        warnings: what a reader of the figures should know.
        account: what became of the rows of each source, a line each.
        status: ok, thin or empty.
        verdict: on drift, in words; empty where there was nothing to compare with.
        kept: steps that were done before, and were not done again.
    """

    run_id: str
    as_of: date
    exit_code: int
    repeated: bool
    warnings: tuple[str, ...] = ()
    account: tuple[str, ...] = ()
    status: str = "ok"
    verdict: str = ""
    kept: tuple[str, ...] = ()


def repeated(run: RunRow, fail_on: str | None, *warnings: str) -> Outcome:
    """A run that was complete before; the question that `fail_on` asks may be a new one."""
    code = exit_code(run.drift_verdict, fail_on)
    gone = () if run.has_rows else (run.retirement,)
    return Outcome(run.run_id, run.as_of, code, repeated=True, warnings=(*warnings, *gone))


def exit_code(severity: str | None, fail_on: str | None) -> int:
    """What a run ends with.

    Args:
        severity: of drift; None where there was nothing to compare with.
        fail_on: severity from which on the run ends with 4; None for never.
    """
    if fail_on is None or severity is None:
        return int(Exit.OK)
    severe = SEVERITIES.index(severity) >= SEVERITIES.index(fail_on)
    return int(Exit.DRIFT if severe else Exit.OK)
