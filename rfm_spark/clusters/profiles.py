"""What each cluster looks like, in numbers and in words."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from rfm_spark.clusters.features import FeatureSpace

# Standard deviations from the mean of all customers, from which on a cluster is called notable, and extreme.
NOTABLE, EXTREME = 0.5, 1.5
_WORDS = {
    "recency_days": ("very recent", "recent", "lapsed", "long lapsed"),
    "frequency": ("very rare", "rare", "frequent", "very frequent"),
    "monetary": ("very low spend", "low spend", "high spend", "very high spend"),
}
_INSIGHTS = {
    ("low", "high", "high"): "Recent, frequent and high-spending: protect them, reward them, ask them to recommend.",
    ("low", "high", "mid"): "Recent and frequent, average spend: room to upsell.",
    ("low", "high", "low"): "High recency and frequency, low spend: room to upsell.",
    ("high", "high", "high"): "Used to buy often and spend much, now silent: win them back first.",
    ("high", "low", "low"): "Long silent, rare and low-spending: spend little on them.",
    ("low", "low", "low"): "Recent but rare and low-spending: bring them to a second and third purchase.",
    ("low", "low", "high"): "Recent, rare but high-spending: a reason to come back more often pays.",
}


def cluster_names(centres: Sequence[Sequence[float]], space: FeatureSpace) -> tuple[str, ...]:
    """Plain names from where a centre lies against all customers, unique by number where two would be alike."""
    plain = [_name(centre, space) for centre in centres]
    seen: dict[str, int] = {}
    names = []
    for name in plain:
        seen[name] = seen.get(name, 0) + 1
        names.append(f"{name} ({seen[name]})" if plain.count(name) > 1 else name)
    return tuple(names)


def cluster_profiles(assigned: DataFrame, centres: Sequence[Sequence[float]], space: FeatureSpace) -> DataFrame:
    """Size, revenue and typical values of each cluster.

    Args:
        assigned: cluster_id, cluster_name, recency_days, frequency, monetary per customer.
        centres: by cluster_id from 1.
        space: their coordinates.

    Returns:
        The columns of table `cluster_profiles`, without run keys.
    """
    per_cluster = assigned.groupBy("cluster_id", F.col("cluster_name").alias("name")).agg(
        F.count(F.lit(1)).alias("customers"),
        F.sum("monetary").cast("decimal(28,2)").alias("revenue"),
        *typical_values(),
    )
    totals = assigned.agg(F.count(F.lit(1)).alias("all_customers"), F.sum("monetary").alias("all_revenue"))
    insights = F.create_map(
        *(part for i, centre in enumerate(centres, 1) for part in (F.lit(i), F.lit(_insight(centre, space))))
    )
    return per_cluster.join(F.broadcast(totals), how="cross").select(
        F.lit("all").alias("scope"),
        "cluster_id",
        "name",
        "customers",
        (F.col("customers") / F.col("all_customers")).alias("share"),
        "revenue",
        F.try_divide(F.col("revenue").cast("double"), F.col("all_revenue").cast("double")).alias("revenue_share"),
        *TYPICAL,
        F.try_element_at(insights, F.col("cluster_id")).alias("insight"),
    )


TYPICAL = tuple(f"{kind}_{measure}" for kind in ("mean", "median") for measure in ("recency", "frequency", "monetary"))


def typical_values() -> list[Column]:
    """Mean (from exact sums) and lower median of the three measures, named as in the tables."""
    columns = {"recency": "recency_days", "frequency": "frequency", "monetary": "monetary"}
    means = [
        (F.sum(F.col(column).cast("decimal(20,2)")).cast("double") / F.count(F.lit(1))).alias(f"mean_{name}")
        for name, column in columns.items()
    ]
    medians = [
        F.expr(f"percentile_disc(0.5) WITHIN GROUP (ORDER BY CAST({column} AS DOUBLE))").alias(f"median_{name}")
        for name, column in columns.items()
    ]
    return [*means, *medians]


def _level(value: float) -> str:
    return "low" if value <= -NOTABLE else "high" if value >= NOTABLE else "mid"


def _levels(centre: Sequence[float], space: FeatureSpace) -> dict[str, str]:
    return {column: _level(value) for column, value in zip(space.columns, centre, strict=True)}


def _name(centre: Sequence[float], space: FeatureSpace) -> str:
    words = [_word(column, value) for column, value in zip(space.columns, centre, strict=True) if abs(value) >= NOTABLE]
    return ", ".join(words) or "average"


def _word(column: str, value: float) -> str:
    if value < 0:
        return _WORDS[column][0 if value <= -EXTREME else 1]
    return _WORDS[column][3 if value >= EXTREME else 2]


def _insight(centre: Sequence[float], space: FeatureSpace) -> str:
    levels = _levels(centre, space)
    key = tuple(levels.get(column, "mid") for column in _WORDS)
    if key in _INSIGHTS:
        return _INSIGHTS[key]
    if key[0] == "high":
        return "Silent for longer than most: a reactivation offer, before they are lost."
    if key[1] == "high" or key[2] == "high":
        return "Above average in frequency or spend: keep them coming."
    return "Close to the average customer: personal recommendations to raise frequency."
