"""Sections come from the capabilities, also from outside the package, and from lakes that lack their tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from pyspark.sql import DataFrame

from rfm_spark.core.errors import PlanError
from rfm_spark.core.registry import with_capability
from rfm_spark.core.runs import RunRow
from rfm_spark.report.build import build_report
from rfm_spark.report.data import ReportData
from rfm_spark.report.section import Reader, sections
from tests.report.example import PLAIN, Page, report_data, rf_grid, run_facts, section, tables, with_rule_map
from tests.report.interaction_example import settings, source

TOY = "tests.report.toy"
# Without most drawings, which take their time.
BARE: dict[str, Any] = {"clusters": (), "histograms": {}, "grid": (), "transitions": ()}
OURS = ["segments", "scopes", "grid", "moves", "lifecycle", "cohorts", "clv", "backtest", "churn", "worth", "clusters",
        "interactions", "engagement", "groups", "tracking", "drift", "cuts"]  # fmt: skip


class Rows:
    """Tables that are lists of rows, without a session."""

    def __init__(self, **tables: list[dict[str, Any]]) -> None:
        self.tables = tables

    def exists(self, name: str) -> bool:
        return name in self.tables

    def rows(self, name: str, **where: Any) -> list[dict[str, Any]]:
        def fits(row: dict[str, Any]) -> bool:
            return all(row[key] in (value if isinstance(value, list) else [value]) for key, value in where.items())

        return [row for row in self.tables.get(name, []) if fits(row)]

    def of_runs(self, name: str, run_ids: Sequence[str]) -> DataFrame:
        raise AssertionError(f"{name} was not written")


@pytest.fixture
def toy() -> Iterator[None]:
    with with_capability(TOY):
        yield


def reader(lake: Rows, complete: tuple[RunRow, ...] = (), **changed: Any) -> Reader:
    return Reader(lake, with_rule_map(run_facts(**changed), rf_grid()), complete)


def read_all(given: Reader) -> ReportData:
    return ReportData(given.run, {one.name: one.read(given) for one in sections()})


def visited(*doors: tuple[str, int], simulated: bool = False) -> ReportData:
    """The made-up run with rows of the toy's table."""
    data = report_data(run=run_facts(config=settings(visits=source(simulated)), outputs={"visits": 1}), **BARE)
    rows = [{"run_id": data.run.run_id, "door": door, "visits": count} for door, count in doors]
    others = [{"run_id": "2016-12-31-0123abcd", "door": "back", "visits": 77}]
    given = Reader(Rows(visits=rows + others), data.run)
    own = {one.name: one.read(given) for one in sections() if one.name == "visits"}
    return replace(data, sections={**data.sections, **own})


def order_of(page: str) -> list[str]:
    return re.findall(r'<section id="(\w+)">', page)


def test_sections_of_all_capabilities_are_found_in_the_order_of_the_page() -> None:
    assert [one.name for one in sections()] == OURS


@pytest.mark.usefixtures("toy")
def test_a_section_from_outside_the_package_has_its_place_on_the_page() -> None:
    page = build_report(visited(("front", 1200), ("<b>side", 34)), PLAIN)
    found = order_of(page)
    assert found[found.index("engagement") + 1] == "visits"
    part = section(page, "visits")
    assert Page(part).text.split() == "Visits up to 31 December 2017 real front: 1,200 <b>side: 34".split()
    head = Page(page.partition("<main>")[0]).text
    # What it shares with others comes the same way as what others share with it.
    assert "1,234visitsof 1,000 customers" in head
    assert "with doors" in head
    assert "<dt>Visit</dt><dd>Somebody came through a door.</dd>" in section(page, "glossary")
    about = tables(section(page, "run"), "pairs")[0]
    assert [row for row in about if row[0] in ("Rule map", "Doors")] == [
        ["Rule map", "Recency by frequency (rf_grid)"], ["Doors", "2"],
    ]  # fmt: skip


@pytest.mark.usefixtures("toy")
def test_a_source_from_outside_has_its_badge_and_its_account() -> None:
    data = visited(simulated=True)
    rows = {**{f"visits.{name}": 8 for name in ("read", "accepted")}, "visits.rejected": 0, "visits.duplicates": 0}
    run = replace(data.run, rows={**rows, "visits.flagged.closed": 1})
    page = build_report(replace(data, run=run), PLAIN)
    assert "Simulated data: visits." in Page(page.partition("<main>")[0]).text
    assert "Nobody came." in section(page, "visits")
    assert '<span class="badge simulated">simulated</span>' in section(page, "visits")
    assert "visits (simulated): all 8 rows accepted" in section(page, "sources")
    assert tables(page, "found")[0][1] == ["Flagged", "closeda visit while the shop was closed", "1 id"]


@pytest.mark.usefixtures("toy")
def test_a_section_whose_source_is_not_connected_is_off_the_page() -> None:
    data = read_all(reader(Rows(visits=[]), outputs={}))
    assert data.sections["visits"].by_door == ()
    page = build_report(data, PLAIN)
    assert "visits" not in order_of(page)
    assert "Visit</dt>" not in page


@pytest.mark.usefixtures("toy")
def test_two_sections_of_one_name_are_refused() -> None:
    with with_capability(TOY), pytest.raises(PlanError, match="capabilities toy and toy both have a section visits"):
        sections()


def test_a_run_that_wrote_nothing_has_a_page_that_says_so() -> None:
    data = read_all(reader(Rows(), outputs={}, model_version=None, previous_run_id=None))
    text = Page(build_report(data, PLAIN)).text
    for said in (
        "There are no customers in this run",
        "there is no previous run to compare with",
        "There are no clusters in this run.",
        "so this run knows nothing of visits, searches and carts",
        "so this run knows nothing of who opens, clicks or answers",
        "so drift is not measured",
        "This run has no cut points.",
    ):
        assert said in text


def test_tables_that_only_other_runs_wrote_are_not_read() -> None:
    summary = {"segment": "loyal", "customers": 9, "revenue": None, "mean_recency": 1.0, "mean_frequency": 1.0,
               "mean_monetary": 1.0, "action": None}  # fmt: skip
    run_id = run_facts().run_id
    lake = Rows(segment_summary=[{**summary, "run_id": run_id}, {**summary, "run_id": "other", "segment": "new"}])
    assert read_all(reader(lake, outputs={"runs": 1})).sections["segments"].rows == ()
    found = read_all(reader(lake, outputs={"segment_summary": 1})).sections["segments"]
    assert [(row.name, row.customers, row.note) for row in found.rows] == [("loyal", 9, "")]
    assert found.totals.customers == 9


def test_page_does_without_capabilities_that_are_not_there() -> None:
    data = report_data()
    # Others would find totals, cut points and figures of drift in these.
    gone = ("segments", "cuts", "drift")
    rest = {name: one for name, one in data.sections.items() if name not in gone}
    page = build_report(replace(data, sections=rest), PLAIN)
    assert order_of(page) == ["grid", "moves", "clusters", "interactions", "engagement", "glossary", "run", "notes"]
    assert "190 customers (0.0%) have the best score" in page
