"""One segmentation of a lake as `clusters` sees it: its models, and what each of them is to the next run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any

from rfm_spark.capabilities.clusters.config import ClustersConfig
from rfm_spark.capabilities.clusters.model import definition_of
from rfm_spark.capabilities.clusters.models import CHALLENGER, Champion, ModelRow, Models, champion_of
from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.capabilities.segments.artefacts import made_from
from rfm_spark.core.desk import Desk
from rfm_spark.core.errors import ConfigError, LakeError
from rfm_spark.core.runs import RunRow

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Segmentation:
    """One segmentation of a lake: its models, and its complete runs, oldest as-of date first, at least one."""

    desk: Desk
    name: str
    models: Models
    complete: Sequence[RunRow]

    @property
    def next_date(self) -> date:
        """First as-of date that no published run has reached."""
        return self.complete[-1].as_of + _DAY

    @cached_property
    def newest(self) -> Mapping[str, Any]:
        """Configuration of the newest run."""
        found: dict[str, Any] = json.loads(self.desk.run(self.complete[-1].run_id, self.name).config)
        return found

    def champion(self) -> Champion | None:
        """Of the next run."""
        return champion_of(
            self.models.all(),
            self.models.decisions(),
            self.complete,
            self.next_date,
            by_rule=self.newest.get("drift", {}).get("policy") == "promote",
        )

    @property
    def pinned(self) -> str | None:
        """Version of the pinned model, if there is one."""
        champion = self.champion()
        return champion.model.version if champion is not None and champion.pinned else None

    def roles(self) -> dict[str, str]:
        """What each model is to the next run: champion, pinned, challenger, earlier, … by version."""
        models, decisions = self.models.all(), self.models.decisions()
        champion = champion_of(models, decisions, self.complete, self.next_date)
        first = None if champion is None else champion.model.version
        published = {run.run_id for run in self.complete}
        promoted = [d for d in decisions if d.action == "promote"]
        coming = {d.model_version: d.effective_from for d in promoted if d.effective_from > self.next_date}
        found = {}
        for model in models:
            if champion is not None and model.version == first:
                role = "pinned" if champion.pinned else "champion"
            elif model.trained_on not in published:
                role = "unpublished"
            elif model.version in coming:
                role = f"champion from {coming[model.version]}"
            else:
                waits = model.version.endswith(CHALLENGER) and model.parent_version == first
                role = "challenger" if waits else "earlier"
            found[model.version] = role
        return found

    def usable(self, version: str) -> ModelRow:
        """A model that people may decide on.

        Raises:
            ConfigError: no such model, or only a run that crashed knows it.
        """
        model = self.models.get(version)
        if model.trained_on not in {run.run_id for run in self.complete}:
            problem = (
                f"model {version} comes from run {model.trained_on}, which was never published; take one that "
                "`rfm-spark clusters list` does not call unpublished"
            )
            raise ConfigError("clusters", [problem])
        return model


def segmentation(desk: Desk) -> Segmentation:
    """The segmentation a configuration names, or the only one of the lake.

    Raises:
        ConfigError: the lake holds several, and none was named.
        LakeError: no complete run.
    """
    complete = desk.complete()
    names = sorted({run.config_name for run in complete})
    if not names:
        of = "" if desk.config is None else f" of {desk.config.name}"
        raise LakeError(f"lake {desk.lake}: no complete run{of}; `rfm-spark run` makes one")
    if len(names) > 1:
        raise ConfigError("clusters", [f"lake {desk.lake} holds {', '.join(names)}; name one of them with -c CONF"])
    return Segmentation(desk, names[0], Models(desk.tables, names[0]), complete)


def why_replaced(known: Segmentation, model: ModelRow) -> str | None:
    """Why the next run would train a model all the same if this one is champion and not pinned; None if it wouldn't."""
    given = known.desk.config
    if given is not None:
        config, rfm = given.part(ClustersConfig), given.part(RfmConfig)
        document: Mapping[str, Any] = given.stored()
    else:
        config = ClustersConfig.model_validate(known.newest["clusters"])
        rfm, document = RfmConfig.model_validate(known.newest["rfm"]), known.newest
    if not config.enabled:
        return None
    if not model.model.had_a_choice:
        return f"model {model.version} had too few distinct customers to choose from"
    if model.row["definition"] != definition_of(config, rfm, made_from(document)):
        return f"model {model.version} was trained under another `clusters` configuration, or `rfm` one of its features"
    return None
