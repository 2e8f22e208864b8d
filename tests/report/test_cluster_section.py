"""The section on clusters: the numbers of the lake in words and tables, and what is missing left out."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from rfm_spark.capabilities.clusters.choose import APART, STABLE, STRONG
from rfm_spark.capabilities.clusters.section.data import FeatureValues, LineageEvent, ModelFacts
from rfm_spark.capabilities.clusters.section.rows import profiles_of
from rfm_spark.capabilities.clusters.section.scans import COLUMNS
from rfm_spark.core.config import DisplayConfig
from rfm_spark.report.build import build_report
from rfm_spark.report.colours import diverging, text_on
from rfm_spark.report.curves import Point, curve
from rfm_spark.report.drawing import as_svg
from tests.report.example import (
    PLAIN,
    Page,
    cluster,
    model_facts,
    older_row,
    report_data,
    run_facts,
    scan_line,
    section,
    tables,
    two_clusters,
)

KEPT = "This run trained no model for its clusters"


def part_of(display: DisplayConfig = PLAIN, **changed: Any) -> str:
    return section(build_report(report_data(**changed), display), "clusters")


def text_of(**changed: Any) -> str:
    return " ".join(Page(part_of(**changed)).text.split())


def with_model(**changed: Any) -> str:
    return text_of(model=model_facts(**changed))


def test_features_are_shown_in_their_own_units_with_their_z() -> None:
    head, *rows = tables(part_of(DisplayConfig(currency="USD")), "features")[0]
    assert head == ["Cluster", "Days since purchase", "Spend"]
    assert rows == [
        ["recent, frequent", "-1.467.2 2 · 6 · 11", "0.00$33.33 $10.25 · $20.50 · $1,234"],
        ["average", "+0.6081.0 61 · 80 · 99", "–– – · – · –"],
    ]


def test_a_feature_of_the_wrong_side_has_the_other_colour() -> None:
    part = part_of()
    assert f'background:{diverging(-1.456)};color:{text_on(diverging(-1.456))}"><strong>-1.46' in part
    assert diverging(3.0) == diverging(2.0) != diverging(1.0) != diverging(-1.0)
    assert diverging(0.0) == "#ffffff"


def test_the_feature_that_stands_out_most_is_the_title() -> None:
    assert (
        "Cluster “recent, frequent” stands out most: in days since purchase, 1.5 standard deviations below all "
        "customers" in text_of()
    )


def test_a_feature_this_version_has_no_words_for_is_named_by_its_column() -> None:
    odd = cluster("all", 10, "5", features=(FeatureValues("visits_28d", 1.25, 1.0, 1.5, 2.0, 0.1),))
    rows = tables(part_of(clusters=(odd,)), "features")[0]
    assert rows == [["Cluster", "Visits 28d"], ["all", "+0.101.2 1.5 · 1 · 2"]]


def test_rule_segments_have_their_labels_and_shares_and_sum_to_all() -> None:
    rows = tables(part_of(), "members")[0]
    assert rows[1:] == [
        ["recent, frequent", "Champions 63.3%, Loyal 20.0%, New 10.0%, 2 others 6.7%", "A-7, A-9"],
        ["average", "Hibernating 100.0%", "B-1"],
    ]
    assert "Everyone in cluster “average” is in the segment Hibernating" in text_of()


def test_a_fourth_segment_is_named_rather_than_counted() -> None:
    four = {"champions": 4, "loyal": 3, "new": 2, "at_risk": 1}
    shown = tables(part_of(clusters=(cluster("all", 10, "5", segments=four),)), "members")[0][1][1]
    assert shown == "Champions 40.0%, Loyal 30.0%, New 20.0%, At risk 10.0%"


def test_scan_shows_every_k_with_its_numbers() -> None:
    head, *rows = tables(part_of(), "scan")[0]
    assert tuple(head) == COLUMNS
    assert rows == [
        ["2", "4,322", "0.610", "0.912", "0.846", "0.876", "4.6", "12.5%", "0.1%", "yes", "chosen"],
        ["3", "2,110", "0.720", "0.300", "–", "0.765", "–", "12.5%", "25.0%", "no", "knee"],
        ["4", "1,765", "0.500", "0.225", "–", "0.765", "–", "12.5%", "0.0%", "no", ""],
    ]
    assert part_of().count('<tr class="chosen">') == 1


def test_curves_have_a_number_at_every_point_and_their_marks() -> None:
    part = part_of()
    drawings = re.findall(r'<svg [^>]*aria-label="(?:Inertia|Silhouette).*?</svg>', part, re.DOTALL)
    assert len(drawings) == 2
    elbow, silhouette = (set(re.findall(r">([^<>]+)</text>", drawing)) for drawing in drawings)
    assert {"2", "3", "4", "4,322", "2,110", "1,765", "knee", "chosen"} <= elbow
    assert {"0.61", "0.72", "0.50", "chosen"} <= silhouette
    assert "knee" not in silhouette
    assert "Inertia bends most at k = 3; the model has k = 2" in part
    assert "Silhouette is highest at k = 3 (0.72)" in part


def test_a_knee_that_is_chosen_is_told_once() -> None:
    scan = (scan_line(2, 9.0, 0.1), scan_line(3, 2.0, 0.2, knee=True, chosen=True), scan_line(4, 1.0, 0.3))
    part = part_of(model=model_facts(k=3, scan=scan))
    assert "Inertia bends most at k = 3, which the model has" in part
    assert ">knee and chosen</text>" in part


def test_forty_nine_points_leave_out_texts_but_never_the_chosen_one() -> None:
    points = [Point(str(k), 100 / k, f"v{k}", chosen=k == 17, knee=k == 18) for k in range(2, 51)]
    texts = re.findall(r">(v\d+)</text>", as_svg(curve(points, "k"), "many", "many"))
    # Every text is drawn twice: its rim, then itself.
    assert "v17" in texts
    assert 5 <= len(set(texts)) <= 11


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, f"Prediction strength is 0.912: at least {STRONG:.2f}, and above 0.846"),
        ({}, f"the least Jaccard similarity is 0.876, at least {STABLE:.2f}; separation is 4.6, at least {APART:.0f}."),
        ({"scan": ()}, "above 0.846, which customers without any clusters may reach."),
        ({"null_strength": None}, "the largest number of clusters that other samples of these customers give again."),
        ({"decided": "fixed", "k": 7}, "The configuration fixes k = 7; it was not chosen from the data."),
        ({"decided": "no_stable_k", "k": 5}, "No number of clusters from 2 to 4 is stable"),
        ({"decided": "no_stable_k", "k": 5}, "k = 5 (clusters.fallback_k) is a convention"),
        ({"decided": "no_stable_k", "scan": ()}, "No number of clusters is stable"),
        ({"decided": "degenerate", "k": 1}, "all customers are alike, so they are one cluster"),
        ({"decided": "degenerate", "k": 3}, "customers differ in only 3 ways, and each of these is a cluster"),
    ],
)
def test_how_k_was_decided_is_said_in_a_sentence(changed: Mapping[str, Any], said: str) -> None:
    assert said in with_model(**changed)


def test_a_fallback_beyond_what_was_looked_at_is_not_in_that_range() -> None:
    scan = tuple(scan_line(k, 9.0, 0.5, chosen=k == 7) for k in (2, 3, 7))
    model = model_facts(decided="no_stable_k", k=7, scan=scan)
    run = run_facts(config=json.dumps({"clusters": {"enabled": True, "k_range": [2, 3]}}))
    assert "No number of clusters from 2 to 3 is stable" in text_of(model=model, run=run)


@pytest.mark.parametrize(("decided", "warns"), [("auto", 0), ("fixed", 0), ("no_stable_k", 1), ("degenerate", 1)])
def test_clusters_that_the_data_do_not_hold_are_a_warning(decided: str, warns: int) -> None:
    assert part_of(model=model_facts(decided=decided)).count('class="warning"') == warns


def test_a_fixed_k_has_a_row_and_no_curves() -> None:
    part = part_of(model=model_facts(decided="fixed", scan=(scan_line(2, 9.0, 0.5, chosen=True),)))
    assert len(tables(part, "scan")[0]) == 2
    assert "Inertia bends" not in part
    assert part.count("<svg") == part_of(model=None).count("<svg")


def test_an_older_model_says_since_when_it_stands() -> None:
    older = {"trained_on": "2017-09-30-89abcdef", "trained_as_of": dt.date(2017, 9, 30)}
    assert (
        f"{KEPT}: it kept the one trained on the customers as of 30 September 2017; how its k was found, below, is "
        "from then." in with_model(**older)
    )
    assert "below" not in with_model(**older, scan=()).partition(KEPT)[2].partition(".")[0]
    assert KEPT not in text_of()


def test_facts_of_the_model_are_listed() -> None:
    facts = dict(row[:2] for row in tables(part_of(), "pairs")[0][1:])
    assert facts == {
        "Model": "2017-12-31-0123abcd",
        "Trained on": "customers as of 31 December 2017",
        "Model before": "2017-06-30-00000000",
        "Centres come from": "Spark MLlib (k-means||)",
        "Silhouette of all customers": "0.654",
        "Adjusted Rand index with other random starts (floor)": "0.988",
    }


def test_lineage_names_clusters_as_they_were_and_are() -> None:
    events = (
        LineageEvent("survived", (1,), (1,), 0.934),
        LineageEvent("split", (2,), (4, 9), 0.951),
        LineageEvent("absorbed", (3,), (1,), 0.876),
        LineageEvent("disappeared", (5,), (), 0.41),
        LineageEvent("emerged", (), (4,), 0.0),
        LineageEvent("<b>", (1,), (), None),
    )
    text = with_model(lineage=events)
    assert "What became of the clusters before: 1 survived, 1 split, 1 absorbed, 1 disappeared, 1 emerged" in text
    assert "2017-06-30-00000000, trained as of 30 June 2017" in text
    for said in (
        "Survived. Cluster 1 “average”; the Jaccard similarity of its customers then and now is 0.93.",
        "Split. Cluster 2 “gone by”: 95% of its customers are now in cluster 4 “recent, frequent” and cluster 9.",
        "Absorbed. Cluster 3: 88% of its customers are now in cluster 1 “average”, together with others.",
        "Disappeared. Cluster 5: none took it over; the largest part that stayed together is 41% of it.",
        "Emerged. Cluster 4 “recent, frequent”: it continues none of those before; no more than 0% of any",
        "<b>. Cluster 1 “average” to nothing, overlap –.",
    ):
        assert said in text


@pytest.mark.parametrize("changed", [{"parent_version": None}, {"lineage": ()}])
def test_without_a_parent_there_is_no_lineage(changed: Mapping[str, Any]) -> None:
    assert "clusters before" not in with_model(**changed)


def test_when_all_survived_the_title_says_so() -> None:
    events = (LineageEvent("survived", (1,), (1,), 1.0),)
    assert "Every cluster of the model before survived" in with_model(lineage=events)


def test_clusters_that_nobody_is_in_today_are_told() -> None:
    names = {1: "average", 2: "sleepy", 4: "recent, frequent"}
    text = with_model(names=names, k=3)
    assert "Without customers in this run: cluster 2 “sleepy”." in text
    assert "k = 3)" in text
    assert "Without customers" not in text_of()


def test_one_cluster_alone_still_has_its_section() -> None:
    alone = cluster("average", 1000, "12345.67", cluster_id=1, medoids=("B-1",), segments={"hibernating": 1000})
    model = ModelFacts("2017-12-31-0123abcd", 1, {1: "average"}, "2017-12-31-0123abcd", decided="degenerate")
    part = part_of(clusters=(alone,), model=model)
    assert "Cluster “average”: all customers and all revenue" in part
    assert tables(part, "members")[0][1:] == [["average", "Hibernating 100.0%", "B-1"]]
    assert not tables(part, "features") + tables(part, "scan")


def test_of_a_lake_without_the_new_tables_only_the_profiles_are_shown() -> None:
    rows = [older_row("average", 700, "2345.67"), older_row("recent", 300, "10000")]
    page = build_report(report_data(clusters=profiles_of(rows), model=None), PLAIN)
    part = section(page, "clusters")
    assert [row[0] for row in tables(part, "profiles")[0][1:]] == ["recent", "average"]
    assert not [kind for kind in ("features", "members", "scan", "pairs") if tables(part, kind)]
    assert "<h3>" not in part.partition("</figure>")[2]
    assert "Prediction strength" not in page


@pytest.mark.parametrize(
    ("enabled", "said"), [("true", "There are no clusters in this run."), ("false", "Clusters are switched off")]
)
def test_without_clusters_a_model_is_not_shown_either(enabled: str, said: str) -> None:
    run = run_facts(config=f'{{"clusters": {{"enabled": {enabled}}}}}')
    page = build_report(report_data(clusters=(), run=run), PLAIN)
    assert said in section(page, "clusters")
    assert "Prediction strength" not in page


def test_numbers_of_the_section_follow_the_locale() -> None:
    part = part_of(DisplayConfig(currency="EUR", locale="de_DE"))
    assert "-1,46" in tables(part, "features")[0][1][1]
    assert tables(part, "scan")[0][1][1:3] == ["4.322", "0,610"]


def test_clusters_without_ids_or_model_keep_their_profiles() -> None:
    without = tuple(replace(row, cluster_id=None) for row in two_clusters())
    part = part_of(clusters=without)
    assert "Without customers" not in part
    assert not re.search(r"<small>Cluster", part)
    assert "<small>Cluster 4</small>" in part_of()
