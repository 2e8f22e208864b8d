"""Clusters in words: names from where a centre lies, and a sentence on what the numbers say."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rfm_spark.capabilities.clusters.features import FeatureSpace

# Standard deviations from the mean of all customers, from which on a cluster is called notable, and extreme.
NOTABLE, EXTREME = 0.5, 1.5
# Very low, low, high and very high values of a feature.
_WORDS = {
    "recency_days": ("very recent", "recent", "lapsed", "long lapsed"),
    "frequency": ("very rare", "rare", "frequent", "very frequent"),
    "monetary": ("very low spend", "low spend", "high spend", "very high spend"),
    "tenure_days": ("very new", "new", "long-standing", "very long-standing"),
}
# What "more" of a feature is, to tell two clusters with the same name apart.
_LESS_MORE = {
    "recency_days": ("more recent", "longer silent"),
    "frequency": ("rarer", "more frequent"),
    "monetary": ("lower spend", "higher spend"),
    "tenure_days": ("newer", "longer-standing"),
}
_INSIGHTS = {
    ("low", "high", "high"): "recent, frequent and high-spending: protect them, reward them, ask them to recommend",
    ("low", "high", "mid"): "recent and frequent, average spend: room to upsell",
    ("low", "high", "low"): "high recency and frequency, low spend: room to upsell",
    ("high", "high", "high"): "used to buy often and spend much, now silent: win them back first",
    ("high", "low", "low"): "long silent, rare and low-spending: spend little on them",
    ("low", "low", "low"): "recent but rare and low-spending: bring them to a second and third purchase",
    ("low", "low", "high"): "recent, rare but high-spending: a reason to come back more often pays",
}


def cluster_names(
    centres: Sequence[Sequence[float]], space: FeatureSpace, kept: Mapping[int, str] | None = None
) -> tuple[str, ...]:
    """Plain names from where a centre lies against all customers, each of them once.

    Args:
        centres: in feature space.
        space: their coordinates.
        kept: names that clusters carry already, by position; they stay.
    """
    carried = dict(kept or {})
    free = [at for at in range(len(centres)) if at not in carried]
    plain = {at: _name(centres[at], space) for at in free}
    names = dict(carried)
    for name in sorted(set(plain.values())):
        alike = [at for at in free if plain[at] == name]
        taken = set(names.values())
        if len(alike) == 1 and name not in taken:
            names[alike[0]] = name
        else:
            names |= _told_apart(alike, name, centres, space, taken)
    return tuple(names[at] for at in range(len(centres)))


def insight(z: Mapping[str, float], share: float, revenue_share: float | None) -> str:
    """What the numbers of a cluster say, in a sentence.

    Args:
        z: mean of its customers per feature, in standard deviations from the mean of all.
        share: of all customers, 0 to 1.
        revenue_share: of all revenue, 0 to 1; None where there is none.
    """
    levels = tuple(_level(z.get(column, 0.0)) for column in ("recency_days", "frequency", "monetary"))
    size = f"{share:.0%} of customers"
    brought = "" if revenue_share is None else f", {revenue_share:.0%} of revenue"
    return f"{size}{brought}: {_advice(levels, z)}."


def _advice(levels: tuple[str, ...], z: Mapping[str, float]) -> str:
    if levels in _INSIGHTS:
        return _INSIGHTS[levels]
    if levels[0] == "high":
        return "silent for longer than most: a reactivation offer, before they are lost"
    if "high" in levels[1:]:
        return "above average in frequency or spend: keep them coming"
    notable = [_word(column, value) for column, value in z.items() if abs(value) >= NOTABLE]
    if notable:
        return f"they stand out as {', '.join(notable)}"
    return "close to the average customer: personal recommendations to raise frequency"


def _level(value: float) -> str:
    return "low" if value <= -NOTABLE else "high" if value >= NOTABLE else "mid"


def _in_sds(centre: Sequence[float], space: FeatureSpace) -> dict[str, float]:
    return {f.column: x / math.sqrt(f.weight) for f, x in zip(space.features, centre, strict=True)}


def _name(centre: Sequence[float], space: FeatureSpace) -> str:
    words = [_word(column, value) for column, value in _in_sds(centre, space).items() if abs(value) >= NOTABLE]
    return ", ".join(words) or "average"


def _word(column: str, value: float) -> str:
    very, extreme = abs(value) >= EXTREME, _WORDS.get(column)
    if extreme is None:
        return f"{'very ' if very else ''}{'high' if value > 0 else 'low'} {column.replace('_', ' ')}"
    return extreme[(3 if very else 2) if value > 0 else (0 if very else 1)]


def _told_apart(
    alike: Sequence[int], name: str, centres: Sequence[Sequence[float]], space: FeatureSpace, taken: set[str]
) -> dict[int, str]:
    """Names for clusters that the words alone don't tell apart."""
    if len(alike) == 2:
        first, second = (_in_sds(centres[at], space) for at in alike)
        gaps = {column: first[column] - second[column] for column in first}
        column = max(gaps, key=lambda name: abs(gaps[name]))
        words = column.replace("_", " ")
        less, more = _LESS_MORE.get(column, (f"lower {words}", f"higher {words}"))
        pair = (more, less) if gaps[column] > 0 else (less, more)
        renamed = {at: f"{name} ({word})" for at, word in zip(alike, pair, strict=True)}
        if not taken & set(renamed.values()):
            return renamed
    numbered: dict[int, str] = {}
    number = 0
    for at in alike:
        while True:
            number += 1
            candidate = f"{name} ({number})"
            if candidate not in taken:
                break
        numbered[at] = candidate
    return numbered
