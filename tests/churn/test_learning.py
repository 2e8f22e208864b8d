"""Models of churn against Spark's and scikit-learn's own, and their figures against libraries and resampling."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pyspark.ml.classification import GBTClassifier, LogisticRegression
from pyspark.ml.feature import VectorAssembler
from pyspark.ml.functions import vector_to_array
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from scipy import special
from sklearn import metrics
from sklearn.linear_model import LogisticRegression as Sklearn

from rfm_spark.capabilities.churn import learning
from rfm_spark.capabilities.churn.features import PREFIX, Feature
from rfm_spark.capabilities.churn.learning import as_probability, fitted, nodes_of
from rfm_spark.capabilities.churn.panel import STOPPED
from rfm_spark.capabilities.churn.scorers import ALIVE, LOGISTIC, RECENCY, SHARE, TREES, Array, Scorer
from rfm_spark.capabilities.churn.testing import _auc, assessed, calibration, choose
from rfm_spark.capabilities.churn.words import drivers, said
from rfm_spark.capabilities.clv.artefacts import AliveBy, alive_by
from rfm_spark.capabilities.clv.models import MODELS

NAMES = ["silence_days", "order_days", "frequency"]
CUSTOMERS = 1500


def drawn(seed: int, customers: int = CUSTOMERS) -> pd.DataFrame:
    """Customers of whom who is silent for long stops, but for those with many orders."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(3, 1, (customers, len(NAMES))), columns=[f"{PREFIX}{name}" for name in NAMES])
    odds = 1.5 * (frame["x_silence_days"] - 3) - 2.0 * (frame["x_order_days"] > 3.5) * (frame["x_frequency"] > 2.5)
    frame[STOPPED] = (rng.random(customers) < special.expit(odds)).astype(float)
    frame["customer_id"] = [f"c{number:05d}" for number in range(customers)]
    return frame


def features_of(frame: pd.DataFrame) -> dict[str, Array]:
    return {name: frame[f"{PREFIX}{name}"].to_numpy(np.float64) for name in NAMES}


@pytest.fixture(scope="module")
def learnt(session: SparkSession) -> tuple[DataFrame, tuple[Scorer, ...]]:
    frame = session.createDataFrame(drawn(1)).persist()
    return frame, fitted(frame, NAMES)


def vectors(frame: DataFrame) -> DataFrame:
    columns = [f"{PREFIX}{name}" for name in NAMES]
    return VectorAssembler(inputCols=columns, outputCol="features").transform(frame)


def test_numbers_taken_out_of_mllib_score_as_mllib_does(learnt: tuple[DataFrame, tuple[Scorer, ...]]) -> None:
    frame, scorers = learnt
    rows = vectors(frame.coalesce(1).sortWithinPartitions("customer_id"))
    straight = LogisticRegression(labelCol=STOPPED, regParam=learning._PENALTY, maxIter=200).fit(rows)
    boosted = GBTClassifier(
        labelCol=STOPPED, maxIter=learning._TREES, maxDepth=learning._DEPTH, stepSize=learning._STEP,
        seed=learning._SEED,
    ).fit(rows)  # fmt: skip
    seen = drawn(1)
    for model, scorer in zip((straight, boosted), scorers, strict=True):
        raw = vector_to_array(F.col("rawPrediction"))[1].alias("raw")
        told = model.transform(rows).select("customer_id", raw).toPandas().sort_values("customer_id")["raw"]
        assert scorer.scores(features_of(seen)) == pytest.approx(told.to_numpy(), abs=1e-9)


@pytest.mark.parametrize("which", [0, 1])
def test_columns_tell_what_arrays_do(learnt: tuple[DataFrame, tuple[Scorer, ...]], which: int) -> None:
    frame, scorers = learnt
    scorer = as_probability(scorers[which], features_of(drawn(2)), drawn(2)[STOPPED].to_numpy())
    scorer = Scorer.from_row(scorer.as_row())
    columns = {name: F.col(f"{PREFIX}{name}") for name in NAMES}
    told = frame.select("customer_id", scorer.probability(columns).alias("told")).toPandas()
    mine = scorer.probabilities(features_of(drawn(1)))
    assert told.sort_values("customer_id")["told"].to_numpy() == pytest.approx(mine, abs=1e-12)


