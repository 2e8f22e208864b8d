"""Bar charts of the report; every text in them is ready-made, so that Vega formats nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt

from rfm_spark.report.colours import INK, PAPER, pale, text_on
from rfm_spark.report.drawing import FONT, WIDTH, Drawing, axis, band, literal

NARROW_WIDTH = 440
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
        width: of the whole drawing, in pixels.
    """
    labels, size = (230, 13) if width > NARROW_WIDTH else (170, 12)
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
    base = alt.Chart(alt.InlineData(values=bars)).encode(
        y=band(alt.Y, "label", [pair.label for pair in pairs], axis=axis(labelLimit=labels, labelFontSize=size)),
        yOffset=alt.YOffset(field="kind", type="nominal", sort=[0, 1], scale=alt.Scale(paddingInner=0.12)),
    )
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
    return alt.layer(drawn, texts).properties(width=width, height=48 * len(pairs))


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
