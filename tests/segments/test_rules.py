"""Rule maps: parsing, checking, the shipped maps, and Spark against plain Python."""

import datetime as dt
import itertools
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from rfm_spark.capabilities.segments.rules import RuleMap, first_match, parse_rule_map, rule_text, segment_column
from rfm_spark.core.errors import ConfigError

MAPS = Path(__file__).parents[2] / "conf" / "segments"
SHIPPED = ("classic", "essential", "rf_grid", "tercile")
PARAMS = {"new_within_days": 90}
AS_OF = dt.date(2026, 3, 31)
SCHEMA = (
    "r_score INT, f_score INT, m_score INT, recency_days INT, frequency BIGINT, monetary DECIMAL(18,2), r_pct DOUBLE, "
    "f_pct DOUBLE, m_pct DOUBLE, r_z DOUBLE, f_z DOUBLE, m_z DOUBLE, rfm_weighted DOUBLE, as_of_date DATE, "
    "first_order_date DATE, tenure_days INT, cluster_id INT, cluster_distance DOUBLE, second_distance DOUBLE, "
    "value_tier STRING, cluster_name STRING"
)
COLUMNS = [part.split()[0] for part in SCHEMA.split(", ")]
KLAVIYO = {
    "champions": "333 332 323",
    "loyal": "321 322 331 232 233",
    "recent": "312 313 311 222 223",
    "needs_attention": "213 221 123 132 133",
    "at_risk": "231 212 122 131 211",
    "inactive": "111 112 113 121",
}
# Rows are R 5 down to 1, columns F 1 to 5; new and promising are the customers of at most 90 days.
GRID = """
    new          potential_loyalist potential_loyalist champions champions
    promising    potential_loyalist potential_loyalist loyal     loyal
    about_to_sleep about_to_sleep   need_attention     loyal     loyal
    hibernating  hibernating        at_risk            at_risk   cannot_lose
    hibernating  hibernating        at_risk            at_risk   cannot_lose
"""
# The ranges of R and FM that the eleven segments are published with; they overlap, ours must lie within.
PUBLISHED = {
    "champions": (4, 5, 4, 5), "loyal": (2, 5, 3, 5), "potential_loyalist": (3, 5, 1, 3), "new": (4, 5, 0, 1),
    "promising": (3, 4, 0, 1), "need_attention": (2, 3, 2, 3), "about_to_sleep": (2, 3, 0, 2), "at_risk": (0, 2, 2, 5),
    "cannot_lose": (0, 1, 4, 5), "hibernating": (1, 2, 1, 2), "lost": (0, 2, 0, 2),
}  # fmt: skip


def shipped(name: str) -> RuleMap:
    return parse_rule_map((MAPS / f"{name}.yml").read_text(encoding="utf-8"), name)


def outcome(name: str, when: str = "") -> str:
    text = f"name: {name}, label: L, description: D, action: A, colour: '#123456'"
    return f"{{{text}, when: {when}}}" if when else f"{{{text}}}"


def text_of(*whens: str, bins: str = "null", otherwise: str = "other") -> str:
    rules = "".join(f"  - {outcome(f's{number}', when)}\n" for number, when in enumerate(whens, 1))
    head = f"name: mine\ntitle: T\ndescription: D\nbins: {bins}\nsegments:\n"
    return f"{head}{rules}otherwise: {outcome(otherwise)}\n"


def map_of(*whens: str, bins: str = "null") -> RuleMap:
    return parse_rule_map(text_of(*whens, bins=bins), "mine.yml")


def customer(r: int | None, f: int | None, m: int | None, tenure: int | None = 400, **more: Any) -> dict[str, Any]:
    first = None if tenure is None else AS_OF - dt.timedelta(tenure)
    scores = {"r_score": r, "f_score": f, "m_score": m}
    return {**dict.fromkeys(COLUMNS), **scores, "as_of_date": AS_OF, "first_order_date": first, **more}


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse_rule_map(text, "mine.yml")
    return caught.value.problems


def test_tercile_gives_the_published_codes() -> None:
    rule_map = shipped("tercile")
    found: dict[str, set[str]] = {}
    for r, f, m in itertools.product((1, 2, 3), repeat=3):
        found.setdefault(first_match(rule_map, customer(r, f, m), PARAMS), set()).add(f"{r}{f}{m}")
    assert found == {name: set(codes.split()) for name, codes in KLAVIYO.items()}


@pytest.mark.parametrize("m", [1, 3, 5])
def test_rf_grid_cell_by_cell(m: int) -> None:
    rule_map = shipped("rf_grid")
    for r, line in zip((5, 4, 3, 2, 1), GRID.strip().splitlines(), strict=True):
        for f, name in zip((1, 2, 3, 4, 5), line.split(), strict=True):
            assert first_match(rule_map, customer(r, f, m, tenure=90), PARAMS) == name, (r, f)
            older = "returning" if name in ("new", "promising") else name
            assert first_match(rule_map, customer(r, f, m, tenure=91), PARAMS) == older, (r, f)


