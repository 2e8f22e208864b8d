"""Two measures over time that should agree: what was expected, and what came."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from rfm_spark.report.colours import INK, PAPER, RULE
from rfm_spark.report.curves import CHOSEN_COLOUR, CURVE_HEIGHT, CURVE_WIDTH
from rfm_spark.report.drawing import Drawing, axis
from rfm_spark.report.fonts import FONT

# More dates than this leave no room for a label below each.
_LABELLED = 4
# Right of the last point, for the numbers there.
_ROOM = 70


def tracked(points: Sequence[tuple[str, float, float]], ends: tuple[str, str]) -> Drawing:
    """Expected (dashed) and actual values, with the last of each as a number beside it.

    Args:
        points: label below the axis, expected, actual; left to right.
        ends: texts of the last expected and actual value.
    """
    labels = [label for label, _, _ in points]
    step = max(-(-len(labels) // _LABELLED), 1)
    highest = max([1.0, *(max(expected, actual) for _, expected, actual in points)])
    across = alt.X(
        field="at", type="nominal", sort=None,
        scale=alt.Scale(type="point", domain=labels, padding=0.3, range=[0, CURVE_WIDTH - _ROOM]),
        axis=axis(labelAngle=0, values=labels[::-1][::step], labelOverlap=False),
    )  # fmt: skip
    up = alt.Y(
        field="value", type="quantitative", axis=None, scale=alt.Scale(domain=[0, highest * 1.1], nice=False)
    )  # fmt: skip
    layers: list[alt.Chart] = [
        alt.Chart(alt.InlineData(values=[{"value": 0.0}])).mark_rule(color=RULE).encode(y=up)
    ]  # fmt: skip
    for at, colour, dash in ((0, CHOSEN_COLOUR, [5, 3]), (1, INK, [1, 0])):
        values = [{"at": point[0], "value": point[1:][at]} for point in points]
        line = alt.Chart(alt.InlineData(values=values)).mark_line(color=colour, strokeWidth=2, strokeDash=dash)
        layers.append(line.encode(x=across, y=up))
    layers += _numbers(points[-1], ends, across, up, highest)
    return alt.layer(*layers).properties(width=CURVE_WIDTH, height=CURVE_HEIGHT)


def _numbers(
    last: tuple[str, float, float], ends: tuple[str, str], across: alt.X, up: alt.Y, highest: float
) -> list[alt.Chart]:
    """The last values; where they are close, the higher one stands above and the lower one below."""
    label, expected, actual = last
    apart = 8 if abs(expected - actual) < 0.12 * highest else 0
    shifts = (apart, -apart) if expected <= actual else (-apart, apart)
    found = []
    for value, text, colour, shift in zip((expected, actual), ends, (CHOSEN_COLOUR, INK), shifts, strict=True):
        base = alt.Chart(alt.InlineData(values=[{"at": label, "value": value, "text": text}]))
        words = alt.Text(field="text", type="nominal")
        for look in ({"stroke": PAPER, "strokeWidth": 4}, {"color": colour}):
            mark = base.mark_text(align="left", dx=8, dy=shift, fontSize=12, font=FONT, **look)
            found.append(mark.encode(x=across, y=up, text=words))
    return found
