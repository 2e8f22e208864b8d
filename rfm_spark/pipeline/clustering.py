"""The clusters stage: the champion assigns today's customers, or a new model is trained; a worse one is challenged."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pyspark.sql import DataFrame

from rfm_spark.capabilities.clusters.choose import ScanRow
from rfm_spark.capabilities.clusters.config import MEASURED, ClustersConfig
from rfm_spark.capabilities.clusters.model import ClusterModel, definition_of
from rfm_spark.capabilities.clusters.models import CHALLENGER, Models
from rfm_spark.capabilities.clusters.profiles import cluster_profiles
from rfm_spark.capabilities.clusters.refit import REGRET, check_champion
from rfm_spark.capabilities.clusters.tables import CLUSTER_LINEAGE, CLUSTER_MODELS, CLUSTER_PROFILES, CLUSTER_SCAN
from rfm_spark.capabilities.clusters.train import Stamp, Training, train
from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.capabilities.segments.tables import SEGMENTS
from rfm_spark.lake.ledger import Ledger
from rfm_spark.pipeline.context import RunContext
from rfm_spark.pipeline.writing import Content

# A challenger this young is not trained again every night.
_PATIENCE = timedelta(days=30)


def cluster(run: RunContext) -> int | None:
    """Fill `model`, and `training` where one was trained."""
    if not run.config.part(ClustersConfig).enabled or not run.rows["customers"]:
        return None
    plan = run.planned_model
    customers = _customers(run, plan.parent, plan.champion)
    if plan.champion is not None and plan.champion.space.features:
        run.champion_check = check_champion(customers, plan.champion, run.config.part(ClustersConfig).seed)
    if plan.trains:
        run.training = train(
            customers,
            run.config.part(ClustersConfig),
            _stamp(run, run.run_id),
            plan.parent,
            _labels_before(run, plan.parent),
        )
        run.model = run.training.model
        run.warnings += run.training.warnings
    else:
        run.model = plan.champion
        _challenge(run, customers)
    return None if run.model is None else run.model.k


def keep_model(run: RunContext) -> None:
    """Write what was trained: the model, its scan and its lineage, and a challenger's."""
    for training in (run.training, run.challenger):
        if training is None:
            continue
        run.store.forget(CLUSTER_MODELS, "model_version", training.model.version)
        run.store.forget(CLUSTER_LINEAGE, "model_version", training.model.version)
        row = {**training.model.as_row(), "trained_as_of": run.as_of}
        run.store.insert_new(CLUSTER_MODELS, [row], keys=("model_version",))
        events = [_event_row(training, at) for at in range(len(training.lineage))]
        if events:
            run.store.insert_new(CLUSTER_LINEAGE, events, keys=("model_version", "event", "old_ids", "new_ids"))


def scan_rows(run: RunContext) -> dict[str, Content]:
    """Table `cluster_scan` of this run, where k was looked at."""
    training = run.training or run.challenger
    if training is None or not training.scan:
        return {}
    return {CLUSTER_SCAN.name: [_scan_row(row) for row in training.scan]}


def profile_rows(run: RunContext, segments: DataFrame) -> dict[str, Content]:
    """Table `cluster_profiles` of this run."""
    if run.model is None:
        return {}
    return {CLUSTER_PROFILES.name: cluster_profiles(segments, run.model)}


def _challenge(run: RunContext, customers: DataFrame) -> None:
    champion, config, check = run.planned_model.champion, run.config.part(ClustersConfig), run.champion_check
    if champion is None or check is None or check.regret < REGRET:
        return
    which = "the pinned model" if run.planned_model.pinned else "model"
    said = (
        f"clusters: a refit of {which} {champion.version}, with as many clusters, would lie {check.regret:.1%} closer "
        "to today's customers"
    )
    if run.planned_model.pinned:
        run.warnings.append(said)
        return
    published = {complete.run_id for complete in Ledger(run.store).complete(run.config.name)}
    waiting = [
        model.version
        for model in Models(run.store, run.config.name).all()
        if model.parent_version == champion.version
        and model.version.endswith(CHALLENGER)
        and model.trained_as_of is not None
        and run.as_of - _PATIENCE < model.trained_as_of <= run.as_of
        and model.trained_on in published
    ]
    if waiting:
        run.warnings.append(f"{said}; {waiting[-1]} waits to be promoted")
        return
    stamp = _stamp(run, f"{run.run_id}{CHALLENGER}")
    run.challenger = train(customers, config, stamp, champion, _labels_before(run, champion))
    run.warnings.append(
        f"{said}; {stamp.version} was trained, k = {run.challenger.model.k} ({champion.k} before): `rfm-spark clusters "
        f"compare {champion.version} {stamp.version}`, then `rfm-spark clusters promote`"
    )


def _customers(run: RunContext, *models: ClusterModel | None) -> DataFrame:
    columns = set(run.config.part(ClustersConfig).columns).union(
        *(model.space.columns for model in models if model is not None)
    )
    if columns <= set(MEASURED):
        return run.known_measures
    if run.scored is None:
        raise RuntimeError("a stage ran before the one whose frame it needs")
    # Standings take joins and lookups: made once for all that training reads them for.
    return run.hold(run.scored.select("customer_id", *sorted(columns)))


def _labels_before(run: RunContext, parent: ClusterModel | None) -> DataFrame | None:
    previous = run.previous
    # Labels of another model may have other ids, and tell nothing of who was in the parent's clusters.
    if parent is None or previous is None or previous.model_version != parent.version:
        return None
    return run.of_run(SEGMENTS.name, previous.run_id).select("customer_id", "cluster_id")


def _stamp(run: RunContext, version: str) -> Stamp:
    definition = definition_of(run.config.part(ClustersConfig), run.config.part(RfmConfig))
    return Stamp(version, run.config.name, run.run_id, run.as_of.isoformat(), run.planned_model.last_id, definition)


def _scan_row(row: ScanRow) -> dict[str, Any]:
    return {
        "k": row.k,
        "inertia": row.inertia,
        "silhouette": row.silhouette,
        "prediction_strength": row.prediction_strength,
        "null_strength": row.null_strength,
        "jaccard_mean": sum(row.jaccard) / len(row.jaccard),
        "jaccard_min": min(row.jaccard),
        "smallest_share": row.smallest_share,
        "chosen": row.chosen,
        "restart_spread": row.restart_spread,
        "knee": row.knee,
        "separation": row.separation,
        "stable": row.is_stable,
    }


def _event_row(training: Training, at: int) -> dict[str, Any]:
    event = training.lineage[at]
    return {
        "model_version": training.model.version,
        "parent_version": training.model.parent_version,
        "event": event.event,
        "old_ids": list(event.old_ids),
        "new_ids": list(event.new_ids),
        "overlap": event.overlap,
    }
