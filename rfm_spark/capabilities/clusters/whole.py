"""A cluster model with all its parts: one for everybody, or one for each scope that customers are parted into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rfm_spark.capabilities.clusters.model import ClusterModel
from rfm_spark.core.table import ALL, SCOPE_COLUMN


@dataclass(frozen=True)
class WholeModel:
    """What assigns the customers of a run.

    Attributes:
        parts: of one version, ascending by scope, at least one; no two have a cluster id in common.
    """

    parts: tuple[ClusterModel, ...]

    @classmethod
    def from_rows(cls, rows: Sequence[Mapping[str, Any]]) -> WholeModel:
        """The model of the rows of one version in `cluster_models`."""
        parts = (ClusterModel.from_row(row) for row in rows)
        return cls(tuple(sorted(parts, key=lambda part: part.scope)))

    @property
    def is_parted(self) -> bool:
        """Whether a customer's scope decides which part assigns them."""
        return len(self.parts) > 1 or self.parts[0].scope != ALL or bool(self.parts[0].also_of)

    @property
    def version(self) -> str:
        """Of the model."""
        return self.parts[0].version

    @property
    def parent_version(self) -> str | None:
        """Model whose ids it inherited from."""
        return self.parts[0].parent_version

    @property
    def definition(self) -> str:
        """Hash of the configuration it was trained under."""
        return self.parts[0].definition

    @property
    def k(self) -> int:
        """Number of clusters, of all parts together."""
        return sum(part.k for part in self.parts)

    @property
    def ids(self) -> tuple[int, ...]:
        """Ids of all clusters."""
        return tuple(one for part in self.parts for one in part.ids)

    @property
    def names(self) -> tuple[str, ...]:
        """Their names; clusters of different scopes may have the same."""
        return tuple(name for part in self.parts for name in part.names)

    @property
    def last_id(self) -> int:
        """Highest id ever given in this line of models."""
        return max(part.last_id for part in self.parts)

    @property
    def had_a_choice(self) -> bool:
        """Whether there was something to choose from, at least in one scope."""
        return any(part.decided != "degenerate" for part in self.parts)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Columns of all features, each once."""
        return tuple(dict.fromkeys(name for part in self.parts for name in part.space.columns))

    @property
    def reads(self) -> tuple[str, ...]:
        """Columns of a customer that assigning takes."""
        return (*self.columns, SCOPE_COLUMN) if self.is_parted else self.columns

    @cached_property
    def places(self) -> dict[str, int]:
        """Place of the part that assigns the customers of a scope."""
        own = {part.scope: at for at, part in enumerate(self.parts)}
        return {**{name: at for at, part in enumerate(self.parts) for name in part.also_of}, **own}

    def part(self, scope: str) -> ClusterModel | None:
        """The clusters of a scope itself; None where it has none."""
        return next((part for part in self.parts if part.scope == scope), None)

    def shown_to(self, scope: str) -> ClusterModel | None:
        """The clusters that the customers of a scope are in; of everybody there may be none that all of them share."""
        at = self.places.get(scope) if self.is_parted else 0
        return None if at is None else self.parts[at]
