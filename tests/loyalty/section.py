"""Its section of the report."""

from __future__ import annotations

from dataclasses import dataclass

from rfm_spark.report.badges import source_badge
from rfm_spark.report.section import Drawn, Facts, Reader, Section, template_text
from rfm_spark.report.wording import Numbers


@dataclass(frozen=True)
class Points:
    regulars: int = 0


def read_points(reader: Reader) -> Points:
    return Points(reader.run.rows.get("loyalty.regulars", 0))


def draw_points(data: Points, facts: Facts, say: Numbers) -> Drawn:
    badge = source_badge(facts.settings, "points")
    if badge.kind == "absent":
        return Drawn(badge, None)
    return Drawn(badge, {"regulars": say.count(data.regulars)})


SECTIONS = (
    Section(
        name="loyalty",
        place=66,
        template=template_text("tests.loyalty", "section.html.j2"),
        read=read_points,
        draw=draw_points,
    ),
)