def test_the_same_rows_in_another_order_give_the_same_numbers(
    learnt: tuple[DataFrame, tuple[Scorer, ...]], session: SparkSession
) -> None:
    shuffled = session.createDataFrame(drawn(1).sample(frac=1, random_state=3)).repartition(5)
    assert fitted(shuffled, NAMES) == learnt[1]


def test_logistic_regression_is_scikit_learns(learnt: tuple[DataFrame, tuple[Scorer, ...]]) -> None:
    frame = drawn(1)
    columns = [f"{PREFIX}{name}" for name in NAMES]
    # Spark's penalty is of standardised features and of the mean loss.
    scaled = frame[columns] / frame[columns].std(ddof=1)
    model = Sklearn(C=1 / (learning._PENALTY * len(frame)), tol=1e-12, max_iter=10_000).fit(scaled, frame[STOPPED])
    known = model.coef_[0] / frame[columns].std(ddof=1).to_numpy()
    assert list(learnt[1][0].weights.values()) == pytest.approx(list(known), rel=1e-4)


def test_trees_are_read_branch_by_branch() -> None:
    described = "\n".join(
        [
            "GBTClassificationModel: uid = x, numTrees=2, numClasses=2, numFeatures=2",
            "  Tree 0 (weight 1.0):",
            "    If (feature 1 <= 0.5)",
            "     Predict: -1.0",
            "    Else (feature 1 > 0.5)",
            "     If (feature 0 <= -2.0E-1)",
            "      Predict: 0.25",
            "     Else (feature 0 > -2.0E-1)",
            "      Predict: 1.0",
            "  Tree 1 (weight 0.5):",
            "    Predict: 2.0",
        ]
    )
    scorer = Scorer(TREES, nodes=nodes_of(described, ["a", "b"]))
    features = {"a": np.array([-0.2, -0.19, 9.0]), "b": np.array([0.6, 0.6, 0.5])}
    assert scorer.scores(features).tolist() == [1.25, 2.0, 0.0]
    with pytest.raises(ValueError, match="in words that are not known: If \\(feature 0 in"):
        nodes_of("  Tree 0 (weight 1.0):\n    If (feature 0 in {1.0})\n", ["a"])


def test_areas_are_those_of_scikit_learn_and_their_errors_those_of_resampling() -> None:
    rng = np.random.default_rng(4)
    stopped = (rng.random(400) < 0.3).astype(float)
    # Rounded, so that there are ties.
    told = np.round(special.expit(rng.normal(stopped, 1.2)), 2)
    area, error = _auc(told, stopped)
    assert area == pytest.approx(metrics.roc_auc_score(stopped, told), abs=1e-12)
    again = []
    for _ in range(2000):
        draw = rng.integers(0, 400, 400)
        again.append(metrics.roc_auc_score(stopped[draw], told[draw]))
    assert error == pytest.approx(np.std(again), rel=0.07)
    found = assessed(Scorer(RECENCY, {"s": 1.0}), {"s": special.logit(np.clip(told, 0.001, 0.999))}, stopped).metrics
    sure = np.clip(told, 0.001, 0.999)
    assert found["brier"] == pytest.approx(metrics.brier_score_loss(stopped, sure))
    assert found["log_loss"] == pytest.approx(metrics.log_loss(stopped, sure))
    assert found["pr_auc"] == pytest.approx(metrics.average_precision_score(stopped, sure))
    assert all(found[f"{name}_low"] < found[name] < found[f"{name}_high"] for name in ("auc", "pr_auc", "brier"))


def test_scores_become_probabilities() -> None:
    """Slope and shift are found again, whatever the scale of the scores is; equal scores give the share who stopped."""
    rng = np.random.default_rng(9)
    score = rng.normal(100, 5, 50_000)
    stopped = (rng.random(50_000) < special.expit(-0.3 * (score - 98))).astype(float)
    found = as_probability(Scorer(LOGISTIC, {"s": 1.0}), {"s": score}, stopped)
    assert found.slope == pytest.approx(-0.3, rel=0.03)
    assert found.shift / found.slope == pytest.approx(-98, rel=0.01)
    flat = as_probability(Scorer(SHARE, {"s": 0.0}), {"s": score}, stopped)
    assert flat.probabilities({"s": score[:2]}) == pytest.approx([stopped.mean()] * 2)


