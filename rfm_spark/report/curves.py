"""A measure by number or by date, with the numbers at its points and a few of them marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import altair as alt

from rfm_spark.report.colours import INK, MUTED, PAPER, RULE
from rfm_spark.report.drawing import Drawing, axis
from rfm_spark.report.fonts import FONT

CURVE_WIDTH = 380
CURVE_HEIGHT = 210
# More points than this leave no room for a text at each, nor do fewer with long texts.
ROOMY_POINTS = 10
LETTER_WIDTH = 6.2
CHOSEN_COLOUR, KNEE_COLOUR = "#0072b2", "#d55e00"


@dataclass(frozen=True)
class Point:
    """One point of a curve.

    Attributes:
        label: below the axis, unique in its chart.
        value: its height.
        text: at the point.
        chosen: marked by a large dot.
        knee: marked by a diamond.
    """

    label: str
    value: float
    text: str
    chosen: bool = False
    knee: bool = False


def curve(points: Sequence[Point], title: str, lean: int = 0) -> Drawing:
    """A line with points.

    Args:
        points: left to right, at least two.
        title: of the horizontal axis.
        lean: pixels that numbers stand to the right of their points, clear of a line that falls steeply.
    """
    labelled = _labelled(points)
    values = [
        {
            "at": point.label,
            "value": point.value,
            "text": point.text if at in labelled else "",
            "mark": " and ".join(name for name, on in (("knee", point.knee), ("chosen", point.chosen)) if on),
        }
        for at, point in enumerate(points)
    ]
    across = alt.X(
        field="at",
        type="nominal",
        sort=None,
        scale=alt.Scale(type="point", domain=[point.label for point in points], padding=0.6),
        axis=axis(title=title, labelAngle=0, values=[points[at].label for at in sorted(labelled)]),
    )
    low, high = min(0.0, *(p.value for p in points)), max(0.0, *(p.value for p in points))
    room = (high - low) * 0.18 or 1.0
    scale = alt.Scale(domain=[low - room, high + room], nice=False, zero=False)
    up = alt.Y(field="value", type="quantitative", axis=None, scale=scale)
    base = alt.Chart(alt.InlineData(values=values)).encode(x=across, y=up)
    zero = alt.Chart(alt.InlineData(values=[{"value": 0.0}])).mark_rule(color=RULE).encode(y=up)
    layers: list[alt.Chart] = [
        zero,
        base.mark_line(color=MUTED, strokeWidth=2),
        base.mark_point(color=MUTED, fill=MUTED, size=30, opacity=1),
    ]
    for look, field in ((_knee_mark, "knee"), (_chosen_mark, "chosen")):
        marked = [value for value, point in zip(values, points, strict=True) if getattr(point, field)]
        if marked:
            layers.append(look(alt.Chart(alt.InlineData(values=marked)).encode(x=across, y=up)))
    layers += [*_texts(base, "text", (lean, -21), "normal"), *_texts(base, "mark", (0, 22), "bold")]
    return alt.layer(*layers).properties(width=CURVE_WIDTH, height=CURVE_HEIGHT)


def _labelled(points: Sequence[Point]) -> set[int]:
    letters = max(len(text) for point in points for text in (point.label, point.text))
    room = min(ROOMY_POINTS, max(int(CURVE_WIDTH / (letters * LETTER_WIDTH + 8)), 1))
    if len(points) <= room:
        return set(range(len(points)))
    # What is marked always has its text; the others keep their distance from those told already.
    distance = len(points) / room
    labelled = {at for at, point in enumerate(points) if point.chosen}
    for at in [at for at, point in enumerate(points) if point.knee] + [0, len(points) - 1, *range(len(points))]:
        if all(abs(at - other) >= distance for other in labelled):
            labelled.add(at)
    return labelled


def _chosen_mark(base: alt.Chart) -> alt.Chart:
    found: alt.Chart = base.mark_point(shape="circle", size=110, fill=CHOSEN_COLOUR, color=CHOSEN_COLOUR, opacity=1)
    return found


def _knee_mark(base: alt.Chart) -> alt.Chart:
    found: alt.Chart = base.mark_point(shape="diamond", size=420, color=KNEE_COLOUR, strokeWidth=2.5, opacity=1)
    return found


def _texts(
    base: alt.Chart, field: str, shift: tuple[int, int], weight: Literal["normal", "bold"]
) -> tuple[alt.Chart, alt.Chart]:
    text = alt.Text(field=field, type="nominal")
    plain = base.mark_text(dx=shift[0], dy=shift[1], fontSize=12, font=FONT, fontWeight=weight, color=INK)
    # A rim of paper keeps the line from crossing the letters.
    rim = base.mark_text(
        dx=shift[0], dy=shift[1], fontSize=12, font=FONT, fontWeight=weight, stroke=PAPER, strokeWidth=4
    )
    return rim.encode(text=text), plain.encode(text=text)