def test_essential_needs_all_three_scores() -> None:
    rule_map = shipped("essential")
    for scores in itertools.product(range(1, 6), repeat=3):
        levels = {"champions" if s == 5 else "potential" if s >= 3 else "at_risk" for s in scores}
        expected = levels.pop() if len(levels) == 1 else "other"
        assert first_match(rule_map, customer(*scores), PARAMS) == expected, scores


def test_classic_stays_within_the_published_ranges_and_uses_all_eleven() -> None:
    rule_map, met = shipped("classic"), set()
    for r, f, m in itertools.product(range(1, 6), repeat=3):
        name = first_match(rule_map, customer(r, f, m), PARAMS)
        r_low, r_high, fm_low, fm_high = PUBLISHED[name]
        assert r_low <= r <= r_high, (name, r, f, m)
        assert fm_low <= (f + m) / 2 <= fm_high, (name, r, f, m)
        met.add(name)
    assert met == set(PUBLISHED)


def test_fm_takes_half_values() -> None:
    rule_map = map_of("{fm: [2.5, 3]}")
    named = {f + m: first_match(rule_map, customer(1, f, m), PARAMS) for f, m in [(1, 3), (2, 3), (2, 4), (3, 4)]}
    assert named == {4: "other", 5: "s1", 6: "s1", 7: "other"}


def test_columns_and_outcomes() -> None:
    rule_map = shipped("rf_grid")
    assert rule_map.columns() == {"r", "f", "tenure_days"}
    assert [each.name for each in rule_map.all_outcomes()][-2:] == ["hibernating", "unassigned"]


@pytest.mark.parametrize("name", SHIPPED)
def test_a_dumped_map_is_a_rule_map_again(name: str) -> None:
    rule_map = shipped(name)
    assert RuleMap.model_validate(rule_map.model_dump(mode="json")) == rule_map


def test_rule_in_plain_words() -> None:
    rule_map = map_of(
        "{r: 5, f: [4, 5]}",
        "[{tenure_days: {max: new_within_days}}, {value_tier: [top_10, top_20]}]",
        "{m_z: {min: 1.5}}",
    )
    first, second, third = rule_map.segments
    assert rule_text(first) == "R 5 and F 4 to 5"
    assert rule_text(second, PARAMS) == "tenure up to 90 days, or value tier top_10 or top_20"
    assert "new_within_days" in rule_text(second)
    assert rule_text(third) == "M z-score at least 1.5"
    assert rule_text(rule_map.otherwise) == "no rule fits"


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("{r: 5, colour: 3}", "colour is not a column a rule can use (known: recency_days, frequency"),
        ("{outliers: r}", "outliers is not a column"),
        ("{r: [5, 4]}", "upside down"),
        ("{recency_days: {min: 9, max: 2}}", "upside down"),
        ("{r: [1, 3, 5]}", "r: give a number, [lowest, highest]"),
        ("{r: true}", "not True"),
        ("{r: high}", "not 'high'"),
        ("{r: null}", "not None"),
        ("{r: {}}", "not {}"),
        ("{r: {least: 3}}", "not {'least': 3}"),
        ("{r: 4.5}", "whole scores"),
        ("{monetary: {min: 0.123}}", "amounts of two decimals"),
        ("{r_pct: {min: .nan}}", "not {'min': nan}"),
        ("{r_pct: {min: .inf}}", "not {'min': inf}"),
        ("{value_tier: 3}", "value_tier is text"),
        ("{value_tier: []}", "value_tier is text"),
        ("{}", "none may be empty"),
        ("[]", "none may be empty"),
        ("[{r: 5}, 4]", "none may be empty"),
    ],
)
def test_malformed_condition_is_refused(when: str, said: str) -> None:
    (problem,) = problems(text_of(when))
    assert said in problem
    assert problem.startswith("segments.0.when")


def test_all_problems_are_reported_at_once() -> None:
    text = text_of("{r: [5, 4], x: 1}", "{f: 1}", otherwise="s2").replace("#123456", "green", 1)
    found = "\n".join(problems(text))
    for said in ("upside down", "x is not a column", "segments.0.colour", "the name s2 is used 2 times"):
        assert said in found


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("name: s1", "name: S 1", "segments.0.name"),
        ("name: s2", "name: s1", "the name s1 is used 2 times"),
        ("otherwise:", "others:", "otherwise: missing"),
        ("title: T", "headline: T", "headline: unknown key"),
        ("bins: null", "bins: 1", "bins.r"),
        ("label: L, ", "", "segments.0.label: missing"),
        ("segments:", "segments: [", "not valid YAML"),
    ],
)
def test_malformed_document_is_refused(old: str, new: str, said: str) -> None:
    assert said in "\n".join(problems(text_of("{r: 5}", "{r: 4}").replace(old, new, 1)))


def test_otherwise_has_no_condition() -> None:
    text = text_of("{r: 5}").replace(outcome("other"), outcome("other", "{r: 1}"))
    assert problems(text) == ("otherwise.when: unknown key; remove it or check its spelling",)


