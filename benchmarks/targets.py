"""What the project has promised of its speed, beside what was measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence

from benchmarks import names
from benchmarks.ours import INTAKE_AND_MEASURES
from benchmarks.shapes import Shape
from benchmarks.summary import Row, laid_out, number


@dataclasses.dataclass(frozen=True)
class Figures:
    """All that was measured.

    Attributes:
        rows: Of all tables.
        failed: Names of competitors that failed.
    """

    rows: Sequence[Row]
    failed: Collection[str] = ()

    def named(self, name: str) -> Row | None:
        """The row of that name on the largest table."""
        return max((row for row in self.rows if row.name == name), key=lambda row: row.shape.lines, default=None)

    def ratio(self, name: str, base: str, like: Callable[[Shape], Shape] = lambda shape: shape) -> float | None:
        """Seconds of one against another's on the same table; None where one of them is missing.

        Args:
            name: what is measured.
            base: what it is set against.
            like: the table of the base, from that of the name.
        """
        mine = self.named(name)
        if mine is None:
            return None
        theirs = next((row for row in self.rows if row.name == base and row.shape == like(mine.shape)), None)
        return None if theirs is None else mine.seconds / theirs.seconds

    def at(self, name: str) -> str:
        """The size that a figure is of."""
        row = self.named(name)
        return "" if row is None else f"{row.shape.lines:,}"


@dataclasses.dataclass(frozen=True)
class Target:
    """One promise.

    Attributes:
        title: What is measured, and against what.
        most: What it may be.
        of: The row it is about.
        measure: The figure; None where it was not measured.
    """

    title: str
    most: float
    of: str
    measure: Callable[[Figures], float | None]


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A promise and what became of it.

    Attributes:
        title: Of the target.
        most: Its limit; None where it only has to work.
        measured: The figure; None where it was not measured.
        lines: The size of the table.
        met: None where it was not measured.
    """

    title: str
    most: float | None
    measured: float | None
    lines: str
    met: bool | None


def _against(title: str, most: float, name: str, base: str) -> Target:
    return Target(title, most, name, lambda figures: figures.ratio(name, base))


def _ordinary(shape: Shape) -> Shape:
    return dataclasses.replace(shape, skewed=False, basket=None)


def intake_of_night(figures: Figures) -> float | None:
    """Seconds of a night's intake and measures against those of the first run."""
    night, first = figures.named(names.THE_NIGHT), figures.named(names.FIRST)
    if night is None or first is None:
        return None
    mine, theirs = (sum(row.steps.get(step, 0.0) for step in INTAKE_AND_MEASURES) for row in (night, first))
    return mine / theirs if theirs else None


def flatness(figures: Figures) -> float | None:
    """The largest share by which a night differs from that of the shortest history."""
    return _spread({row.shape.years or 0: row.seconds for row in figures.rows if row.name == names.HISTORY_NIGHT})


def cost_per_line(figures: Figures) -> float | None:
    """The largest share by which a line of a first run costs more or less than at the smallest size."""
    rows = (row for row in figures.rows if row.name == names.FIRST)
    return _spread({row.shape.lines: row.seconds / row.shape.lines for row in rows})


def _spread(costs: Mapping[int, float]) -> float | None:
    if len(costs) < 2:
        return None
    base = costs[min(costs)]
    return max(abs(cost / base - 1) for cost in costs.values())


TARGETS = (
    _against("first run, without clusters / tutorial", 1.6, names.FIRST, names.TUTORIAL),
    _against("next date, everyone measured / tutorial", 1.0, names.FULL, names.TUTORIAL),
    _against("a night with 0.15 % new rows / first run", 0.5, names.THE_NIGHT, names.FIRST),
    Target("the same night at 1 to 8 years of history: largest change", 0.2, names.HISTORY_NIGHT, flatness),
    Target("intake and measures of a night / of the first run", 0.15, names.THE_NIGHT, intake_of_night),
    _against("each further month of a backfill / first run", 0.6, names.MONTH, names.FIRST),
    _against("whole job, k of 2 … 10 / DuckDB + scikit-learn", 1.3, names.CLUSTERED_FIRST, names.DUCKDB_SKLEARN),
    _against("its next date / DuckDB + scikit-learn", 0.7, names.CLUSTERED_NEXT, names.DUCKDB_SKLEARN),
    _against("its night / DuckDB + scikit-learn", 0.5, names.CLUSTERED_NIGHT, names.DUCKDB_SKLEARN),
    _against("first run with stages and cohorts / without them", 1.3, names.STAGES_FIRST, names.FIRST),
    _against("a night with stages and cohorts / without them", 1.3, names.STAGES_NIGHT, names.THE_NIGHT),
    _against("first run of five scopes / of one", 1.3, names.SCOPES_FIRST, names.FIRST),
    _against("a night of five scopes / of one", 1.3, names.SCOPES_NIGHT, names.THE_NIGHT),
    Target("cost per line of a first run, across sizes: largest change", 0.25, names.FIRST, cost_per_line),
    Target(
        "one customer with a tenth of the rows / first run", 1.5, names.SKEWED_FIRST,
        lambda figures: figures.ratio(names.SKEWED_FIRST, names.FIRST, _ordinary),
    ),
)  # fmt: skip
SMALL_DRIVER = "small-driver"


def verdicts(figures: Figures) -> list[Verdict]:
    """Every target with what was measured."""
    found = []
    for target in TARGETS:
        measured = target.measure(figures)
        met = None if measured is None else measured <= target.most
        at = figures.at(target.of) if met is not None else ""
        found.append(Verdict(target.title, target.most, _rounded(measured), at, met))
    return [*found, _small_driver(figures)]


def _small_driver(figures: Figures) -> Verdict:
    """That a run and a night work at all with a driver of 2 GiB; what the run takes beside the usual one is told."""
    title, name = "first run and night with a driver of 2 GiB", names.SMALL_DRIVER_FIRST
    if SMALL_DRIVER in figures.failed:
        return Verdict(title, None, None, "", False)
    met = True if figures.named(names.SMALL_DRIVER_NIGHT) else None
    return Verdict(title, None, _rounded(figures.ratio(name, names.FIRST)), figures.at(name), met)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def targets_table(found: Sequence[Verdict]) -> str:
    """The targets as plain text."""
    words = {True: "met", False: "missed", None: "not measured"}
    limits = ["works" if one.most is None else f"≤ {one.most:g}" for one in found]
    lines = [
        [one.title, limit, number(one.measured, 2), words[one.met], one.lines]
        for one, limit in zip(found, limits, strict=True)
    ]
    return laid_out([["target", "limit", "measured", "", "lines"], *lines])
