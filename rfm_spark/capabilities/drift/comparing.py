"""Figures of drift against an earlier run: columns, volumes, moves, stability of clusters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rfm_spark.capabilities.clusters.artefacts import Models, WholeModel
from rfm_spark.capabilities.drift.clusters import stability_figures
from rfm_spark.capabilities.drift.distributions import Distribution, by_scope
from rfm_spark.capabilities.drift.figures import PREVIOUS, Figure, column_figures, volume_figure
from rfm_spark.capabilities.drift.psi import NONE
from rfm_spark.capabilities.drift.tables import DISTRIBUTIONS
from rfm_spark.capabilities.drift.verdict import CLUSTER_SHARES
from rfm_spark.capabilities.movement.artefacts import Flapping
from rfm_spark.core.access import TableWriter
from rfm_spark.core.runs import RunDetails
from rfm_spark.core.table import ALL

# So few of a scope may be elsewhere the next day without anything having happened.
_FEW = 10


def compare_columns(
    lake: TableWriter,
    previous: RunDetails,
    today: Mapping[str, Distribution],
    *,
    same_model: bool,
    same_definition: bool,
) -> list[Figure]:
    """Figures of columns and volumes against an earlier run; none where that run kept no distributions.

    Where rules, scoring, windows or the mapping changed, columns differ by that: only customers are counted.
    """
    if not same_definition:
        figures = [Figure("definition", "all", PREVIOUS, None, detail="rules, scoring, windows or the mapping changed")]
        if "customers" in previous.rows:
            figures.append(volume_figure("customers", previous.rows["customers"], today["frequency"].customers))
        return figures
    before = by_scope(lake.rows(DISTRIBUTIONS.name, run_id=previous.run_id)).get(ALL, {})
    if not same_model:
        # Other models' clusters are others, even where their ids live on.
        before.pop(CLUSTER_SHARES, None)
    figures = column_figures(before, today, PREVIOUS)
    figures += [
        volume_figure(name, previous.rows[name], now) for name, now in _volumes(today).items() if name in previous.rows
    ]
    return figures


def compare_scopes(
    lake: TableWriter,
    previous: RunDetails,
    today: Mapping[str, Mapping[str, Distribution]],
    *,
    same_model: bool,
    same_definition: bool,
) -> list[Figure]:
    """Figures of columns and volumes of each scope against an earlier run.

    Args:
        lake: reads distributions.
        previous: the run before.
        today: by scope and column.
        same_model: whether clusters are the same.
        same_definition: whether segments, and scopes, mean the same; else nothing is compared.
    """
    if not same_definition:
        return []
    before = by_scope(lake.rows(DISTRIBUTIONS.name, run_id=previous.run_id))
    figures: list[Figure] = []
    for scope in sorted({*today, *before} - {ALL}):
        was, now = before.get(scope, {}), today.get(scope, {})
        if not was:
            # Somebody opened a market: news, and no drift of what was there.
            told = [Figure("volume", "customers", PREVIOUS, None, detail="a scope that was not there before")]
        elif not now:
            told = [_emptied(_volumes(was)["customers"])]
        else:
            kept = {name: one for name, one in was.items() if same_model or name != CLUSTER_SHARES}
            counts = _volumes(was)
            told = column_figures(kept, now, PREVIOUS)
            told += [volume_figure(name, counts[name], count) for name, count in _volumes(now).items()]
        figures += [replace(figure, scope=scope) for figure in told]
    return figures


def _emptied(customers: int) -> Figure:
    figure = volume_figure("customers", customers, 0)
    return figure if customers > _FEW else replace(figure, severity=NONE)


def movement_figures(moves: Flapping) -> list[Figure]:
    """How many moved, and how many of these just came back: the noise that cuts a few days apart make."""
    if not moves.both:
        return []
    shares = {
        "moved": (moves.moved, "share of customers whose segment differs"),
        "flapping": (moves.returned, "share of customers who are back in the segment they left a run ago"),
        "confirmed_moved": (moves.confirmed_moved, "share of customers whose confirmed_segment differs"),
    }
    return [
        Figure(metric, "segment", PREVIOUS, count / moves.both, detail=words)
        for metric, (count, words) in shares.items()
    ]


def cluster_stability(
    lake: TableWriter, config_name: str, model: WholeModel | None, previous: RunDetails, moves: Flapping
) -> list[Figure]:
    """How many customers stayed in their cluster, and which clusters came and went.

    Args:
        lake: reads models.
        config_name: segmentation.
        model: that assigns customers now.
        previous: the run before.
        moves: between the two.
    """
    if model is None or previous.model_version is None or not moves.clustered:
        return []
    before = model
    if previous.model_version != model.version:
        found = Models(lake, config_name).find(previous.model_version)
        if found is None:
            return []
        before = found.model
    return stability_figures((before.ids, model.ids), (before.names, model.names), moves.kept_cluster, moves.clustered)


def _volumes(today: Mapping[str, Distribution]) -> dict[str, int]:
    frequency = today["frequency"]
    return {"customers": frequency.customers, "customers.active": frequency.present - frequency.zeros}