@pytest.mark.parametrize(
    "document", ["", "- 1", "name: x\nsegments: []", "name: x\nsegments: 3", "segments: [1]\notherwise: 2"]
)
def test_a_document_of_another_shape_is_refused(document: str) -> None:
    assert problems(document)


@pytest.mark.parametrize("when", ["{r: 1}", "{fm: {max: 5}}", "{tenure_days: {max: 900}}", "{monetary: {max: 9}}"])
def test_null_never_holds(when: str) -> None:
    assert first_match(map_of(when), customer(None, None, None, tenure=None), PARAMS) == "other"


def test_null_in_one_alternative_leaves_the_other() -> None:
    rule_map = map_of("[{r: 5}, {f: 5}]")
    assert first_match(rule_map, customer(None, 5, None), PARAMS) == "s1"


def test_money_is_compared_as_decimal() -> None:
    rule_map = map_of("{monetary: [0.1, 0.1]}", "{monetary: {min: 0.11}}")
    amounts = ("0.09", "0.10", "0.11")
    named = [first_match(rule_map, customer(1, 1, 1, monetary=Decimal(amount)), PARAMS) for amount in amounts]
    assert named == ["other", "s1", "s2"]


def random_rows(rng: random.Random, count: int) -> list[dict[str, Any]]:
    def maybe(value: Any) -> Any:
        return None if rng.random() < 0.1 else value

    def real(low: float, high: float) -> Any:
        return maybe(rng.choice([float("nan"), round(rng.uniform(low, high), 1), rng.uniform(low, high)]))

    rows = []
    for _ in range(count):
        r, f, m = (maybe(rng.randint(1, 5)) for _ in range(3))
        more = {name: real(0, 100) for name in ("r_pct", "f_pct", "m_pct")}
        more |= {name: real(-2, 2) for name in ("r_z", "f_z", "m_z")}
        more |= {name: real(0, 5) for name in ("rfm_weighted", "cluster_distance", "second_distance")}
        more |= {"recency_days": maybe(rng.randint(0, 60)), "frequency": maybe(rng.randint(0, 9))}
        more |= {"monetary": maybe(Decimal(rng.randint(-300, 900)) / 100), "cluster_id": maybe(rng.randint(0, 4))}
        more |= {"value_tier": maybe(rng.choice(["top_10", "top_20", "O'Brien"])), "cluster_name": maybe("a")}
        rows.append(customer(r, f, m, maybe(rng.choice([0, 89, 90, 91, 400]))) | more)
    return rows


def random_map(rng: random.Random) -> RuleMap:
    spans = {"r": (1, 5), "f": (1, 5), "m": (1, 5), "recency_days": (0, 60), "frequency": (0, 9), "r_pct": (0, 100),
             "m_z": (-2, 2), "rfm_weighted": (1, 5), "cluster_id": (0, 4), "cluster_distance": (0, 5)}  # fmt: skip

    def condition() -> str:
        column = rng.choice([*spans, "fm", "monetary", "value_tier", "tenure_days"])
        if column == "value_tier":
            return 'value_tier: [top_10, "O\'Brien"]'
        if column == "tenure_days":
            return rng.choice(["tenure_days: {max: new_within_days}", "tenure_days: {min: 91}"])
        step = {"fm": 2, "monetary": 100}.get(column, 1)
        low, high = spans.get(column, (1, 5))
        first, last = sorted(rng.randint(low * step, high * step) / step for _ in range(2))
        return f"{column}: " + rng.choice([f"[{first}, {last}]", f"{{min: {first}}}", f"{{max: {last}}}", f"{first}"])

    def alternative() -> str:
        return "{" + ", ".join({text.split(":")[0]: text for text in (condition(), condition())}.values()) + "}"

    return map_of(*(f"[{alternative()}, {alternative()}]" for _ in range(4)))


def test_spark_agrees_with_plain_python(spark: SparkSession) -> None:
    rng = random.Random(7)
    rows = random_rows(rng, 600)
    maps = [*(shipped(name) for name in SHIPPED), *(random_map(rng) for _ in range(8))]
    frame = spark.createDataFrame([tuple(row[name] for name in COLUMNS) for row in rows], SCHEMA)
    frame = frame.select(*(segment_column(rule_map, PARAMS).alias(f"_{at}") for at, rule_map in enumerate(maps)))
    found = [tuple(row) for row in frame.collect()]
    expected = [tuple(first_match(rule_map, row, PARAMS) for rule_map in maps) for row in rows]
    assert found == expected
    assert {name for row in found for name in row} >= {
        "s1",
        "s2",
        "s3",
        "s4",
        "other",
        "returning",
        "new",
        "unassigned",
    }


def test_segment_is_a_string_and_never_null(spark: SparkSession) -> None:
    empty = spark.createDataFrame([tuple(None for _ in COLUMNS)], SCHEMA)
    frame = empty.select(segment_column(shipped("rf_grid"), PARAMS).alias("segment"))
    assert not frame.schema["segment"].nullable
    assert frame.where(F.col("segment") == "unassigned").count() == 1
