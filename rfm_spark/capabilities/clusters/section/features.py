"""The values of each feature by cluster, on the colour of how far they are from those of all customers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rfm_spark.capabilities.clusters.section.data import ClusterProfile, FeatureValues
from rfm_spark.capabilities.rfm.words import MeasureWords
from rfm_spark.report.colours import category, diverging, text_on
from rfm_spark.report.wording import Numbers

_CENTS_BELOW = 100
_USUAL = MeasureWords()
_FEATURES = {
    "rfm_weighted": "Weighted score",
    **{
        f"{letter}_{standing}": f"{measure} {words}"
        for letter, measure in (("r", "Recency"), ("f", "Frequency"), ("m", "Monetary value"))
        for standing, words in (("pct", "percentile"), ("z", "z-score"), ("score", "score"))
    },
}


@dataclass(frozen=True)
class FeatureCell:
    """One feature of one cluster, ready to print, on the colour of its z."""

    z: str
    mean: str
    spread: str
    fill: str
    ink: str


@dataclass(frozen=True)
class FeatureLine:
    """The features of one cluster, in the order of the titles; None where the cluster lacks one."""

    label: str
    colour: str
    cells: tuple[FeatureCell | None, ...]


@dataclass(frozen=True)
class FeatureTable:
    """Values of each feature by cluster."""

    title: str
    heads: tuple[str, ...]
    lines: tuple[FeatureLine, ...]


def feature_table(rows: Sequence[ClusterProfile], say: Numbers, words: MeasureWords = _USUAL) -> FeatureTable | None:
    """The table of features; None where the lake's version did not write them."""
    columns = list(dict.fromkeys(one.feature for row in rows for one in row.features))
    if not columns:
        return None
    lines = []
    for at, row in enumerate(rows):
        values = {one.feature: _cell(one, say) for one in row.features}
        lines.append(FeatureLine(row.name, category(at), tuple(values.get(column) for column in columns)))
    titles = tuple(_feature_title(column, words) for column in columns)
    return FeatureTable(_standout(rows, words, say), titles, tuple(lines))


def _cell(values: FeatureValues, say: Numbers) -> FeatureCell:
    money = values.feature == "monetary"
    digits = 2 if values.feature.endswith("_z") or values.feature == "rfm_weighted" else 1

    def short(value: float | None) -> str:
        if money:
            return say.money(value) if value is None or abs(value) < _CENTS_BELOW else say.whole_money(value)
        return say.decimal(value, 0 if value is not None and value.is_integer() else digits)

    fill = diverging(values.z or 0.0)
    return FeatureCell(
        z=say.signed(values.z, 2),
        mean=say.money(values.mean) if money else say.decimal(values.mean, digits),
        spread=" · ".join(short(value) for value in (values.q1, values.median, values.q3)),
        fill=fill,
        ink=text_on(fill),
    )


def _standout(rows: Sequence[ClusterProfile], words: MeasureWords, say: Numbers) -> str:
    found = [(row, one, one.z) for row in rows for one in row.features if one.z is not None]
    if not found or len(rows) == 1:
        return "The values of each feature"
    row, feature, z = max(found, key=lambda one: abs(one[2]))
    side, title = "above" if z > 0 else "below", _feature_title(feature.feature, words)
    return (
        f"Cluster “{row.name}” stands out most: in {title if title == words.money else title.lower()}, "
        f"{say.decimal(abs(z), 1)} standard deviations {side} all customers"
    )


def _feature_title(column: str, words: MeasureWords) -> str:
    return {**_FEATURES, **words.titles}.get(column, column.replace("_", " ").capitalize())
