"""The charts of the report, drawn as static SVG; every text in them is ready-made, so that Vega formats nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import altair as alt
import vl_convert
from markupsafe import escape

from rfm_spark.report.colours import INK, MUTED, PAPER, RULE, heat, pale, text_on

Drawing: TypeAlias = alt.LayerChart | alt.FacetChart
WIDTH = 1000
# Metric-compatible everywhere: Liberation Sans is Arial's width, and the renderer brings it along.
FONT = "Arial, Liberation Sans, Helvetica, sans-serif"
LINE_BREAK = "\x1f"
_ROOT = re.compile(r"^<svg[^>]*?viewBox=\"([^\"]*)\"[^>]*>")
_ID = re.compile(r"(\bid=\"|url\(#|href=\"#)")


@dataclass(frozen=True)
class Pair:
    """One row of the paired bars.

    Attributes:
        label: of the row, unique in its chart.
        colour: #rrggbb.
        shares: of customers and of revenue; None leaves the second bar out.
        texts: at the ends of the bars.
    """

    label: str
    colour: str
    shares: tuple[float, float | None]
    texts: tuple[str, str]


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


@dataclass(frozen=True)
class Part:
    """One part of a stacked bar: share of the whole, colour, and text where it fits."""

    share: float
    colour: str
    text: str


def paired_bars(pairs: Sequence[Pair]) -> Drawing:
    """Share of customers (pale) beside share of revenue (full), one row of two bars per group."""
    bars = [
        {
            "label": pair.label,
            "kind": kind,
            "share": share,
            "end": max(share, 0.0),
            "fill": pair.colour if kind else pale(pair.colour),
            "line": pair.colour,
            "text": text,
        }
        for pair in pairs
        for kind, (share, text) in enumerate(zip(pair.shares, pair.texts, strict=True))
        if share is not None
    ]
    shares = [share for pair in pairs for share in pair.shares if share is not None]
    # Room at the right for the longest text at the end of the longest bar.
    domain = [min(0.0, *shares), max(0.01, *shares) * 1.25]
    base = alt.Chart(alt.InlineData(values=bars)).encode(
        y=_band(alt.Y, "label", [pair.label for pair in pairs], axis=_axis(labelLimit=230, labelFontSize=13)),
        yOffset=alt.YOffset(field="kind", type="nominal", sort=[0, 1], scale=alt.Scale(paddingInner=0.12)),
    )
    scale = alt.Scale(domain=domain, nice=False, zero=True)
    drawn = base.mark_bar(strokeWidth=1).encode(
        x=alt.X(field="share", type="quantitative", scale=scale, axis=None),
        fill=_literal(alt.Fill, "fill"),
        stroke=_literal(alt.Stroke, "line"),
    )
    texts = base.mark_text(align="left", dx=6, fontSize=12, color=INK, font=FONT).encode(
        x=alt.X(field="end", type="quantitative", scale=scale, axis=None),
        text=alt.Text(field="text", type="nominal"),
    )
    return alt.layer(drawn, texts).properties(width=WIDTH, height=48 * len(pairs))


def matrix(content: Matrix) -> Drawing:
    """A heat map with its numbers written into the cells."""
    values = [
        {
            "column": cell.column,
            "row": cell.row,
            "fill": heat(cell.heat),
            "strip": cell.strip or heat(cell.heat),
            "ink": text_on(heat(cell.heat)),
            "frame": INK if cell.framed else PAPER,
            **{f"line{at}": line for at, line in enumerate(cell.lines)},
        }
        for cell in content.cells
    ]
    lines = max((len(cell.lines) for cell in content.cells), default=1)
    limit = int((WIDTH - 170) / max(len(content.columns), 1)) - 12
    split = f"split(datum.label, '{LINE_BREAK}')"
    top = _axis(
        orient="top" if content.columns_on_top else "bottom",
        labelAngle=0,
        labelExpr=split,
        labelLimit=limit + 8,
        title=content.column_title,
    )
    left = _axis(labelExpr=split, labelLimit=170, title=content.row_title, labelBaseline="middle")
    base = alt.Chart(alt.InlineData(values=values)).encode(
        x=_band(alt.X, "column", content.columns, axis=top), y=_band(alt.Y, "row", content.rows, axis=left)
    )
    layers: list[alt.Chart] = [
        base.mark_rect(strokeWidth=2).encode(fill=_literal(alt.Fill, "fill"), stroke=_literal(alt.Stroke, "frame"))
    ]
    if any(cell.strip for cell in content.cells):
        layers.append(
            alt.Chart(alt.InlineData(values=values))
            .mark_rect(strokeWidth=0)
            .encode(
                x=_band(alt.X, "column", content.columns, axis=top, bandPosition=0.012),
                x2=alt.X2(field="column", bandPosition=0.06),
                y=_band(alt.Y, "row", content.rows, axis=left),
                fill=_literal(alt.Fill, "strip"),
            )
        )
    for at in range(lines):
        layers.append(
            base.mark_text(
                dy=round((at - (lines - 1) / 2) * 16),
                fontSize=11 if at else 14,
                fontWeight="normal" if at else "bold",
                limit=limit,
                font=FONT,
            ).encode(text=alt.Text(field=f"line{at}", type="nominal"), color=_literal(alt.Color, "ink"))
        )
    return alt.layer(*layers).properties(width=WIDTH, height=content.cell_height * max(len(content.rows), 1))


def stacked_bar(parts: Sequence[Part]) -> Drawing:
    """One bar from 0 to 100 %, its parts separated by paper."""
    values, end = [], 0.0
    for part in parts:
        values.append(
            {
                "start": end,
                "end": end + part.share,
                "middle": end + part.share / 2,
                "fill": part.colour,
                "ink": text_on(part.colour),
                "text": part.text if part.share * WIDTH > 7 * len(part.text) + 12 else "",
            }
        )
        end += part.share
    base = alt.Chart(alt.InlineData(values=values))
    scale = alt.Scale(domain=[0, max(end, 0.01)], nice=False)
    bar = base.mark_bar(stroke=PAPER, strokeWidth=2, height=34).encode(
        x=alt.X(field="start", type="quantitative", scale=scale, axis=None),
        x2=alt.X2(field="end"),
        fill=_literal(alt.Fill, "fill"),
    )
    texts = base.mark_text(fontSize=12, font=FONT).encode(
        x=alt.X(field="middle", type="quantitative", scale=scale, axis=None),
        text=alt.Text(field="text", type="nominal"),
        color=_literal(alt.Color, "ink"),
    )
    return alt.layer(bar, texts).properties(width=WIDTH, height=38)


def columns(labels: Sequence[str], counts: Sequence[int], texts: Sequence[str]) -> Drawing:
    """A small histogram: one column per bin, its count above it."""
    values = [
        {"label": label, "count": count, "text": text} for label, count, text in zip(labels, counts, texts, strict=True)
    ]
    base = alt.Chart(alt.InlineData(values=values)).encode(
        x=_band(alt.X, "label", labels, axis=_axis(labelAngle=-40, labelFontSize=12)),
        y=alt.Y(field="count", type="quantitative", axis=None, scale=alt.Scale(domainMin=0)),
    )
    bars = base.mark_bar(color="#5b7f9f")
    texts_above = base.mark_text(dy=-7, fontSize=11, color=INK, font=FONT).encode(
        text=alt.Text(field="text", type="nominal")
    )
    return alt.layer(bars, texts_above).properties(width=480, height=170)


def as_svg(chart: Drawing, name: str, description: str) -> str:
    """Draw a chart.

    Args:
        chart: what to draw.
        name: unique on the page; ids inside the drawing get it as a prefix, so that they never meet.
        description: what a screen reader says.

    Returns:
        SVG without a fixed size, script or reference to anything outside it.
    """
    shaped = (
        chart.properties(autosize=alt.AutoSizeParams(type="fit-x", contains="padding"), padding=4)
        .configure(aria=False, font=FONT, background=PAPER)
        .configure_view(stroke=None)
        .configure_scale(bandPaddingInner=0.0, bandPaddingOuter=0.0)
    )
    version = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
    svg = vl_convert.vegalite_to_svg(shaped.to_dict(), vl_version=version, allowed_base_urls=[])
    # Inside HTML the namespaces are known; without them nothing on the page looks like an address.
    root = f'<svg viewBox="\\1" role="img" aria-label="{escape(description)}">'
    sized = _ROOT.sub(lambda found: root.replace("\\1", found[1]), svg)
    return _ID.sub(rf"\g<1>{name}-", sized)


def _band(kind: type[Any], field: str, order: Sequence[str], **options: Any) -> Any:
    return kind(field=field, type="nominal", sort=None, scale=alt.Scale(domain=list(order)), **options)


def _literal(kind: type[Any], field: str) -> Any:
    return kind(field=field, type="nominal", scale=None, legend=None)


def _axis(**options: Any) -> alt.Axis:
    look = {
        "title": None,
        "domain": False,
        "ticks": False,
        "labelColor": INK,
        "labelFontSize": 12,
        "labelPadding": 8,
        "labelFont": FONT,
        "titleColor": MUTED,
        "titleFont": FONT,
        "titleFontWeight": "normal",
        "titleFontSize": 12,
        "titlePadding": 10,
        "gridColor": RULE,
        "grid": False,
    }
    return alt.Axis(**{**look, **options})
