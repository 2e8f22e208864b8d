"""Examples of customers in a rule map: the linter holds that their rule gets them."""

from __future__ import annotations

import pytest

from rfm_spark.capabilities.rfm.config import Bins
from rfm_spark.capabilities.segments.lint import lint
from rfm_spark.capabilities.segments.load import load_rule_map
from rfm_spark.capabilities.segments.rules import RuleMap, check_rule_map, parse_rule_map
from rfm_spark.core.errors import ConfigError

PARAMS = {"new_within_days": 90}
LOOKS = "label: L, description: D, action: A, colour: '#123456'"


def with_example(example: str, of: str = "s2") -> RuleMap:
    """s1 gets R 4 to 5, s2 the rest with a cart or an old first purchase, s3 readers; one of them has an example."""
    whens = {"s1": "{r: [4, 5]}", "s2": "[{add_to_carts: {min: 1}}, {tenure_days: {min: new_within_days}}]",
             "s3": "{email_tier: highly_engaged, fm: {min: 3}}"}  # fmt: skip
    rules = "".join(
        f"  - {{name: {name}, {LOOKS}, when: {when}{f', examples: [{example}]' if name == of else ''}}}\n"
        for name, when in whens.items()
    )
    last = f"{{name: other, {LOOKS}{f', examples: [{example}]' if of == 'other' else ''}}}"
    text = f"name: mine\ntitle: T\ndescription: D\nsegments:\n{rules}otherwise: {last}\n"
    return parse_rule_map(text, "mine.yml")


@pytest.mark.parametrize(
    ("of", "example", "taker"),
    [
        ("s1", "{r: 4}", None), ("s1", "{r: 3, add_to_carts: 5}", "s2"), ("s1", "{add_to_carts: 5}", "s2"),
        ("s2", "{r: 1, tenure_days: 90}", None), ("s2", "{r: 1, tenure_days: 89, add_to_carts: 1}", None),
        ("s2", "{r: 1, tenure_days: 89}", "other"), ("s2", "{r: 5, f: 5, frequency: 374, add_to_carts: 1}", "s1"),
        ("s3", "{r: 2, f: 1, m: 5, email_tier: highly_engaged}", None),
        ("s3", "{f: 1, m: 4, email_tier: highly_engaged}", "other"),
        ("s3", "{fm: 3.5, email_tier: moderately}", "other"), ("other", "{r: 2}", None), ("other", "{r: 5}", "s1"),
    ],
)  # fmt: skip
def test_an_example_has_to_fall_to_its_own_rule(of: str, example: str, taker: str | None) -> None:
    found = lint(with_example(example, of), Bins.model_validate(5), PARAMS)
    assert [item.rule for item in found.misplaced] == ([] if taker is None else [of])
    assert all(item.sentence.startswith(f"{of} lets its example (") for item in found.misplaced)
    assert all(f"fall to {taker};" in item.sentence for item in found.misplaced)


def test_a_map_whose_example_falls_elsewhere_is_refused_in_words() -> None:
    stages = ("interactions", "engagement")
    with pytest.raises(ConfigError) as caught:
        check_rule_map(
            with_example("{r: 4, email_tier: highly_engaged}"), Bins.model_validate(5), PARAMS, stages, "mine.yml"
        )
    assert caught.value.problems == (
        "s2 lets its example (R 4, email tier highly_engaged) fall to s1; correct the rule or the example",
    )


@pytest.mark.parametrize("example", ["{}", "{colour: red}", "{r: [1, 2]}", "{r: {min: 2}}", "{email_tier: [a, b]}",
                                     "{tenure_days: new_within_days}", "{r: high}", "4"])  # fmt: skip
def test_what_is_no_customer_is_no_example(example: str) -> None:
    with pytest.raises(ConfigError, match="examples"):
        with_example(example)


def test_examples_are_no_part_of_what_a_run_stores() -> None:
    mine = with_example("{r: 1, add_to_carts: 1}")
    assert mine.segments[1].examples == ({"r": 1, "add_to_carts": 1},)
    stored = mine.model_dump(mode="json")
    assert "examples" not in str(stored)
    assert RuleMap.model_validate(stored).segments[1].when == mine.segments[1].when


def test_every_segment_of_the_map_of_intention_has_examples() -> None:
    assert [one.name for one in load_rule_map("intent").all_outcomes() if not one.examples] == []
