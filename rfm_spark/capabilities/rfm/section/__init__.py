"""The sections of the report on scores: scopes, the grid of customers, and the cut points; nothing is computed."""

from __future__ import annotations

from rfm_spark.capabilities.rfm.section.cuts import draw_cuts, read_cuts
from rfm_spark.capabilities.rfm.section.grid import draw_grid, read_grid
from rfm_spark.capabilities.rfm.section.scopes import draw_scopes, read_scopes
from rfm_spark.report.section import Section, template_text

_HERE = "rfm_spark.capabilities.rfm.section"

SECTIONS = (
    Section(
        name="scopes", place=15, template=template_text(_HERE, "scopes.html.j2"), read=read_scopes, draw=draw_scopes
    ),
    Section(name="grid", place=20, template=template_text(_HERE, "grid.html.j2"), read=read_grid, draw=draw_grid),
    Section(
        name="cuts",
        place=100,
        template=template_text(_HERE, "cuts.html.j2"),
        read=read_cuts,
        draw=draw_cuts,
        # The grid has them beside its scores.
        shares=lambda data: (data,),
        glossary=1,
    ),
)
