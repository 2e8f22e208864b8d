"""Building the report of a run: one self-contained HTML file, the same bytes for the same run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined

from rfm_spark.capabilities.movement.tables import CAUSES
from rfm_spark.core.config import DisplayConfig
from rfm_spark.report import figures
from rfm_spark.report.accounts import other_amounts, source_accounts
from rfm_spark.report.badges import section_badges, simulated_sources
from rfm_spark.report.clusters import clusters_part
from rfm_spark.report.colours import CAUSE_COLOURS
from rfm_spark.report.data import ReportData
from rfm_spark.report.drift import TERMS as DRIFT_TERMS
from rfm_spark.report.drift import drift_part
from rfm_spark.report.engagement import engagement_part
from rfm_spark.report.fonts import font_faces
from rfm_spark.report.interactions import interactions_part
from rfm_spark.report.lines import Line, profile_cells
from rfm_spark.report.tracking import tracking_part
from rfm_spark.report.wording import (
    CAUSE_SENTENCES,
    MEASURE_TITLES,
    STATUS_SENTENCES,
    Band,
    Numbers,
    bands,
    cut_warning,
    day,
    moment,
    within_words,
)

_TEMPLATES = (
    "page.html.j2", "clusters.html.j2", "interactions.html.j2", "engagement.html.j2", "tracking.html.j2",
    "drift.html.j2", "parts.html.j2",
)  # fmt: skip


@dataclass(frozen=True)
class KeyFigure:
    """A number of the headline, what it is, and a remark."""

    value: str
    name: str
    remark: str


@dataclass(frozen=True)
class CutList:
    """The cut points of one measure, or of one group of it when nested."""

    title: str
    group: str
    bands: tuple[Band, ...]
    warning: str | None


@dataclass(frozen=True)
class CauseLine:
    """A cause that occurs, with what it means."""

    name: str
    colour: str
    customers: str
    sentence: str


def build_report(data: ReportData, display: DisplayConfig) -> str:
    """Render the report.

    Args:
        data: what `collect` gathered.
        display: currency and locale.

    Returns:
        A whole HTML document without script or reference to anything outside it.

    Raises:
        ConfigError: an unknown locale.
    """
    say = Numbers(display)
    here = files("rfm_spark.report")
    # Labels, actions and warnings are other people's text: nothing but our own drawings goes in unescaped.
    environment = Environment(
        loader=DictLoader({name: here.joinpath(name).read_text(encoding="utf-8") for name in _TEMPLATES}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template(_TEMPLATES[0])
    style = f"{font_faces()}\n{here.joinpath('style.css').read_text(encoding='utf-8')}"
    return page.render(style=style, **_content(data, say)) + "\n"


def _content(data: ReportData, say: Numbers) -> Mapping[str, Any]:
    run, occurs = data.run, bool(data.segments)
    return {
        "run": run,
        "as_of": day(run.as_of),
        "window": _window(data, say),
        "rule_map": data.rule_map,
        "badges": section_badges(data.settings, data.rule_map.columns()),
        "simulated": simulated_sources(data.settings),
        "notes": _notes(run.warnings, say),
        "status": STATUS_SENTENCES.get(run.status or "ok"),
        "key_figures": _key_figures(data, say),
        "segments": _segment_lines(data, say),
        "shares": figures.shares_figure(data, say) if occurs else None,
        "grid": figures.grid_figure(data, say) if data.grid else None,
        "cut_lists": _cut_lists(data, say),
        "histograms": figures.histogram_figures(data, say),
        "moves": figures.transitions_figure(data, say) if data.transitions else None,
        "causes_figure": figures.causes_figure(data, say) if data.cause_counts() else None,
        "causes": _cause_lines(data, say),
        "previous_day": _previous_day(run.previous_run_id),
        "clusters": clusters_part(data, say),
        "interactions": interactions_part(data, say),
        "engagement": engagement_part(data, say),
        "tracking": tracking_part(data, say),
        "drift": drift_part(data, say),
        "drift_terms": DRIFT_TERMS,
        "sources": source_accounts(run, say),
        "facts": _facts(data),
        "counts": {name: say.count(value) for name, value in sorted(other_amounts(run, run.rows).items())},
        "money": {name: say.money(value) for name, value in sorted(other_amounts(run, run.money).items())},
        "config": json.dumps(data.settings, indent=2, sort_keys=True, ensure_ascii=False),
    }


def _window(data: ReportData, say: Numbers) -> str:
    return f"the last {say.count(data.window_days)} days" if data.window_days else "all history"


def _previous_day(run_id: str | None) -> str | None:
    # A run id starts with its as-of date.
    return day(date.fromisoformat(run_id[:10])) if run_id else None


def _notes(warnings: Sequence[str], say: Numbers) -> str:
    if len(warnings) == 1:
        return "There is 1 note"
    return f"There are {say.count(len(warnings))} notes" if warnings else ""


def _key_figures(data: ReportData, say: Numbers) -> list[KeyFigure]:
    customers = data.run.rows.get("customers", data.customers)
    active = data.run.rows.get("customers.active")
    found = [KeyFigure(say.count(data.customers), "customers", "with at least one purchase ever")]
    found.append(KeyFigure(say.short_money(data.revenue), "revenue", f"net, in {_window(data, say)}"))
    if active is not None:
        share = say.percent(active / customers if customers else None, 0 if active == customers else 1)
        found.append(KeyFigure(share, "active", f"{say.count(active)} bought in {_window(data, say)}"))
    best = figures.leader(data.segments)
    if best is not None and data.revenue > 0:
        remark = f"of revenue, from {say.percent(data.customer_share(best.customers))} of customers"
        found.append(KeyFigure(say.percent(data.revenue_share(best.revenue)), data.label(best.name), remark))
    return found


def _segment_lines(data: ReportData, say: Numbers) -> list[Line]:
    found = []
    for row in data.segments:
        outcome = data.outcomes.get(row.name)
        description = outcome.description if outcome else ""
        cells = profile_cells(data, row, say)
        found.append(Line(data.label(row.name), description, data.colour(row.name), cells, row.note))
    return found


def _cut_lists(data: ReportData, say: Numbers) -> dict[str, list[CutList]]:
    """By measure: one list, or several of which the page shows a summary when nested."""
    found: dict[str, list[CutList]] = {}
    for cut in data.cuts:
        title = MEASURE_TITLES[cut.measure]
        group = within_words(cut.within)
        found.setdefault(title, []).append(CutList(title, group, tuple(bands(cut, say)), cut_warning(cut)))
    return found


def _cause_lines(data: ReportData, say: Numbers) -> list[CauseLine]:
    counts = data.cause_counts()
    return [
        CauseLine(cause, CAUSE_COLOURS[cause], _customers(counts[cause], say), CAUSE_SENTENCES[cause])
        for cause in CAUSES
        if cause in counts
    ]


def _customers(count: int, say: Numbers) -> str:
    return f"{say.count(count)} customer{'' if count == 1 else 's'}"


def _facts(data: ReportData) -> dict[str, str]:
    run = data.run
    return {
        "Run": run.run_id,
        "Previous run": run.previous_run_id or "none",
        "Segmentation": run.config_name,
        "Rule map": f"{data.rule_map.title} ({data.rule_map.name})",
        "As of": day(run.as_of),
        "Started": moment(run.started_at),
        "Finished": moment(run.finished_at),
        "rfm-spark": run.code_version,
        "Spark": run.spark_version,
        "Cluster model": run.model_version or "none",
        "Drift": run.drift_verdict or "not measured",
    }
