"""A made-up run, and a page as a browser would see it."""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rfm_spark.capabilities.clusters.section.data import (
    ClusterData,
    ClusterProfile,
    FeatureValues,
    LineageEvent,
    ModelFacts,
    ScanLine,
)
from rfm_spark.capabilities.drift.section.drift_data import DriftFacts
from rfm_spark.capabilities.drift.section.tracking_data import TrackingData
from rfm_spark.capabilities.engagement.section.data import EngagementFacts
from rfm_spark.capabilities.events.section.data import InteractionFacts
from rfm_spark.capabilities.movement.section import MoveData, Transition
from rfm_spark.capabilities.movement.tables import CAUSES, NO_SEGMENT
from rfm_spark.capabilities.rfm.cuts import CutSet
from rfm_spark.capabilities.rfm.section.cuts import CutData
from rfm_spark.capabilities.rfm.section.grid import GridCell, GridData
from rfm_spark.capabilities.segments.rules import RuleMap, parse_rule_map
from rfm_spark.capabilities.segments.section import SegmentData
from rfm_spark.core.config import DisplayConfig
from rfm_spark.report.data import ReportData, RunFacts
from rfm_spark.report.profiles import Profile

MAPS = Path(__file__).parents[2] / "conf" / "segments"
PLAIN = DisplayConfig()


def rf_grid() -> RuleMap:
    return parse_rule_map((MAPS / "rf_grid.yml").read_text(encoding="utf-8"), "rf_grid")


def run_facts(**changed: Any) -> RunFacts:
    config = {"rfm": {"window_days": 365}, "clusters": {"enabled": True}, "timezone": "Europe/Berlin"}
    start = dt.datetime(2018, 1, 1, 3, 0, 5, tzinfo=ZoneInfo("Europe/Berlin"))
    facts = RunFacts(
        run_id="2017-12-31-0123abcd",
        as_of=dt.date(2017, 12, 31),
        config_name="retail",
        config=json.dumps(config),
        code_version="0.1.0",
        spark_version="4.2.0",
        previous_run_id="2017-09-30-89abcdef",
        model_version="2017-12-31-0123abcd",
        started_at=start,
        finished_at=start + dt.timedelta(seconds=61),
        inputs={"transactions": "7"},
        outputs={"segments": 3},
        rows={"customers": 1000, "customers.active": 900},
        money={"monetary": Decimal("12345.67")},
        warnings=("12 rows rejected: no_amount 12",),
    )
    return replace(facts, **changed)


def profile(name: str, customers: int, revenue: str, note: str = "Do something.") -> Profile:
    return Profile(name, customers, Decimal(revenue), 12.34, 5.6, float(revenue) / customers, note)


def cluster(name: str, customers: int, revenue: str, note: str = "Protect them.", **more: Any) -> ClusterProfile:
    return ClusterProfile(name, customers, Decimal(revenue), 12.34, 5.6, float(revenue) / customers, note, **more)


def two_clusters() -> tuple[ClusterProfile, ...]:
    return (
        cluster(
            "recent, frequent", 300, "10000.00", cluster_id=4,
            features=(
                FeatureValues("recency_days", 7.25, 6.0, 2.0, 11.0, -1.456),
                FeatureValues("monetary", 33.333, 20.5, 10.25, 1234.5, 0.004),
            ),
            medoids=("A-7", "A-9"),
            segments={"champions": 190, "loyal": 60, "new": 30, "at_risk": 15, "promising": 5},
        ),
        cluster(
            "average", 700, "2345.67", cluster_id=1,
            features=(
                FeatureValues("recency_days", 81.0, 80.0, 61.0, 99.0, 0.6),
                FeatureValues("monetary", None, None, None, None, None),
            ),
            medoids=("B-1",),
            segments={"hibernating": 700},
        ),
    )  # fmt: skip


def older_row(name: str, customers: int, revenue: str) -> dict[str, Any]:
    """A row of `cluster_profiles` in the first lakes."""
    means = {"mean_recency": 1.5, "mean_frequency": 2.5, "mean_monetary": 3.5}
    return {"name": name, "customers": customers, "revenue": Decimal(revenue), **means}


def scan_line(k: int, inertia: float, silhouette: float, **more: Any) -> ScanLine:
    given = {"prediction_strength": 0.9 / k, "null_strength": None, "jaccard_min": 0.7654, "smallest_share": 0.125}
    return ScanLine(**{"k": k, "inertia": inertia, "silhouette": silhouette, **given, **more})


