"""What scoring needs of runs that are over: the cut points of the one that is frozen."""

from __future__ import annotations

import json
from collections.abc import Mapping

from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.core.upkeep import Upkeep


def frozen_runs(upkeep: Upkeep) -> Mapping[str, str]:
    """Runs whose cut points this segmentation, or the newest run of another one, takes."""
    newest = {run.config_name: run for run in upkeep.complete}
    configs = upkeep.configs(list(newest.values()))
    documents = {name: json.loads(configs[run.run_id]) for name, run in newest.items()}
    theirs = {name: RfmConfig.model_validate(document["rfm"]) for name, document in documents.items()}
    theirs[upkeep.config.name] = upkeep.config.part(RfmConfig)
    frozen = {rfm.scoring.run: name for name, rfm in theirs.items() if rfm.scoring.run is not None}
    return {run_id: f"{name} takes its cut points (rfm.scoring.run)" for run_id, name in frozen.items()}


NEEDED_RUNS = (frozen_runs,)
