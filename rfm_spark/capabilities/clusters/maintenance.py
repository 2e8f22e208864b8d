"""What clusters need of runs that are over: how k was chosen, and the sizes of clusters, where a model was trained."""

from __future__ import annotations

from collections.abc import Mapping

from rfm_spark.capabilities.clusters.models import Models
from rfm_spark.core.upkeep import Upkeep


def training_runs(upkeep: Upkeep) -> Mapping[str, str]:
    """Runs that trained models which kept runs assigned by, or which people decided on."""
    models = Models(upkeep.tables, upkeep.config.name)
    used = {run.model_version for run in upkeep.kept}
    used |= {decision.model_version for decision in models.decisions()}
    return {model.trained_on: f"it trained model {model.version}" for model in models.all() if model.version in used}


NEEDED_RUNS = (training_runs,)
