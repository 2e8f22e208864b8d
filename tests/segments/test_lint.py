"""The linter, against brute force, and the check of a rule map against the settings of a run."""

import datetime as dt
import itertools
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rfm_spark.capabilities.rfm.config import Bins
from rfm_spark.capabilities.segments.lint import LintReport, lint
from rfm_spark.capabilities.segments.rules import RuleMap, check_rule_map, first_match, parse_rule_map
from rfm_spark.core.errors import ConfigError

MAPS = Path(__file__).parents[2] / "conf" / "segments"
PARAMS = {"new_within_days": 90}
LOOKS = "label: L, description: D, action: A, colour: '#123456'"


def map_of(*whens: str, bins: str = "null") -> RuleMap:
    rules = "".join(f"  - {{name: s{at}, {LOOKS}, when: {when}}}\n" for at, when in enumerate(whens, 1))
    text = (
        f"name: mine\ntitle: T\ndescription: D\nbins: {bins}\nsegments:\n{rules}otherwise: {{name: other, {LOOKS}}}\n"
    )
    return parse_rule_map(text, "mine.yml")


def shipped(name: str) -> RuleMap:
    return parse_rule_map((MAPS / f"{name}.yml").read_text(encoding="utf-8"), name)


def report(*whens: str, bins: int = 5) -> LintReport:
    return lint(map_of(*whens), Bins.model_validate(bins), PARAMS)


def unreachable(*whens: str) -> list[str]:
    return [item.rule for item in report(*whens).unreachable]


def check_problems(rule_map: RuleMap, bins: int = 5, clusters_on: bool = False) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        check_rule_map(rule_map, Bins.model_validate(bins), PARAMS, {"clusters"} if clusters_on else (), "mine.yml")
    return caught.value.problems


@pytest.mark.parametrize(("name", "uncovered"), [("classic", 0), ("rf_grid", 0), ("tercile", 0), ("essential", 108)])
def test_shipped_maps_have_no_dead_rule_and_no_unplanned_gap(name: str, uncovered: int) -> None:
    rule_map = shipped(name)
    assert rule_map.bins is not None
    found = lint(rule_map, rule_map.bins, PARAMS)
    assert (len(found.uncovered), found.partly_uncovered, found.unreachable) == (uncovered, (), ())


def test_planted_unreachable_rule_is_found_with_its_takers() -> None:
    (item,) = report("{r: [4, 5]}", "{f: [3, 5]}", "{r: 5, f: 5}", "{r: 3}").unreachable
    assert item.rule == "s3"
    assert item.sentence == (
        "s3 is never reached: all its customers, for example R 5, F 5, M 1, already fit s1; move it up"
    )


def test_rule_taken_by_several_rules_together_is_unreachable() -> None:
    (item,) = report("{r: 5, f: [1, 2]}", "{r: 5, f: [3, 5]}", "{r: 5}").unreachable
    assert "already fit s1, s2" in item.sentence


def test_rule_that_holds_for_nobody_is_unreachable() -> None:
    (item,) = report("{fm: 2.25}").unreachable
    assert item.sentence == "s1 holds for nobody; change its conditions"


def test_planted_gap_is_found() -> None:
    found = report("{r: [4, 5]}", "{r: [1, 2]}", "{r: 3, f: [2, 5]}")
    assert found.uncovered == tuple((3, 1, m) for m in range(1, 6))
    assert found.uncovered_example == "R 3, F 1, M 1"
    assert found.sentences()[0] == "5 of 125 cells fall to otherwise; for example R 3, F 1, M 1"


def test_gap_within_cells_counts_as_partly() -> None:
    found = report("{r: [2, 5]}", "{r: 1, tenure_days: {max: new_within_days}}", bins=5)
    assert found.uncovered == ()
    assert len(found.partly_uncovered) == 25
    assert found.uncovered_example == "R 1, F 1, M 1, tenure 91 days"


def test_overlap_is_counted_in_cells_with_the_first_rule_first() -> None:
    found = report("{r: [4, 5]}", "{f: [4, 5]}", "{m: 1, r: 1}")
    pairs = {(item.first, item.second): (item.cells, item.example) for item in found.overlaps}
    assert pairs == {("s1", "s2"): (20, "R 4, F 4, M 1"), ("s2", "s3"): (2, "R 1, F 4, M 1")}
    assert any("s1 and s2 both hold in 20 of 125 cells, and s1 comes first" in line for line in found.sentences())


