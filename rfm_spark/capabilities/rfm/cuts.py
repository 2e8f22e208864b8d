"""Cut points of the three measures, and the scores they give."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import product
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.rfm.config import MEASURES, Scoring
from rfm_spark.core.distribution import GROUPED, WHOLE, QuantileRequest, Rank, exact_ranks
from rfm_spark.core.parts import PART, by_part, doubles, with_part
from rfm_spark.core.table import ALL

# Whom cut points of frequency and monetary value are taken over, by the column that is above 0.
BOUGHT, PAYS = "frequency", "monetary"
COLUMN_OF = {"r": "recency_days", "f": "frequency", "m": "monetary"}
_OUTER = {"r": (), "f": ("r",), "m": ("r", "f")}


@dataclass(frozen=True)
class CutSet:
    """Cut points of one measure, within one group.

    Attributes:
        measure: r, f or m.
        within: outer scores when nested, as `r=3` or `r=3,f=2`; empty otherwise.
        method: quantile, fixed or frozen.
        bins: number of scores asked for.
        cuts: ascending; a value scores 1 + the number of cuts strictly below it, recency reversed.
        distinct_scores: scores that can occur.
        scope: whom they score; `ALL` where customers are not parted.
        cuts_of: scope whose customers they were taken of: of all where those of their own are too few.
        among: of frequency and monetary value, the column that is above 0 for whom they were taken over; all others
            score 1.
    """

    measure: str
    within: str
    method: str
    bins: int
    cuts: tuple[float, ...]
    distinct_scores: int
    scope: str = ALL
    cuts_of: str = ALL
    among: str = BOUGHT


def quantile_cuts(frame: DataFrame, scoring: Scoring) -> tuple[list[CutSet], dict[str, list[Rank]]]:
    """Cuts x₍⌈j·n/b⌉₎ (inverse ECDF), exact, and the ranks percentiles need.

    F and M cuts are taken over customers with frequency > 0.

    Args:
        frame: recency_days, frequency, monetary per customer; read twice, and twice for each nested measure.
        scoring: bins, and whether nested.

    Returns:
        Cut sets, and per measure the exact ranks over all customers.
    """
    ranks = exact_ranks(frame, rank_requests(scoring))
    return cuts_from(frame, scoring, ranks), ranks


def rank_requests(scoring: Scoring, within: Column | None = None, among: str = BOUGHT) -> list[QuantileRequest]:
    """What cut points and percentiles are made of: ranks of the three measures over all customers.

    Args:
        scoring: bins.
        within: scope that ranks are taken in; None where customers are not parted.
        among: of monetary value; see `CutSet`.
    """
    group = F.lit(WHOLE) if within is None else within
    return [_request(m, scoring, group, among=among if m == "m" else BOUGHT) for m in MEASURES]


def cuts_from(
    frame: DataFrame, scoring: Scoring, ranks: Mapping[str, Sequence[Rank]], among: str = BOUGHT
) -> list[CutSet]:
    """Cut sets as of `quantile_cuts`, where the ranks over all customers are known; nested ones read the frame."""
    cut_sets = [cut_set(m, "", getattr(scoring.bins, m), ranks[m], among) for m in MEASURES]
    if not scoring.nested:
        return cut_sets
    nested = cut_sets[:1]
    for measure in ("f", "m"):
        scored = with_scores(frame, nested)
        mine = among if measure == "m" else BOUGHT
        request = _request(measure, scoring, _within(measure), grid=False, among=mine)
        by_group = exact_ranks(scored, [request])[measure]
        groups = sorted({rank.within for rank in by_group})
        bins = getattr(scoring.bins, measure)
        nested += [cut_set(measure, group, bins, [r for r in by_group if r.within == group], among) for group in groups]
    return nested


def fixed_cuts(scoring: Scoring, among: str = BOUGHT) -> list[CutSet]:
    """The business cut points of the configuration."""
    given = {m: tuple(getattr(scoring.cuts, m)) for m in MEASURES}
    bins, whom = scoring.bins, {"m": among}
    return [
        CutSet(m, "", "fixed", getattr(bins, m), cuts, len(set(cuts)) + 1, among=whom.get(m, BOUGHT))
        for m, cuts in given.items()
    ]


def with_scores(frame: DataFrame, cut_sets: Iterable[CutSet]) -> DataFrame:
    """Add r_score, f_score and m_score, as far as cut sets are given; 1 is worst, also for recency.

    Args:
        frame: recency_days, frequency, monetary, and scope where cut sets are of scopes.
        cut_sets: of this or another run; those of all score customers whose scope has none. Where there are none of
            all, as of amounts in different currencies, such customers have no score.
    """
    by_measure: dict[str, list[CutSet]] = {}
    for cut_set in cut_sets:
        by_measure.setdefault(cut_set.measure, []).append(cut_set)
    scopes = sorted({cut_set.scope for mine in by_measure.values() for cut_set in mine} - {ALL})
    places = {scope: at for at, scope in enumerate(scopes)}
    scored = with_part(frame, places, len(places)) if scopes else frame
    for measure in MEASURES:
        if measure in by_measure:
            # One after the other: nested cuts of F look at r_score, those of M at both.
            outer = [by_measure[m][0].bins for m in _OUTER[measure] if m in by_measure]
            mine = by_measure[measure]
            found = _score_of_part(measure, mine, scopes) if scopes else _score(measure, mine, outer)
            scored = scored.withColumn(f"{measure}_score", found)
    return scored.drop(PART)


def nearest_group(within: str, known: Collection[str]) -> str:
    """The known group whose cuts hold for a group: itself, or the nearest one, the lower of two.

    Args:
        within: outer scores, such as `r=3,f=2`.
        known: groups to choose from; the outermost score decides first.
    """

    def distance(group: str) -> tuple[tuple[int, int], ...]:
        pairs = zip(_numbers(within), _numbers(group), strict=True)
        return tuple((abs(theirs - ours), theirs) for ours, theirs in pairs)

    return min(known, key=distance)


def known_groups(cut_sets: Iterable[CutSet]) -> dict[str, CutSet]:
    """Groups of one measure that its cuts were taken in; a group in which nobody had bought has none."""
    return {cut_set.within: cut_set for cut_set in cut_sets if cut_set.cuts}


def unseen_groups(scored: DataFrame, cut_sets: Iterable[CutSet]) -> dict[str, int]:
    """Customers in outer groups that nested cuts, taken of others, never saw.

    Args:
        scored: with frequency, r_score and f_score.
        cut_sets: nested ones of another run.

    Returns:
        Group to customers who are scored by the nearest one instead; those without a purchase in the window are not,
        since their score is 1 anyway.
    """
    by_measure: dict[str, list[CutSet]] = {}
    for cut_set in cut_sets:
        if cut_set.within:
            by_measure.setdefault(cut_set.measure, []).append(cut_set)
    found: dict[str, int] = {}
    for measure, nested in by_measure.items():
        within = _within(measure)
        unseen = scored.where((F.col("frequency") > 0) & ~within.isin(list(known_groups(nested))))
        found |= {row[0]: row[1] for row in unseen.groupBy(within.alias("within")).count().orderBy("within").collect()}
    return found


def _numbers(within: str) -> list[int]:
    return [int(part.partition("=")[2]) for part in within.split(",")]


def _score(measure: str, cut_sets: Sequence[CutSet], outer_bins: Sequence[int]) -> Column:
    value = F.col(COLUMN_OF[measure]).cast("double")
    first = cut_sets[0]
    if len(cut_sets) == 1 and not first.within:
        below = _count_below(value, [F.lit(cut) for cut in first.cuts])
    else:
        known = known_groups(cut_sets) or {c.within: c for c in cut_sets}
        scores = product(*(range(1, bins + 1) for bins in outer_bins))
        groups = [",".join(f"{m}={n}" for m, n in zip(_OUTER[measure], group, strict=True)) for group in scores]
        nearest = ((group, known[nearest_group(group, known)]) for group in groups)
        table = F.create_map(*(part for group, c in nearest for part in (F.lit(group), doubles(_padded(c)))))
        mine = F.try_element_at(table, _within(measure))
        below = _count_below(value, [F.get(mine, F.lit(i)) for i in range(first.bins - 1)])
    return _as_score(measure, first, below)


def _score_of_part(measure: str, cut_sets: Sequence[CutSet], scopes: Sequence[str]) -> Column:
    """The score by the cut points of a customer's scope; of another scope by those of all, and null without these."""
    value, first = F.col(COLUMN_OF[measure]).cast("double"), cut_sets[0]
    by_scope = {cut_set.scope: _padded(cut_set) for cut_set in cut_sets}
    nobody = [math.nan] * (first.bins - 1)
    parts = [by_scope.get(scope, by_scope.get(ALL, nobody)) for scope in (*scopes, ALL)]
    below = _count_below(value, [by_part([part[i] for part in parts]) for i in range(first.bins - 1)])
    score = _as_score(measure, first, below)
    known = [float(part is not nobody) for part in parts]
    return score if all(known) else F.when(by_part(known) > 0, score)


