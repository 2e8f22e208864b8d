"""Draws the figures of a benchmark: `python -m benchmarks.plot bench-data/figures.json docs/bench.png` (or .svg).

Three charts of the largest table: segments without clusters, the whole job with clusters, and a night by the years of
history. Bars are seconds; this project's are blue, what it is compared with grey.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import altair as alt
import vl_convert

from benchmarks import names
from benchmarks.figures import from_json
from benchmarks.shapes import Shape
from benchmarks.summary import Row
from benchmarks.targets import Figures
from rfm_spark.report.colours import CATEGORIES, INK, MUTED, PAPER
from rfm_spark.report.drawing import Drawing
from rfm_spark.report.fonts import FONT, measure_with_it

OURS, OTHERS = CATEGORIES[0], "#9aa5b1"
WIDTH, BAR, LABELS, PADDING = 520, 22, 250, 20
SEGMENTS: Mapping[str, str] = {
    names.GROUPBY: "bare Spark group-by",
    names.TUTORIAL: "tutorial: quintiles by ntile",
    names.FIRST: "rfm-spark: first run",
    names.FULL: "rfm-spark: next date, all measured",
    names.NEXT: "rfm-spark: next date",
    names.THE_NIGHT: "rfm-spark: night, 0.15 % new rows",
    names.MONTH: "rfm-spark: month of a backfill",
}
CLUSTERS: Mapping[str, str] = {
    names.TUTORIAL_KMEANS: "tutorial + MLlib KMeans for each k",
    names.PANDAS_SKLEARN: "pandas + scikit-learn",
    names.POLARS_SKLEARN: "Polars + scikit-learn",
    names.DUCKDB_SKLEARN: "DuckDB + scikit-learn",
    names.CLUSTERED_FIRST: "rfm-spark: first run",
    names.CLUSTERED_NEXT: "rfm-spark: next date",
    names.CLUSTERED_NIGHT: "rfm-spark: night, 0.15 % new rows",
}


@dataclasses.dataclass(frozen=True)
class Bar:
    """One bar: what it says, seconds, and whether it is this project's."""

    label: str
    seconds: float
    ours: bool


def bars(rows: Sequence[Row], labels: Mapping[str, str]) -> list[Bar]:
    """The rows that have a label, in the order of the labels."""
    found = {row.name: row for row in rows}
    return [
        Bar(label, found[name].seconds, name.startswith("rfm-spark")) for name, label in labels.items() if name in found
    ]


def history_bars(figures: Figures) -> list[Bar]:
    """A night at each length of history."""
    nights = sorted(
        (row for row in figures.rows if row.name == names.HISTORY_NIGHT), key=lambda row: row.shape.years or 0
    )
    return [Bar(_history(row.shape), row.seconds, True) for row in nights]


def picture(document: Mapping[str, Any]) -> alt.VConcatChart:
    """All charts of a document of figures.

    Raises:
        ValueError: none of the rows that are drawn is there.
    """
    figures = from_json(document)
    largest = max((row.shape for row in figures.rows if _is_ordinary(row)), key=lambda shape: shape.lines, default=None)
    mine = [row for row in figures.rows if row.shape == largest]
    lines = "" if largest is None else f"{largest.lines / 1e6:g} M lines, {largest.customers / 1e6:g} M customers"
    parts = [
        (f"Segments without clusters: {lines}", bars(mine, SEGMENTS)),
        (f"Segments and clusters, k chosen over 2 … 10: {lines}", bars(mine, CLUSTERS)),
        ("The same night after more and more years of history", history_bars(figures)),
    ]
    drawn = [_chart(title, found) for title, found in parts if found]
    if not drawn:
        raise ValueError("no figures to draw: run the benchmark with its default competitors")
    chart: alt.VConcatChart = alt.vconcat(*drawn, spacing=28).properties(
        title=alt.TitleParams(
            "Wall time in seconds, less is better",
            subtitle=_subtitle(document),
            anchor="start", offset=16, fontSize=17, color=INK, subtitleColor=MUTED, subtitleFontSize=12, font=FONT,
            subtitleFont=FONT,
        ),
        padding=PADDING,
    )  # fmt: skip
    shown: alt.VConcatChart = chart.configure(font=FONT, background=PAPER).configure_view(stroke=None)
    return shown


def main(arguments: Sequence[str] | None = None) -> int:
    """Draws a file of figures into a picture."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plot", description=__doc__)
    parser.add_argument("figures", type=Path, help="JSON of a benchmark")
    parser.add_argument("picture", type=Path, help="where the picture goes: .png or .svg")
    options = parser.parse_args(arguments)
    specification = picture(json.loads(options.figures.read_text(encoding="utf-8"))).to_dict()
    measure_with_it()
    version = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
    if options.picture.suffix == ".svg":
        svg = vl_convert.vegalite_to_svg(specification, vl_version=version, allowed_base_urls=[])
        options.picture.write_text(svg, encoding="utf-8")
    else:
        png = vl_convert.vegalite_to_png(specification, vl_version=version, scale=2, allowed_base_urls=[])
        options.picture.write_bytes(png)
    return 0


def _is_ordinary(row: Row) -> bool:
    return row.shape.years is None and row.shape.basket is None and not row.shape.skewed


def _subtitle(document: Mapping[str, Any]) -> str:
    machine, settings = document["machine"], document["settings"]
    rounds = settings["rounds"]
    how = "one round" if rounds == 1 else f"medians of {rounds}"
    where = f"{settings['cores']} cores of {machine.get('cpu', 'unknown')}, Spark {machine['packages']['pyspark']}"
    return f"{where}, {how}; blue: rfm-spark"


def _history(shape: Shape) -> str:
    return f"{shape.years} {'year' if shape.years == 1 else 'years'}, {shape.lines / 1e6:g} M lines"


def _seconds(value: float) -> str:
    return f"{value:,.0f} s" if value >= 100 else f"{value:.1f} s"


def _chart(title: str, found: Sequence[Bar]) -> Drawing:
    values = [
        {
            "label": one.label,
            "seconds": one.seconds,
            "text": _seconds(one.seconds),
            "fill": OURS if one.ours else OTHERS,
        }
        for one in found
    ]
    order = [one.label for one in found]
    axis = alt.Axis(
        title=None, domain=False, ticks=False, labelColor=INK, labelFontSize=13, labelLimit=LABELS, minExtent=LABELS
    )
    domain = [0, max(one.seconds for one in found) * 1.12]
    base = alt.Chart(alt.InlineData(values=values)).encode(
        y=alt.Y(field="label", type="nominal", sort=order, axis=axis, scale=alt.Scale(domain=order, paddingInner=0.25)),
        x=alt.X(field="seconds", type="quantitative", axis=None, scale=alt.Scale(domain=domain, nice=False)),
    )
    drawn = base.mark_bar().encode(fill=alt.Fill(field="fill", type="nominal", scale=None, legend=None))
    texts = base.mark_text(align="left", dx=6, fontSize=13, color=INK, font=FONT).encode(
        text=alt.Text(field="text", type="nominal")
    )
    head = alt.TitleParams(title, anchor="start", frame="bounds", fontSize=14, color=INK, font=FONT, offset=8)
    return alt.layer(drawn, texts).properties(title=head, width=WIDTH, height=BAR * len(found))


if __name__ == "__main__":
    sys.exit(main())
