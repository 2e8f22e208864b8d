"""The section of the report on clusters: what they are like, who is in them, their model; it computes none of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from rfm_spark.capabilities.clusters.section import scans
from rfm_spark.capabilities.clusters.section.data import ClusterData, ClusterProfile, ModelFacts
from rfm_spark.capabilities.clusters.section.features import FeatureTable, feature_table
from rfm_spark.capabilities.clusters.section.lineage import Lineage, lineage_part
from rfm_spark.capabilities.clusters.section.rows import read_clusters
from rfm_spark.capabilities.clusters.section.scans import ScanRow, Verdict
from rfm_spark.capabilities.clusters.words import cluster_columns
from rfm_spark.capabilities.rfm.words import measure_words
from rfm_spark.capabilities.segments.words import SegmentNames, rule_columns, segment_names
from rfm_spark.report.badges import columns_badge
from rfm_spark.report.colours import category
from rfm_spark.report.figures import Figure, most_revenue, shares_figure, unique
from rfm_spark.report.profiles import Line, Totals, profile_cells
from rfm_spark.report.section import Drawn, Facts, Section, template_text
from rfm_spark.report.wording import Numbers, day

TOP_SEGMENTS = 3
_ORIGINS = {
    "champion": "the centres of the model before",
    "mllib": "Spark MLlib (k-means||)",
    "driver": "k-means++ on the driver",
}


@dataclass(frozen=True)
class MemberLine:
    """Who is in a cluster: rule segments with their shares, and typical customers."""

    label: str
    colour: str
    segments: tuple[str, ...]
    medoids: tuple[str, ...]


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
    heads: tuple[str, ...] = ()
    empty: str = ""
    features: FeatureTable | None = None
    members: MemberTable | None = None
    model: ModelPart | None = None


def draw_clusters(data: ClusterData, facts: Facts, say: Numbers) -> Drawn:
    """Everything the section says.

    Args:
        data: clusters of the run.
        facts: of the run, with its totals.
        say: how numbers are written.
    """
    # Clusters are shown with the segments of their customers.
    badge = columns_badge(facts.settings, rule_columns(facts.settings) | cluster_columns(facts.settings))
    if not data.profiles:
        return Drawn(badge, ClustersPart(on=bool((facts.settings.get("clusters") or {}).get("enabled"))))
    terms = {} if data.model is None else scans.TERMS
    return Drawn(badge, _part(data, facts, say), terms)


def _part(data: ClusterData, facts: Facts, say: Numbers) -> ClustersPart:
    words, names = measure_words(facts.settings), segment_names(facts.settings)
    totals = replace(facts.find(Totals) or Totals(), called=words.total)
    rows, model = data.profiles, data.model
    return ClustersPart(
        on=True,
        k=say.count(len(rows) if model is None else model.k),
        figure=_shares(rows, totals, say),
        lines=[
            Line(row.name, _number(row), category(at), profile_cells(row, totals, say), row.note)
            for at, row in enumerate(rows)
        ],
        heads=words.heads,
        empty=_without_customers(data),
        features=feature_table(rows, say, words),
        members=_member_table(rows, names, say),
        model=None if model is None else _model_part(model, facts, say),
    )


def _shares(rows: Sequence[ClusterProfile], totals: Totals, say: Numbers) -> Figure:
    names = unique([row.name for row in rows])
    looks = [(name, category(at)) for at, name in enumerate(names)]
    title = most_revenue(rows, [f"Cluster “{name}”" for name in names], totals, say)
    return shares_figure("clusters", rows, looks, title, totals, say)


def _number(row: ClusterProfile) -> str:
    return "" if row.cluster_id is None else f"Cluster {row.cluster_id}"


def _without_customers(data: ClusterData) -> str:
    there = {row.cluster_id for row in data.profiles}
    if data.model is None or None in there:
        return ""
    gone = [f"{number} “{name}”" for number, name in sorted(data.model.names.items()) if number not in there]
    if not gone:
        return ""
    return f"Without customers in this run: cluster{'' if len(gone) == 1 else 's'} {', '.join(gone)}."


def _member_table(rows: Sequence[ClusterProfile], names: SegmentNames, say: Numbers) -> MemberTable | None:
    if not any(row.segments or row.medoids for row in rows):
        return None
    lines = tuple(
        MemberLine(row.name, category(at), _top_segments(row, names, say), row.medoids) for at, row in enumerate(rows)
    )
    return MemberTable(_closest(rows, names, say), lines)


def _top_segments(row: ClusterProfile, names: SegmentNames, say: Numbers) -> tuple[str, ...]:
    ordered = _largest_first(row)
    total = sum(row.segments.values())
    # One more name takes no more room than the words that would stand for it.
    shown = ordered if len(ordered) == TOP_SEGMENTS + 1 else ordered[:TOP_SEGMENTS]
    parts = [f"{names.label(name)} {say.percent(count / total)}" for name, count in shown]
    rest = total - sum(count for _, count in shown)
    if rest:
        parts.append(f"{say.count(len(ordered) - len(shown))} others {say.percent(rest / total)}")
    return tuple(parts)


def _largest_first(row: ClusterProfile) -> list[tuple[str, int]]:
    return sorted(((n, c) for n, c in row.segments.items() if c), key=lambda one: (-one[1], one[0]))


def _closest(rows: Sequence[ClusterProfile], names: SegmentNames, say: Numbers) -> str:
    found = [(count / row.customers, row, name) for row in rows for name, count in _largest_first(row)]
    if not found or len(rows) == 1:
        return "Who is in them"
    share, row, name = max(found, key=lambda one: (one[0], one[1].customers))
    if share == 1:
        return f"Everyone in cluster “{row.name}” is in the segment {names.label(name)}"
    return f"{say.percent(share, 0)} of cluster “{row.name}” are in the segment {names.label(name)}"


def _model_part(model: ModelFacts, facts: Facts, say: Numbers) -> ModelPart:
    return ModelPart(
        verdict=scans.verdict(model, say, _looked_at(facts)),
        kept=_kept(model, facts),
        curves=scans.scan_figures(model, say),
        scan=scans.scan_rows(model, say),
        facts=_facts(model, say),
        lineage=lineage_part(model, say),
        legend=scans.legend(say),
    )


def _looked_at(facts: Facts) -> tuple[int, int] | None:
    ends = facts.settings.get("clusters", {}).get("k_range")
    return (int(ends[0]), int(ends[1])) if ends else None


def _kept(model: ModelFacts, facts: Facts) -> str:
    """Since when the model stands, if another run trained it."""
    if model.trained_on in (None, facts.run.run_id):
        return ""
    since = (
        f"on the customers as of {day(model.trained_as_of)}" if model.trained_as_of else f"by run {model.trained_on}"
    )
    scanned = "; how its k was found, below, is from then" if model.scan else ""
    return f"This run trained no model for its clusters: it kept the one trained {since}{scanned}."


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


SECTIONS = (
    Section(
        name="clusters",
        place=40,
        template=template_text("rfm_spark.capabilities.clusters.section", "clusters.html.j2"),
        read=read_clusters,
        draw=draw_clusters,
    ),
)
