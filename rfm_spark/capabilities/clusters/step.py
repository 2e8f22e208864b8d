"""The steps of clusters: the champion assigns, or a new model is trained; a worse one is challenged; profiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from pyspark.sql import DataFrame

from rfm_spark.capabilities.clusters.artefacts import Clusters, KeptModels, PlannedModel, Profiles
from rfm_spark.capabilities.clusters.champion import planned_model
from rfm_spark.capabilities.clusters.config import MEASURED, ClustersConfig
from rfm_spark.capabilities.clusters.kept import Trained, trained
from rfm_spark.capabilities.clusters.model import definition_of
from rfm_spark.capabilities.clusters.models import CHALLENGER, Models
from rfm_spark.capabilities.clusters.profiles import cluster_profiles
from rfm_spark.capabilities.clusters.refit import REGRET, Check, check_whole
from rfm_spark.capabilities.clusters.scoping import Scoping, listed, scope_sizes
from rfm_spark.capabilities.clusters.tables import CLUSTER_LINEAGE, CLUSTER_MODELS, CLUSTER_PROFILES, CLUSTER_SCAN
from rfm_spark.capabilities.clusters.train import Stamp
from rfm_spark.capabilities.clusters.train_scopes import train_whole
from rfm_spark.capabilities.clusters.whole import WholeModel
from rfm_spark.capabilities.drift.artefacts import Distributions
from rfm_spark.capabilities.purchases.artefacts import Measures
from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.capabilities.segments.artefacts import CustomerCounts, CustomerRows, Segments, made_from
from rfm_spark.capabilities.segments.tables import SEGMENTS
from rfm_spark.core.config import Config
from rfm_spark.core.table import ALL, SCOPE_COLUMN
from rfm_spark.pipeline.artefact import Account
from rfm_spark.pipeline.environment import Environment
from rfm_spark.pipeline.step import step

# A challenger this young is not trained again every night.
_PATIENCE = timedelta(days=30)


@dataclass(frozen=True)
class ClusterSettings:
    """How customers are clustered.

    Attributes:
        clusters: features, number of clusters.
        definition: hash of what a model is trained for.
        smallest_scope: customers that a scope needs for clusters of its own; None where nothing parts customers.
    """

    clusters: ClustersConfig
    definition: str
    smallest_scope: int | None = None

    @classmethod
    def of(cls, config: Config) -> ClusterSettings | None:
        """As configured; None where clusters are off."""
        clusters, rfm = config.part(ClustersConfig), config.part(RfmConfig)
        smallest = rfm.smallest_scope if rfm.scope else None
        return (
            cls(clusters, definition_of(clusters, rfm, made_from(config.stored())), smallest)
            if clusters.enabled
            else None
        )


@dataclass(frozen=True)
class AmountSettings:
    """Whether amounts of all customers may be compared.

    Attributes:
        apart: whether scopes have amounts of different currencies.
    """

    apart: bool

    @classmethod
    def of(cls, config: Config) -> AmountSettings:
        """As configured."""
        return cls(config.part(RfmConfig).amounts_apart)


@step(
    "Clusters", "models of several sizes are fitted on samples and compared",
    reads=(CLUSTER_MODELS, SEGMENTS), writes=(CLUSTER_SCAN,), takes_long=True,
)  # fmt: skip
def cluster(
    environment: Environment, measures: Measures, rows: CustomerRows, plan: PlannedModel, settings: ClusterSettings,
    amounts: AmountSettings,
) -> Clusters:  # fmt: skip
    """Which customers are alike, and does the model that said so still fit?"""
    if not measures.buyers:
        return Clusters()
    customers = _customers(environment, measures, rows, settings, plan)
    scoping, champion = _scoping(customers, settings, amounts, plan), plan.champion
    sizes = None if scoping is None else scoping.sizes
    checks = () if champion is None else check_whole(customers, champion, sizes, settings.clusters.seed)
    is_known = champion is not None and champion.definition == settings.definition
    made, challenger, model, warnings = None, None, champion, list[str]()
    if plan.trains:
        labels = _labels_before(environment, plan.parent)
        stamp = _stamp(environment, environment.run.run_id, plan, settings)
        training = train_whole(customers, settings.clusters, stamp, _parting(scoping, settings), plan.parent, labels)
        made, model, warnings = trained(training), training.model, list(training.warnings)
    elif champion is not None:
        challenger, warnings = _challenge(environment, customers, plan, checks, settings, scoping)
        warnings += [] if scoping is None else scoping.warnings(champion)
    scan = (made or challenger or Trained(())).scan
    if scan:
        environment.write(CLUSTER_SCAN, scan)
    if model is None:
        return Clusters(account=Account(warnings=tuple(warnings)))
    return Clusters(
        account=Account(warnings=tuple(warnings), facts={"model_version": model.version}, dealt_with=model.k),
        models=tuple(part.as_row() for part in model.parts), training=made, checks=checks, is_known=is_known,
        challenger=challenger,
    )  # fmt: skip


@step("Profiles of clusters", "clusters are described", writes=(CLUSTER_PROFILES,))
def profile(
    environment: Environment, clusters: Clusters, segments: Segments, counts: CustomerCounts, amounts: AmountSettings
) -> Profiles:
    """What are the customers of each cluster like?"""
    model = clusters.assigns
    if model is None:
        return Profiles()
    rows = cluster_profiles(segments.customers, counts.made, model, apart=amounts.apart)
    environment.write(CLUSTER_PROFILES, rows)
    return Profiles(account=Account(dealt_with=len(rows)))


@step("Models kept", "models that were trained are written", writes=(CLUSTER_MODELS, CLUSTER_LINEAGE), lasts=False)
def keep_models(environment: Environment, clusters: Clusters, distributions: Distributions) -> KeptModels:
    """Which models did the run train, and how were their customers spread?"""
    kept = [one for one in (clusters.training, clusters.challenger) if one is not None]
    spread = {ALL: distributions.found, **distributions.of_scopes}
    references = {
        scope: [
            {"feature": d.feature, "cells": list(d.cells), "counts": list(d.counts), "missing": d.missing}
            for d in mine
            if not d.is_category
        ]
        for scope, mine in spread.items()
    }
    for one in kept:
        _keep(environment, one.with_references(references), environment.run.as_of)
    return KeptModels(account=Account(dealt_with=len(kept) or None))


def _keep(environment: Environment, one: Trained, as_of: date) -> None:
    environment.delete_rows(CLUSTER_MODELS, {"model_version": one.version})
    environment.delete_rows(CLUSTER_LINEAGE, {"model_version": one.version})
    models = [{**model, "trained_as_of": as_of} for model in one.models]
    environment.insert_new(CLUSTER_MODELS, models, keys=("model_version", SCOPE_COLUMN))
    if one.lineage:
        environment.insert_new(CLUSTER_LINEAGE, one.lineage, keys=("model_version", "event", "old_ids", "new_ids"))


def _challenge(
    environment: Environment, customers: DataFrame, plan: PlannedModel, checks: Sequence[Check],
    settings: ClusterSettings, scoping: Scoping | None,
) -> tuple[Trained | None, list[str]]:  # fmt: skip
    champion, run = plan.champion, environment.run
    beaten = sorted((check for check in checks if check.regret >= REGRET), key=lambda check: -check.regret)
    if champion is None or not beaten:
        return None, []
    which = "the pinned model" if plan.pinned else "model"
    where = listed([check.scope for check in beaten if check.scope != ALL])
    said = (
        f"clusters: a refit of {which} {champion.version}, with as many clusters, would lie {beaten[0].regret:.1%} "
        f"closer to today's customers{f' (of {where})' if where else ''}"
    )
    if plan.pinned:
        return None, [said]
    waiting = _waiting(environment, champion)
    if waiting:
        return None, [f"{said}; {waiting[-1]} waits to be promoted"]
    stamp = _stamp(environment, f"{run.run_id}{CHALLENGER}", plan, settings)
    labels = _labels_before(environment, champion)
    found = train_whole(customers, settings.clusters, stamp, _parting(scoping, settings), champion, labels)
    if found.model is None:
        return None, [said]
    sentence = (
        f"{said}; {stamp.version} was trained, k = {found.model.k} ({champion.k} before): `rfm-spark clusters compare "
        f"{champion.version} {stamp.version}`, then `rfm-spark clusters promote`"
    )
    return trained(found), [sentence]


def _waiting(environment: Environment, champion: WholeModel) -> list[str]:
    """Young challengers of a champion that published runs trained."""
    run = environment.run
    published = {complete.run_id for complete in run.published if complete.config_name == run.config_name}
    return [
        model.version
        for model in Models(environment, run.config_name).all()
        if model.parent_version == champion.version
        and model.version.endswith(CHALLENGER)
        and model.trained_as_of is not None
        and run.as_of - _PATIENCE < model.trained_as_of <= run.as_of
        and model.trained_on in published
    ]


def _customers(
    environment: Environment, measures: Measures, rows: CustomerRows, settings: ClusterSettings, plan: PlannedModel
) -> DataFrame:
    models = [model for model in (plan.parent, plan.champion) if model is not None]
    columns = set(settings.clusters.columns).union(*(model.columns for model in models))
    if columns <= set(MEASURED):
        return measures.purchased
    if settings.smallest_scope is not None or any(model.is_parted for model in models):
        columns.add(SCOPE_COLUMN)
    # Standings take joins and lookups: made once for all that training reads them for.
    return environment.frames.hold(rows.made.select("customer_id", *sorted(columns)), measures.count)


def _scoping(
    customers: DataFrame, settings: ClusterSettings, amounts: AmountSettings, plan: PlannedModel
) -> Scoping | None:
    """Scopes of today's customers, where they part these, or the model in use."""
    parted = plan.champion is not None and plan.champion.is_parted
    if settings.smallest_scope is None and not parted:
        return None
    return Scoping(scope_sizes(customers), settings.smallest_scope or 1, amounts.apart)


def _parting(scoping: Scoping | None, settings: ClusterSettings) -> Scoping | None:
    """What parts a new model."""
    return None if settings.smallest_scope is None else scoping


def _labels_before(environment: Environment, parent: WholeModel | None) -> DataFrame | None:
    previous = environment.run.previous
    # Labels of another model may have other ids, and tell nothing of who was in the parent's clusters.
    if parent is None or previous is None or previous.model_version != parent.version:
        return None
    return environment.of_runs(SEGMENTS.name, [previous.run_id]).select("customer_id", "cluster_id")


def _stamp(environment: Environment, version: str, plan: PlannedModel, settings: ClusterSettings) -> Stamp:
    run = environment.run
    return Stamp(version, run.config_name, run.run_id, run.as_of.isoformat(), plan.last_id, settings.definition)


PREPARES = (planned_model,)
PREPARED = (PlannedModel,)
STEPS = (cluster, profile, keep_models)
