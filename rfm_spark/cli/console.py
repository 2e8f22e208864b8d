"""Progress and tables: live and coloured on a terminal where rich is installed, plain lines elsewhere."""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from decimal import Decimal
from threading import RLock
from typing import TYPE_CHECKING, Any

from rfm_spark.core.printing import Shown, cell

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
try:
    from rich.console import Console as RichConsole
    from rich.table import Table as RichTable
except ImportError:
    HAS_RICH = False
else:
    HAS_RICH = True
_BEGAN = time.monotonic()


class StageLines:
    """Lines as stages begin and end, with the seconds since the command began; live where stderr is a terminal."""

    def __init__(self) -> None:
        """Look at stderr once."""
        self._console = RichConsole(stderr=True, highlight=False) if HAS_RICH and sys.stderr.isatty() else None
        self._live: AbstractContextManager[Any] | None = None
        self._shown = ""
        # A stage that goes on beside others ends in a thread of its own.
        self._turn = RLock()

    def started(self, title: str, waits_for: str) -> None:
        """Say that a stage begins, and what it waits for."""
        if self._console is None:
            print(f"{_since()}  {title}: {waits_for} …", file=sys.stderr, flush=True)
            return
        with self._turn:
            self.stop()
            self._shown = title
            self._live = self._console.status(f"{title}: {waits_for} …")
            self._live.__enter__()

    def finished(self, title: str, rows: int | None, seconds: float) -> None:
        """Say what came out."""
        done = "nothing to do" if rows is None else f"{rows:,} rows"
        line = f"{_since()}  {title:<34} {done:>18} {seconds:>7.1f} s"
        with self._turn:
            if title == self._shown:
                self.stop()
            if self._console is not None:
                self._console.print(f"[green]✓[/green] {line}")
            else:
                print(line, file=sys.stderr, flush=True)

    def stop(self) -> None:
        """Take the live line away, also when its stage failed."""
        with self._turn:
            if self._live is not None:
                self._live.__exit__(None, None, None)
                self._live = None


def _since() -> str:
    """Seconds since the program began."""
    return f"{time.monotonic() - _BEGAN:6.1f} s"


def heading(text: str) -> None:
    """A title above what follows."""
    if HAS_RICH and sys.stdout.isatty():
        RichConsole(highlight=False).print(f"\n[bold]{text}[/bold]")
    else:
        print(f"\n{text}", flush=True)


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Rows under a header; numbers to the right."""
    texts = [[cell(value) for value in row] for row in rows]
    right = [
        bool(rows) and all(isinstance(row[i], (int, float, Decimal, Shown)) for row in rows) for i in range(len(header))
    ]
    if HAS_RICH and sys.stdout.isatty():
        shown = RichTable(box=None, header_style="bold", pad_edge=False)
        for name, is_right in zip(header, right, strict=True):
            shown.add_column(name, justify="right" if is_right else "left", overflow="fold")
        for row in texts:
            shown.add_row(*row)
        RichConsole(highlight=False, markup=False).print(shown)
        return
    widths = [max(len(line[i]) for line in [list(header), *texts]) for i in range(len(header))]
    for line in [list(header), *texts]:
        cells = [
            text.rjust(width) if is_right else text.ljust(width)
            for text, width, is_right in zip(line, widths, right, strict=True)
        ]
        print("  ".join(cells).rstrip(), flush=True)


def rows(frame: DataFrame, form: str) -> None:
    """Rows as a table, CSV, or an object of JSON a line."""
    names = frame.columns
    if form == "table":
        table(names, [list(row) for row in frame.collect()])
        return
    # Rows are streamed: a whole segments table needn't fit into the driver.
    _stream(names, (row.asDict(recursive=True) for row in frame.toLocalIterator()), form)


def _stream(names: list[str], each: Iterable[dict[str, Any]], form: str) -> None:
    if form == "json":
        for row in each:
            print(json.dumps(row, default=str, ensure_ascii=False))
        return
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    for row in each:
        writer.writerow([json.dumps(v, default=str) if isinstance(v, dict | list) else v for v in row.values()])