def test_disjoint_rules_do_not_overlap() -> None:
    found = report("{r: 5, tenure_days: {max: 90}}", "{r: 5, tenure_days: {min: 91}}", "{r: [1, 4]}")
    assert (found.overlaps, found.uncovered, found.partly_uncovered) == ((), (), ())


@pytest.mark.parametrize(
    ("column", "up_to", "from_"),
    [
        ("recency_days", 30, 31),
        ("frequency", 3, 4),
        ("monetary", 99.99, 100),
        ("monetary", -0.01, 0),
        ("cluster_id", 2, 3),
    ],
)
def test_neighbours_on_a_grid_leave_no_gap(column: str, up_to: float, from_: float) -> None:
    assert report(f"{{{column}: {{max: {up_to}}}}}", f"{{{column}: {{min: {from_}}}}}").sentences() == ()


@pytest.mark.parametrize("column", ["r_pct", "m_z", "rfm_weighted", "cluster_distance"])
def test_continuous_columns_have_values_between(column: str) -> None:
    found = report(f"{{{column}: {{max: 2}}}}", f"{{{column}: {{min: 3}}}}")
    assert len(found.partly_uncovered) == 125
    assert report(f"{{{column}: {{max: 2}}}}", f"{{{column}: {{min: 2}}}}").partly_uncovered == ()


@pytest.mark.parametrize("when", ["{r_pct: {min: 101}}", "{recency_days: {max: -1}}", "{rfm_weighted: {min: 5.5}}"])
def test_values_a_column_cannot_take_reach_nobody(when: str) -> None:
    assert unreachable(when) == ["s1"]


def test_text_has_any_other_value() -> None:
    found = report("{value_tier: top_10}", "{value_tier: [top_20, top_30]}")
    assert found.points == 125 * 3
    assert found.uncovered_example == "R 1, F 1, M 1, value tier (any other)"
    assert unreachable("{value_tier: [a, b]}", "{value_tier: b}") == ["s2"]


def test_fm_halves_are_a_gap_when_left_out() -> None:
    found = report("{fm: [1, 2]}", "{fm: [3, 5]}")
    assert {(f, m) for _, f, m in found.uncovered} == {(1, 4), (2, 3), (3, 2), (4, 1)}


def test_fm_is_derived_from_f_and_m() -> None:
    assert unreachable("{f: 1, m: 1}", "{fm: 1}") == ["s2"]
    assert unreachable("{fm: {min: 4.5}, f: 1}") == ["s1"]


def test_unequal_bins() -> None:
    found = lint(map_of("{r: 2, f: 3}"), Bins(r=2, f=3, m=4), PARAMS)
    assert (found.cells, len(found.uncovered)) == (24, 20)


def test_too_many_combinations_are_refused() -> None:
    columns = ("recency_days", "frequency", "monetary", "r_pct", "f_pct", "m_pct", "tenure_days", "r_z", "f_z")
    whens = [f"{{{column}: {{min: 2}}}}" for column in columns]
    with pytest.raises(ConfigError, match=r"512,000 combinations are too many to check \(at most 500,000\)"):
        report(*whens, bins=10)


def test_a_large_map_is_linted_within_a_second() -> None:
    columns = ("recency_days", "frequency", "monetary", "r_pct", "f_pct")
    whens = [f"{{r: {r}, {column}: [{r}, {r + 20}]}}" for r in range(1, 6) for column in columns[:3]]
    start = time.perf_counter()
    found = report(*whens)
    assert found.points > 100_000
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize("name", ["classic", "essential", "intent", "rf_grid", "saas", "tercile"])
def test_shipped_map_passes_its_check(name: str) -> None:
    rule_map = shipped(name)
    assert rule_map.name == name
    assert rule_map.bins is not None
    stages = {"intent": ("interactions", "engagement"), "saas": ("weekly_sessions", "subscriptions")}.get(name, ())
    check_rule_map(rule_map, rule_map.bins, PARAMS, stages, name)


@pytest.mark.parametrize("name", ["classic", "essential", "rf_grid", "tercile"])
def test_shipped_colours_differ_and_show_on_white(name: str) -> None:
    colours = [each.colour for each in shipped(name).all_outcomes()]
    assert len(set(colours)) == len(colours)
    for colour in colours:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        assert 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05) >= 3, colour


