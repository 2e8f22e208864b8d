"""What earlier runs had and this one has not, sources and stages: what came of them is missing, and since when."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date

from rfm_spark.core.columns import all_stages, stages
from rfm_spark.core.config import Config
from rfm_spark.core.runs import RunRow

_EMPTY = "columns and tables that come of it are empty since"


def absences(current: Mapping[date, RunRow], as_of: date, config: Config) -> list[str]:
    """A sentence for each source that is gone, and each stage that was switched off.

    Args:
        current: the current run of each as-of date.
        as_of: last day that counts.
        config: of this run.
    """
    earlier = [run for day, run in sorted(current.items(), reverse=True) if day < as_of]
    return [*_sources(earlier, config), *_stages(earlier, config)]


def _sources(earlier: Sequence[RunRow], config: Config) -> list[str]:
    last: dict[str, RunRow] = {}
    for run in reversed(earlier):
        last |= dict.fromkeys((name for name in run.inputs if "." not in name), run)
    return [
        f"sources.{name} is not connected any more: the last run with it is {run.run_id}, as of {run.as_of}; {_EMPTY}"
        for name, run in last.items()
        if name not in config.sources
    ]


def _stages(earlier: Sequence[RunRow], config: Config) -> list[str]:
    off, found = set(all_stages() - config.stages), list[str]()
    for run in earlier:
        if not off:
            break
        before = json.loads(run.config)
        had = off & stages(before)
        # One that is off for want of its source is told with that.
        switched = had - stages({**config.stored(), "sources": before["sources"]})
        found += [
            f"the stage {name} is off: the last run with it is {run.run_id}, as of {run.as_of}; {_EMPTY}"
            for name in sorted(switched)
        ]
        off -= had
    return found
