"""From timings to the table: medians of the repeats, beside two yardsticks."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence

from benchmarks.measure import Timing


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name: The work.
        seconds: Median wall time.
        to_groupby: That time as a multiple of the bare group-by's.
        to_tutorial: The same against the tutorial pipeline.
        cpu_seconds: Median processor time.
        others_cpu_seconds: The most processor time that the rest of the machine used during a round.
        peak_mb: The largest peak of memory.
        customers: Rows of the result.
        repeats: The wall time of each round.
    """

    name: str
    seconds: float
    to_groupby: float | None
    to_tutorial: float | None
    cpu_seconds: float | None
    others_cpu_seconds: float | None
    peak_mb: float | None
    customers: int | None
    repeats: list[float]


def summarise(timings: Sequence[Timing]) -> list[Row]:
    """Gives one row per name, in the order in which names first appear."""
    grouped: dict[str, list[Timing]] = {}
    for timing in timings:
        grouped.setdefault(timing.name, []).append(timing)
    medians = {name: statistics.median(timing.seconds for timing in group) for name, group in grouped.items()}
    return [_row(name, group, medians) for name, group in grouped.items()]


def format_table(rows: Sequence[Row]) -> str:
    """Lays the rows out as plain text."""
    head = ("name", "seconds", "/ groupby", "/ tutorial", "CPU s", "others' CPU s", "peak MB", "customers")
    lines = [head, *(_cells(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) if place else cell.ljust(width) for place, (cell, width) in enumerate(pairs))
        for pairs in (list(zip(line, widths, strict=True)) for line in lines)
    )


def _row(name: str, group: Sequence[Timing], medians: dict[str, float]) -> Row:
    seconds = medians[name]
    peaks = [timing.peak_mb for timing in group if timing.peak_mb is not None]
    others = [timing.others_cpu_seconds for timing in group if timing.others_cpu_seconds is not None]
    cpu = [timing.cpu_seconds for timing in group if timing.cpu_seconds is not None]
    return Row(
        name=name,
        seconds=round(seconds, 3),
        to_groupby=_ratio(seconds, medians.get("groupby")),
        to_tutorial=_ratio(seconds, medians.get("tutorial")),
        cpu_seconds=round(statistics.median(cpu), 2) if cpu else None,
        others_cpu_seconds=max(others, default=None),
        peak_mb=max(peaks, default=None),
        customers=group[0].customers,
        repeats=[timing.seconds for timing in group],
    )


def _ratio(seconds: float, base: float | None) -> float | None:
    return round(seconds / base, 2) if base else None


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.name,
        _number(row.seconds, 1),
        _number(row.to_groupby, 2),
        _number(row.to_tutorial, 2),
        _number(row.cpu_seconds, 1),
        _number(row.others_cpu_seconds, 1),
        _number(row.peak_mb, 0),
        _number(row.customers, 0),
    )


def _number(value: float | None, decimals: int) -> str:
    return "-" if value is None else f"{value:,.{decimals}f}"