def model_facts(**changed: Any) -> ModelFacts:
    sure = {"prediction_strength": 0.9123, "null_strength": 0.8456, "separation": 4.56, "stable": True}
    model = ModelFacts(
        version="2017-12-31-0123abcd",
        k=2,
        names={1: "average", 4: "recent, frequent"},
        trained_on="2017-12-31-0123abcd",
        trained_as_of=dt.date(2017, 12, 31),
        decided="auto",
        origin="mllib",
        parent_version="2017-06-30-00000000",
        parent_as_of=dt.date(2017, 6, 30),
        parent_names={1: "average", 2: "gone by"},
        silhouette=0.6543,
        ari_floor=0.9876,
        prediction_strength=0.9123,
        null_strength=0.8456,
        scan=(
            scan_line(2, 4321.5, 0.61, jaccard_min=0.8765, restart_spread=0.001, chosen=True, **sure),
            scan_line(3, 2109.8, 0.72, restart_spread=0.25, knee=True, stable=False),
            scan_line(4, 1765.4, 0.5, restart_spread=0.0, stable=False),
        ),
        lineage=(
            LineageEvent("survived", (1,), (1,), 0.934),
            LineageEvent("absorbed", (2,), (1,), 0.876),
            LineageEvent("emerged", (), (4,), 0.21),
        ),
    )
    return replace(model, **changed)


def move(before: str, now: str, customers: int, share: float, **causes: int) -> Transition:
    return Transition(before, now, customers, share, tuple(causes.get(cause, 0) for cause in CAUSES))


def cut_set(measure: str, *cuts: float, within: str = "", bins: int = 5, distinct: int | None = None) -> CutSet:
    return CutSet(measure, within, "quantile", bins, cuts, len(set(cuts)) + 1 if distinct is None else distinct)


def report_data(**changed: Any) -> ReportData:
    """The made-up run; what is changed are values of its sections, its facts or its rule map."""
    usual: dict[str, Any] = {
        "run": run_facts(),
        "rule_map": rf_grid(),
        "segments": (profile("champions", 190, "9876.50"), profile("hibernating", 810, "2469.17")),
        "cuts": (cut_set("r", 1, 3, 9, 25), cut_set("f", 1, 2, 4, 8), cut_set("m", 10, 20.5, 30, 1234.5)),
        "grid": (
            GridCell(5, 5, 190, Decimal("9876.50"), "champions"),
            GridCell(1, 1, 810, Decimal("2469.17"), "hibernating"),
        ),
        "transitions": (
            move("champions", "champions", 100, 0.5, masked=3),
            move("champions", "hibernating", 100, 0.5, inactivity=60, both=40),
            move(NO_SEGMENT, "champions", 5, 1.0, entered=5),
            move("lost_long_ago", NO_SEGMENT, 7, 1.0, left=7),
        ),
        "clusters": two_clusters(),
        "histograms": {"recency_days": {0: 10, 3: 990}, "frequency": {1: 1000}, "monetary": {-1: 1, 9: 999}},
        "model": model_facts(),
        "drift": DriftFacts(),
        "interactions": InteractionFacts(),
        "engagement": EngagementFacts(),
        "tracking": (),
    }
    assert changed.keys() <= usual.keys()
    given = usual | changed
    return ReportData(with_rule_map(given["run"], given["rule_map"]), sections_of(given))


def sections_of(given: dict[str, Any]) -> dict[str, Any]:
    """What the sections of the page have read."""
    return {
        "segments": SegmentData(given["segments"]),
        "grid": GridData(given["grid"]),
        "moves": MoveData(given["transitions"]),
        "clusters": ClusterData(given["clusters"], given["model"]),
        "interactions": given["interactions"],
        "engagement": given["engagement"],
        "tracking": TrackingData(given["tracking"]),
        "drift": given["drift"],
        "cuts": CutData(given["cuts"], given["histograms"]),
    }


def with_rule_map(run: RunFacts, rule_map: RuleMap) -> RunFacts:
    """The run with a rule map in its stored configuration."""
    segments = {"rule_map": rule_map.model_dump(mode="json")}
    return replace(run, config=json.dumps({**run.settings, "segments": segments}))


class Page(HTMLParser):
    """Collects tags, attributes and visible text of a page, the way a browser would see them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def without_font(page: str) -> tuple[str, int]:
    """The page without the font that it holds, and how many weights of it there were."""
    return re.subn(r"url\(data:font/woff2;base64,[\w+/=]+\)", "", page)


def section(page: str, name: str) -> str:
    """The section of that id; empty where there is none."""
    found = re.search(rf'<section id="{name}">.*?</section>', page, re.DOTALL)
    return found.group(0) if found else ""


def tables(page: str, kind: str) -> list[list[list[str]]]:
    """By table of that class: its rows of cells, tags left out."""
    found = re.findall(rf'<table class="{kind}(?: cards)?">(.*?)</table>', page.replace("<small>", " "), re.DOTALL)
    return [
        [
            [" ".join(Page(cell).text.split()) for cell in re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row, re.DOTALL)]
            for row in re.findall(r"<tr.*?>(.*?)</tr>", table, re.DOTALL)
        ]
        for table in found
    ]
