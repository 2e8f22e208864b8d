"""What `run --plan` prints: the steps of a run, what each reads and writes, and why it is due."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

from rfm_spark.cli import console

if TYPE_CHECKING:
    from rfm_spark.pipeline.plan import Outlook, Planned

_HEADER = ("step", "question", "reads", "writes", "")


def print_plan(name: str, as_of: date, outlook: Outlook, form: str) -> None:
    """Print the steps of a run.

    Args:
        name: segmentation.
        as_of: last day that counts.
        outlook: the run and its steps.
        form: table, or json for one object.
    """
    if form == "json":
        steps = [_as_document(one) for one in outlook.steps]
        document = {
            "config": name,
            "as_of": as_of.isoformat(),
            "run_id": outlook.run_id,
            "done": outlook.is_done,
            "steps": steps,
        }
        print(json.dumps(document, ensure_ascii=False))
        return
    console.heading(f"{name} as of {as_of}: run {outlook.run_id}{' is complete' if outlook.is_done else ''}")
    rows = [_as_row(one) for one in outlook.steps]
    console.table(_HEADER, rows)
    due = sum(1 for one in outlook.steps if one.record is None)
    print("nothing to do" if outlook.is_done else f"{due} of {len(outlook.steps)} steps are due")


def _as_row(one: Planned) -> tuple[Any, ...]:
    step = one.chosen.step
    state = f"due ({one.why})" if one.record is None else "up to date"
    return step.title, step.question, ", ".join(_reads(one)), ", ".join(table.name for table in step.writes), state


def _as_document(one: Planned) -> dict[str, Any]:
    step = one.chosen.step
    return {
        "step": step.name,
        "title": step.title,
        "question": step.question,
        "reads": _reads(one),
        "writes": [table.name for table in step.writes],
        "gives": step.gives.__name__,
        "after": sorted({name for names in one.chosen.givers.values() for name in names}),
        "up_to_date": one.record is not None,
        "why": one.why,
        "fingerprint": one.fingerprint,
    }


def _reads(one: Planned) -> list[str]:
    reads = one.chosen.step.reads
    return [*one.chosen.sources, *(f"previous {one.name}" if one.kind == "run" else one.name for one in reads)]
