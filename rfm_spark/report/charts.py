"""Bar charts of the report; every text in them is ready-made, so that Vega formats nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from rfm_spark.report.colours import INK, PAPER, pale, text_on
from rfm_spark.report.drawing import WIDTH, Drawing, axis, band, literal
from rfm_spark.report.fonts import FONT

NARROW_WIDTH = 340
SMALL_WIDTH = 340
BAR_TEXT = 120


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
class Part:
    """One part of a stacked bar: share of the whole, colour, and text where it fits."""

    share: float
    colour: str
    text: str


def paired_bars(pairs: Sequence[Pair], width: int = WIDTH) -> Drawing:
    """Share of customers (pale) beside share of revenue (full), one row of two bars per group.

    Args:
        pairs: the groups, top to bottom.
        width: of the whole drawing, in pixels; a narrow one has the labels above the bars, not beside them.
    """
    narrow = width <= NARROW_WIDTH
    labels = 0 if narrow else 320
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
    low, high = min(0.0, *shares), max(0.01, *shares)
    room = BAR_TEXT / (width - labels - BAR_TEXT)
    domain = [low, high + (high - low) * room]
    beside = None if narrow else axis(labelLimit=labels, labelFontSize=13)
    kinds = [-1, 0, 1] if narrow else [0, 1]
    rows = {
        "y": band(alt.Y, "label", [pair.label for pair in pairs], axis=beside),
        "yOffset": alt.YOffset(
            field="kind", type="nominal", sort=kinds, scale=alt.Scale(domain=kinds, paddingInner=0.12)
        ),
    }
    base = alt.Chart(alt.InlineData(values=bars)).encode(**rows)
    scale = alt.Scale(domain=domain, nice=False, zero=True)
    drawn = base.mark_bar(strokeWidth=1).encode(
        x=alt.X(field="share", type="quantitative", scale=scale, axis=None),
        fill=literal(alt.Fill, "fill"),
        stroke=literal(alt.Stroke, "line"),
    )
    texts = base.mark_text(align="left", dx=6, fontSize=12, color=INK, font=FONT).encode(
        x=alt.X(field="end", type="quantitative", scale=scale, axis=None),
        text=alt.Text(field="text", type="nominal"),
    )
    above = [_labels_above(pairs, rows, width)] if narrow else []
    return alt.layer(drawn, texts, *above).properties(width=width, height=24 * len(kinds) * len(pairs))


def _labels_above(pairs: Sequence[Pair], rows: Mapping[str, Any], width: int) -> alt.Chart:
    values = [{"label": pair.label, "kind": -1} for pair in pairs]
    texts = alt.Chart(alt.InlineData(values=values)).mark_text(
        align="left", dy=2, fontSize=12, fontWeight="bold", color=INK, font=FONT, limit=width - 8
    )
    found: alt.Chart = texts.encode(**rows, x=alt.value(0), text=alt.Text(field="label", type="nominal"))
    return found


def stacked_bar(parts: Sequence[Part], width: int = WIDTH) -> Drawing:
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
                "text": part.text if part.share * width > 7 * len(part.text) + 12 else "",
            }
        )
        end += part.share
    base = alt.Chart(alt.InlineData(values=values))
    scale = alt.Scale(domain=[0, max(end, 0.01)], nice=False)
    bar = base.mark_bar(stroke=PAPER, strokeWidth=2, height=34).encode(
        x=alt.X(field="start", type="quantitative", scale=scale, axis=None),
        x2=alt.X2(field="end"),
        fill=literal(alt.Fill, "fill"),
    )
    texts = base.mark_text(fontSize=12, font=FONT).encode(
        x=alt.X(field="middle", type="quantitative", scale=scale, axis=None),
        text=alt.Text(field="text", type="nominal"),
        color=literal(alt.Color, "ink"),
    )
    return alt.layer(bar, texts).properties(width=width, height=38)


def histogram(labels: Sequence[str], counts: Sequence[int], texts: Sequence[str]) -> Drawing:
    """A small histogram: one row per bin, its count at the end of the bar, so that no text can meet another."""
    values = [
        {"label": label, "count": count, "text": text} for label, count, text in zip(labels, counts, texts, strict=True)
    ]
    domain = [0, max(counts, default=1) * 1.3]
    base = alt.Chart(alt.InlineData(values=values)).encode(
        x=alt.X(field="count", type="quantitative", axis=None, scale=alt.Scale(domain=domain, nice=False)),
        y=band(alt.Y, "label", labels, axis=axis()),
    )
    bars = base.mark_bar(color="#5b7f9f", stroke=PAPER, strokeWidth=1)
    ends = base.mark_text(align="left", dx=5, fontSize=12, color=INK, font=FONT).encode(
        text=alt.Text(field="text", type="nominal")
    )
    return alt.layer(bars, ends).properties(width=SMALL_WIDTH, height=20 * len(labels))
