"""Building the report of a run: one self-contained HTML file, the same bytes for the same run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined

from rfm_spark.core.config import DisplayConfig
from rfm_spark.core.table import ALL
from rfm_spark.report.accounts import other_amounts, source_accounts
from rfm_spark.report.badges import REAL, as_whole, run_badge, simulated_sources
from rfm_spark.report.data import ReportData, RunFacts
from rfm_spark.report.fonts import font_faces
from rfm_spark.report.section import Drawn, Facts, Section, sections, template_text
from rfm_spark.report.wording import STATUS_SENTENCES, Numbers, day, moment

_HERE = "rfm_spark.report"
_PAGE, _PARTS = "page.html.j2", "parts.html.j2"


def build_report(data: ReportData, display: DisplayConfig) -> str:
    """Render the report.

    Args:
        data: what `collect` gathered.
        display: currency and locale.

    Returns:
        A whole HTML document without script or reference to anything outside it.

    Raises:
        ConfigError: an unknown locale.
        PlanError: two sections of the same name.
    """
    say = Numbers(display)
    shown = [section for section in sections() if section.name in data.sections]
    read = [(section, data.sections[section.name]) for section in shown]
    facts = Facts(data.run, tuple(one for section, found in read for one in section.shares(found)))
    drawn = [(section, section.draw(found, facts, say)) for section, found in read]
    style = f"{font_faces()}\n{files(_HERE).joinpath('style.css').read_text(encoding='utf-8')}"
    page = _environment(shown).get_template(_PAGE)
    of_sections = _of_sections(drawn, data.run.settings)
    if data.scope != ALL:
        of_sections = {**of_sections, "subtitles": [*of_sections["subtitles"], f"only {data.scope}"]}
    about = _facts(data.run, of_sections["made_with"])
    return page.render(style=style, facts=about, **of_sections, **_of_run(data.run, say)) + "\n"


def _environment(shown: Sequence[Section[Any]]) -> Environment:
    templates = {name: template_text(_HERE, name) for name in (_PAGE, _PARTS)}
    # Labels, actions and warnings are other people's text: nothing but our own drawings goes in unescaped.
    return Environment(
        loader=DictLoader(templates | {_template_name(section): section.template for section in shown}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _template_name(section: Section[Any]) -> str:
    return f"section {section.name}"


def _of_sections(drawn: Sequence[tuple[Section[Any], Drawn]], settings: Mapping[str, Any]) -> Mapping[str, Any]:
    by_terms = sorted(drawn, key=lambda one: one[0].place_of_terms)
    return {
        "sections": [
            {"template": _template_name(section), "part": found.content, "badge": as_whole(settings, found.badge)}
            for section, found in drawn
            if found.content is not None
        ],
        "key_figures": [figure for _, found in drawn for figure in found.key_figures],
        "subtitles": [found.subtitle for _, found in drawn if found.subtitle],
        "terms": {term: meaning for _, found in by_terms for term, meaning in found.terms.items()},
        "made_with": {name: text for _, found in drawn for name, text in found.made_with.items()},
    }


def _of_run(run: RunFacts, say: Numbers) -> Mapping[str, Any]:
    return {
        "run": run,
        "as_of": day(run.as_of),
        "simulated": simulated_sources(run.settings),
        "notes": _notes(run.warnings, say),
        "status": STATUS_SENTENCES.get(run.status or "ok"),
        "real": as_whole(run.settings, REAL),
        "run_badge": run_badge(run.settings),
        "sources": source_accounts(run, say),
        "counts": {name: say.count(value) for name, value in sorted(other_amounts(run, run.rows).items())},
        "money": {name: say.money(value) for name, value in sorted(other_amounts(run, run.money).items())},
        "config": json.dumps(run.settings, indent=2, sort_keys=True, ensure_ascii=False),
    }


def _notes(warnings: Sequence[str], say: Numbers) -> str:
    if len(warnings) == 1:
        return "There is 1 note"
    return f"There are {say.count(len(warnings))} notes" if warnings else ""


def _facts(run: RunFacts, made_with: Mapping[str, str]) -> dict[str, str]:
    return {
        "Run": run.run_id,
        "Previous run": run.previous_run_id or "none",
        "Segmentation": run.config_name,
        **made_with,
        "As of": day(run.as_of),
        "Started": moment(run.started_at),
        "Finished": moment(run.finished_at),
        "rfm-spark": run.code_version,
        "Spark": run.spark_version,
        "Cluster model": run.model_version or "none",
        "Drift": run.drift_verdict or "not measured",
    }
