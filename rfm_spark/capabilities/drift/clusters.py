"""Drift of clusters: their shares, the borders between them, and each of them by itself."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot

from scipy import special

from rfm_spark.capabilities.clusters.artefacts import Check, ClusterModel, Event
from rfm_spark.capabilities.drift.figures import TRAINING, Figure, share_figure
from rfm_spark.capabilities.drift.psi import MAJOR, MODERATE, NONE

_MAJOR_REGRET = 0.10
WIDER, MUCH_WIDER = 1.25, 2.0
# One-sided, of a cluster being wider than in training.
_SURE = float(special.ndtri(1 - 0.001))


def cluster_figures(champion: ClusterModel, check: Check) -> list[Figure]:
    """Figures of the champion on today's customers, against its training.

    Args:
        champion: the model in use.
        check: of `clusters.refit`.
    """
    figures = []
    if champion.sizes:
        before = {str(cluster): n for cluster, n in zip(champion.ids, champion.sizes, strict=True)}
        now = {str(cluster): n for cluster, n in zip(champion.ids, check.sizes, strict=True)}
        figures.append(share_figure("cluster_id", before, now, TRAINING))
    figures += _borders(champion, check)
    for at, cluster in enumerate(champion.ids):
        figures += _one_cluster(champion, check, at, str(cluster))
    figures += [_event(event) for event in check.events if event.event != "survived"]
    return figures


def _borders(champion: ClusterModel, check: Check) -> list[Figure]:
    """Other borders need both: a refit that fits clearly better, and customers it puts elsewhere than chance does.

    Chance is other seeds (of the training) and other customers of the same kind (of today).
    """
    floor = min(champion.ari_floor, check.ari_by_chance)
    moved = check.is_beaten and check.ari < floor
    severe = MAJOR if check.regret >= _MAJOR_REGRET else MODERATE
    severity = severe if moved else NONE
    return [
        Figure("regret", "all", TRAINING, check.regret, check.regret_limit, severity,
               detail=f"a refit lies {check.regret:.1%} closer to today's customers"),
        Figure("ari", "all", TRAINING, check.ari, floor, severity,
               detail=f"agreement with a refit; other seeds or samples alone give {floor:.3f}"),
    ]  # fmt: skip


def _one_cluster(champion: ClusterModel, check: Check, at: int, subject: str) -> list[Figure]:
    trained = champion.spread[at] if at < len(champion.spread) else 0.0
    figures = []
    if trained > 0 and check.sizes[at] > 0:
        ratio = check.spread[at] / trained
        # The training's own error, at the same variance of distances.
        error = check.spread_error[at] / trained
        size = champion.sizes[at] if champion.sizes else check.sizes[at]
        spread_of_ratio = hypot(error, error * (check.sizes[at] / max(size, 1)) ** 0.5)
        sure = ratio - 1 > _SURE * spread_of_ratio
        severity = NONE
        if sure and ratio > WIDER:
            severity = MAJOR if ratio > MUCH_WIDER else MODERATE
        detail = f"{champion.names[at]}: mean squared distance to its centre over that of the training"
        figures.append(Figure("spread", subject, TRAINING, ratio, WIDER, severity, detail=detail))
    shift = f"{champion.names[at]}: its customers' mean from its centre, in standard deviations"
    figures.append(Figure("centre_shift", subject, TRAINING, check.shift[at], detail=shift))
    return figures


def _event(event: Event) -> Figure:
    subject = ", ".join(str(cluster) for cluster in event.old_ids or event.new_ids)
    into = "" if not event.old_ids or not event.new_ids else f" into {', '.join(map(str, event.new_ids))}"
    words = {"split": "would split", "absorbed": "would be absorbed", "disappeared": "would disappear"}
    verb = words.get(event.event, "would emerge")
    return Figure(event.event, subject, TRAINING, event.overlap, detail=f"in a refit cluster {subject} {verb}{into}")


def stability_figures(
    ids: tuple[Sequence[int], Sequence[int]], names: tuple[Sequence[str], Sequence[str]], kept: int, both: int
) -> list[Figure]:
    """How far ids, names and members held since the previous run.

    Args:
        ids: of the clusters before and now.
        names: likewise.
        kept: customers of both runs who kept their cluster id.
        both: customers of both runs that have clusters.
    """
    shares = {
        "ids_held": _held(*ids),
        "names_held": _held(*names),
        "members_held": kept / both if both else None,
    }
    return [
        Figure(metric, "clusters", "previous", share, detail="share of the previous run's that is the same now")
        for metric, share in shares.items()
    ]


def _held(before: Sequence[object], now: Sequence[object]) -> float | None:
    return len(set(before) & set(now)) / len(set(before)) if before else None
