"""Which scopes of customers get clusters of their own, and what becomes of those that are too small."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from pyspark.sql import DataFrame

from rfm_spark.capabilities.clusters.whole import WholeModel
from rfm_spark.core.table import ALL, SCOPE_COLUMN

_SHOWN = 5


@dataclass(frozen=True)
class Scoping:
    """Scopes of the customers of a day.

    Attributes:
        sizes: customers by scope, ascending by name.
        smallest: customers that a scope needs for clusters of its own.
        apart: whether amounts of different scopes are of different currencies, so that nothing is of all of them.
    """

    sizes: Mapping[str, int]
    smallest: int
    apart: bool = False

    @cached_property
    def small(self) -> dict[str, int]:
        """Scopes with too few customers, and how many they have."""
        return {scope: n for scope, n in self.sizes.items() if n < self.smallest}

    @cached_property
    def scopes(self) -> list[str]:
        """What gets clusters, ascending: scopes, and everybody where there are small ones whom these can stand for."""
        own = [scope for scope in self.sizes if scope not in self.small]
        return sorted([ALL, *own]) if self.small and not self.apart else sorted(own)

    @property
    def totals(self) -> dict[str, int]:
        """Customers by what gets clusters."""
        return {**self.sizes, ALL: sum(self.sizes.values())}

    def warnings(self, model: WholeModel | None) -> list[str]:
        """What a reader should know of scopes without clusters of their own.

        Args:
            model: that assigns customers; None where there is none.
        """
        here = {} if model is None or not model.is_parted else model.places
        own = set() if model is None else {part.scope for part in model.parts}
        shared = {scope: n for scope, n in self.sizes.items() if scope in here and scope not in own}
        left = {scope: n for scope, n in self.sizes.items() if scope not in here}
        never = {scope: n for scope, n in left.items() if self.apart and scope in self.small}
        later = {scope: n for scope, n in left.items() if scope not in never} if here else {}
        few = f"fewer customers than {self.smallest:,} (rfm.smallest_scope)"
        said = []
        if shared:
            said.append(f"clusters: scopes that had {few} are put into clusters of all customers: {_sized(shared)}")
        if never:
            said.append(
                f"clusters: scopes with {few} get none, since amounts of different currencies are never compared: "
                f"{_sized(never)}"
            )
        if later and model is not None:
            said.append(
                f"clusters: model {model.version} has none for customers of {_sized(later)}; the next "
                "one will, which `rfm-spark run --refit` trains"
            )
        return said


def scope_sizes(customers: DataFrame) -> dict[str, int]:
    """Customers by scope, ascending by name."""
    rows = customers.groupBy(SCOPE_COLUMN).count().collect()
    return dict(sorted((row[SCOPE_COLUMN], int(row["count"])) for row in rows))


def listed(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _sized(sizes: Mapping[str, int]) -> str:
    return listed([f"{scope} ({n:,})" for scope, n in sizes.items()])
