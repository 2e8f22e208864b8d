"""Figures of drift against an earlier run: columns, volumes, moves, stability of clusters."""

from __future__ import annotations

from collections.abc import Mapping

from rfm_spark.capabilities.clusters.artefacts import ClusterModel, Models
from rfm_spark.capabilities.drift.clusters import stability_figures
from rfm_spark.capabilities.drift.distributions import Distribution, from_rows
from rfm_spark.capabilities.drift.figures import PREVIOUS, Figure, column_figures, volume_figure
from rfm_spark.capabilities.drift.tables import DISTRIBUTIONS
from rfm_spark.capabilities.drift.verdict import CLUSTER_SHARES
from rfm_spark.capabilities.movement.artefacts import Flapping
from rfm_spark.core.access import TableWriter
from rfm_spark.core.runs import RunDetails


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
    before = from_rows(lake.rows(DISTRIBUTIONS.name, run_id=previous.run_id))
    if not same_model:
        # Other models' clusters are others, even where their ids live on.
        before.pop(CLUSTER_SHARES, None)
    figures = column_figures(before, today, PREVIOUS)
    figures += [
        volume_figure(name, previous.rows[name], now) for name, now in _volumes(today).items() if name in previous.rows
    ]
    return figures


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
    lake: TableWriter, config_name: str, model: ClusterModel | None, previous: RunDetails, moves: Flapping
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
        before = ClusterModel.from_row(found.row)
    return stability_figures((before.ids, model.ids), (before.names, model.names), moves.kept_cluster, moves.clustered)


def _volumes(today: Mapping[str, Distribution]) -> dict[str, int]:
    frequency = today["frequency"]
    return {"customers": frequency.customers, "customers.active": frequency.present - frequency.zeros}
