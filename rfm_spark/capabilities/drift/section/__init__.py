"""The sections of the report on drift: trackers, and customers and model against before; nothing is computed."""

from __future__ import annotations

from rfm_spark.capabilities.drift.section.drift import draw_drift
from rfm_spark.capabilities.drift.section.drift_data import read_drift
from rfm_spark.capabilities.drift.section.tracking import draw_tracking
from rfm_spark.capabilities.drift.section.tracking_data import read_tracking
from rfm_spark.report.section import Section, template_text

_HERE = "rfm_spark.capabilities.drift.section"

SECTIONS = (
    Section(
        name="tracking",
        place=70,
        template=template_text(_HERE, "tracking.html.j2"),
        read=read_tracking,
        draw=draw_tracking,
    ),
    Section(
        name="drift",
        place=80,
        template=template_text(_HERE, "drift.html.j2"),
        read=read_drift,
        draw=draw_drift,
        # Rates are told beside the streams that they are of.
        shares=lambda data: (data,),
        glossary=3,
    ),
)
