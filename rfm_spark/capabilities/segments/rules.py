"""Rule maps: ordered rules over the columns of `segments`; the first one that fits names the customer's segment.

A map is compiled to one native CASE expression. `first_match` is its plain Python twin, for explanations and as
an oracle. A NULL (or NaN) in a compared column means that the condition does not hold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from functools import reduce
from operator import and_, or_
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator
from pyspark.sql import Column
from pyspark.sql import functions as F

from rfm_spark.capabilities.rfm.config import MEASURES, Bins
from rfm_spark.capabilities.segments.conditions import (
    PARAMETERS,
    Condition,
    Range,
    condition_of,
    condition_text,
    exact,
    meets,
    note_older_words,
)
from rfm_spark.capabilities.segments.lint import lint
from rfm_spark.core.columns import customer_columns, remedies
from rfm_spark.core.errors import ConfigError
from rfm_spark.core.loading import load_yaml, validate
from rfm_spark.core.strict import Strict

SLUG_PATTERN = r"^[a-z][a-z0-9_]*$"
COLOUR_PATTERN = r"^#[0-9a-fA-F]{6}$"


def _alternative(value: Any, info: ValidationInfo) -> dict[str, Condition]:
    if not isinstance(value, dict) or not value:
        raise ValueError("give a mapping such as {r: 5, f: [4, 5]}, or a list of mappings; none may be empty")
    conditions, problems = {}, []
    for column, condition in value.items():
        try:
            conditions[column] = condition_of(column, condition)
            note_older_words(column, condition, info.context)
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ValueError("; ".join(problems))
    return conditions


def _example(value: Any) -> dict[str, float | str]:
    if not isinstance(value, dict) or not value:
        raise ValueError("an example is a customer, such as {r: 5, f: 1, tenure_days: 30}")
    for column, given in value.items():
        # What a rule may compare with, but one value of it.
        condition_of(column, given)
        if not isinstance(given, (int, float, str)) or given in PARAMETERS:
            raise ValueError(f"{column}: an example has one value, not {given!r}")
    return value


Alternative = Annotated[dict[str, Condition], BeforeValidator(_alternative)]
Example = Annotated[dict[str, float | str], BeforeValidator(_example)]


class Outcome(Strict):
    """A segment: its name in the tables, what people read and do about it, and customers it is meant for.

    Examples are the linter's business: no run stores them.
    """

    name: str = Field(pattern=SLUG_PATTERN)
    label: str = Field(min_length=1)
    description: str = Field(min_length=1)
    action: str = Field(min_length=1)
    colour: str = Field(pattern=COLOUR_PATTERN)
    examples: tuple[Example, ...] = Field((), exclude=True)


class Rule(Outcome):
    """A segment with its conditions: any of the mappings in `when`, each column of a mapping."""

    when: tuple[Alternative, ...]

    @field_validator("when", mode="before")
    @classmethod
    def _one_mapping(cls, value: Any) -> Any:
        return value if isinstance(value, (list, tuple)) and value else [value]


class RuleMap(Strict):
    """An ordered list of rules, first match wins, and the outcome of customers that none fits.

    `model_dump` gives a document that is itself a valid rule map, so a stored run can be explained later.
    """

    name: str = Field(pattern=SLUG_PATTERN)
    title: str = Field(min_length=1)
    description: str = Field(min_length=1)
    bins: Bins | None = None
    segments: tuple[Rule, ...]
    otherwise: Outcome

    @field_validator("segments")
    @classmethod
    def _some_rule(cls, segments: tuple[Rule, ...]) -> tuple[Rule, ...]:
        if not segments:
            raise ValueError("give at least one rule; otherwise alone makes no segments")
        return segments

    def columns(self) -> frozenset[str]:
        """Names, as written in the rules, of all columns the map reads."""
        return frozenset(column for rule in self.segments for alternative in rule.when for column in alternative)

    def all_outcomes(self) -> tuple[Outcome, ...]:
        """Every segment a customer can get, in the order of the file, `otherwise` last."""
        return (*self.segments, self.otherwise)


def parse_rule_map(text: str, where: str) -> RuleMap:
    """Read a rule map from YAML.

    Args:
        text: the content of the file.
        where: the file's name, for messages.

    Raises:
        ConfigError: not YAML, or every problem in the document, repeated segment names included.
    """
    document = load_yaml(text, where)
    repeated = _repeated_names(document)
    try:
        rule_map = validate(RuleMap, document, where)
    except ConfigError as error:
        raise ConfigError(where, [*error.problems, *repeated]) from None
    if repeated:
        raise ConfigError(where, repeated)
    return rule_map


def check_rule_map(
    rule_map: RuleMap, bins: Bins, params: Mapping[str, float], stages: Collection[str], where: str
) -> None:
    """Check a rule map against the settings of a run.

    Args:
        rule_map: the parsed map.
        bins: the scores per measure of the run (`rfm.scoring.bins`).
        params: values of the parameters a limit may name, such as `new_within_days`.
        stages: those of clusters, interactions, engagement and engagement.rfm that run.
        where: the file's name, for messages.

    Raises:
        ConfigError: every problem found: bins that differ, columns of a stage that is off, limits outside the
            scores, rules no customer can reach, examples that fall elsewhere, or more combinations than the linter
            counts.
    """
    problems: list[str] = []
    if rule_map.bins is not None and rule_map.bins != bins:
        wanted, given = (", ".join(f"{m}: {getattr(b, m)}" for m in MEASURES) for b in (rule_map.bins, bins))
        problems.append(
            f"{rule_map.name} is written for other bins; set rfm.scoring.bins to {{{wanted}}} (now {{{given}}}), "
            "or choose another segments.rules"
        )
    problems += _off_columns(rule_map, stages)
    own_bins = rule_map.bins or bins
    try:
        misplaced = {rule.name: _misplaced_limits(rule, own_bins, params) for rule in rule_map.segments}
        problems += [problem for found in misplaced.values() for problem in found]
        report = lint(rule_map, own_bins, params)
        problems += [item.sentence for item in report.unreachable if not misplaced[item.rule]]
        problems += [item.sentence for item in report.misplaced]
    except ConfigError as error:
        problems += error.problems
    if problems:
        raise ConfigError(where, problems)


def segment_column(rule_map: RuleMap, params: Mapping[str, float]) -> Column:
    """Compile a rule map to one CASE expression.

    Args:
        rule_map: a checked map.
        params: values of the parameters a limit may name.

    Returns:
        STRING, never NULL: the segment's name. It reads those of r_score, f_score, m_score, tenure_days,
        first_order_date, as_of_date and the other columns of `segments` that the map names.
    """
    first, *others = rule_map.segments
    case = F.when(_holds(first, params), first.name)
    for rule in others:
        case = case.when(_holds(rule, params), rule.name)
    return case.otherwise(rule_map.otherwise.name)


def first_match(rule_map: RuleMap, row: Mapping[str, Any], params: Mapping[str, float]) -> str:
    """Name the segment of one customer, in plain Python.

    Args:
        rule_map: a checked map.
        row: the columns of `segments` that the map reads, under their names in the table; dates as `date`.
        params: values of the parameters a limit may name.
    """
    for rule in rule_map.segments:
        for alternative in rule.when:
            if all(meets(column, condition, _value(column, row), params) for column, condition in alternative.items()):
                return rule.name
    return rule_map.otherwise.name


def rule_text(rule: Outcome, params: Mapping[str, float] | None = None) -> str:
    """Put a rule in plain words, such as "R 5 and F 4 to 5".

    Args:
        rule: a rule, or the map's `otherwise`.
        params: values of parameters; without them their names are shown.
    """
    if not isinstance(rule, Rule):
        return "no rule fits"
    return ", or ".join(
        " and ".join(condition_text(*item, params or {}) for item in alternative.items()) for alternative in rule.when
    )


def _repeated_names(document: Any) -> list[str]:
    rules = document.get("segments") if isinstance(document, dict) else None
    items = [*(rules if isinstance(rules, list) else []), document.get("otherwise") if rules else None]
    names = Counter(item["name"] for item in items if isinstance(item, dict) and isinstance(item.get("name"), str))
    return [f"segments: the name {name} is used {n} times; give each its own" for name, n in names.items() if n > 1]


def _holds(rule: Rule, params: Mapping[str, float]) -> Column:
    alternatives = ([_condition_column(*item, params) for item in each.items()] for each in rule.when)
    return reduce(or_, (reduce(and_, conditions) for conditions in alternatives))


def _condition_column(column: str, condition: Condition, params: Mapping[str, float]) -> Column:
    source = _source(column)
    if isinstance(condition, tuple):
        return source.isin(*condition)
    low, high = (None if limit is None else F.lit(exact(column, limit)) for limit in condition.limits(params))
    # At least one limit is given: parsing sees to it.
    return reduce(and_, [*([] if low is None else [source >= low]), *([] if high is None else [source <= high])])


def _source(column: str) -> Column:
    if column == "fm":
        return (F.col("f_score") + F.col("m_score")) / F.lit(2)
    if column == "tenure_days":
        # Runs of before it was stored have the dates alone; who has no order has it from elsewhere.
        return F.coalesce("tenure_days", F.datediff("as_of_date", "first_order_date"))
    if customer_columns()[column].values == "real":
        # Spark sorts NaN above every number, so `>=` would hold for it.
        return F.nanvl(F.col(column), F.lit(None).cast("double"))
    return F.col(f"{column}_score" if column in MEASURES else column)


def _value(column: str, row: Mapping[str, Any]) -> Any:
    if column == "fm":
        scores = (row["f_score"], row["m_score"])
        return None if None in scores else sum(scores) / 2
    if column == "tenure_days":
        known, as_of, first = row.get(column), row["as_of_date"], row["first_order_date"]
        return known if known is not None or as_of is None or first is None else (as_of - first).days
    return row[f"{column}_score" if column in MEASURES else column]


def _off_columns(rule_map: RuleMap, stages: Collection[str]) -> list[str]:
    problems = []
    for column in sorted(rule_map.columns()):
        stage = customer_columns()[column].stage
        if stage is None or stage in stages:
            continue
        users = ", ".join(rule.name for rule in rule_map.segments if any(column in each for each in rule.when))
        remedy = f"{how}, or take" if (how := remedies().get(stage)) else "take"
        problems.append(f"{column} comes from the stage {stage}, which is off; {remedy} it out of {users}")
    return problems


def _misplaced_limits(rule: Rule, bins: Bins, params: Mapping[str, float]) -> list[str]:
    highest = {**{measure: getattr(bins, measure) for measure in MEASURES}, "fm": (bins.f + bins.m) / 2}
    problems = []
    for column, condition in (item for alternative in rule.when for item in alternative.items()):
        if not isinstance(condition, Range):
            continue
        low, high = condition.limits(params)
        text = f"{rule.name}: {condition_text(column, condition, params)}"
        if low is not None and high is not None and low > high:
            problems.append(f"{text} holds for nobody; the lowest comes first")
        elif column in highest and any(
            limit is not None and not 1 <= limit <= highest[column] for limit in (low, high)
        ):
            problems.append(f"{text} is outside the scores, which go from 1 to {highest[column]:g}")
    return problems
