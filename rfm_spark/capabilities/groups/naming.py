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
_CLUSTER = re.compile(r"^cluster[ _:]?(\d+)$")
_NAMED = ("lifecycle_stage", "cluster_name", "engagement_tier", "value_tier")


class NobodyError(ConfigError):
    """Raised when a group has nobody, or too few, or shares customers with the other one: it hangs on the day."""


@dataclass(frozen=True)
class Pair:
    """Two groups.

    Attributes:
        first: who is in the first one.
        second: who is in the second one.
        names: of both, as they were given.
        where: condition that both meet; None for none.
    """

    first: Column
    second: Column
    names: tuple[str, str]
    where: str | None = None


def pair_of(
    names: tuple[str, str], where: str | None, customers: DataFrame, document: Mapping[str, Any], key: str
) -> Pair:
    """Two groups, as they were named; see `group`."""
    both = F.lit(True) if where is None else condition(where, customers, key)
    first, second = (group(name, customers, document, key) & both for name in names)
    return Pair(first, second, names, where)


def group(name: str, customers: DataFrame, document: Mapping[str, Any], key: str) -> Column:
    """Who is in a group.

    Args:
        name: a segment of the rule map; `cluster 3`; a stage, a cluster's name or a tier that occurs; or a condition.
        customers: rows of `segments`.
        document: the stored configuration of the run.
        key: where the name was given, for messages.

    Raises:
        NobodyError: nobody is in a group of that name.
        ConfigError: it is no condition on the columns.
    """
    segments = [outcome.name for outcome in rule_map_of(document).all_outcomes()]
    if name in segments:
        return F.col("segment") == name
    cluster = _CLUSTER.match(name)
    if cluster:
        return F.col("cluster_id") == int(cluster.group(1))
    if _WORDS.match(name) and name not in customers.columns:
        for column in _NAMED:
            if customers.where(F.col(column) == name).limit(1).count():
                return F.col(column) == name
        known = ", ".join(segments)
        raise NobodyError(
            key, [f"nobody is in a group {name}; there are segments {known}, clusters, stages, tiers, and conditions"]
        )
    return condition(name, customers, key)


def condition(text: str, customers: DataFrame, key: str) -> Column:
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
    return F.coalesce(F.expr(text), F.lit(False))
