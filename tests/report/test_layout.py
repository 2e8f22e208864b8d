"""The report as Chromium lays it out: nothing is cut, covered or wider than the page, whatever fonts a machine has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from rfm_spark.capabilities.rfm.section.grid import GridCell
from rfm_spark.report.build import build_report
from rfm_spark.report.data import ReportData
from tests.report.browser import Browser, chromium
from tests.report.example import PLAIN, move, profile, report_data, run_facts, two_clusters
from tests.report.interaction_example import connected, settings, source
from tests.report.test_drift_section import facts as drift_facts

LOOK = Path(__file__).with_name("layout.js").read_text(encoding="utf-8")
ARIAL = """(() => {
  const drawing = document.createElement("canvas").getContext("2d");
  drawing.font = "40px Arial";
  return drawing.measureText("Potential").width;
})()"""
WIDTHS = (360, 768, 1280)
NAMES = ("potential_loyalists", "champions", "hibernating", "loyal", "at_risk", "new", "promising", "cannot_lose")
FEATURES = ("recency_days", "frequency", "monetary", "tenure_days", "avg_order_value", "intent_score", "response_rate")


def wide_data() -> ReportData:
    """A run with every section, many segments, long names and large amounts."""
    rows = {f"{name}.{part}": 1_234_567 for name in ("transactions", "events", "messages")
            for part in ("read", "accepted", "rejected", "duplicates")}  # fmt: skip
    base = report_data()
    names = ("recent, frequent, very high spend, high intent", "lapsed, very rare, low spend")
    clusters = tuple(
        replace(
            row,
            name=name,
            revenue=Decimal("1234567.89"),
            features=tuple(replace(row.features[0], feature=feature, q3=123456.5) for feature in FEATURES),
        )
        for row, name in zip(two_clusters(), names, strict=True)
    )
    everything: dict[str, Any] = {
        "histograms": base.sections["cuts"].histograms, "model": base.sections["clusters"].model,
    }  # fmt: skip
    return connected(
        True,
        ["email", "sms"],
        **everything,
        run=run_facts(
            config=settings(events=source(True), messages=source(["email", "sms"])),
            rows={"customers": 8_000_000, "customers.active": 7_900_000, **rows},
            warnings=("flagged (kept as is): zero_price 11,246", "a refit of model 2017-09-30-784462c5 " + "x" * 120),
        ),
        segments=tuple(profile(name, 1_000_000 - at, f"{9_876_543 - at}.21") for at, name in enumerate(NAMES)),
        grid=tuple(
            GridCell(r, f, 12_345 * r * f, Decimal("987654.32"), NAMES[(r + f) % len(NAMES)])
            for r in range(1, 6)
            for f in range(1, 6)
        ),
        transitions=tuple(move(one, other, 123_456, 0.125, both=9) for one in NAMES for other in NAMES),
        clusters=clusters,
        drift=drift_facts(),
    )


@pytest.fixture(scope="module", params=[False, True], ids=["own-fonts", "other-fonts"])
def browser(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("chromium"), other_fonts=request.param) as running:
        yield running


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page made without Spark."""
    page = tmp_path_factory.mktemp("report") / "wide.html"
    page.write_text(build_report(wide_data(), PLAIN), encoding="utf-8")
    return page


def look(browser: Browser, page: Path, width: int) -> dict[str, Any]:
    browser.open(page, width)
    found: dict[str, Any] = browser.run(LOOK)
    assert found["window"] == width
    return found


def assert_in_order(found: dict[str, Any], width: int) -> None:
    assert found["page"] <= width
    for fault in ("outside", "cut", "overlaps", "wide", "unsaid", "idle"):
        assert found[fault] == [], fault
    # At a desk nothing has to be scrolled; on a telephone texts of drawings are still read.
    assert width < 1280 or found["scrolling"] == []
    assert found["smallest"] > 9


@pytest.mark.parametrize("width", WIDTHS)
def test_everything_has_its_room(browser: Browser, wide: Path, width: int) -> None:
    found = look(browser, wide, width)
    assert len(found["widths"]) > 300
    assert_in_order(found, width)


@pytest.mark.parametrize("width", WIDTHS)
def test_everything_of_a_real_run_has_its_room(browser: Browser, demo: tuple[Path, str], width: int) -> None:
    assert_in_order(look(browser, demo[0] / "reports" / "latest.html", width), width)


def test_texts_are_as_wide_as_they_were_measured_whatever_fonts_there_are(tmp_path: Path, wide: Path) -> None:
    found = []
    for other_fonts in (False, True):
        folder = tmp_path / str(other_fonts)
        folder.mkdir()
        with chromium(folder, other_fonts=other_fonts) as running:
            found.append(look(running, wide, 1280))
            found[-1]["arial"] = running.run(ARIAL)
    assert found[0]["widths"] == found[1]["widths"]
    # The longest label begins at the padding of its drawing: what the renderer reserved is what it takes.
    assert found[0]["margins"]["value"] == pytest.approx(4, abs=1.5)
    # And the second machine did lack what the first one shows for Arial.
    assert found[0]["arial"] != found[1]["arial"]


def test_notes_stand_at_the_end_and_are_counted_above(browser: Browser, wide: Path) -> None:
    browser.open(wide, 1280)
    order = browser.run("[...document.querySelectorAll('section')].map((one) => one.id)")
    assert (order[0], order[-1]) == ("segments", "notes")
    head = browser.run("document.querySelector('header').textContent.replace(/\\s+/g, ' ')")
    assert "There are 2 notes on how this run went, at the end." in head
    assert "zero_price" not in head
    browser.run("document.querySelector('header a').click()")
    assert browser.run("document.querySelector(':target').textContent.includes('2017-09-30-784462c5')")
