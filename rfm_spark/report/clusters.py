"""The clusters of a run: what they are like, who is in them, and what is known of the model behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rfm_spark.report import figures, scans
from rfm_spark.report.cluster_data import FeatureValues, ModelFacts
from rfm_spark.report.colours import category, diverging, text_on
from rfm_spark.report.data import ClusterProfile, ReportData
from rfm_spark.report.figures import Figure
from rfm_spark.report.lineage import Lineage, lineage_part
from rfm_spark.report.lines import Line, profile_cells
from rfm_spark.report.scans import ScanRow, Verdict
from rfm_spark.report.wording import Numbers, day

TOP_SEGMENTS = 3
_CENTS_BELOW = 100
_FEATURES = {
    "recency_days": "Days since purchase",
    "frequency": "Purchases",
    "monetary": "Spend",
    "tenure_days": "Days since first purchase",
    "rfm_weighted": "Weighted score",
    **{
        f"{letter}_{standing}": f"{measure} {words}"
        for letter, measure in (("r", "Recency"), ("f", "Frequency"), ("m", "Monetary value"))
        for standing, words in (("pct", "percentile"), ("z", "z-score"), ("score", "score"))
    },
}
_ORIGINS = {
    "champion": "the centres of the model before",
    "mllib": "Spark MLlib (k-means||)",
    "driver": "k-means++ on the driver",
}


@dataclass(frozen=True)
class FeatureCell:
    """One feature of one cluster, ready to print, on the colour of its z."""

    z: str
    mean: str
    spread: str
    fill: str
    ink: str


@dataclass(frozen=True)
class FeatureLine:
    """The features of one cluster, in the order of the titles; None where the cluster lacks one."""

    label: str
    colour: str
    cells: tuple[FeatureCell | None, ...]


@dataclass(frozen=True)
class MemberLine:
    """Who is in a cluster: rule segments with their shares, and typical customers."""

    label: str
    colour: str
    segments: tuple[str, ...]
    medoids: tuple[str, ...]


@dataclass(frozen=True)
class FeatureTable:
    """Values of each feature by cluster."""

    title: str
    heads: tuple[str, ...]
    lines: tuple[FeatureLine, ...]


@dataclass(frozen=True)
class MemberTable:
    """Who is in each cluster."""

    title: str
    lines: tuple[MemberLine, ...]


@dataclass(frozen=True)
class ModelPart:
    """The model: where it comes from, how its k was decided, and what became of the clusters before."""

    verdict: Verdict | None
    kept: str
    curves: list[Figure]
    scan: list[ScanRow]
    facts: Mapping[str, str]
    lineage: Lineage | None
    legend: str
    heads: tuple[str, ...] = scans.COLUMNS


@dataclass(frozen=True)
class ClustersPart:
    """The section on clusters; what the run or the lake does not have is None or empty."""

    on: bool
    k: str = ""
    figure: Figure | None = None
    lines: list[Line] = field(default_factory=list)
    empty: str = ""
    features: FeatureTable | None = None
    members: MemberTable | None = None
    model: ModelPart | None = None
    terms: Mapping[str, str] = field(default_factory=dict)


def clusters_part(data: ReportData, say: Numbers) -> ClustersPart:
    """All the section on clusters shows.

    Args:
        data: of the run.
        say: how numbers are written.
    """
    on = bool(data.settings.get("clusters", {}).get("enabled"))
    if not data.clusters:
        return ClustersPart(on)
    model = data.model
    return ClustersPart(
        on=on,
        k=say.count(len(data.clusters) if model is None else model.k),
        figure=figures.clusters_figure(data, say),
        lines=[
            Line(row.name, _number(row), category(at), profile_cells(data, row, say), row.note)
            for at, row in enumerate(data.clusters)
        ],
        empty=_without_customers(data),
        features=_feature_table(data, say),
        members=_member_table(data, say),
        model=None if model is None else _model_part(data, model, say),
        terms={} if model is None else scans.TERMS,
    )


def _number(row: ClusterProfile) -> str:
    return "" if row.cluster_id is None else f"Cluster {row.cluster_id}"


def _without_customers(data: ReportData) -> str:
    there = {row.cluster_id for row in data.clusters}
    if data.model is None or None in there:
        return ""
    gone = [f"{number} “{name}”" for number, name in sorted(data.model.names.items()) if number not in there]
    if not gone:
        return ""
    return f"Without customers in this run: cluster{'' if len(gone) == 1 else 's'} {', '.join(gone)}."


def _feature_table(data: ReportData, say: Numbers) -> FeatureTable | None:
    columns = list(dict.fromkeys(one.feature for row in data.clusters for one in row.features))
    if not columns:
        return None
    lines = []
    for at, row in enumerate(data.clusters):
        values = {one.feature: _cell(one, say) for one in row.features}
        lines.append(FeatureLine(row.name, category(at), tuple(values.get(column) for column in columns)))
    return FeatureTable(_standout(data, say), tuple(_feature_title(column) for column in columns), tuple(lines))


def _cell(values: FeatureValues, say: Numbers) -> FeatureCell:
    money = values.feature == "monetary"
    digits = 2 if values.feature.endswith("_z") or values.feature == "rfm_weighted" else 1

    def short(value: float | None) -> str:
        if money:
            return say.money(value) if value is None or abs(value) < _CENTS_BELOW else say.whole_money(value)
        return say.decimal(value, 0 if value is not None and value.is_integer() else digits)

    fill = diverging(values.z or 0.0)
    return FeatureCell(
        z=say.signed(values.z, 2),
        mean=say.money(values.mean) if money else say.decimal(values.mean, digits),
        spread=" · ".join(short(value) for value in (values.q1, values.median, values.q3)),
        fill=fill,
        ink=text_on(fill),
    )


def _standout(data: ReportData, say: Numbers) -> str:
    found = [(row, one, one.z) for row in data.clusters for one in row.features if one.z is not None]
    if not found or len(data.clusters) == 1:
        return "The values of each feature"
    row, feature, z = max(found, key=lambda one: abs(one[2]))
    side = "above" if z > 0 else "below"
    return (
        f"Cluster “{row.name}” stands out most: in {_feature_title(feature.feature).lower()}, "
        f"{say.decimal(abs(z), 1)} standard deviations {side} all customers"
    )


def _feature_title(column: str) -> str:
    return _FEATURES.get(column, column.replace("_", " ").capitalize())


def _member_table(data: ReportData, say: Numbers) -> MemberTable | None:
    if not any(row.segments or row.medoids for row in data.clusters):
        return None
    lines = tuple(
        MemberLine(row.name, category(at), _top_segments(data, row, say), row.medoids)
        for at, row in enumerate(data.clusters)
    )
    return MemberTable(_closest(data, say), lines)


def _top_segments(data: ReportData, row: ClusterProfile, say: Numbers) -> tuple[str, ...]:
    ordered = _largest_first(row)
    total = sum(row.segments.values())
    # One more name takes no more room than the words that would stand for it.
    shown = ordered if len(ordered) == TOP_SEGMENTS + 1 else ordered[:TOP_SEGMENTS]
    told = [f"{data.label(name)} {say.percent(count / total)}" for name, count in shown]
    rest = total - sum(count for _, count in shown)
    if rest:
        told.append(f"{say.count(len(ordered) - len(shown))} others {say.percent(rest / total)}")
    return tuple(told)


def _largest_first(row: ClusterProfile) -> list[tuple[str, int]]:
    return sorted(((n, c) for n, c in row.segments.items() if c), key=lambda one: (-one[1], one[0]))


def _closest(data: ReportData, say: Numbers) -> str:
    found = [(count / row.customers, row, name) for row in data.clusters for name, count in _largest_first(row)]
    if not found or len(data.clusters) == 1:
        return "Who is in them"
    share, row, name = max(found, key=lambda one: (one[0], one[1].customers))
    if share == 1:
        return f"Everyone in cluster “{row.name}” is in the segment {data.label(name)}"
    return f"{say.percent(share, 0)} of cluster “{row.name}” are in the segment {data.label(name)}"


def _model_part(data: ReportData, model: ModelFacts, say: Numbers) -> ModelPart:
    return ModelPart(
        verdict=scans.verdict(model, say, _looked_at(data)),
        kept=_kept(data, model),
        curves=scans.scan_figures(model, say),
        scan=scans.scan_rows(model, say),
        facts=_facts(model, say),
        lineage=lineage_part(model, say),
        legend=scans.legend(say),
    )


def _looked_at(data: ReportData) -> tuple[int, int] | None:
    ends = data.settings.get("clusters", {}).get("k_range")
    return (int(ends[0]), int(ends[1])) if ends else None


def _kept(data: ReportData, model: ModelFacts) -> str:
    """Since when the model stands, if another run trained it."""
    if model.trained_on in (None, data.run.run_id):
        return ""
    since = (
        f"on the customers as of {day(model.trained_as_of)}" if model.trained_as_of else f"by run {model.trained_on}"
    )
    told = "; how its k was found, below, is from then" if model.scan else ""
    return f"This run trained no model for its clusters: it kept the one trained {since}{told}."


def _facts(model: ModelFacts, say: Numbers) -> dict[str, str]:
    trained = None if model.trained_as_of is None else f"customers as of {day(model.trained_as_of)}"
    measured = {
        "Silhouette of all customers": model.silhouette,
        "Adjusted Rand index with other random starts (floor)": model.ari_floor,
    }
    return {
        "Model": model.version,
        **({} if trained is None else {"Trained on": trained}),
        "Model before": model.parent_version or "none",
        **({} if model.origin is None else {"Centres come from": _ORIGINS.get(model.origin, model.origin)}),
        **{name: say.decimal(value, 3) for name, value in measured.items() if value is not None},
    }
