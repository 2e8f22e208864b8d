"""From timings to tables: medians of the repeats, beside the yardsticks of the same rows."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence

from benchmarks.measure import Result, Timing
from benchmarks.names import YARDSTICKS
from benchmarks.shapes import Shape


@dataclasses.dataclass(frozen=True)
class Measured:
    """One timing and the table it is of."""

    shape: Shape
    timing: Timing


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name: The work.
        shape: The table it was done on.
        seconds: Median wall time.
        ratios: That time as a multiple of each yardstick's on the same table.
        cpu_seconds: Median processor time.
        others_cpu_seconds: The most processor time that the rest of the machine used during a round.
        peak_mb: The largest peak of memory.
        read_mb: Median bytes read.
        written_mb: Median bytes written.
        lake_mb: What the lake took afterwards.
        lake_files: Its files.
        steps: Median seconds of its parts.
        result: What came out in the first round.
        repeats: The wall time of each round.
    """

    name: str
    shape: Shape
    seconds: float
    ratios: Mapping[str, float]
    cpu_seconds: float | None
    others_cpu_seconds: float | None
    peak_mb: float | None
    read_mb: float | None
    written_mb: float | None
    lake_mb: float | None
    lake_files: int | None
    steps: Mapping[str, float]
    result: Result | None
    repeats: Sequence[float]


def summarise(measured: Iterable[Measured]) -> list[Row]:
    """Gives one row per table and name, in the order in which they first appear."""
    grouped: dict[tuple[Shape, str], list[Timing]] = {}
    for one in measured:
        grouped.setdefault((one.shape, one.timing.name), []).append(one.timing)
    medians = {key: statistics.median(timing.seconds for timing in group) for key, group in grouped.items()}
    return [_row(shape, name, group, medians) for (shape, name), group in grouped.items()]


def disagreements(rows: Sequence[Row]) -> list[str]:
    """Says where two computed the same of the same table and found something else: a sentence each."""
    first: dict[tuple[Shape, str], tuple[str, Result]] = {}
    found = []
    for row in rows:
        if row.result is None:
            continue
        name, expected = first.setdefault((row.shape, row.result.of), (row.name, row.result))
        for part in ("customers", "monetary", "segments"):
            ours, theirs = getattr(row.result, part), getattr(expected, part)
            if None not in (ours, theirs) and ours != theirs:
                found.append(f"{row.shape.name}, {row.result.of}: {part} of {row.name} {ours}, of {name} {theirs}")
    return found


def agreements(rows: Sequence[Row]) -> list[str]:
    """Says who computed the same of the same table: a sentence for each such group of two or more."""
    groups: dict[tuple[Shape, str], list[Row]] = {}
    for row in rows:
        if row.result is not None:
            groups.setdefault((row.shape, row.result.of), []).append(row)
    return [
        f"{', '.join(row.name for row in group)}: {group[0].result.customers:,} customers, {group[0].result.monetary}"
        for group in groups.values()
        if len(group) > 1 and group[0].result is not None
    ]


def main_table(rows: Sequence[Row]) -> str:
    """Seconds, ratios and resources of rows, without columns that nobody has."""
    several = len({row.shape for row in rows}) > 1
    columns: Mapping[str, Callable[[Row], str]] = {
        "name": lambda row: row.name,
        "lines": lambda row: number(row.shape.lines if several else None, 0),
        "seconds": lambda row: number(row.seconds, 1),
        **{f"/ {heading}": _ratio_cell(heading) for heading in YARDSTICKS},
        "CPU s": lambda row: number(row.cpu_seconds, 1),
        "others' CPU s": lambda row: number(row.others_cpu_seconds, 1),
        "peak MB": lambda row: number(row.peak_mb, 0),
        "read MB": lambda row: number(row.read_mb, 0),
        "written MB": lambda row: number(row.written_mb, 0),
        "lake MB": lambda row: number(row.lake_mb, 0),
        "files": lambda row: number(row.lake_files, 0),
        "customers": lambda row: number(None if row.result is None else row.result.customers, 0),
    }
    cells = [(head, *map(cell, rows)) for head, cell in columns.items()]
    known = [column for column in cells if set(column[1:]) != {"-"}]
    return laid_out(list(zip(*known, strict=True)))


def steps_table(rows: Sequence[Row]) -> str:
    """Seconds of the steps, a column for each row that has any."""
    with_steps = [row for row in rows if row.steps]
    names = list(dict.fromkeys(name for row in with_steps for name in row.steps))
    head = ["step", *(row.name.removeprefix("rfm-spark: ").removeprefix("rfm-spark, ") for row in with_steps)]
    lines = [[name, *(number(row.steps.get(name), 2) for row in with_steps)] for name in names]
    return laid_out([head, *lines])


def cost_per_line(rows: Sequence[Row]) -> str:
    """Seconds for a million lines at each of several sizes, and their ratio to those of the smallest."""
    sizes = sorted({row.shape for row in rows}, key=lambda shape: shape.lines)
    costs = {(row.name, row.shape): 1e6 * row.seconds / row.shape.lines for row in rows}
    head = [
        "seconds a million lines",
        *(f"{shape.lines:,}" for shape in sizes),
        *(f"/ {sizes[0].lines:,}" for _ in sizes[1:]),
    ]
    lines = []
    for name in dict.fromkeys(row.name for row in rows):
        mine = [costs.get((name, shape)) for shape in sizes]
        ratios = [cost / mine[0] if cost and mine[0] else None for cost in mine[1:]]
        lines.append([name, *(number(cost, 2) for cost in mine), *(number(ratio, 2) for ratio in ratios)])
    return laid_out([head, *lines])


def laid_out(lines: Sequence[Sequence[str]]) -> str:
    """Plain text with columns as wide as needed, the first one to the left and others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def number(value: float | None, decimals: int) -> str:
    """A number with separators, or a dash."""
    return "-" if value is None else f"{value:,.{decimals}f}"


def _row(shape: Shape, name: str, group: Sequence[Timing], medians: Mapping[tuple[Shape, str], float]) -> Row:
    def values(part: str) -> list[float]:
        return [value for timing in group if (value := getattr(timing, part)) is not None]

    def median(part: str) -> float | None:
        return round(statistics.median(found), 3) if (found := values(part)) else None

    bases = {
        heading: next((medians[shape, base] for base in known if (shape, base) in medians), None)
        for heading, known in YARDSTICKS.items()
    }
    seconds = medians[shape, name]
    steps = [timing.steps for timing in group if timing.steps]
    last = group[-1]
    return Row(
        name=name,
        shape=shape,
        seconds=round(seconds, 3),
        ratios={heading: round(seconds / base, 3) for heading, base in bases.items() if base},
        cpu_seconds=median("cpu_seconds"),
        others_cpu_seconds=max(values("others_cpu_seconds"), default=None),
        peak_mb=max(values("peak_mb"), default=None),
        read_mb=median("read_mb"),
        written_mb=median("written_mb"),
        lake_mb=last.lake_mb,
        lake_files=last.lake_files,
        steps={
            step: round(statistics.median(found[step] for found in steps if step in found), 3)
            for step in dict.fromkeys(name for found in steps for name in found)
        },
        result=group[0].result,
        repeats=[timing.seconds for timing in group],
    )


def _ratio_cell(heading: str) -> Callable[[Row], str]:
    return lambda row: number(row.ratios.get(heading), 2)
