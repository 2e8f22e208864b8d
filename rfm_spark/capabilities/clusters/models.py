"""Cluster models kept in the lake: which ones there are, which is champion, and what people decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from rfm_spark.capabilities.clusters.tables import CLUSTER_MODELS, CLUSTER_PROMOTIONS
from rfm_spark.capabilities.clusters.whole import WholeModel
from rfm_spark.core.access import TableWriter
from rfm_spark.core.errors import ConfigError
from rfm_spark.core.moments import to_micros
from rfm_spark.core.runs import RunRow
from rfm_spark.core.table import ALL

# What the version of a model ends with that was trained beside the champion.
CHALLENGER = "-challenger"


@dataclass(frozen=True)
class ModelRow:
    """A model's rows of `cluster_models`, one per part, and what is asked of them most often."""

    version: str
    parent_version: str | None
    trained_on: str
    trained_as_of: date | None
    rows: tuple[Mapping[str, Any], ...]

    @property
    def row(self) -> Mapping[str, Any]:
        """The row of its first part: what all parts have in common, and all there is where customers are not parted."""
        return self.rows[0]

    @property
    def model(self) -> WholeModel:
        """The model."""
        return WholeModel.from_rows(self.rows)

    @property
    def last_id(self) -> int:
        """Highest id given in its line of models when it was trained; 0 where it was not noted."""
        return max(int(row["last_id"] or 0) for row in self.rows)


@dataclass(frozen=True)
class Decision:
    """What a person decided: promote, pin or unpin, from an as-of date on; `decided_at` in microseconds since 1970."""

    action: str
    model_version: str | None
    effective_from: date
    decided_at: int


@dataclass(frozen=True)
class Champion:
    """The model that assigns customers at an as-of date, and whether a person pinned it."""

    model: ModelRow
    pinned: bool


class Models:
    """Models and decisions of one segmentation."""

    def __init__(self, store: TableWriter, config_name: str) -> None:
        """Bind to a store; the tables may not exist yet."""
        self._store, self._name = store, config_name

    def all(self) -> list[ModelRow]:
        """All models, oldest training date first; those of versions that did not note the segmentation are left out."""
        found = self._store.rows(CLUSTER_MODELS.name, config_name=self._name)
        parts: dict[str, list[Mapping[str, Any]]] = {}
        for row in sorted(found, key=lambda row: str(row["scope"] or ALL)):
            parts.setdefault(row["model_version"], []).append(row)
        models = [
            ModelRow(version, rows[0]["parent_version"], rows[0]["trained_on"], rows[0]["trained_as_of"], tuple(rows))
            for version, rows in parts.items()
        ]
        return sorted(models, key=lambda model: (model.trained_as_of or date.min, model.version))

    def decisions(self) -> list[Decision]:
        """All decisions, oldest first."""
        found = [
            Decision(
                row["action"], row["model_version"], row["effective_from"],
                to_micros(row["decided_at"]),
            )
            for row in self._store.rows(CLUSTER_PROMOTIONS.name, config_name=self._name)
        ]  # fmt: skip
        return sorted(found, key=lambda decision: decision.decided_at)

    def decide(self, action: str, version: str | None, effective_from: date, decided_at: datetime) -> None:
        """Note a decision.

        Raises:
            ConfigError: no such model.
        """
        if version is not None:
            self.get(version)
        row = {
            "config_name": self._name,
            "action": action,
            "model_version": version,
            "effective_from": effective_from,
            "decided_at": decided_at,
        }
        self._store.insert_new(CLUSTER_PROMOTIONS, [row], keys=("config_name", "decided_at"))

    def get(self, version: str) -> ModelRow:
        """One model.

        Raises:
            ConfigError: no such model.
        """
        known = {model.version: model for model in self.all()}
        if version not in known:
            there = ", ".join(known) or "none"
            raise ConfigError("clusters", [f"segmentation {self._name} has no model {version}; there are {there}"])
        return known[version]

    def find(self, version: str) -> ModelRow | None:
        """One model; None where it is gone, or of a lake's first version, which noted no segmentation."""
        return next((model for model in self.all() if model.version == version), None)


def champion_of(
    models: Sequence[ModelRow],
    decisions: Sequence[Decision],
    complete: Sequence[RunRow],
    as_of: date,
    *,
    by_rule: bool = False,
) -> Champion | None:
    """The model that assigns customers as of a date.

    The model pinned for that date; otherwise the one that came last: trained and published by a run of an earlier
    date, or promoted from a date up to this one. A run's own training does not count for its date, so that the run
    repeats itself.

    Args:
        models: of the segmentation.
        decisions: oldest first.
        complete: complete runs, current or superseded.
        as_of: date of the run that asks.
        by_rule: the challenger that the last run before trained becomes champion. One that has assigned a published run
            stays champion, whatever the rule says by now.
    """
    known = {model.version: model for model in models}
    pins = [d for d in decisions if d.action in ("pin", "unpin") and d.effective_from <= as_of]
    if pins and pins[-1].model_version in known:
        return Champion(known[str(pins[-1].model_version)], pinned=True)
    since: list[tuple[date, int, str]] = [
        (run.as_of, run.finished_at, run.run_id)
        for run in complete
        if run.model_version == run.run_id and run.run_id in known and run.as_of < as_of
    ]
    since += [
        (decision.effective_from, decision.decided_at, str(decision.model_version))
        for decision in decisions
        if decision.action == "promote" and decision.model_version in known and decision.effective_from <= as_of
    ]
    since += [(run.as_of, run.finished_at, version) for run, version in _challengers(known, complete, as_of, by_rule)]
    return Champion(known[max(since)[2]], pinned=False) if since else None


def _challengers(
    known: Mapping[str, ModelRow], complete: Sequence[RunRow], as_of: date, by_rule: bool
) -> list[tuple[RunRow, str]]:
    """Challengers that came to be champions without a person, with the published run since when."""
    earlier = [run for run in complete if run.as_of < as_of]
    trained_here = {run.run_id for run in earlier}
    last: dict[str, date] = {}
    for run in earlier:
        last[run.config_name] = max(run.as_of, last.get(run.config_name, run.as_of))
    found = []
    for run in earlier:
        mine = f"{run.run_id}{CHALLENGER}"
        # Of the last date only: an older one lay there, and nobody wanted it.
        if by_rule and mine in known and run.as_of == last[run.config_name]:
            found.append((run, mine))
        used = run.model_version or ""
        if used.endswith(CHALLENGER) and used in known and known[used].trained_on in trained_here:
            found.append((run, used))
    return found
