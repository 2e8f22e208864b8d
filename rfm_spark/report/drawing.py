"""What every chart shares: axes, bands, and the way from a chart to SVG on the page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeAlias

import altair as alt
import vl_convert
from markupsafe import escape

from rfm_spark.report.colours import INK, MUTED, PAPER
from rfm_spark.report.fonts import FONT, measure_with_it

Drawing: TypeAlias = alt.LayerChart | alt.FacetChart
WIDTH = 1000
_ROOT = re.compile(r"^<svg[^>]*?viewBox=\"([^\"]*)\"[^>]*>")
_ID = re.compile(r"(\bid=\"|url\(#|href=\"#)")


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
    measure_with_it()
    version = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
    svg = vl_convert.vegalite_to_svg(shaped.to_dict(), vl_version=version, allowed_base_urls=[])
    # Inside HTML the namespaces are known; without them nothing on the page looks like an address.
    root = f'<svg viewBox="\\1" role="img" aria-label="{escape(description)}">'
    sized = _ROOT.sub(lambda found: root.replace("\\1", found[1]), svg)
    return _ID.sub(rf"\g<1>{name}-", sized)


def band(kind: type[Any], field: str, order: Sequence[str], **options: Any) -> Any:
    """A channel of named bands, in the given order."""
    return kind(field=field, type="nominal", sort=None, scale=alt.Scale(domain=list(order)), **options)


def literal(kind: type[Any], field: str) -> Any:
    """A channel whose values are colours themselves."""
    return kind(field=field, type="nominal", scale=None, legend=None)


def axis(**options: Any) -> alt.Axis:
    """An axis without lines, whose labels are read like text."""
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
        "grid": False,
    }
    return alt.Axis(**{**look, **options})
