"""Its section of the report, between two others."""

from __future__ import annotations

from dataclasses import dataclass

from rfm_spark.report.badges import source_badge
from rfm_spark.report.profiles import Totals
from rfm_spark.report.section import Drawn, Facts, KeyFigure, Reader, Section, template_text
from rfm_spark.report.wording import Numbers


@dataclass(frozen=True)
class Visits:
    by_door: tuple[tuple[str, int], ...] = ()


def read_visits(reader: Reader) -> Visits:
    return Visits(tuple((row["door"], row["visits"]) for row in reader.rows("visits")))


def draw_visits(data: Visits, facts: Facts, say: Numbers) -> Drawn:
    badge = source_badge(facts.settings, "visits")
    if badge.kind == "absent":
        return Drawn(badge, None)
    total = sum(visits for _, visits in data.by_door)
    customers = (facts.find(Totals) or Totals()).customers
    return Drawn(
        badge,
        {"doors": [(door, say.count(visits)) for door, visits in data.by_door]},
        terms={"Visit": "Somebody came through a door."},
        key_figures=(KeyFigure(say.count(total), "visits", f"of {say.count(customers)} customers"),),
        subtitle="with doors",
        made_with={"Doors": say.count(len(data.by_door))},
    )


SECTIONS = (
    Section(
        name="visits",
        place=65,
        template=template_text("tests.report.toy", "visits.html.j2"),
        read=read_visits,
        draw=draw_visits,
    ),
)
