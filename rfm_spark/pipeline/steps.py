"""Doing the stages of a run, and noting what each took: seconds, rows, what it read and what it wrote."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from rfm_spark.pipeline.context import Progress, RunContext
from rfm_spark.pipeline.stages import Stage


@dataclass
class _Step:
    stage: Stage
    seconds: float = 0.0
    rows: int | None = None


class Steps:
    """Does stages one after the other; what one leaves for later counts until that is done."""

    def __init__(self, context: RunContext, progress: Progress) -> None:
        """Bind to a run and to whoever follows it."""
        self._context, self._progress = context, progress
        self._steps: list[_Step] = []

    def do(self, stage: Stage) -> None:
        """Do one stage."""
        step = _Step(stage)
        self._steps.append(step)
        self._progress.started(stage.title, stage.waits_for)
        begun = time.perf_counter()
        done = stage.work(self._context)
        if callable(done):
            later = done
            self._context.writer.do_later(lambda: self._finish(step, begun, later()))
        else:
            self._finish(step, begun, done)

    def as_rows(self) -> list[dict[str, Any]]:
        """What `runs.steps` keeps, once everything is written."""
        written, sources = self._context.writer.rows, self._context.sources
        return [
            {
                "step": step.stage.title,
                "seconds": round(step.seconds, 3),
                "rows": step.rows,
                "reads": [name for name in step.stage.reads if self._was_there(name, sources)],
                "writes": {name: written[name] for name in step.stage.writes if name in written},
            }
            for step in self._steps
        ]

    def _was_there(self, name: str, sources: Any) -> bool:
        if name.startswith("previous "):
            return self._context.previous is not None
        return name in sources or name in self._context.writer.rows

    def _finish(self, step: _Step, begun: float, rows: int | None) -> None:
        step.seconds, step.rows = time.perf_counter() - begun, rows
        self._progress.finished(step.stage.title, rows, step.seconds)
