"""Cut points in a reader's words: the values that get each score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rfm_spark.capabilities.rfm.cuts import CutSet
from rfm_spark.capabilities.rfm.words import MeasureWords
from rfm_spark.report.wording import Numbers

_USUAL = MeasureWords()
MEASURE_TITLES = {"r": "Recency", "f": "Frequency", "m": "Monetary value"}


@dataclass(frozen=True)
class Band:
    """Values that get one score.

    Attributes:
        score: 1 is worst.
        words: the values, without the unit.
        unit: days, purchases, or empty for money.
    """

    score: int
    words: str
    unit: str

    @property
    def text(self) -> str:
        """As "5 = 0–1 days"."""
        return f"{self.score} = {self.words}{' ' if self.unit else ''}{self.unit}"


def bands(cut_set: CutSet, say: Numbers, words: MeasureWords = _USUAL) -> list[Band]:
    """The values of each score that can occur, best score first.

    Args:
        cut_set: of one measure; a value scores 1 + the number of cuts strictly below it, recency reversed.
        say: how numbers are written.
        words: what the measures are called.
    """
    if not cut_set.cuts:
        return []
    edges: Sequence[float | None] = [None, *cut_set.cuts, None]
    found = []
    for below in range(len(edges) - 1):
        low, high = edges[below], edges[below + 1]
        money = cut_set.measure == "m"
        values = _money_words(low, high, say) if money else _whole_words(cut_set.measure, low, high, say)
        if values:
            score = cut_set.bins - below if cut_set.measure == "r" else below + 1
            found.append(Band(score, values, _unit(cut_set.measure, values, say, words)))
    return sorted(found, key=lambda band: -band.score)


def _whole_words(measure: str, low: float | None, high: float | None, say: Numbers) -> str:
    lowest = 0 if low is None else math.floor(low) + 1
    if high is None:
        return f"{say.count(lowest)} or more"
    highest = math.floor(high)
    if highest < lowest:
        return ""
    if low is None and measure == "f":
        return f"up to {say.count(highest)}"
    return say.count(lowest) if lowest == highest else f"{say.count(lowest)}–{say.count(highest)}"


def _money_words(low: float | None, high: float | None, say: Numbers) -> str:
    if high is None:
        return f"over {say.money(low)}"
    if low is None:
        return f"up to {say.money(high)}"
    return f"over {say.money(low)}, up to {say.money(high)}" if high > low else ""


def _unit(measure: str, values: str, say: Numbers, words: MeasureWords) -> str:
    one = values.removeprefix("up to ") == say.count(1)
    return {"r": "day" if one else "days", "f": words.counts[0 if one else 1], "m": ""}[measure]


def cut_warning(cut_set: CutSet, words: MeasureWords = _USUAL) -> str | None:
    """What a reader should know about a set of cut points, if anything."""
    if not cut_set.cuts:
        if words.is_usual:
            return "No cut points: nobody purchased in the window."
        what = {"r": "recency", "f": words.counts[1], "m": words.money}[cut_set.measure]
        return f"No cut points: nobody has any {what}."
    if cut_set.distinct_scores < cut_set.bins:
        return (
            f"Cut points coincide because many customers share a value: only {cut_set.distinct_scores} of "
            f"{cut_set.bins} scores occur."
        )
    return None


def within_words(within: str) -> str:
    """The group of nested cut points, as "recency score 3, frequency score 2"."""
    parts = (part.split("=") for part in within.split(",") if part)
    return ", ".join(f"{MEASURE_TITLES[measure].lower()} score {score}" for measure, score in parts)
