"""Which cluster model a run uses: decided before it starts, since the run's id depends on it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from rfm_spark.capabilities.clusters.artefacts import PlannedModel
from rfm_spark.capabilities.clusters.config import ClustersConfig
from rfm_spark.capabilities.clusters.model import definition_of
from rfm_spark.capabilities.clusters.models import Decision, ModelRow, Models, champion_of
from rfm_spark.capabilities.clusters.whole import WholeModel
from rfm_spark.capabilities.drift.artefacts import MAJOR, asks_for_a_refit
from rfm_spark.capabilities.drift.config import DriftConfig
from rfm_spark.capabilities.drift.tables import DRIFT
from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.capabilities.segments.artefacts import made_from
from rfm_spark.core.columns import customer_columns
from rfm_spark.core.config import Config
from rfm_spark.core.errors import ConfigError
from rfm_spark.core.runs import RunRow, current_runs, previous_of
from rfm_spark.core.scopes import CURRENCY, parted_by
from rfm_spark.pipeline.artefact import Account
from rfm_spark.pipeline.prepared import Ahead


@dataclass(frozen=True)
class _Known:
    """Models of the lake, and what people decided about them, looked at once."""

    models: Sequence[ModelRow]
    decisions: Sequence[Decision]


def planned_model(ahead: Ahead) -> PlannedModel:
    """The champion as of a date, and whether it stays.

    A new model is trained where there is none, where the configuration of clusters, or of what their features mean, is
    another one than the champion was trained under, where the champion had nothing to choose from, on demand, and where
    the published run of this date trained one: doing a date again does not take its refit back. With policy
    refit_when_major a new one is trained after a run whose verdict on drift was major and advised it; with promote a
    challenger becomes champion by itself. A pinned model stays; one that would compare amounts of several currencies is
    refused.

    Args:
        ahead: what is known before the run; with the option refit a model is trained on demand.

    Raises:
        ConfigError: a refit is asked for while a model is pinned, or clusters are off; or the pinned model knows
            nothing of the currencies that part customers.
    """
    if not ahead.config.part(ClustersConfig).enabled:
        if ahead.options.get("refit"):
            raise ConfigError("--refit", ["clusters are off; set clusters.enabled: true"])
        return PlannedModel(fingerprint="")
    models = Models(ahead.lake, ahead.config.name)
    known = _Known(models.all(), models.decisions())
    planned = _planned(ahead, known, published=True)
    return replace(planned, basis=_basis(ahead, known, trains=planned.trains))


def _basis(ahead: Ahead, known: _Known, *, trains: bool) -> str:
    """What a decision hangs on: a run that does a date again has the same grounds as the first one of that date."""
    others = [run for run in ahead.complete if (run.config_name, run.as_of) != (ahead.config.name, ahead.as_of)]
    grounds = _planned(replace(ahead, complete=others), known, published=False)
    parent = None if grounds.parent is None else grounds.parent.version
    return (
        f"{grounds.fingerprint}, trains {trains}, parent {parent}, last id {grounds.last_id}, pinned {grounds.pinned}"
    )


def _planned(ahead: Ahead, seen: _Known, *, published: bool) -> PlannedModel:
    """The decision, with or without looking at what is published of the date itself."""
    config, complete, as_of, refit = ahead.config, ahead.complete, ahead.as_of, bool(ahead.options.get("refit"))
    policy, clusters = config.part(DriftConfig).policy, config.part(ClustersConfig)
    known = seen.models
    there = {run.run_id for run in complete}
    # What a run that died left behind gave no ids: doing it again gives the same ones.
    last_id = max((m.last_id for m in known if m.trained_on in there), default=0)
    found = champion_of(known, seen.decisions, complete, as_of, by_rule=policy == "promote")
    current = current_runs(complete, config.name)
    here = current.get(as_of) if published else None
    if found is None:
        parent = _first_after(known, complete, as_of)
        if parent is not None and _missing(parent, config):
            parent = None
        return PlannedModel(trains=True, parent=parent, last_id=last_id, fingerprint="train")
    champion = found.model.model
    after = f"train after {champion.version}"
    missing = _missing(champion, config)
    if missing:
        return PlannedModel(
            account=Account(warnings=(_set_aside(champion, missing),)), trains=True, last_id=last_id, fingerprint=after
        )
    if found.pinned:
        _must_fit_currencies(ahead, champion)
        if refit:
            raise ConfigError("--refit", [f"model {champion.version} is pinned; `rfm-spark clusters unpin` frees it"])
        return PlannedModel(champion=champion, pinned=True, fingerprint=champion.version)
    if here is not None and here.model_version == here.run_id:
        # Its clusters keep the ids they were published with.
        parent = Models(ahead.lake, config.name).get(here.run_id).model
        return PlannedModel(champion=champion, trains=True, parent=parent, last_id=last_id, fingerprint=after)
    before = previous_of(current, as_of)
    refit |= policy == "refit_when_major" and before is not None and _called_for_a_refit(ahead, before)
    wanted = definition_of(clusters, config.part(RfmConfig), made_from(config.stored()))
    if refit or champion.definition != wanted or not champion.had_a_choice:
        return PlannedModel(champion=champion, trains=True, parent=champion, last_id=last_id, fingerprint=after)
    return PlannedModel(champion=champion, last_id=last_id, fingerprint=champion.version)


def _must_fit_currencies(ahead: Ahead, pinned: WholeModel) -> None:
    """A model that compares amounts of several currencies, or knows other scopes, can't be kept.

    Raises:
        ConfigError: the pinned one is such a model.
    """
    rfm = ahead.config.part(RfmConfig)
    trained_on = [run for run in ahead.complete if run.run_id == pinned.parts[0].trained_on]
    documents = ahead.configs(trained_on)
    theirs = [parted_by(json.loads(documents[run.run_id])) for run in trained_on]
    if rfm.amounts_apart and (theirs != [rfm.scope] or not pinned.is_parted):
        problem = (
            f"{CURRENCY} parts customers, and the pinned model {pinned.version}, trained under another scope, would "
            "compare amounts of several; `rfm-spark clusters unpin` frees it"
        )
        raise ConfigError("rfm.scope", [problem])


def _missing(model: WholeModel, config: Config) -> list[str]:
    """Columns of a model's features that no stage fills any more."""
    known = customer_columns()
    return [name for name in model.columns if name not in known or known[name].stage not in (None, *config.stages)]


def _set_aside(model: WholeModel, missing: Sequence[str]) -> str:
    return (
        f"clusters: model {model.version} is set aside, since nothing fills {', '.join(missing)} any more; a model was "
        "trained from what there is"
    )


def _called_for_a_refit(ahead: Ahead, before: RunRow) -> bool:
    """Whether a run's verdict was major and advised a refit, and it did not train a model itself."""
    if before.drift_verdict != MAJOR or before.model_version == before.run_id:
        return False
    rows = ahead.lake.rows(DRIFT.name, run_id=before.run_id)
    return asks_for_a_refit((row["metric"], row["severity"]) for row in rows)


def _first_after(known: Sequence[ModelRow], complete: Sequence[RunRow], as_of: date) -> WholeModel | None:
    """The published model of this date or the next later one: a date put in first speaks of the same clusters."""
    there = {model.version: model for model in known}
    later = [run for run in complete if run.as_of >= as_of and run.model_version == run.run_id and run.run_id in there]
    first = min(later, key=lambda run: (run.as_of, -run.finished_at), default=None)
    return None if first is None else there[first.run_id].model
