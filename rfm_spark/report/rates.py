"""Drawings of rates and shares: how a rate is spread between its thresholds, and shares of groups over time."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from rfm_spark.report.colours import INK, PAPER, RULE
from rfm_spark.report.curves import CURVE_HEIGHT, CURVE_WIDTH
from rfm_spark.report.drawing import Drawing, axis, band, literal
from rfm_spark.report.fonts import FONT

BAR_COLOUR = "#8fa9c0"
# Of the highest bar: room above it for the labels of the thresholds.
_HEADROOM = 1.3
_LABEL_HEIGHT = 16
# Up to this rate the label of a threshold fits between its line and the right end.
_ROOM_AT_RIGHT = 0.5
_WIDEST_BAR = 34
# More dates than this leave no room for a label below each.
_LABELLED_DATES = 5


@dataclass(frozen=True)
class Threshold:
    """A vertical line at a rate of 0 to 1, with its label."""

    rate: float
    label: str


@dataclass(frozen=True)
class Stack:
    """One bar of shares, bottom to top, with their colours.

    Attributes:
        label: below the bar, unique in its chart.
        parts: share and #rrggbb of each part.
    """

    label: str
    parts: tuple[tuple[float, str], ...]


def rate_bars(
    counts: Sequence[int], thresholds: Sequence[Threshold], count_texts: Mapping[int, str], rate_texts: Sequence[str]
) -> Drawing:
    """A histogram of a rate, with its thresholds as labelled lines.

    Args:
        counts: of each bin; the bins divide the rates from 0 to 1 evenly.
        thresholds: drawn at their true place, whatever the bins are.
        count_texts: what stands at each count of the vertical axis, as by `count_ticks`.
        rate_texts: below the bars, evenly from rate 0 to rate 1.
    """
    width = 1 / len(counts)
    bars = [
        {"start": at * width, "end": (at + 1) * width, "low": 0, "count": count}
        for at, count in enumerate(counts)
        if count
    ]
    ends = [at / (len(rate_texts) - 1) for at in range(len(rate_texts))]
    across = alt.X(
        field="start",
        type="quantitative",
        scale=alt.Scale(domain=[0, 1], nice=False),
        axis=axis(
            values=ends,
            labelFlush=False,
            labelExpr=f"{json.dumps(list(rate_texts))}[round(datum.value * {len(ends) - 1})]",
        ),
    )
    up = alt.Y(
        field="count",
        type="quantitative",
        scale=alt.Scale(domain=[0, max(*counts, *count_texts, 1) * _HEADROOM], nice=False),
        axis=axis(values=list(count_texts), labelExpr=_looked_up(count_texts), grid=True, gridColor=RULE),
    )
    drawn = (
        alt.Chart(alt.InlineData(values=bars))
        .mark_bar(color=BAR_COLOUR, stroke=PAPER, strokeWidth=1)
        .encode(x=across, x2=alt.X2(field="end"), y=up, y2=alt.Y2(field="low"))
    )
    return alt.layer(drawn, *_threshold_layers(thresholds)).properties(width=CURVE_WIDTH, height=CURVE_HEIGHT)


def _threshold_layers(thresholds: Sequence[Threshold]) -> list[alt.Chart]:
    lines: list[alt.Chart] = []
    texts: list[alt.Chart] = []
    for at, one in enumerate(sorted(thresholds, key=lambda threshold: threshold.rate)):
        # A row for each label; a line begins at its own, clear of the label above it.
        row = 8 + _LABEL_HEIGHT * at
        base = alt.Chart(alt.InlineData(values=[{"start": one.rate, "label": one.label}])).encode(
            x=alt.X(field="start", type="quantitative")
        )
        rule = base.mark_rule(color=INK, strokeWidth=1.5, strokeDash=[5, 3])
        lines.append(rule.encode(y=alt.value(row - 8), y2=alt.value(CURVE_HEIGHT)))
        side: dict[str, Any] = (
            {"align": "left", "dx": 6} if one.rate <= _ROOM_AT_RIGHT else {"align": "right", "dx": -6}
        )
        look = {**side, "y": row, "fontSize": 12, "font": FONT}
        words = alt.Text(field="label", type="nominal")
        texts.append(base.mark_text(**look, stroke=PAPER, strokeWidth=4).encode(text=words))
        texts.append(base.mark_text(**look, color=INK).encode(text=words))
    return [*lines, *texts]


def count_ticks(most: int) -> list[int]:
    """Whole numbers for an axis from 0 to about the highest count: two to five of them, evenly spaced."""
    steps = (digit * 10**power for power in range(19) for digit in (1, 2, 5))
    step = next(step for step in steps if most <= step * 4)
    return list(range(0, max(most, 1) + 1, step))


def stacked_columns(stacks: Sequence[Stack], share_texts: Sequence[str]) -> Drawing:
    """Bars of shares that add up to the whole, side by side.

    Args:
        stacks: left to right.
        share_texts: beside the bars, evenly from 0 to the whole.
    """
    values = []
    for stack in stacks:
        end = 0.0
        for share, colour in stack.parts:
            values.append({"at": stack.label, "low": end, "high": end + share, "fill": colour})
            end += share
    labels = [stack.label for stack in stacks]
    # Counted from the last one, which is the run itself.
    step = math.ceil(len(labels) / _LABELLED_DATES)
    ends = [at / (len(share_texts) - 1) for at in range(len(share_texts))]
    expression = f"{json.dumps(list(share_texts))}[round(datum.value * {len(ends) - 1})]"
    base = alt.Chart(alt.InlineData(values=values)).encode(
        x=band(alt.X, "at", labels, axis=axis(labelAngle=0, values=labels[::-1][::step], labelOverlap=False)),
        y=alt.Y(
            field="low",
            type="quantitative",
            scale=alt.Scale(domain=[0, 1], nice=False),
            axis=axis(values=ends, labelExpr=expression),
        ),
        y2=alt.Y2(field="high"),
        fill=literal(alt.Fill, "fill"),
    )
    room = CURVE_WIDTH * 0.9 / len(stacks)
    bars = base.mark_bar(size=min(_WIDEST_BAR, room * 0.85), stroke=PAPER, strokeWidth=0.5)
    return alt.layer(bars).properties(width=CURVE_WIDTH, height=CURVE_HEIGHT)


def _looked_up(texts: Mapping[int, str]) -> str:
    return f"{json.dumps({str(value): text for value, text in texts.items()})}[datum.value]"
