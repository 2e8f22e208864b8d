"""What a run would be: its id, and whether that has been done."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date

import rfm_spark
from rfm_spark.capabilities.segments.rules import RuleMap
from rfm_spark.core.config import Config
from rfm_spark.core.runs import RunRow
from rfm_spark.lake.ledger import fingerprint, must_be_same
from rfm_spark.pipeline.champion import PlannedModel
from rfm_spark.pipeline.inputs import Inputs
from rfm_spark.pipeline.interaction_reading import same_interactions
from rfm_spark.pipeline.late import Contents, same_rows, surely_same, touched_dates


class Plan:
    """What a run would be, and whether it needs to be."""

    def __init__(
        self,
        config: Config,
        rule_map: RuleMap,
        as_of: date,
        inputs: Inputs,
        previous: RunRow | None,
        current: Mapping[date, RunRow],
        model: PlannedModel,
    ) -> None:
        """Compare what is asked for with what is there.

        Args:
            config: of the run.
            rule_map: checked against it.
            as_of: last day that counts.
            inputs: pinned.
            previous: run that changes are against.
            current: the current run of each as-of date.
            model: the champion, and whether one is trained.
        """
        self._config = config
        self._model = model
        self._as_of, self._previous, self._current = as_of, previous, current
        self._canonical = config.canonical(rule_map.model_dump(mode="json"))
        self._inputs = inputs
        self._contents = Contents(inputs.transactions, config, inputs.intake)
        self._content = {
            "config_name": config.name, "as_of_date": as_of, "config": self._canonical, "inputs": dict(inputs.versions),
            "code_version": rfm_spark.__version__, "previous_run_id": previous.run_id if previous else None,
        }  # fmt: skip
        parts = (
            config.name,
            as_of.isoformat(),
            self._canonical,
            json.dumps(inputs.versions, sort_keys=True),
            rfm_spark.__version__,
            previous.run_id if previous else "",
            model.fingerprint,
        )
        self.run_id = f"{as_of.isoformat()}-{fingerprint(parts)[:8]}"

    def done(self, complete: Sequence[RunRow]) -> list[RunRow]:
        """Complete runs of this plan, forced ones last.

        Raises:
            LakeError: another run has the id.
        """
        found = [run for run in complete if run.run_id == self.run_id or run.run_id.startswith(f"{self.run_id}-")]
        for run in found:
            must_be_same(run, self._content)
        return found

    def changes_nothing(self) -> bool:
        """Whether the current run of this date has the same rows, though its source is at a newer version."""
        run = self._current.get(self._as_of)
        if run is None or run.config != self._canonical or run.code_version != rfm_spark.__version__:
            return False
        if run.previous_run_id != (self._previous.run_id if self._previous else None):
            return False
        if not self._model.made(run):
            return False
        if not (surely_same(run) and same_rows(run, self._canonical, self._inputs.versions, self._contents)):
            return False
        return same_interactions(run, self._config, self._inputs.pinned)

    def touched(self) -> list[date]:
        """Earlier published dates whose rows are others by now."""
        return touched_dates(self._current, self._as_of, self._canonical, self._inputs.versions, self._contents)
