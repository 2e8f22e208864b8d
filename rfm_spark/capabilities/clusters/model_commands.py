"""`rfm-spark clusters`: models compared, checked, promoted and pinned."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.clusters.assign import assigned, crossed_models
from rfm_spark.capabilities.clusters.driver import Points
from rfm_spark.capabilities.clusters.identity import adjusted_rand
from rfm_spark.capabilities.clusters.model import ClusterModel
from rfm_spark.capabilities.clusters.segmentation import segmentation, why_replaced
from rfm_spark.capabilities.clusters.whole import WholeModel
from rfm_spark.capabilities.segments.tables import SEGMENTS
from rfm_spark.core.desk import Desk
from rfm_spark.core.errors import ConfigError, LakeError
from rfm_spark.core.runs import RunRow
from rfm_spark.core.session import persisted
from rfm_spark.core.table import ALL

Counts = Mapping[tuple[int, int], int]
_EXACT = ("cluster_id", "cluster_distance", "second_distance")


def compare_models(options: argparse.Namespace, desk: Desk) -> int:
    """Print who is where under two models, for the customers of one run."""
    known = segmentation(desk)
    pair = [known.models.get(version).model for version in (options.version, options.other)]
    run = desk.run(options.run, known.name)
    with persisted(_customers(desk, run, *pair)) as customers:
        if customers.isEmpty():
            raise ConfigError("clusters compare", [f"run {run.run_id} has no customers; name another one with --run"])
        first, second = (assigned(customers, model) for model in pair)
        counts = crossed_models(customers, *pair)
        print(f"The {sum(counts.values()):,} customers of run {run.run_id}")
        for letter, model, placed in (("A", pair[0], first), ("B", pair[1], second)):
            square = placed.agg(F.avg(F.col("cluster_distance") * F.col("cluster_distance"))).collect()[0][0]
            print(
                f"  {letter} {model.version}: mean squared distance {square:.4g} in its own space of "
                f"{', '.join(model.columns) or 'no features'}"
            )
    for part in pair[0].parts:
        _compare_part(desk, part, pair[1], counts)
    desk.heading("Clusters of B")
    sizes = {new: sum(n for (_, at), n in counts.items() if at == new) for new in pair[1].ids}
    of_parts = [one for part in pair[1].parts for one in _ids_and_names(part)]
    desk.table(("B", "name", "customers"), [[new, name, sizes[new]] for new, name in of_parts])
    nowhere = sum(n for ids, n in counts.items() if None in ids)
    if nowhere:
        print(f"{nowhere:,} customers are of scopes that A or B has no clusters for")
    differ = sum(n for (old, new), n in counts.items() if old != new) / sum(counts.values())
    print(f"\n{differ:.1%} of the customers have another cluster id under B")
    for part in pair[0].parts:
        others = _others(part, pair[1], counts)
        if others:
            told = _verdict(adjusted_rand(_crossed(part, others, counts)), part.ari_floor, *_floors(pair[1], others))
            print(told if part.scope == ALL else f"{part.scope}: {told}")
    return 0


def _compare_part(desk: Desk, part: ClusterModel, other: WholeModel, counts: Counts) -> None:
    others = _others(part, other, counts)
    of = "" if part.scope == ALL else f" of {part.scope}"
    desk.heading(f"Customers{of} by cluster of A (rows) and of B (columns)")
    table = _crossed(part, others, counts)
    rows = [[old, name, *map(int, table[at])] for at, (old, name) in enumerate(_ids_and_names(part))]
    desk.table(("A", "name", *(f"B {new}" for new in others)), rows)


def _others(part: ClusterModel, other: WholeModel, counts: Counts) -> list[int]:
    """Clusters of the other model that are of the same scope, or have customers of the part."""
    same = other.part(part.scope)
    met = {new for old, new in counts if old in part.ids}
    return [new for new in other.ids if new in met or (same is not None and new in same.ids)]


def _crossed(part: ClusterModel, others: Sequence[int], counts: Counts) -> Points:
    found: Points = np.array([[counts.get((old, new), 0) for new in others] for old in part.ids], dtype=np.float64)
    return found


def _floors(other: WholeModel, ids: Sequence[int]) -> list[float]:
    return [min(part.ari_floor for part in other.parts if set(part.ids) & set(ids))]


def _verdict(found: float, *floors: float) -> str:
    text = f"adjusted Rand index {found:.3f}; reseeding alone gives {floors[0]:.3f} for A and {floors[1]:.3f} for B: "
    if found >= min(floors):
        return text + "they differ no more than that"
    return text + "they differ by more than that"


def _ids_and_names(model: ClusterModel) -> list[tuple[int, str]]:
    return list(zip(model.ids, model.names, strict=True))


def _customers(desk: Desk, run: RunRow, *models: WholeModel) -> DataFrame:
    columns = sorted({column for model in models for column in model.reads})
    return desk.tables.of_runs(SEGMENTS.name, [run.run_id]).select("customer_id", *columns)


def rescore(options: argparse.Namespace, desk: Desk) -> int:
    """Assign a run's customers again, and print what differs from what was published.

    Raises:
        ConfigError: the run has no clusters.
        LakeError: something differs.
    """
    known = segmentation(desk)
    run = desk.run(options.run, known.name)
    if run.model_version is None:
        raise ConfigError("clusters rescore", [f"run {run.run_id} was published without clusters; name another one"])
    model = known.models.get(run.model_version).model
    segments = desk.tables.of_runs(SEGMENTS.name, [run.run_id])
    published = {f"published_{name}": F.col(name) for name in _EXACT}
    again = assigned(segments.select(*model.reads, *(c.alias(name) for name, c in published.items())), model)
    differ = [F.count_if(~F.col(name).eqNullSafe(F.col(f"published_{name}"))).alias(name) for name in _EXACT]
    found = again.agg(F.count(F.lit(1)).alias("customers"), *differ).collect()[0]
    text = ", ".join(f"{found[name]:,} {name}" for name in _EXACT)
    if any(found[name] for name in _EXACT):
        raise LakeError(
            f"run {run.run_id}: of {found['customers']:,} customers assigned again by model {model.version} differ "
            f"{text}; its rows were changed since, `rfm-spark run --as-of {run.as_of} --force` publishes them anew"
        )
    print(f"run {run.run_id}: {found['customers']:,} customers assigned again by model {model.version}")
    print(f"  different from what was published: {text}")
    return 0


def promote(options: argparse.Namespace, desk: Desk) -> int:
    """Make a model champion from an as-of date on.

    Raises:
        ConfigError: the date has been published, or another model is pinned.
    """
    known = segmentation(desk)
    model = known.usable(options.version)
    newest = known.complete[-1].as_of
    start = options.start or known.next_date
    if start <= newest:
        problem = f"{start} is not after {newest}, the newest published as-of date; take {known.next_date} or later"
        raise ConfigError("--from", [problem])
    pinned = known.pinned
    if pinned not in (None, model.version):
        problem = f"model {pinned} is pinned and would go on; free it first with `rfm-spark clusters unpin`"
        raise ConfigError("clusters promote", [problem])
    known.models.decide("promote", model.version, start, desk.now())
    print(f"{model.version} is champion of {known.name} from as-of date {start} on; no published run changes")
    why = why_replaced(known, model)
    if why:
        print(f"  but the next run trains a new model after it: {why}; pin it instead to use it as it is")
    return 0


def pin(options: argparse.Namespace, desk: Desk) -> int:
    """Let a model assign every later run."""
    known = segmentation(desk)
    model = known.usable(options.version)
    known.models.decide("pin", model.version, known.next_date, desk.now())
    print(
        f"{model.version} is pinned: from {known.next_date} on it assigns every run of {known.name}, until "
        "`rfm-spark clusters unpin`"
    )
    return 0


def unpin(options: argparse.Namespace, desk: Desk) -> int:
    """Let the champion assign again.

    Raises:
        ConfigError: no model is pinned.
    """
    known = segmentation(desk)
    pinned = known.pinned
    if pinned is None:
        raise ConfigError(
            "clusters unpin", [f"no model of {known.name} is pinned; `rfm-spark clusters list` shows them"]
        )
    known.models.decide("unpin", None, known.next_date, desk.now())
    champion = known.champion()
    after = "the next run trains one" if champion is None else f"{champion.model.version} is champion of the next run"
    print(f"{pinned} is no longer pinned; {after}")
    return 0
