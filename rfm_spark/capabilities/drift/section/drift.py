"""The section on drift: the verdict, what fired, the strip over time, and how steady clusters and segments are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from rfm_spark.capabilities.clusters.words import cluster_columns
from rfm_spark.capabilities.drift.section.drift_data import DriftFacts, DriftLine
from rfm_spark.capabilities.segments.words import rule_columns
from rfm_spark.report.badges import columns_badge
from rfm_spark.report.curves import Point, curve
from rfm_spark.report.drawing import as_svg
from rfm_spark.report.figures import Figure
from rfm_spark.report.matrix import Cell, Matrix, matrix
from rfm_spark.report.section import Drawn, Facts
from rfm_spark.report.wording import Numbers

HEAT = {"none": 0.0, "insufficient": 0.0, "changed": 0.3, "moderate": 0.65, "major": 1.0}
ALARMS = ("changed", "moderate", "major")
SUBJECTS = {
    "recency_days": "Recency",
    "frequency": "Frequency",
    "monetary": "Monetary value",
    "segment": "Shares of segments",
    "cluster_id": "Shares of clusters",
}
METRICS = {
    "psi": "PSI",
    "missing_rate": "without a value",
    "zero_rate": "value is 0",
    "volume": "customers, now over before",
    "rate": "rate, now over before",
    "regret": "regret of the clusters",
    "ari": "agreement of the clusters with a refit",
    "spread": "width of a cluster, now over training",
}
AGAINST = {
    "previous": "the previous run",
    "training": "the training",
    "past": "the four weeks before",
    "earlier": "four weeks, three weeks earlier",
}
POLICIES = {
    "monitor": "The configuration only watches: a person decides on a refit.",
    "refit_when_major": "By the configuration the run after a major verdict trains the clusters anew.",
    "promote": "By the configuration a challenger assigns customers from the next run on.",
}
TERMS = {
    "PSI": "Population stability index: how differently two runs are spread over the tenths of the earlier one. "
    "Moderate (major) means that it is surely above 0.1 (0.25), given how many customers there are; changed that it "
    "can't be chance.",
    "Regret": "How much nearer a refit of the clusters would lie to today's customers than the model in use.",
}


@dataclass(frozen=True)
class AlarmLine:
    """One figure that fired, ready to print."""

    what: str
    subject: str
    against: str
    value: str
    severity: str
    detail: str


@dataclass(frozen=True)
class DriftPart:
    """The section, ready to print.

    Attributes:
        verdict: the sentence; None where there was nothing to compare with.
        severity: of it.
        policy: what the configuration does about it.
        alarms: figures that fired.
        notes: sentences on flapping and on what became of clusters.
        strip: severity per column and run; None with fewer than two runs.
        curves: moved customers and held cluster members over time.
    """

    verdict: str | None
    severity: str
    policy: str
    alarms: tuple[AlarmLine, ...] = ()
    notes: tuple[str, ...] = ()
    strip: Figure | None = None
    curves: tuple[Figure, ...] = ()


def draw_drift(data: DriftFacts, facts: Facts, say: Numbers) -> Drawn:
    """Everything the section on drift says.

    Args:
        data: figures of the run and of those before it.
        facts: of the run.
        say: how numbers are written.
    """
    # Drift is of segments and of clusters.
    badge = columns_badge(facts.settings, rule_columns(facts.settings) | cluster_columns(facts.settings))
    found = next((line for line in data.lines if line.metric == "verdict"), None)
    policy = POLICIES.get(data.policy, "")
    if found is None:
        return Drawn(badge, DriftPart(None, "none", policy))
    part = DriftPart(
        verdict=found.detail,
        severity=found.severity,
        policy=policy,
        alarms=tuple(_alarm(line, say) for line in data.lines if _fired(line)),
        notes=tuple(_notes(data, say)),
        strip=_strip(data),
        curves=tuple(_curves(data, say)),
    )
    return Drawn(badge, part, TERMS if part.verdict else {})


def _fired(line: DriftLine) -> bool:
    return line.severity in ALARMS and line.metric in METRICS


def _alarm(line: DriftLine, say: Numbers) -> AlarmLine:
    share = line.metric.endswith("_rate") or line.metric == "regret"
    value = "–" if line.value is None else say.percent(line.value) if share else say.decimal(line.value, 2)
    subject = "all" if line.subject == "all" else SUBJECTS.get(line.subject, line.subject)
    return AlarmLine(METRICS[line.metric], subject, AGAINST[line.against], value, line.severity, line.detail)


def _notes(facts: DriftFacts, say: Numbers) -> list[str]:
    values = {line.metric: line.value for line in facts.lines if line.value is not None}
    notes = []
    if "moved" in values:
        notes.append(
            f"{say.percent(values['moved'])} of the customers changed segment; "
            f"{say.percent(values.get('flapping', 0.0))} are back in the one they had left a run earlier, which is "
            f"noise. In confirmed_segment {say.percent(values.get('confirmed_moved', 0.0))} moved."
        )
    causes = facts.cluster_causes
    if causes is not None:
        words = {
            "stayed": "kept their cluster",
            "migration": "moved to another one",
            "relabelling": "are in another one because a new model draws other borders",
            "both": "because of both",
            "entered": "are new",
            "left": "left",
        }
        text = [f"{say.count(count)} {words[cause]}" for cause, count in causes.items() if count]
        notes.append(f"Clusters: {', '.join(text)}.")
    events = [line for line in facts.lines if line.metric in ("split", "absorbed", "disappeared", "emerged")]
    notes += [f"{line.detail[:1].upper()}{line.detail[1:]}." for line in events]
    return notes


def _strip(facts: DriftFacts) -> Figure | None:
    psi = [line for line in facts.history if line.metric == "psi" and line.against == "previous"]
    shown = [line for line in psi if line.subject in SUBJECTS]
    days = sorted({line.as_of for line in shown})
    if len(days) < 2:
        return None
    whole = {line.as_of: line for line in facts.history if line.metric == "verdict"}
    cells = [_cell(line.as_of, SUBJECTS[line.subject], line.severity, line.value) for line in shown]
    cells += [_cell(day, "Verdict", whole[day].severity, None) for day in days if day in whole]
    rows = [name for key, name in SUBJECTS.items() if any(line.subject == key for line in shown)]
    content = Matrix(
        columns=tuple(day.isoformat() for day in days),
        rows=("Verdict", *rows),
        cells=tuple(cells),
        column_title="As of",
        row_title="Against the run before",
        cell_height=34,
    )
    severe = sum(line.severity in ("moderate", "major") for line in whole.values() if line.as_of in days)
    title = f"Drift over {len(days)} runs: {severe} with a moderate or major verdict"
    caption = "PSI of each column against the run before. The darker, the more severe; white cells have none."
    return Figure(title, as_svg(matrix(content), "drift-strip", title), caption)


def _cell(day: date, row: str, severity: str, value: float | None) -> Cell:
    text = severity if value is None else f"{value:.2f}"
    return Cell(day.isoformat(), row, HEAT.get(severity, 0.0), (text,))


def _curves(facts: DriftFacts, say: Numbers) -> list[Figure]:
    wanted = {
        "moved": "Customers who changed segment",
        "members_held": "Customers who kept their cluster",
    }
    figures = []
    for metric, title in wanted.items():
        lines = [line for line in facts.history if line.metric == metric and line.value is not None]
        if len(lines) < 2:
            continue
        text = f"{title}: {say.percent(lines[-1].value, 0)} in the last of {len(lines)} runs"
        drawn = curve(_points(lines, say), "As of")
        figures.append(Figure(text, as_svg(drawn, f"drift-{metric.replace('_', '-')}", text), _held(facts, metric)))
    return figures


def _points(lines: Sequence[DriftLine], say: Numbers) -> list[Point]:
    return [
        Point(line.as_of.isoformat(), line.value or 0.0, say.percent(line.value, 0), chosen=line is lines[-1])
        for line in lines
    ]


def _held(facts: DriftFacts, metric: str) -> str:
    if metric != "members_held":
        return "Share of the customers of both runs, from one run to the next."
    held = {name: _values(facts, name) for name in ("ids_held", "names_held")}
    changed = {name: sum(value < 1 for value in values) for name, values in held.items()}
    return (
        f"Share of the customers of both runs. Ids of clusters changed in {changed['ids_held']}, names in "
        f"{changed['names_held']} of {len(held['ids_held'])} steps."
    )


def _values(facts: DriftFacts, metric: str) -> list[float]:
    return [line.value for line in facts.history if line.metric == metric and line.value is not None]
