"""How the number of clusters was decided: the sentence, the curves and the table of what was looked at."""

from __future__ import annotations

from dataclasses import dataclass

from rfm_spark.capabilities.clusters.choose import APART, STABLE, STRONG
from rfm_spark.capabilities.clusters.section.data import ModelFacts, ScanLine
from rfm_spark.report.curves import Point, curve
from rfm_spark.report.drawing import as_svg
from rfm_spark.report.figures import Figure
from rfm_spark.report.wording import Numbers

AXIS_TITLE = "Number of clusters, k"
COLUMNS = (
    "k",
    "Inertia",
    "Silhouette",
    "Prediction strength",
    "To be exceeded",
    "Least Jaccard",
    "Separation",
    "Smallest cluster",
    "Spread of restarts",
    "Stable",
    "Mark",
)
TERMS = {
    "Inertia": "Sum of the squared distances of all customers, each taken to be at their cell, to the centre of their "
    "cluster. It always falls with more clusters; the knee is where the curve bends most.",
    "Silhouette": "How much nearer customers are to their own cluster than to the next one: 1 is far apart, 0 is on "
    "the border, below 0 is nearer to another one. By squared Euclidean distance.",
    "Prediction strength": "Two halves of a sample are clustered, each by itself; the share of pairs of customers in "
    "the weakest cluster of one half whom the other half keeps together as well. It has to exceed what samples "
    "without any clusters reach.",
    "Jaccard similarity": "Customers in both of two clusters over customers in either: 1 is the same, 0 has none in "
    "common. The least Jaccard is that of the cluster that other samples find again worst.",
    "Separation": "How much better the two neighbouring clusters that are least apart are cut than one cloud without "
    "clusters would be, in standard deviations of what such clouds give.",
    "Adjusted Rand index": "How far two ways to divide the same customers agree: 1 is fully, 0 is as by chance.",
}


@dataclass(frozen=True)
class ScanRow:
    """One row of the table of the scan, in the order of COLUMNS."""

    cells: tuple[str, ...]
    chosen: bool


@dataclass(frozen=True)
class Verdict:
    """How k was decided, in a sentence, and whether it is a warning."""

    text: str
    warns: bool = False


def verdict(model: ModelFacts, say: Numbers, k_range: tuple[int, int] | None = None) -> Verdict | None:
    """How k was decided; None for a model of a version that did not note it.

    Args:
        model: with its scan.
        say: how numbers are written.
        k_range: numbers that were looked at to choose from, both ends included; the scan may hold the fallback besides.
    """
    k = say.count(model.k)
    if model.decided == "auto":
        return Verdict(_chosen(model, say))
    if model.decided == "fixed":
        return Verdict(f"The configuration fixes k = {k}; it was not chosen from the data.")
    if model.decided == "no_stable_k":
        low, high = k_range or (model.scan[0].k, model.scan[-1].k) if model.scan else (0, 0)
        seen = [line.k for line in model.scan if low <= line.k <= high]
        ends = f" from {say.count(seen[0])} to {say.count(seen[-1])}" if len(seen) > 1 else ""
        text = (
            f"No number of clusters{ends} is stable: either other samples of these customers give other clusters, or "
            f"one group is cut in two. So k = {k} (clusters.fallback_k) is a convention: these clusters are a handy "
            "way to divide the customers up, not groups that the data hold."
        )
        return Verdict(text, warns=True)
    if model.decided == "degenerate" and model.k == 1:
        return Verdict("There was nothing to choose: all customers are alike, so they are one cluster.", warns=True)
    if model.decided == "degenerate":
        text = f"There was nothing to choose: customers differ in only {k} ways, and each of these is a cluster."
        return Verdict(text, warns=True)
    return None


def scan_rows(model: ModelFacts, say: Numbers) -> list[ScanRow]:
    """The table of the scan."""
    return [ScanRow(_cells(line, say), line.chosen) for line in model.scan]


def legend(say: Numbers) -> str:
    """What makes a row of the table stable."""
    return (
        f"Stable: prediction strength is at least {say.decimal(STRONG, 2)} and above what is to be exceeded, the least "
        f"Jaccard is at least {say.decimal(STABLE, 2)} and separation at least {say.count(APART)}. A dash stands for "
        "what was not measured, as another condition failed before. The glossary explains these numbers."
    )


def scan_figures(model: ModelFacts, say: Numbers) -> list[Figure]:
    """Inertia and silhouette by k; none where a single k was looked at."""
    if len(model.scan) < 2:
        return []
    elbow = [Point(say.count(s.k), s.inertia, say.short(s.inertia), chosen=s.chosen, knee=s.knee) for s in model.scan]
    title = _elbow_title(model, say)
    found = [Figure(title, as_svg(curve(elbow, AXIS_TITLE, lean=9), "elbow", title), "Inertia by number of clusters.")]
    known = [(s, s.silhouette) for s in model.scan if s.silhouette is not None]
    if len(known) > 1:
        points = [Point(say.count(s.k), height, say.decimal(height, 2), chosen=s.chosen) for s, height in known]
        best, height = max(known, key=lambda one: one[1])
        title = f"Silhouette is highest at k = {say.count(best.k)} ({say.decimal(height, 2)})"
        svg = as_svg(curve(points, AXIS_TITLE), "silhouette", title)
        found.append(Figure(title, svg, "Silhouette by number of clusters."))
    return found


def _chosen(model: ModelFacts, say: Numbers) -> str:
    text = (
        f"k = {say.count(model.k)} was chosen from the data: it is the largest number of clusters that other samples "
        "of these customers give again"
    )
    if model.prediction_strength is None or model.null_strength is None:
        return f"{text}."
    parts = [
        f"Prediction strength is {say.decimal(model.prediction_strength, 3)}: at least {say.decimal(STRONG, 2)}, and "
        f"above {say.decimal(model.null_strength, 3)}, which customers without any clusters may reach"
    ]
    chosen = next((line for line in model.scan if line.chosen), None)
    if chosen is not None and chosen.jaccard_min is not None:
        limit = say.decimal(STABLE, 2)
        parts.append(f"the least Jaccard similarity is {say.decimal(chosen.jaccard_min, 3)}, at least {limit}")
    if chosen is not None and chosen.separation is not None:
        parts.append(f"separation is {say.decimal(chosen.separation, 1)}, at least {say.count(APART)}")
    return f"{text}. {'; '.join(parts)}."


def _elbow_title(model: ModelFacts, say: Numbers) -> str:
    knee = next((line.k for line in model.scan if line.knee), None)
    if knee is None:
        return f"Inertia falls with more clusters; the model has k = {say.count(model.k)}"
    if knee == model.k:
        return f"Inertia bends most at k = {say.count(knee)}, which the model has"
    return f"Inertia bends most at k = {say.count(knee)}; the model has k = {say.count(model.k)}"


def _cells(line: ScanLine, say: Numbers) -> tuple[str, ...]:
    marks = (("knee", line.knee), ("chosen", line.chosen))
    return (
        say.count(line.k),
        say.short(line.inertia),
        say.decimal(line.silhouette, 3),
        say.decimal(line.prediction_strength, 3),
        say.decimal(line.null_strength, 3),
        say.decimal(line.jaccard_min, 3),
        say.decimal(line.separation, 1),
        say.percent(line.smallest_share),
        say.percent(line.restart_spread),
        "–" if line.stable is None else "yes" if line.stable else "no",
        ", ".join(name for name, on in marks if on),
    )
