"""Cut points of customers who are parted into scopes, such as markets: each scope has its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pyspark.sql import DataFrame

from rfm_spark.capabilities.rfm.config import MEASURES, Scoring
from rfm_spark.capabilities.rfm.cuts import BOUGHT, CutSet, cut_set
from rfm_spark.core.distribution import WHOLE, Rank
from rfm_spark.core.errors import ConfigError
from rfm_spark.core.table import ALL, SCOPE_COLUMN

# Each scope has literals of its own in the plan that scores customers.
MOST_SCOPES = 100
_SHOWN = 5


@dataclass(frozen=True)
class ScopedCuts:
    """Cut points by scope.

    Attributes:
        cut_sets: of all customers, then of each scope.
        small: scopes with too few customers for cut points of their own, with how many they have.
    """

    cut_sets: tuple[CutSet, ...]
    small: Mapping[str, int]


def few_scopes(customers: DataFrame) -> list[str]:
    """The scopes of customers, ascending.

    Args:
        customers: kept, with scope.

    Raises:
        ConfigError: there are more than `MOST_SCOPES`; no more are looked for.
    """
    found = sorted(row[0] for row in customers.select(SCOPE_COLUMN).distinct().limit(MOST_SCOPES + 1).collect())
    if len(found) > MOST_SCOPES:
        problem = f"it parts customers into more than {MOST_SCOPES} scopes, which are the most; name a coarser column"
        raise ConfigError("rfm.scope", [problem])
    return found


def unseen_scopes(scopes: Sequence[str], cut_sets: Sequence[CutSet], run_id: str) -> list[str]:
    """A sentence where the cut points of another run, which are taken, know nothing of some scopes.

    Args:
        scopes: of today's customers.
        cut_sets: of the other run.
        run_id: its id.

    Raises:
        ConfigError: amounts of these are of other currencies, so that no cut points can stand for theirs.
    """
    unseen = [scope for scope in scopes if scope not in {one.scope for one in cut_sets}]
    if not unseen:
        return []
    more = f" and {len(unseen) - _SHOWN} more" if len(unseen) > _SHOWN else ""
    named = ", ".join(unseen[:_SHOWN]) + more
    if not any(one.scope == ALL and one.measure == "m" for one in cut_sets):
        problem = f"run {run_id} has no cut points for amounts of {named}; name a run that had such customers"
        raise ConfigError("rfm.scoring.run", [problem])
    return [f"run {run_id} had no customers in {named}, who were scored by its cut points of all customers"]


def scoped_cuts(
    scoring: Scoring,
    ranks: Mapping[str, Sequence[Rank]],
    smallest: int,
    *,
    money_is_mixed: bool = False,
    among: str = BOUGHT,
) -> ScopedCuts:
    """Cut points of each scope, or of all customers where a scope has too few.

    Args:
        scoring: bins.
        ranks: per measure, of all customers and by scope.
        smallest: customers that a scope needs for cut points of its own.
        money_is_mixed: whether scopes have amounts of different currencies, which are never compared: the cut points of
            monetary value are then always a scope's own, and there are none of all.
        among: whom cut points of monetary value are taken over.
    """
    parted = {measure: _by_group(ranks[measure]) for measure in MEASURES}
    sizes = {scope: mine[0].all_n for scope, mine in parted["r"].items() if scope != WHOLE}

    def cuts_of(measure: str, group: str) -> CutSet:
        return cut_set(measure, "", getattr(scoring.bins, measure), parted[measure].get(group, ()), among)

    whole = {measure: cuts_of(measure, WHOLE) for measure in MEASURES if not (money_is_mixed and measure == "m")}
    found = list(whole.values())
    for scope, size in sorted(sizes.items()):
        for measure in MEASURES:
            if size < smallest and measure in whole:
                found.append(replace(whole[measure], scope=scope, cuts_of=ALL))
            else:
                found.append(replace(cuts_of(measure, scope), scope=scope, cuts_of=scope))
    return ScopedCuts(tuple(found), {scope: size for scope, size in sorted(sizes.items()) if size < smallest})


def small_scopes(found: ScopedCuts, smallest: int) -> list[str]:
    """A sentence for a reader of the figures where scopes take the cut points of all.

    Args:
        found: of `scoped_cuts`.
        smallest: customers that a scope needs for its own.
    """
    if not found.small:
        return []
    shown = ", ".join(f"{scope} ({size:,})" for scope, size in list(found.small.items())[:_SHOWN])
    more = f" and {len(found.small) - _SHOWN} more" if len(found.small) > _SHOWN else ""
    what = "" if any(one.scope == ALL and one.measure == "m" for one in found.cut_sets) else "recency and frequency: "
    return [
        f"{what}scopes with fewer customers than {smallest:,} (rfm.smallest_scope) are scored by the cut points of all "
        f"customers: {shown}{more}"
    ]


def _by_group(ranks: Sequence[Rank]) -> dict[str, list[Rank]]:
    found: dict[str, list[Rank]] = {}
    for rank in ranks:
        found.setdefault(rank.within, []).append(rank)
    return found
