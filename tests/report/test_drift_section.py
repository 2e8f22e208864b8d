"""The section on drift: verdict, alarms, strip and curves, and what it says without anything to compare with."""

from __future__ import annotations

from datetime import date

import pytest

from rfm_spark.capabilities.drift.section.drift_data import DriftFacts, DriftLine
from rfm_spark.report.build import build_report
from tests.report.example import PLAIN, Page, report_data, section, tables

DAYS = [date(2017, month, 28) for month in range(7, 13)]
SENTENCE = "the customers changed: monetary (moderate, PSI 0.14 since the previous run). Keep the model"


def line(metric: str, value: float | None, severity: str = "none", subject: str = "all", **more: str) -> DriftLine:
    return DriftLine(
        DAYS[-1], metric, subject, more.get("against", "previous"), value, severity, more.get("detail", "")
    )


def facts() -> DriftFacts:
    over_time = [
        DriftLine(day, metric, subject, "previous", value, severity)
        for at, day in enumerate(DAYS)
        for metric, subject, value, severity in (
            ("psi", "monetary", 0.01 * at, "moderate" if at == 5 else "none"),
            ("psi", "segment", 0.02, "changed"),
            ("verdict", "all", None, "moderate" if at == 5 else "changed"),
            ("moved", "segment", 0.1 + 0.01 * at, "none"),
            ("members_held", "clusters", 0.9, "none"),
            ("ids_held", "clusters", 1.0 if at else 0.5, "none"),
            ("names_held", "clusters", 1.0, "none"),
        )
    ]
    mine = [
        line("verdict", None, "moderate", detail=SENTENCE),
        line("psi", 0.1432, "moderate", "monetary", detail="median 20 before, 31 now"),
        line("psi", 0.01, "none", "frequency"),
        line("spread", 2.5, "major", "3", against="training", detail="rare: mean squared distance"),
        line("moved", 0.151, subject="segment"),
        line("flapping", 0.021, subject="segment"),
        line("confirmed_moved", 0.08, subject="segment"),
        line("disappeared", 0.1, subject="2", against="training", detail="in a refit cluster 2 would disappear"),
    ]
    causes = {"stayed": 900, "migration": 90, "relabelling": 0, "both": 0, "entered": 10, "left": 0}
    return DriftFacts("monitor", tuple(mine), tuple(over_time), causes)


def test_the_verdict_its_alarms_and_the_noise_are_told() -> None:
    part = section(build_report(report_data(drift=facts()), PLAIN), "drift")
    text = " ".join(Page(part).text.split())
    assert "Moderate. The customers changed: monetary" in text
    assert "15.1% of the customers changed segment; 2.1% are back in the one they had left" in text
    assert "900 kept their cluster, 90 moved to another one, 10 are new" in text
    assert "In a refit cluster 2 would disappear." in text
    assert "a person decides" in text
    rows = tables(part, "alarms")[0][1:]
    assert [row[:5] for row in rows] == [
        ["PSI", "Monetary value", "the previous run", "0.14", "moderate"],
        ["width of a cluster, now over training", "3", "the training", "2.50", "major"],
    ]


def test_drift_over_time_is_drawn() -> None:
    part = section(build_report(report_data(drift=facts()), PLAIN), "drift")
    assert part.count("<svg") == 3
    text = " ".join(Page(part).text.split())
    assert "Drift over 6 runs: 1 with a moderate or major verdict" in text
    assert "Customers who changed segment: 15% in the last of 6 runs" in text
    assert "Ids of clusters changed in 1, names in 0 of 6 steps" in text


@pytest.mark.parametrize("policy", ["monitor", "refit_when_major", "promote"])
def test_a_first_run_says_that_nothing_is_measured(policy: str) -> None:
    part = section(build_report(report_data(drift=DriftFacts(policy)), PLAIN), "drift")
    assert "no earlier run" in part
    assert "<svg" not in part


def test_words_of_others_are_never_obeyed() -> None:
    evil = "<script>alert(1)</script>"
    given = DriftFacts(
        "monitor", (line("verdict", None, "major", detail=evil), line("psi", 1.0, "major", evil, detail=evil))
    )
    part = section(build_report(report_data(drift=given), PLAIN), "drift")
    assert "<script" not in part
    assert evil in Page(part).text
