"""Sources that earlier runs had and this one has not: what came of them is missing, and since when."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date

from rfm_spark.core.runs import RunRow


def absences(current: Mapping[date, RunRow], as_of: date, connected: Collection[str]) -> list[str]:
    """A sentence for each source that is gone.

    Args:
        current: the current run of each as-of date.
        as_of: last day that counts.
        connected: sources of this run.
    """
    last: dict[str, RunRow] = {}
    for day, run in sorted(current.items()):
        if day < as_of:
            last |= dict.fromkeys(run.source_fingerprints, run)
    return [
        f"sources.{name} is not connected any more: the last run with it is {run.run_id}, as of {run.as_of}; columns "
        "and tables that come of it are empty since"
        for name, run in last.items()
        if name not in connected
    ]