def test_predicted_tenths_are_within_sampling_error(learnt: tuple[DataFrame, tuple[Scorer, ...]]) -> None:
    held, later = drawn(5, 4000), drawn(6, 20_000)
    scorer = as_probability(learnt[1][1], features_of(held), held[STOPPED].to_numpy())
    rows = calibration(scorer.probabilities(features_of(later)), later[STOPPED].to_numpy())
    assert [row["decile"] for row in rows] == list(range(1, 11))
    assert sum(row["customers"] for row in rows) == 20_000
    for row in rows:
        error = np.sqrt(row["predicted"] * (1 - row["predicted"]) / row["customers"])
        assert abs(row["predicted"] - row["stopped"]) < 4 * error + 0.02
    assert rows[-1]["lift"] > 1.5 > 0.5 > rows[0]["lift"]


def test_equal_probabilities_are_in_one_tenth() -> None:
    rows = calibration(np.full(50, 0.4), (np.arange(50) % 2).astype(np.float64))
    assert [(row["customers"], row["predicted"], row["lift"]) for row in rows] == [(50, pytest.approx(0.4), 1.0)]


def test_learning_is_used_only_where_it_beats_the_rules_beyond_chance() -> None:
    rng = np.random.default_rng(2)
    stopped = (rng.random(3000) < 0.5).astype(float)
    helpful = rng.normal(2 * stopped - 1, 1)
    noise = rng.normal(0, 1, 3000)
    features = {"silence_days": noise, "good": helpful, ALIVE: -noise}
    rule, alive = Scorer(RECENCY, {"silence_days": 0.05}), Scorer(ALIVE, {ALIVE: -0.04})
    good, none = Scorer(LOGISTIC, {"good": 2.0}), Scorer(LOGISTIC, {"silence_days": 0.06})
    found = choose([assessed(one, features, stopped) for one in (rule, alive, good)], stopped)
    assert (found.chosen.scorer.name, found.gain[1] > 0, said(found)) == (LOGISTIC, True, ())
    found = choose([assessed(one, features, stopped) for one in (rule, alive, none)], stopped)
    assert found.chosen.scorer.name in (RECENCY, ALIVE)
    assert found.beats is None
    assert "no model tells who stops better than" in said(found)[0]


def test_a_model_that_knows_what_the_rule_knows_never_beats_it() -> None:
    """Silence alone tells, smoothly: no steps of the rule may make it look worse than it is."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        silence = np.log1p(rng.gamma(1.5, 30, 6_000))
        stopped = (rng.random(6_000) < special.expit(1.5 * (silence - 4))).astype(float)
        parts = [({"silence_days": silence[at]}, stopped[at]) for at in (slice(2_000), slice(2_000, None))]
        rule, learnt = (
            assessed(as_probability(one, *parts[0]), *parts[1])
            for one in (Scorer(RECENCY, {"silence_days": 1.0}), Scorer(LOGISTIC, {"silence_days": 1.5}, -6.0))
        )
        assert choose([rule, learnt], parts[1][1]).chosen is rule
        assert rule.metrics["auc"] == pytest.approx(metrics.roc_auc_score(parts[1][1], parts[1][0]["silence_days"]))


def test_scores_that_part_both_sides_do_not_become_certain() -> None:
    """Platt's targets: three who stopped, all above everybody else."""
    score = np.concatenate([np.linspace(-1, 0, 147), [2.0, 2.1, 2.2]])
    stopped = (score > 1).astype(float)
    told = as_probability(Scorer(LOGISTIC, {"s": 1.0}), {"s": score}, stopped).probabilities({"s": score})
    assert 0.5 < told[-1] < 0.9
    assert 1e-4 < told[0] < 0.02


