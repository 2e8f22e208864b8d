"""The report: one self-contained file, the same for the same run, whatever the data and the labels are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from rfm_spark.capabilities.movement.tables import CAUSES
from rfm_spark.capabilities.rfm.cuts import CutSet
from rfm_spark.capabilities.rfm.section.bands import bands, cut_warning
from rfm_spark.capabilities.rfm.section.grid import GridCell
from rfm_spark.core.config import DisplayConfig
from rfm_spark.core.errors import ConfigError
from rfm_spark.report.build import build_report
from rfm_spark.report.wording import Numbers, bin_words
from tests.report.example import (
    PLAIN,
    Page,
    cluster,
    cut_set,
    model_facts,
    move,
    profile,
    report_data,
    rf_grid,
    run_facts,
    without_font,
)

EVIL = "<script>alert('x')</script>&\"|$1\\1"


def ids(page: Page) -> list[str]:
    return [value for name, value in page.attributes if name == "id"]


def test_page_needs_nothing_from_outside() -> None:
    html, weights = without_font(build_report(report_data(), PLAIN))
    page = Page(html)
    assert weights == 2
    assert page.tags.count("svg") == 13
    assert not re.search(r"https?:|//\w", html)
    assert not {"script", "link", "img", "image", "iframe", "object", "use"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name in ("src", "xlink:href") or name.startswith("on")]
    assert [value for name, value in page.attributes if name == "href"] == ["#notes"]
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)


def test_ids_on_the_page_are_unique_and_every_reference_is_met() -> None:
    html = build_report(report_data(), PLAIN)
    found = ids(Page(html))
    assert len(found) == len(set(found)) > 0
    assert set(re.findall(r"url\(#([^)]*)\)", html)) <= set(found)


def test_same_run_gives_the_same_bytes() -> None:
    first = build_report(report_data(), PLAIN)
    # Another report in between must not shift anything the renderer numbers by itself.
    build_report(report_data(clusters=()), PLAIN)
    assert build_report(report_data(), PLAIN) == first


def test_text_of_others_is_shown_and_never_obeyed() -> None:
    rule_map = rf_grid()
    evil = rule_map.segments[0].model_copy(update={"label": EVIL, "description": EVIL, "action": EVIL})
    data = report_data(
        rule_map=rule_map.model_copy(update={"title": EVIL, "segments": (evil, *rule_map.segments[1:])}),
        run=run_facts(config_name=EVIL, warnings=(EVIL,), inputs={EVIL: EVIL}),
        segments=(profile("champions", 190, "9.5", EVIL), profile("hibernating", 810, "2.5")),
        clusters=(cluster(EVIL, 1000, "12", EVIL, medoids=(EVIL,), segments={EVIL: 1}),),
        model=model_facts(names={1: EVIL}, parent_names={1: EVIL}, version=EVIL),
    )
    html = build_report(data, PLAIN)
    page = Page(html)
    assert "script" not in page.tags
    assert "<script" not in html
    assert page.text.count(EVIL) >= 14


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"transitions": (), "run": run_facts(previous_run_id=None)}, "there is no previous run to compare with"),
        ({"clusters": (), "run": run_facts(config='{"clusters": {"enabled": false}}')}, "Clusters are switched off"),
        ({"segments": (profile("champions", 1, "5"),), "grid": ()}, "Champions: all customers and all revenue"),
        ({"segments": (profile("champions", 9, "0"),), "clusters": ()}, "no revenue above zero in the window"),
        ({"segments": (profile("loyal", 9, "-5"), profile("new", 1, "-6"))}, "it has no shares"),
        ({"segments": (profile("loyal", 9, "50"), profile("new", 1, "-6"))}, "-13.6%"),
        ({"transitions": (move("loyal", "loyal", 9, 1.0),)}, "Nobody changed segment."),
        ({"transitions": (move("loyal", "loyal", 9, 1.0, masked=2),)}, "Nobody changed segment, but the cut points"),
        ({"run": run_facts(warnings=())}, "The run gave no warnings."),
        ({"run": run_facts(config="{}")}, "net, in all history"),
        ({"histograms": {}, "cuts": ()}, "This run has no cut points."),
    ],
)
def test_what_is_missing_is_said_in_a_sentence(changed: Mapping[str, Any], said: str) -> None:
    assert said in Page(build_report(report_data(**changed), PLAIN)).text


def test_a_run_without_customers_still_has_a_report() -> None:
    nothing: dict[str, Any] = dict.fromkeys(("segments", "grid", "transitions", "clusters"), ())
    empty = report_data(
        run=run_facts(rows={}, money={}), cuts=(cut_set("f", distinct=1),), histograms={}, model=None, **nothing
    )
    text = Page(build_report(empty, PLAIN)).text
    assert "There are no customers in this run" in text
    assert "nobody purchased in the window" in text


def test_titles_state_what_the_numbers_say() -> None:
    text = Page(build_report(report_data(), PLAIN)).text
    assert "Champions: 19% of customers bring 80% of revenue" in text
    assert "190 customers (19.0%) have the best score in both recency and frequency" in text
    # 100 of 207 customers of the previous run are where they were.
    assert "48% of customers kept their segment; the largest move is Champions to Hibernating (100)" in text
    assert "Why they moved: inactivity in 54% of 112 moves" in text
    assert "Cluster “recent, frequent”: 30% of customers bring 81% of revenue" in text


def test_only_causes_that_occur_are_explained() -> None:
    page = Page(build_report(report_data(), PLAIN)).text
    explained = [cause for cause in CAUSES if re.search(rf"{cause.capitalize()}, \d+ customers?\.", page)]
    assert explained == ["inactivity", "both", "entered", "left", "masked"]


def test_segments_only_an_earlier_map_knows_are_named() -> None:
    assert "Lost long ago" in Page(build_report(report_data(), PLAIN)).text


@pytest.mark.parametrize(
    ("currency", "locale", "money", "share", "headline"),
    [
        (None, "en_US", "12,345.67", "80.0%", "12,346"),
        ("USD", "en_US", "$12,345.67", "80.0%", "$12,346"),
        ("EUR", "de_DE", "12.345,67\xa0€", "80,0\xa0%", "12.346\xa0€"),
        ("JPY", "ja_JP", "￥12,346", "80.0%", "￥12,346"),
        ("GBP", "en_GB", "£12,345.67", "80.0%", "£12,346"),
    ],
)
def test_numbers_follow_locale_and_currency(
    currency: str | None, locale: str, money: str, share: str, headline: str
) -> None:
    text = Page(build_report(report_data(), DisplayConfig(currency=currency, locale=locale))).text
    assert money in text
    assert share in text
    assert f"{headline}revenue" in text


def test_large_amounts_are_short_in_the_headline_only() -> None:
    say = Numbers(DisplayConfig(currency="USD"))
    assert say.short_money(Decimal("4594146.32")) == "$4.59M"
    assert say.short_money(Decimal("459414600")) == "$459M"
    assert say.whole_money(Decimal("4594146.32")) == "$4,594,146"
    assert Numbers(PLAIN).short_money(-1234567) == "-1.23M"


def test_tiny_shares_are_not_shown_as_nothing() -> None:
    say = Numbers(PLAIN)
    shown = [say.percent(share) for share in (0.0, 0.0004, 0.0005, 0.001, None, -0.0001)]
    assert shown == ["0.0%", "<\u20090.1%", "<\u20090.1%", "0.1%", "–", "0.0%"]


def test_numbers_without_a_unit_have_about_three_digits() -> None:
    say = Numbers(PLAIN)
    assert [say.short(value) for value in (0.0, 2.923, 12.42, 4321.5, 1234567.0)] == [
        "0.00", "2.92", "12.4", "4,322", "1.23M",
    ]  # fmt: skip


def test_signs_are_told_unless_nothing_is_left() -> None:
    say = Numbers(PLAIN)
    assert [say.signed(value, 2) for value in (1.234, -1.236, 0.004, -0.004, None)] == [
        "+1.23", "-1.24", "0.00", "0.00", "–",
    ]  # fmt: skip


def test_unknown_locale_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match=r"display\.locale: unknown locale 'xx_YY'"):
        build_report(report_data(), DisplayConfig(locale="xx_YY"))


def words(cuts: CutSet) -> list[str]:
    return [band.text for band in bands(cuts, Numbers(DisplayConfig(currency="USD")))]


def test_cut_points_of_recency_in_words() -> None:
    assert words(cut_set("r", 1, 3, 9, 25)) == [
        "5 = 0–1 days", "4 = 2–3 days", "3 = 4–9 days", "2 = 10–25 days", "1 = 26 or more days",
    ]  # fmt: skip
    assert words(cut_set("r", 0, 1, bins=3)) == ["3 = 0 days", "2 = 1 day", "1 = 2 or more days"]


def test_cut_points_of_frequency_in_words() -> None:
    assert words(cut_set("f", 1, 2, 10, bins=4)) == [
        "4 = 11 or more purchases", "3 = 3–10 purchases", "2 = 2 purchases", "1 = up to 1 purchase",
    ]  # fmt: skip
    assert words(cut_set("f", 1.5, 2.5, bins=3)) == [
        "3 = 3 or more purchases", "2 = 2 purchases", "1 = up to 1 purchase",
    ]  # fmt: skip


def test_cut_points_of_money_in_words() -> None:
    assert words(cut_set("m", 20.5, 1234, bins=3)) == [
        "3 = over $1,234.00", "2 = over $20.50, up to $1,234.00", "1 = up to $20.50",
    ]  # fmt: skip


def test_scores_that_cannot_occur_are_left_out_and_warned_of() -> None:
    coinciding = cut_set("f", 1, 1, 1, 4)
    assert words(coinciding) == ["5 = 5 or more purchases", "4 = 2–4 purchases", "1 = up to 1 purchase"]
    assert cut_warning(coinciding) == (
        "Cut points coincide because many customers share a value: only 3 of 5 scores occur."
    )
    assert cut_warning(cut_set("f", 1, 2, 3, 4)) is None
    assert "only 3 of 5 scores occur" in Page(build_report(report_data(cuts=(coinciding,)), PLAIN)).text


def test_nested_cut_points_are_folded_away() -> None:
    nested = (cut_set("r", 5, bins=2), cut_set("f", 3, within="r=1", bins=2), cut_set("f", 7, within="r=2", bins=2))
    page = Page(build_report(report_data(cuts=nested), PLAIN))
    assert page.tags.count("details") == 2
    assert "Recency score 2" in page.text
    assert "8 or more purchases" in page.text


def test_histogram_bins_in_words() -> None:
    say = Numbers(PLAIN)
    assert [bin_words(at, say, money=False) for at in (-1, 0, 1, 3)] == ["below 0", "0", "1–2", "7–14"]
    assert bin_words(9, say, money=True) == "511 – 1,023"


def test_ten_scores_per_measure_fit() -> None:
    grid = tuple(GridCell(r, f, r * f, Decimal(r), "loyal") for r in range(1, 11) for f in range(1, 11))
    cuts = (cut_set("r", *range(1, 10), bins=10), cut_set("f", *range(1, 10), bins=10))
    html = build_report(report_data(grid=grid, cuts=cuts), PLAIN)
    assert ">10 (best)</" in html
    assert " each</text>" not in html


@pytest.mark.parametrize(
    ("warnings", "said"), [(1, "There is 1 note on how"), (3, "There are 3 notes on how"), (0, "customers")]
)
def test_warnings_are_counted_above_and_listed_at_the_end(warnings: int, said: str) -> None:
    told = tuple(f"model 2017-09-30-0000000{at}: zero_price" for at in range(warnings))
    head, _, rest = build_report(report_data(run=run_facts(warnings=told)), PLAIN).partition("</header>")
    assert said in head
    assert ('href="#notes"' in head) == (warnings > 0)
    assert "zero_price" not in head
    assert rest.rindex("<section") == rest.index('<section id="notes">')
    assert rest[rest.index('<section id="notes">') :].count("zero_price") == warnings