def test_other_bins_name_the_setting() -> None:
    (problem,) = check_problems(shipped("tercile"), bins=5)
    assert "set rfm.scoring.bins to {r: 3, f: 3, m: 3} (now {r: 5, f: 5, m: 5})" in problem


def test_a_map_without_bins_takes_any() -> None:
    for bins in (3, 5, 10):
        check_rule_map(map_of("{r: 3}"), Bins.model_validate(bins), PARAMS, (), "mine.yml")


@pytest.mark.parametrize(
    "column", ["cluster_id: 1", "cluster_name: a", "cluster_distance: [0, 2]", "second_distance: 1"]
)
def test_cluster_columns_need_clusters(column: str) -> None:
    rule_map = map_of(f"{{{column}}}")
    check_rule_map(rule_map, Bins.model_validate(5), PARAMS, {"clusters"}, "mine.yml")
    (problem,) = check_problems(rule_map, clusters_on=False)
    assert "the stage clusters, which is off; set clusters.enabled: true, or take it out of s1" in problem


@pytest.mark.parametrize("when", ["{r: 6}", "{f: [0, 3]}", "{m: {min: 6}}", "{fm: {max: 5.5}}", "{r: new_within_days}"])
def test_limits_beyond_the_scores_are_refused(when: str) -> None:
    (problem,) = check_problems(map_of(when))
    assert "outside the scores, which go from 1 to 5" in problem


def test_limits_are_ordered_once_parameters_are_known() -> None:
    (problem,) = check_problems(map_of("{tenure_days: [120, new_within_days]}"))
    assert "tenure 120 to 90 days holds for nobody" in problem


def test_parameter_without_value_is_refused() -> None:
    with pytest.raises(ConfigError, match="no value is given for the parameter new_within_days"):
        check_rule_map(shipped("rf_grid"), Bins.model_validate(5), {}, (), "rf_grid")


def test_check_reports_everything_at_once() -> None:
    rule_map = map_of("{r: [4, 5]}", "{r: 5, f: 5}", "{cluster_id: 1}", "{m: 7}", bins="5")
    found = check_problems(rule_map, bins=4)
    assert len(found) == 4
    for said, problem in zip(
        ("other bins", "clusters", "outside the scores", "s2 is never reached"), found, strict=True
    ):
        assert said in problem


score = st.integers(1, 3).flatmap(lambda low: st.integers(low, 3).map(lambda high: f"[{low}, {high}]"))
half = st.sampled_from([1, 1.5, 2, 2.5, 3]).map(lambda value: f"{{min: {value}}}")
tenure = st.sampled_from(["{max: new_within_days}", "{min: 91}", "[30, 200]", "90"])
alternatives = st.fixed_dictionaries({"r": score}, optional={"f": score, "m": score, "fm": half, "tenure_days": tenure})
rules = st.lists(alternatives, min_size=1, max_size=2)


@settings(max_examples=60, deadline=None)
@given(st.lists(rules, min_size=1, max_size=5))
def test_linter_agrees_with_trying_every_customer(drawn: list[list[dict[str, str]]]) -> None:
    bodies = [["{" + ", ".join(f"{k}: {v}" for k, v in each.items()) + "}" for each in rule] for rule in drawn]
    rule_map = map_of(*(f"[{', '.join(body)}]" for body in bodies))
    as_of, met, left = dt.date(2026, 1, 1), set(), dict[tuple[int, int, int], list[bool]]()
    for r, f, m in itertools.product((1, 2, 3), repeat=3):
        for days in (0, 29, 30, 89, 90, 91, 200, 201, 5000):
            first = as_of - dt.timedelta(days)
            row = {"r_score": r, "f_score": f, "m_score": m, "as_of_date": as_of, "first_order_date": first}
            name = first_match(rule_map, row, PARAMS)
            met.add(name)
            left.setdefault((r, f, m), []).append(name == "other")
    found = lint(rule_map, Bins(r=3, f=3, m=3), PARAMS)
    assert [item.rule for item in found.unreachable] == [s.name for s in rule_map.segments if s.name not in met]
    assert set(found.uncovered) == {cell for cell, falls in left.items() if all(falls)}
    assert set(found.partly_uncovered) == {cell for cell, falls in left.items() if any(falls) and not all(falls)}
