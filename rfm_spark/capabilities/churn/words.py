"""What is said of models of churn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from rfm_spark.capabilities.churn.features import Feature
from rfm_spark.capabilities.churn.scorers import ALIVE, LOGISTIC, RECENCY, SHARE, TREES, Array, Scorer
from rfm_spark.capabilities.churn.testing import Choice

ORDERS = "orders"
MODEL_WORDS = {
    RECENCY: "the rule that who is silent for longer is likelier to be gone",
    ALIVE: "the probability that they still order, by the model of orders",
    SHARE: "the share of all who stop",
    LOGISTIC: "logistic regression",
    TREES: "boosted trees",
}
_TOLD = 4
# A driver that moves the score by less than this part of what all do together is none.
_LEAST = 0.05
# Customers whose scores are looked at, and how far a score may go back the other way to have a direction still.
_LOOKED_AT, _MIXED = 2_000, 0.25


def said(choice: Choice) -> tuple[str, ...]:
    """That learning was not worth it, where that is so, for the run's account; published either way."""
    if choice.beats is not None:
        return ()
    gain, low, high = choice.gain
    why = (
        "the learnt ones rank customers no better"
        if low > 0
        else f"their Brier scores are better by {gain:.4f} at most, {low:.4f} to {high:.4f}"
    )
    return (told_by_a_rule(choice.chosen.scorer.name, why),)


def told_by_a_rule(name: str, why: str) -> str:
    """That nothing which was learnt is used.

    Args:
        name: of the baseline.
        why: in half a sentence.
    """
    return (
        f"predict.churn: no model tells who stops better than {MODEL_WORDS[name]} ({why}); churn_probability is told "
        "by that"
    )


def drivers(scorer: Scorer, features: Mapping[str, Array], known: Sequence[Feature]) -> tuple[str, ...]:
    """What counts most in a model, as sentences, the largest first.

    A feature counts by how much the score varies if customers' values of it are exchanged and all others stay.

    Args:
        scorer: the model.
        features: by name, of the customers tested.
        known: the features, with their words.
    """
    words = {one.name: one.more for one in known} | {ALIVE: "a higher probability that they still order"}
    scores = scorer.scores(features)
    asked = [name for name in words if name in scorer.weights or any(node.feature == name for node in scorer.nodes)]
    order = np.random.default_rng(0).permutation(len(scores))
    moved = {
        name: float(np.mean(np.abs(scorer.scores({**features, name: features[name][order]}) - scores)))
        for name in asked
    }
    total = sum(moved.values())
    found = []
    for name in sorted(moved, key=lambda one: -moved[one])[:_TOLD]:
        if total and moved[name] >= _LEAST * total:
            found.append(f"{words[name]}: {_direction(scorer, name, features, order[:_LOOKED_AT])}")
    return tuple(found)


def _direction(scorer: Scorer, name: str, features: Mapping[str, Array], looked_at: NDArray[np.int64]) -> str:
    """Which way the mean score of some customers goes with a feature, all else as it is (partial dependence).

    J. Friedman, "Greedy function approximation", Annals of Statistics 29 (2001), section 8.2.
    """
    some = {other: column[looked_at] for other, column in features.items()}
    values = np.unique(np.quantile(features[name], np.linspace(0.05, 0.95, 19)))
    means = [
        scorer.slope * float(np.mean(scorer.scores({**some, name: np.full(len(some[name]), value)})))
        for value in values
    ]
    steps = np.diff(means)
    up, down = float(steps[steps > 0].sum()), -float(steps[steps < 0].sum())
    if max(up, down) <= 0 or min(up, down) > _MIXED * max(up, down):
        return "likelier or less likely to stop, with the other values"
    alone = stats.spearmanr(features[name], scorer.slope * scorer.scores(features)).statistic
    # Of features that go together one may take back what another says too much.
    given = ", once the others are known" if alone * (up - down) < 0 else ""
    return f"{'likelier' if up > down else 'less likely'} to stop{given}"
