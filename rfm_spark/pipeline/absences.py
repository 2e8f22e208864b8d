"""What earlier runs had and this one has not, sources and stages: what came of them is missing, and since when."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rfm_spark.core.columns import all_stages, stages
from rfm_spark.core.config import Config
from rfm_spark.core.runs import RunRow

_EMPTY = "columns and tables that come of it are empty since"


def absences(earlier: Sequence[RunRow], config: Config) -> list[str]:
    """A sentence for each source that is gone, and each stage that was switched off.

    Args:
        earlier: current runs of earlier dates, oldest first.
        config: of this run.
    """
    return [*_sources(earlier, config), *_stages(earlier, config)]


def _sources(earlier: Sequence[RunRow], config: Config) -> list[str]:
    last: dict[str, RunRow] = {}
    for run in earlier:
        last |= dict.fromkeys((name for name in run.inputs if "." not in name), run)
    return [
        f"sources.{name} is not connected any more: the last run with it is {run.run_id}, as of {run.as_of}; {_EMPTY}"
        for name, run in last.items()
        if name not in config.sources
    ]


def _stages(earlier: Sequence[RunRow], config: Config) -> list[str]:
    off, found = set(all_stages() - config.stages), list[str]()
    for run in reversed(earlier):
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
