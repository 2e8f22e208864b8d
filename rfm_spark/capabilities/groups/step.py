"""The step of groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.errors import PySparkException

from rfm_spark.capabilities.events.artefacts import FeatureAdoption
from rfm_spark.capabilities.groups.artefacts import GroupDifferences
from rfm_spark.capabilities.groups.config import GroupsConfig, PairConfig
from rfm_spark.capabilities.groups.differences import behaviour_columns, counted, difference_rows
from rfm_spark.capabilities.groups.naming import NobodyError, pair_of
from rfm_spark.capabilities.groups.tables import GROUP_DIFFERENCES
from rfm_spark.capabilities.segments.artefacts import Segments
from rfm_spark.core.config import Config
from rfm_spark.pipeline.artefact import Account
from rfm_spark.pipeline.environment import Environment
from rfm_spark.pipeline.step import aside, step


@dataclass(frozen=True)
class GroupSettings:
    """Which groups are compared.

    Attributes:
        pairs: as configured.
        columns: of behaviour that stages fill.
        document: the configuration as it is stored.
    """

    pairs: tuple[PairConfig, ...]
    columns: tuple[str, ...]
    document: Mapping[str, Any] = aside()

    @classmethod
    def of(cls, config: Config) -> GroupSettings | None:
        """As configured; None where no pair is."""
        pairs, document = config.part(GroupsConfig).compare, config.document()
        names = (column.name for column in behaviour_columns(document))
        return cls(pairs, tuple(names), document) if pairs else None


@step("Groups", "two groups at a time are counted by what they do", writes=(GROUP_DIFFERENCES,))
def compare(
    environment: Environment, segments: Segments, features: FeatureAdoption | None, settings: GroupSettings
) -> GroupDifferences:
    """How do groups of customers differ in what they do?"""
    columns = behaviour_columns(settings.document)
    rows: list[dict[str, Any]] = []
    warnings: list[str] = []
    for at, given in enumerate(settings.pairs):
        key = f"groups.compare[{at}]"
        try:
            pair = pair_of((given.first, given.second), given.where, segments.customers, settings.document, key)
            sides = counted(segments.customers, pair, columns, key, None if features is None else features.adoption)
            rows += difference_rows(sides, pair.names, pair.where)
        except NobodyError as error:
            # One that has nobody today must not stop the night.
            warnings.append(str(error))
        except PySparkException as error:
            # Nor must a condition that fails for somebody, as by a division by zero.
            warnings.append(f"{key}: {str(error).splitlines()[0]}")
    environment.write(GROUP_DIFFERENCES, rows)
    differing = sum(row["differs"] for row in rows)
    told = {"groups.differences": differing}
    return GroupDifferences(account=Account(rows=told, warnings=tuple(warnings), dealt_with=len(rows)))


STEPS = (compare,)