def test_drivers_say_which_way_they_work(session: SparkSession) -> None:
    frame = features_of(drawn(3))
    known = [Feature(name, f"more {name}", F.lit(0.0)) for name in NAMES]
    scorer = Scorer(LOGISTIC, {"silence_days": 2.0, "order_days": -1.0, "frequency": 0.01})
    assert drivers(scorer, frame, known) == (
        "more silence_days: likelier to stop", "more order_days: less likely to stop",
    )  # fmt: skip
    assert drivers(Scorer(RECENCY, {"silence_days": 1.0}, slope=-1.0), frame, known) == (
        "more silence_days: less likely to stop",
    )
    # Of two that say nearly the same one takes back what the other says too much.
    same = {**frame, "order_days": frame["silence_days"] + np.linspace(-0.1, 0.1, len(frame["silence_days"]))}
    scorer = Scorer(LOGISTIC, {"silence_days": 3.0, "order_days": -1.0})
    assert drivers(scorer, same, known) == (
        "more silence_days: likelier to stop", "more order_days: less likely to stop, once the others are known",
    )  # fmt: skip


@pytest.mark.parametrize(("name", "sign"), [(RECENCY, 1.0), (ALIVE, -1.0)])
def test_rules_tell_the_share_of_who_was_alike(name: str, sign: float) -> None:
    """Twentieths against pandas; shares never fall with silence, nor rise with the probability of still ordering."""
    rng = np.random.default_rng(3)
    silence = rng.gamma(2, 20, 40_000)
    stopped = (rng.random(40_000) < 1 - np.exp(-silence / 80)).astype(float)
    feature = silence if sign > 0 else np.exp(-silence / 100)
    rule = as_probability(Scorer(name, {"f": sign}), {"f": feature}, stopped)
    told = rule.probabilities({"f": feature})
    twentieth = pd.qcut(silence, 20, labels=False)
    shares = pd.Series(stopped).groupby(twentieth).mean()
    assert pd.Series(told).groupby(twentieth).mean().to_numpy() == pytest.approx(shares.to_numpy(), abs=0.01)
    assert (np.diff(told[np.argsort(silence)]) >= 0).all()
    assert Scorer.from_row(rule.as_row()) == rule


@pytest.mark.parametrize("model", ["bg_nbd", "mbg_nbd", "nbd"])
def test_the_model_of_orders_tells_columns_and_arrays_alike(session: SparkSession, model: str) -> None:
    """And lies in a row as all others do."""
    known = {"r": 0.24, "alpha": 30.9, "a": 0.79, "b": 2.43}
    alive = AliveBy(model, {name: known[name] for name in MODELS[model].names})
    scorer = Scorer.from_row(Scorer(ALIVE, {ALIVE: -1.0}, slope=2.0, shift=0.5, alive=alive).as_row())
    days = [(1, 40, 40), (1, 0, 0), (2, 3, 40), (9, 0, 300), (400, 90, 700)]
    columns = ["purchase_days", "recency_days", "tenure_days"]
    people = pd.DataFrame(days, columns=columns)
    told = session.createDataFrame(people).select(*columns, scorer.probability({}).alias("told")).toPandas()
    mine = scorer.probabilities({ALIVE: alive.p_alive(told)})
    assert told["told"].to_numpy() == pytest.approx(mine, abs=1e-12)


def test_orders_of_pareto_nbd_are_told_by_bg_nbd(session: SparkSession) -> None:
    """No column tells its p_alive; one customer too few gives no model."""
    rng = np.random.default_rng(12)
    days = rng.integers(1, 6, 400)
    tenure = rng.integers(100, 400, 400)
    silence = (tenure * np.where(days > 1, rng.random(400), 1.0)).astype(int)
    people = pd.DataFrame({"purchase_days": days, "recency_days": silence, "tenure_days": tenure})
    repeaters = int((days > 1).sum())
    frame = session.createDataFrame(people)
    found = alive_by(frame, "pareto_nbd", repeaters)
    assert found is not None
    assert found == alive_by(frame, "bg_nbd", repeaters)
    assert alive_by(frame, "pareto_nbd", repeaters + 1) is None
