"""Heat maps with their numbers in the cells, such as segment before by segment now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import altair as alt

from rfm_spark.report.colours import INK, PAPER, heat, text_on
from rfm_spark.report.drawing import WIDTH, Drawing, axis, band, literal
from rfm_spark.report.fonts import FONT

LINE_BREAK = "\x1f"
LINE_HEIGHT = 13
ROW_LABELS = 170


@dataclass(frozen=True)
class Cell:
    """One cell of a matrix.

    Attributes:
        column: label of its column; LINE_BREAK starts a new line.
        row: label of its row.
        heat: 0 (light) to 1 (dark).
        lines: texts, the first one large.
        strip: colour of the strip at its left edge, or None.
        framed: drawn with a dark frame.
    """

    column: str
    row: str
    heat: float
    lines: tuple[str, ...]
    strip: str | None = None
    framed: bool = False


@dataclass(frozen=True)
class Matrix:
    """A heat map: labels of columns and rows in order, and the cells that exist."""

    columns: tuple[str, ...]
    rows: tuple[str, ...]
    cells: tuple[Cell, ...]
    column_title: str
    row_title: str
    cell_height: int
    columns_on_top: bool = False


def matrix(content: Matrix) -> Drawing:
    """A heat map with its numbers written into the cells."""
    names, breaks = _even(content.columns) if content.columns_on_top else ({c: c for c in content.columns}, 0)
    limit = _column_width(len(content.columns)) - 12
    split = f"split(datum.label, '{LINE_BREAK}')"
    top = axis(
        orient="top" if content.columns_on_top else "bottom",
        labelAngle=0,
        labelExpr=split,
        labelLimit=limit + 8,
        labelPadding=8 + breaks * LINE_HEIGHT,
        title=content.column_title,
    )
    two_lines = any(LINE_BREAK in row for row in content.rows)
    left = axis(labelExpr=split, labelLimit=ROW_LABELS, title=content.row_title, labelOffset=-7 if two_lines else 0)
    across = band(alt.X, "column", [names[column] for column in content.columns], axis=top)
    up = band(alt.Y, "row", content.rows, axis=left)
    values = _cell_values(content, names)
    base = alt.Chart(alt.InlineData(values=values)).encode(x=across, y=up)
    fills = base.mark_rect(strokeWidth=2, stroke=PAPER).encode(fill=literal(alt.Fill, "fill"))
    # Frames come after all fills: a neighbour's edge would cover half of one.
    framed = [value for value, cell in zip(values, content.cells, strict=True) if cell.framed]
    frames = alt.Chart(alt.InlineData(values=framed)).mark_rect(stroke=INK, strokeWidth=2, filled=False)
    layers: list[alt.Chart] = [fills, *([frames.encode(x=across, y=up)] if framed else [])]
    if any(cell.strip for cell in content.cells):
        # A band at the left edge of the cell's own band.
        edge = alt.Chart(alt.InlineData(values=values)).mark_rect(strokeWidth=2, stroke=PAPER)
        begin = across.copy()
        begin.bandPosition = 0
        layers.append(
            edge.encode(x=begin, x2=alt.X2(field="column", bandPosition=0.06), y=up, fill=literal(alt.Fill, "strip"))
        )
    layers += _cell_texts(base, content, limit)
    return alt.layer(*layers).properties(width=WIDTH, height=content.cell_height * max(len(content.rows), 1))


def column_letters(columns: int) -> int:
    """How many letters fit above a column of a matrix."""
    return int(_column_width(columns) / 6.5)


def _column_width(columns: int) -> int:
    # What the labels of the rows leave.
    return int((WIDTH - ROW_LABELS) / max(columns, 1))


def _cell_values(content: Matrix, names: Mapping[str, str]) -> list[dict[str, str]]:
    return [
        {
            "column": names[cell.column],
            "row": cell.row,
            "fill": heat(cell.heat),
            "strip": cell.strip or heat(cell.heat),
            "ink": text_on(heat(cell.heat)),
            **{f"line{at}": line for at, line in enumerate(cell.lines)},
        }
        for cell in content.cells
    ]


def _cell_texts(base: alt.Chart, content: Matrix, limit: int) -> list[alt.Chart]:
    lines = max((len(cell.lines) for cell in content.cells), default=0)
    return [
        base.mark_text(
            dy=round((at - (lines - 1) / 2) * 16),
            fontSize=11 if at else 14,
            fontWeight="normal" if at else "bold",
            limit=limit,
            font=FONT,
        ).encode(text=alt.Text(field=f"line{at}", type="nominal"), color=literal(alt.Color, "ink"))
        for at in range(lines)
    ]


def _even(labels: Sequence[str]) -> tuple[dict[str, str], int]:
    # Labels above a chart grow downwards: with blank lines before the short ones, all of them end at one height.
    breaks = max((label.count(LINE_BREAK) for label in labels), default=0)
    return {label: LINE_BREAK * (breaks - label.count(LINE_BREAK)) + label for label in labels}, breaks
