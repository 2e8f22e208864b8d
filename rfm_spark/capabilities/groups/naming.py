"""Groups by name, or by a condition on the rows of customers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.segments.artefacts import rule_map_of
from rfm_spark.core.errors import ConfigError

_WORDS = re.compile(r"^[\w ,-]+$")
_KIND = re.compile(r"^(segment|stage|cluster|tier)[ :]([\w ,-]+)$")
# What may follow a column in a condition of nothing but words.
_OPERATORS = ("is ", "in ", "not ", "between ", "like ")
_COLUMNS = {
    "segment": "segment", "stage": "lifecycle_stage", "cluster": "cluster_name", "tier": "engagement_tier",
}  # fmt: skip


class NobodyError(ConfigError):
    """Raised when a group has nobody, or too few, or shares customers with the other one: it hangs on the day."""


@dataclass(frozen=True)
class Group:
    """Customers who are compared.

    Attributes:
        is_in: whether somebody is one of them.
        columns: that say so, or that what says so is made from: in these groups differ by definition.
    """

    is_in: Column
    columns: frozenset[str]


@dataclass(frozen=True)
class Pair:
    """Two groups.

    Attributes:
        first: who is in the first one.
        second: who is in the second one.
        names: of both, as they were given.
        where: condition that both meet; None for none.
        columns: that define them.
    """

    first: Column
    second: Column
    names: tuple[str, str]
    where: str | None = None
    columns: frozenset[str] = frozenset()


def pair_of(
    names: tuple[str, str], where: str | None, customers: DataFrame, document: Mapping[str, Any], key: str
) -> Pair:
    """Two groups, as they were named; see `group`."""
    both = Group(F.lit(True), frozenset()) if where is None else condition(where, customers, key)
    first, second = (group(name, customers, document, key) for name in names)
    columns = first.columns | second.columns | both.columns
    return Pair(first.is_in & both.is_in, second.is_in & both.is_in, names, where, columns)


def group(name: str, customers: DataFrame, document: Mapping[str, Any], key: str) -> Group:
    """Who is in a group.

    Args:
        name: `segment loyal`, `stage lapsed`, `cluster 3`, `tier disengaged`; without the first word where just one
            kind has that name; or a condition.
        customers: rows of `segments`.
        document: the stored configuration of the run.
        key: where the name was given, for messages.

    Raises:
        NobodyError: nobody is in a group of that name.
        ConfigError: two kinds have the name, or it is no condition on the columns.
    """
    kind = _KIND.match(name)
    if kind and not kind[2].lower().startswith(_OPERATORS):
        return _named(kind[1], kind[2], document)
    if not _WORDS.match(name):
        return condition(name, customers, key)
    segments = [outcome.name for outcome in rule_map_of(document).all_outcomes()]
    kinds = _kinds_of(name, customers)
    if name in segments and "segment" not in kinds:
        kinds.append("segment")
    if len(kinds) > 1:
        choices = " or ".join(f"{one} {name}" for one in sorted(kinds))
        raise ConfigError(key, [f"{name} is the name of {len(kinds)} groups; say {choices}"])
    if kinds:
        return _named(kinds[0], name, document)
    try:
        return condition(name, customers, key)
    except ConfigError:
        if name in customers.columns:
            raise
        known = ", ".join(segments)
        problem = f"nobody is in a group {name}; there are segments {known}, stages, clusters, tiers, and conditions"
        raise NobodyError(key, [problem]) from None


def _kinds_of(name: str, customers: DataFrame) -> list[str]:
    counts = customers.agg(*(F.count_if(F.col(column) == name).alias(kind) for kind, column in _COLUMNS.items()))
    return [kind for kind, count in counts.collect()[0].asDict().items() if count]


def _named(kind: str, name: str, document: Mapping[str, Any]) -> Group:
    column = _COLUMNS[kind]
    if kind == "segment":
        return Group(F.col(column) == name, rule_map_of(document).columns() | {column})
    if kind == "cluster":
        made_from = frozenset(str(one["column"]) for one in document["clusters"]["features"])
        is_in = F.col("cluster_id") == int(name) if name.isdigit() else F.col(column) == name
        return Group(is_in, made_from | {column})
    return Group(F.col(column) == name, frozenset({column}))


def condition(text: str, customers: DataFrame, key: str) -> Group:
    """A condition on rows of customers.

    Raises:
        ConfigError: it is none.
    """
    try:
        # Over Connect a condition is analysed only when the plan's columns are asked for.
        len(customers.where(text).columns)
    except PySparkException as error:
        first = str(error).splitlines()[0]
        raise ConfigError(key, [f"{text!r} is not a condition on columns of segments ({first})"]) from error
    named = frozenset(set(re.findall(r"\w+", text)) & set(customers.columns))
    return Group(F.coalesce(F.expr(text), F.lit(False)), named)
