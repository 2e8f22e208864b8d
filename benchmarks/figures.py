"""All that a benchmark found, for people and as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from benchmarks import machine
from benchmarks.generate import NIGHT_SHARE
from benchmarks.job import CORES, WINDOW_DAYS, settings
from benchmarks.measure import Result
from benchmarks.shapes import Shape
from benchmarks.summary import Row, agreements, cost_per_line, disagreements, main_table, steps_table
from benchmarks.targets import Figures, targets_table, verdicts


def printed(figures: Figures) -> str:
    """A table for each generated table with the steps of our runs, costs across sizes, who agrees, and the targets."""
    parts = []
    groups: dict[str, list[Row]] = {}
    for row in figures.rows:
        groups.setdefault(_heading(row.shape), []).append(row)
    for heading, mine in groups.items():
        parts.append(f"{heading}\n\n{main_table(mine)}")
        if any(row.steps for row in mine):
            parts.append(steps_table(mine))
    ordinary = [row for row in figures.rows if row.shape == Shape.of(row.shape.lines)]
    if len({row.shape for row in ordinary}) > 1:
        parts.append(cost_per_line(ordinary))
    found = [f"equal: {sentence}" for sentence in agreements(figures.rows)]
    wrong = [f"NOT EQUAL: {sentence}" for sentence in disagreements(figures.rows)]
    failed = [f"failed: {name}" for name in sorted(figures.failed)]
    parts.append("\n".join([*(found if not wrong else ()), *wrong, *failed]))
    parts.append(targets_table(verdicts(figures)))
    return "\n\n".join(part for part in parts if part)


def as_json(figures: Figures, memory: str, repeat: int) -> dict[str, Any]:
    """Machine, settings, a document for each row, and the targets."""
    return {
        "finished_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": machine.facts(),
        "settings": {
            "cores": CORES, "rounds": repeat, "window_days": WINDOW_DAYS, "night_share": NIGHT_SHARE, **settings(memory)
        },
        "results": [{"table": row.shape.name, **dataclasses.asdict(row)} for row in figures.rows],
        "failed": sorted(figures.failed),
        "disagreements": disagreements(figures.rows),
        "targets": [dataclasses.asdict(verdict) for verdict in verdicts(figures)],
    }  # fmt: skip


def from_json(document: Mapping[str, Any]) -> Figures:
    """The figures of a document of `as_json`."""
    return Figures([_row(result) for result in document["results"]], set(document["failed"]))


def _heading(shape: Shape) -> str:
    """Histories share a table, so that nights stand below each other."""
    if shape.years is not None:
        return f"{shape.lines // shape.years:,} lines a year, {shape.customers:,} customers"
    return f"{shape.lines:,} lines, {shape.customers:,} customers ({shape.name})"


def _row(document: Mapping[str, Any]) -> Row:
    result = document["result"]
    known = {key: value for key, value in document.items() if key != "table"}
    return Row(**{**known, "shape": Shape(**known["shape"]), "result": None if result is None else Result(**result)})
