"""Everything a customer's measures are turned into, in one projection: scores, percentiles, z-scores, tiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.rfm.config import MEASURES, Bins, RfmConfig, Weights
from rfm_spark.capabilities.rfm.cuts import COLUMN_OF, CutSet, with_scores
from rfm_spark.capabilities.rfm.percentiles import Lookup, with_percentiles
from rfm_spark.core.distribution import WHOLE, QuantileRequest, Rank, exact_ranks
from rfm_spark.core.parts import PART, by_part, in_a_stage_of_its_own, with_part
from rfm_spark.core.stats import BILLIONTH, HUNDREDTH, Moments
from rfm_spark.core.table import SCOPE_COLUMN

OUTLIER_Z = 3
_UNITS = {"r": 1, "f": 1, "m": HUNDREDTH}


def scored_customers(
    measures: DataFrame,
    rfm: RfmConfig,
    cut_sets: Sequence[CutSet],
    ranks: Mapping[str, Sequence[Rank]],
    moments: Mapping[str, Mapping[str, Moments]],
) -> DataFrame:
    """Scores and standings of every customer.

    Args:
        measures: customer_id, recency_days, frequency, monetary, … of customers who purchased, persisted; and scope
            where `rfm.scope` parts them.
        rfm: weights, z_log, value_tier_on.
        cut_sets: of `cuts`.
        ranks: per measure, over all customers, or over those of each scope.
        moments: per measure, of `z_values`, by the same groups.

    Returns:
        The measures with r_score, f_score, m_score, rfm_code, rfm_weighted, r_pct, f_pct, m_pct, r_z, f_z, m_z,
        outliers and value_tier.
    """
    groups = list(moments["r"])
    parted = with_part(measures, {scope: at for at, scope in enumerate(groups)}) if rfm.scope else measures
    z_scores = {f"{m}_z": _z(_for_z(m, rfm.z_log), [moments[m][group] for group in groups]) for m in MEASURES}
    standardised = parted.withColumns(z_scores).drop(PART)
    scored = with_codes(with_scores(standardised, cut_sets), rfm)
    own = {m: [rank for rank in ranks[m] if not rfm.scope or rank.within != WHOLE] for m in MEASURES}
    lookups = {f"{m}_pct": Lookup(COLUMN_OF[m], own[m], lower_is_better=m == "r") for m in MEASURES}
    if rfm.value_tier_on == "weighted":
        lookups["tier_pct"] = Lookup("rfm_weighted", _weighted_ranks(scored, within(rfm)))
    standing = with_percentiles(in_a_stage_of_its_own(scored) if rfm.scope else scored, lookups)
    ranked_on = "m_pct" if rfm.value_tier_on == "monetary" else "tier_pct"
    return standing.withColumns({"value_tier": _tier(F.col(ranked_on)), "outliers": _outliers()}).drop("tier_pct")


def within(rfm: RfmConfig) -> Column:
    """The group whose customers are ranked together."""
    return F.col(SCOPE_COLUMN) if rfm.scope else F.lit(WHOLE)


def with_codes(scored: DataFrame, rfm: RfmConfig) -> DataFrame:
    """Add (or renew) rfm_code and rfm_weighted from r_score, f_score and m_score."""
    return scored.withColumns({"rfm_code": score_code(rfm.scoring.bins), "rfm_weighted": _weighted(rfm.weights)})


def z_values(log: bool) -> dict[str, tuple[Column, int]]:
    """What z-scores standardise, per measure, with the unit `exact_moments` counts it in."""
    return {m: (_for_z(m, log), BILLIONTH if log else _UNITS[m]) for m in MEASURES}


def _for_z(measure: str, log: bool) -> Column:
    value = F.col(COLUMN_OF[measure])
    return F.log1p(F.greatest(value.cast("double"), F.lit(0.0))) if log else value


def _z(value: Column, moments: Sequence[Moments]) -> Column:
    """The z-score within the customer's group, 0 where all of it have the same value."""
    if not moments:
        return F.lit(0.0)
    means, spreads = by_part([one.mean for one in moments]), by_part([one.sd for one in moments])
    return F.when(spreads == 0, F.lit(0.0)).otherwise((value.cast("double") - means) / F.nullif(spreads, F.lit(0.0)))


def code_separator(bins: Bins) -> str:
    """What stands between the scores of a code: from ten bins on, 1-0-5 and 10-5 would read alike without one."""
    return "-" if max(bins.r, bins.f, bins.m) > 9 else ""


def score_code(bins: Bins, prefix: str = "") -> Column:
    """The three scores as 545, those of other columns with their prefix; with hyphens where a score has two digits."""
    return F.concat_ws(code_separator(bins), *(F.col(f"{prefix}{m}_score").cast("string") for m in MEASURES))


def _weighted(weights: Weights) -> Column:
    total = weights.r + weights.f + weights.m
    parts = [F.lit(float(getattr(weights, m))) * F.col(f"{m}_score") for m in MEASURES]
    # Rounded, so that one value reached by different scores is one double, and ties stay ties.
    return F.round((parts[0] + parts[1] + parts[2]) / F.lit(float(total)), 9)


def _weighted_ranks(scored: DataFrame, group: Column) -> list[Rank]:
    request = QuantileRequest("weighted", F.col("rfm_weighted"), 2, F.lit(True), group)
    return exact_ranks(scored, [request])["weighted"]


def _tier(percentile: Column) -> Column:
    # The best tenth has percentiles above 90; ten tiers, so that nobody is without one.
    tenth = F.least(F.floor((F.lit(100.0) - percentile) / F.lit(10.0)) + F.lit(1), F.lit(10))
    return F.concat(F.lit("top_"), (tenth * 10).cast("string"))


def _outliers() -> Column:
    named = [F.when(F.abs(f"{m}_z") > OUTLIER_Z, F.lit(COLUMN_OF[m])) for m in MEASURES]
    return F.filter(F.array(*named), lambda name: name.isNotNull())
