"""What `compare runs` says of drift between two runs."""

from __future__ import annotations

from typing import Any

from rfm_spark.capabilities.drift.comparing import compare_columns
from rfm_spark.capabilities.drift.distributions import by_scope
from rfm_spark.capabilities.drift.figures import Figure, all_at_once, is_alarm
from rfm_spark.capabilities.drift.tables import DISTRIBUTIONS
from rfm_spark.capabilities.drift.verdict import verdict
from rfm_spark.core.comparison import ComparedRuns
from rfm_spark.core.desk import Desk
from rfm_spark.core.table import ALL


def print_drift(pair: ComparedRuns, desk: Desk) -> None:
    """Print the verdict on how customers are spread in both runs, and the figures that raise an alarm."""
    desk.heading("Drift")
    if not desk.tables.exists(DISTRIBUTIONS.name):
        print("not known: neither run kept how its customers are spread")
        return
    figures = _figures(pair, desk)
    if not figures:
        print("not known: one of the runs did not keep how its customers are spread")
        return
    found = verdict(figures)
    print(f"{found.severity}: {found.sentence}")
    alarms = [_line(figure) for figure in figures if is_alarm(figure)]
    if alarms:
        desk.table(("figure", "of", "value", "severity", "in words"), alarms)


def _figures(pair: ComparedRuns, desk: Desk) -> list[Figure]:
    today = by_scope(desk.tables.rows(DISTRIBUTIONS.name, run_id=pair.now.run_id)).get(ALL)
    if not today:
        return []
    figures = compare_columns(
        desk.tables,
        pair.before,
        today,
        same_model=pair.now.model_version == pair.before.model_version,
        same_definition=not pair.definition_changed,
    )
    return all_at_once(figures)


def _line(figure: Figure) -> tuple[Any, ...]:
    value = "" if figure.value is None else f"{figure.value:.3f}"
    return figure.metric, figure.subject, value, figure.severity, figure.detail


COMPARE = (print_drift,)
