"""What earlier runs had and this one has not, sources and stages: what came of them is missing, and since when."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rfm_spark.core.columns import all_stages, stages
from rfm_spark.core.config import Config
from rfm_spark.core.runs import Configs, RunRow

_EMPTY = "columns and tables that come of it are empty since"


def absences(earlier: Sequence[RunRow], config: Config, configs: Configs) -> list[str]:
    """A sentence for each source that is gone, and each stage that was switched off.

    Args:
        earlier: current runs of earlier dates, oldest first.
        config: of this run.
        configs: reads those of earlier ones.
    """
    return [*_sources(earlier, config), *_stages(earlier, config, configs)]


def _sources(earlier: Sequence[RunRow], config: Config) -> list[str]:
    last: dict[str, RunRow] = {}
    for run in earlier:
        last |= dict.fromkeys((name for name in run.inputs if "." not in name), run)
    return [
        f"sources.{name} is not connected any more: the last run with it is {run.run_id}, as of {run.as_of}; {_EMPTY}"
        for name, run in last.items()
        if name not in config.sources
    ]


def _stages(earlier: Sequence[RunRow], config: Config, configs: Configs) -> list[str]:
    off, found = set(all_stages() - config.stages), list[str]()
    # Older versions did not note the stages of their runs.
    older = configs([run for run in earlier if run.stages is None]) if off else {}
    for run in reversed(earlier):
        if not off:
            break
        had = off & (stages(json.loads(older[run.run_id])) if run.stages is None else run.stages)
        if not had:
            continue
        before = json.loads(configs([run])[run.run_id])
        # One that is off for want of its source is told with that.
        switched = had - stages({**config.stored(), "sources": before["sources"]})
        found += [
            f"the stage {name} is off: the last run with it is {run.run_id}, as of {run.as_of}; {_EMPTY}"
            for name in sorted(switched)
        ]
        off -= had
    return found