def _as_score(measure: str, first: CutSet, below: Column) -> Column:
    if measure == "r":
        return F.lit(first.bins) - below
    return F.when(F.col(first.among) > 0, F.lit(1) + below).otherwise(F.lit(1))


def _count_below(value: Column, cuts: Sequence[Column]) -> Column:
    steps = [F.when(value > cut, F.lit(1)).otherwise(F.lit(0)) for cut in cuts]
    return reduce(Column.__add__, steps, F.lit(0))


def _within(measure: str) -> Column:
    outer = _OUTER[measure]
    return F.concat_ws(",", *(F.concat(F.lit(f"{m}="), F.col(f"{m}_score").cast("string")) for m in outer))


def _request(
    measure: str, scoring: Scoring, within: Column, *, grid: bool = True, among: str = BOUGHT
) -> QuantileRequest:
    population = F.lit(True) if measure == "r" else F.col(among) > 0
    # Groups are many, and cuts few: wider cells will do.
    coarse = 0 if grid else GROUPED
    return QuantileRequest(
        measure, F.col(COLUMN_OF[measure]), getattr(scoring.bins, measure), population, within, grid, coarse=coarse
    )


def cut_set(measure: str, within: str, bins: int, ranks: Sequence[Rank], among: str = BOUGHT) -> CutSet:
    """Cut points from the ranks of one group, as of `quantile_cuts`.

    Args:
        measure: r, f or m.
        within: outer scores when nested.
        bins: number of scores.
        ranks: of the measure, over the customers of the group.
        among: whom cut points of monetary value were taken over.
    """
    whom = among if measure == "m" else BOUGHT
    counted = [rank for rank in ranks if rank.ties]
    if not counted:
        return CutSet(measure, within, "quantile", bins, (), 1, among=whom)
    cuts = []
    for j in range(1, bins):
        place = -(-j * counted[0].n // bins)
        cuts.append(next(rank.value for rank in counted if rank.below + rank.ties >= place))
    above_last = counted[-1].value > cuts[-1]
    return CutSet(measure, within, "quantile", bins, tuple(cuts), len(set(cuts)) + above_last, among=whom)


def _padded(cut_set: CutSet) -> list[float]:
    return [*cut_set.cuts, *([math.inf] * (cut_set.bins - 1 - len(cut_set.cuts)))]


def as_rows(cut_sets: Iterable[CutSet]) -> list[Mapping[str, object]]:
    """The rows of table `segment_cuts`, without run keys."""
    return [
        {
            "scope": c.scope,
            "cuts_of": c.cuts_of,
            "among": None if c.measure == "r" else c.among,
            "measure": COLUMN_OF[c.measure],
            "within": c.within,
            "method": c.method,
            "bins": c.bins,
            "cuts": list(c.cuts),
            "distinct_scores": c.distinct_scores,
        }
        for c in cut_sets
    ]


def from_rows(rows: Iterable[Mapping[str, Any]], method: str | None = None) -> list[CutSet]:
    """Cut sets from the rows of `segment_cuts`, for scoring with the cuts of another run."""
    short = {column: measure for measure, column in COLUMN_OF.items()}
    found = [
        CutSet(
            measure=short[row["measure"]],
            within=row["within"],
            method=method or row["method"],
            bins=int(row["bins"]),
            cuts=tuple(float(cut) for cut in row["cuts"]),
            distinct_scores=int(row["distinct_scores"]),
            scope=row.get("scope") or ALL,
            cuts_of=row.get("cuts_of") or row.get("scope") or ALL,
            among=row.get("among") or BOUGHT,
        )
        for row in rows
        if row["measure"] in short
    ]
    return sorted(found, key=lambda c: (c.scope != ALL, c.scope, MEASURES.index(c.measure), c.within))
