"""How well models of churn tell who stopped, on customers and days that none of them was fitted on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import special, stats
from sklearn import metrics

from rfm_spark.capabilities.churn.scorers import BASELINES, Array, Scorer

_SURE = float(special.ndtri(0.975))
_TENTHS = 10
_LEAST = 1e-12


@dataclass(frozen=True)
class Tested:
    """A model and how it did.

    Attributes:
        scorer: the model.
        probabilities: of stopping, of each customer.
        ranking: what AUC and PR-AUC rank each customer by.
        metrics: by name: auc, pr_auc, brier and log_loss, each with the ends of its 95 % interval, _low and _high.
    """

    scorer: Scorer
    probabilities: Array
    ranking: Array
    metrics: Mapping[str, float]

    @property
    def is_baseline(self) -> bool:
        """Whether nothing was learnt for it but a slope and a shift."""
        return self.scorer.name in BASELINES


@dataclass(frozen=True)
class Choice:
    """Which model tells the probabilities.

    Attributes:
        chosen: it.
        beats: the baseline that it was measured against; None where that one is chosen.
        gain: by how much the Brier score of the model is the lower one, with the 95 % interval of that; of the best
            learnt one where none is chosen.
    """

    chosen: Tested
    beats: Tested | None
    gain: tuple[float, float, float]


def assessed(scorer: Scorer, features: Mapping[str, Array], stopped: Array) -> Tested:
    """How a model does.

    Args:
        scorer: the model.
        features: by name, of the customers tested.
        stopped: 1 for those who stopped; some did and some did not.
    """
    told, ranking = scorer.probabilities(features), scorer.ranking(features)
    auc, auc_spread = _auc(ranking, stopped)
    sure = np.clip(told, _LEAST, 1 - _LEAST)
    losses = {
        "brier": (told - stopped) ** 2,
        "log_loss": -(stopped * np.log(sure) + (1 - stopped) * np.log1p(-sure)),
    }
    found = _with_interval("auc", auc, auc_spread)
    found["auc_low"], found["auc_high"] = max(found["auc_low"], 0.0), min(found["auc_high"], 1.0)
    found |= _precision(ranking, stopped)
    for name, loss in losses.items():
        found |= _with_interval(name, float(np.mean(loss)), _error(loss))
    return Tested(scorer, told, ranking, found)


def choose(models: Sequence[Tested], stopped: Array) -> Choice:
    """The learnt model with the best Brier score of those that beat every baseline.

    One does where both its Brier score and its AUC are better beyond chance: a rule that is merely badly calibrated, or
    calibrated on other months, is no reason to learn. Otherwise the best baseline tells.

    Args:
        models: tested on the same customers, a baseline among them.
        stopped: 1 for those of them who stopped.
    """
    rules = [one for one in models if one.is_baseline]
    rule = min(rules, key=lambda one: one.metrics["brier"])
    learnt = sorted((one for one in models if not one.is_baseline), key=lambda one: one.metrics["brier"])
    gains = [(one, _gain(one, rule, stopped)) for one in learnt]
    for one, gain in gains:
        if gain[1] > 0 and all(_ranks_better(one, other, stopped) for other in rules):
            return Choice(one, rule, gain)
    return Choice(rule, None, gains[0][1])


def _gain(one: Tested, rule: Tested, stopped: Array) -> tuple[float, float, float]:
    """By how much the Brier score is the lower one, with its 95 % interval."""
    better = (rule.probabilities - stopped) ** 2 - (one.probabilities - stopped) ** 2
    gain, spread = float(np.mean(better)), _error(better)
    return gain, gain - _SURE * spread, gain + _SURE * spread


def _ranks_better(one: Tested, rule: Tested, stopped: Array) -> bool:
    """Whether the AUC is higher beyond chance, by DeLong's paired comparison."""
    mine, theirs = (_placements(tested.ranking, stopped) for tested in (one, rule))
    gone, stayed = (np.subtract(left, right) for left, right in zip(mine, theirs, strict=True))
    spread = np.sqrt(np.var(gone, ddof=1) / len(gone) + np.var(stayed, ddof=1) / len(stayed))
    return bool(np.mean(gone) > _SURE * spread)


def calibration(told: Array, stopped: Array) -> list[dict[str, Any]]:
    """Rows of table `churn_calibration`; who has the same probability is in the same tenth.

    Args:
        told: probability of each customer.
        stopped: 1 for those who stopped.
    """
    frame = pd.DataFrame({"told": told, "stopped": stopped})
    frame["decile"] = np.ceil(frame["told"].rank(pct=True) * _TENTHS).clip(1, _TENTHS).astype(int)
    overall = float(np.mean(stopped))
    rows = []
    for decile, mine in frame.groupby("decile"):
        count, gone = len(mine), int(mine["stopped"].sum())
        interval = stats.binomtest(gone, count).proportion_ci(method="wilson")
        rows.append(
            {
                "decile": int(str(decile)), "customers": count, "predicted": float(mine["told"].mean()),
                "stopped": gone / count, "low": float(interval.low), "high": float(interval.high),
                "lift": gone / count / overall,
            }
        )  # fmt: skip
    return rows


def _auc(told: Array, stopped: Array) -> tuple[float, float]:
    """The area under the ROC curve and its standard error (E. DeLong et al., Biometrics 44, 1988)."""
    above, below = _placements(told, stopped)
    variance = np.var(above, ddof=1) / len(above) + np.var(below, ddof=1) / len(below)
    return float(np.mean(above)), float(np.sqrt(variance))


def _placements(told: Array, stopped: Array) -> tuple[Array, Array]:
    """Of each who stopped the share of the others that is told less, and the other way round; ties count half.

    By the ranks of each side among all and among its own: X. Sun and W. Xu, IEEE Signal Processing Letters 21 (2014).
    """
    gone, stayed = told[stopped == 1], told[stopped == 0]
    ranks = stats.rankdata(np.concatenate([gone, stayed]))
    above = (ranks[: len(gone)] - stats.rankdata(gone)) / len(stayed)
    below = 1 - (ranks[len(gone) :] - stats.rankdata(stayed)) / len(gone)
    return np.asarray(above), np.asarray(below)


def _precision(told: Array, stopped: Array) -> dict[str, float]:
    """Average precision, with an interval on its log-odds.

    K. Boyd, K. Eng and D. Page, "Area under the precision-recall curve", ECML PKDD 2013, section 4.
    """
    area = float(metrics.average_precision_score(stopped, told))
    inside = float(np.clip(area, _LEAST, 1 - _LEAST))
    spread = 1 / np.sqrt(float(stopped.sum()) * inside * (1 - inside))
    low, high = (float(special.expit(special.logit(inside) + side * _SURE * spread)) for side in (-1, 1))
    return {"pr_auc": area, "pr_auc_low": low, "pr_auc_high": high}


def _with_interval(name: str, value: float, error: float) -> dict[str, float]:
    return {name: value, f"{name}_low": value - _SURE * error, f"{name}_high": value + _SURE * error}


def _error(values: Array) -> float:
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))
