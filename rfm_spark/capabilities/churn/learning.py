"""Learning who stops: Spark MLlib fits logistic regression and boosted trees; their numbers are taken out of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from pyspark.ml.classification import GBTClassifier, LogisticRegression
from pyspark.ml.feature import VectorAssembler
from pyspark.sql import DataFrame
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression as OneScore

from rfm_spark.capabilities.churn.features import PREFIX
from rfm_spark.capabilities.churn.panel import STOPPED
from rfm_spark.capabilities.churn.scorers import ALIVE, LOGISTIC, RECENCY, SHARE, SILENCE, TREES, Array, Node, Scorer
from rfm_spark.capabilities.clv.artefacts import AliveBy

# Small and slow to learn: who stops hangs on little, and a tree of depth 3 asks for three things at once.
_TREES, _DEPTH, _STEP, _SEED = 30, 3, 0.15, 20170812
_PENALTY = 1e-4
_STEPS = 20
_VECTOR = "features"
_LEAF = re.compile(r"Predict: (?P<value>\S+)")
_BRANCH = re.compile(r"(?P<side>If|Else) \(feature (?P<feature>\d+) (?P<how><=|>) (?P<threshold>\S+)\)")
_END = "Tree 0 (weight 0):"
_TREE = re.compile(r"Tree (?P<tree>\d+) \(weight (?P<weight>\S+)\):")


def fitted(learnt: DataFrame, names: Sequence[str]) -> tuple[Scorer, ...]:
    """Logistic regression and boosted trees, whose scores are not yet probabilities.

    Rows go through one partition in one order, so that the same rows give the same numbers.

    Args:
        learnt: customer_id, features by column, STOPPED; at most some hundred thousand rows.
        names: of the features.
    """
    columns = [f"{PREFIX}{name}" for name in names]
    rows = VectorAssembler(inputCols=columns, outputCol=_VECTOR).transform(
        learnt.select("customer_id", *columns, STOPPED).coalesce(1).sortWithinPartitions("customer_id")
    )
    straight = LogisticRegression(featuresCol=_VECTOR, labelCol=STOPPED, regParam=_PENALTY, maxIter=200).fit(rows)
    weights = dict(zip(names, (float(one) for one in straight.coefficients.toArray()), strict=True))
    boosted = GBTClassifier(
        featuresCol=_VECTOR, labelCol=STOPPED, maxIter=_TREES, maxDepth=_DEPTH, stepSize=_STEP, seed=_SEED
    ).fit(rows)
    return (
        Scorer(LOGISTIC, weights, float(straight.intercept)),
        Scorer(TREES, nodes=nodes_of(boosted.toDebugString, names)),
    )


def baselines(names: Sequence[str], alive: AliveBy | None) -> tuple[Scorer, ...]:
    """The rule that who is silent for longer is likelier to be gone, and the probability of a model of orders.

    Where nobody knows who is silent, the share of all who stop.

    Args:
        names: of the features.
        alive: a model of orders; None where there is none.
    """
    rule = Scorer(RECENCY, {SILENCE: 1.0}) if SILENCE in names else Scorer(SHARE, {names[0]: 0.0})
    return (rule,) if alive is None else (rule, Scorer(ALIVE, {ALIVE: -1.0}, alive=alive))


def by_steps(scorer: Scorer, features: Mapping[str, Array], stopped: Array) -> Scorer:
    """A rule on one feature as shares of who stopped, which rise or fall with it: the best that can be made of it.

    Twentieths of the customers by the feature, and isotonic regression of their shares (R. Barlow et al., 1972).

    Args:
        scorer: the rule, of one weight, whose sign says which way.
        features: by name, of customers.
        stopped: 1 for who stopped.
    """
    name, weight = next(iter(scorer.weights.items()))
    values = features[name]
    edges = np.unique(np.quantile(values, np.linspace(0, 1, _STEPS + 1)[1:-1]))
    step = np.searchsorted(edges, values)
    count = np.bincount(step, minlength=len(edges) + 1)
    # Half a customer on both sides: no share is nothing or all.
    share = (np.bincount(step, stopped, minlength=len(edges) + 1) + 0.5) / (count + 1)
    isotonic = IsotonicRegression(increasing=weight > 0)
    steady = isotonic.fit_transform(np.arange(len(share)), share, sample_weight=count + 1)
    odds = np.log(steady / (1 - steady))
    nodes = []
    for at, edge in enumerate(edges):
        # A chain: at most the edge ends in a leaf, above it the next question is asked.
        nodes += [
            Node(0, 2 * at, name, float(edge), 2 * at + 1, 2 * at + 2),
            Node(0, 2 * at + 1, value=float(odds[at])),
        ]
    nodes.append(Node(0, 2 * len(edges), value=float(odds[-1])))
    return replace(scorer, nodes=tuple(nodes))


def as_probability(scorer: Scorer, features: Mapping[str, Array], stopped: Array) -> Scorer:
    """The same as probabilities: rules by steps, others by the slope and shift of their scores (J. Platt, 1999).

    Args:
        scorer: whose scores they are.
        features: by name, of customers that it was not fitted on.
        stopped: 1 for who stopped.
    """
    if scorer.name in (RECENCY, ALIVE):
        return by_steps(scorer, features, stopped)
    scores = scorer.scores(features)
    if not np.ptp(scores):
        share = float(np.clip(np.mean(stopped), 1e-6, 1 - 1e-6))
        return replace(scorer, slope=0.0, shift=float(np.log(share / (1 - share))))
    # In units of their spread, so that the solver's tolerance means the same for every score.
    middle, spread = float(np.mean(scores)), float(np.std(scores))
    scaled = ((scores - middle) / spread)[:, None]
    # Platt's targets, section 2.2: nobody is surely of one side, so that scores which part both sides have a slope.
    gone, stayed = float(np.sum(stopped)), float(np.sum(1 - stopped))
    target = np.where(stopped == 1, (gone + 1) / (gone + 2), 1 / (stayed + 2))
    sides = np.concatenate([np.ones(len(scaled)), np.zeros(len(scaled))])
    model = OneScore(C=np.inf, tol=1e-10, max_iter=1000).fit(
        np.concatenate([scaled, scaled]), sides, sample_weight=np.concatenate([target, 1 - target])
    )
    slope = float(model.coef_[0, 0]) / spread
    return replace(scorer, slope=slope, shift=float(model.intercept_[0]) - slope * middle)


def nodes_of(described: str, names: Sequence[str]) -> tuple[Node, ...]:
    """The nodes of boosted trees, from how Spark describes them: the one way that Spark Connect has, too.

    Args:
        described: text of `toDebugString`.
        names: of the features, in their order.
    """
    found: list[Node] = []
    tree, weight, lines = -1, 1.0, list[str]()
    for line in [*described.splitlines(), _END]:
        head = _TREE.search(line)
        if head is None:
            lines.append(line.strip())
            continue
        if tree >= 0:
            found += _nodes(lines, tree, weight, names)
        tree, weight, lines = int(head["tree"]), float(head["weight"]), []
    return tuple(found)


def _nodes(lines: list[str], tree: int, weight: float, names: Sequence[str]) -> list[Node]:
    """Lines of one tree, which are in the order of a walk that goes below first."""
    nodes: list[Node] = []

    def read(at: int) -> tuple[int, int]:
        """The node that begins at a line, and the line after it."""
        mine = len(nodes)
        leaf = _LEAF.match(lines[at])
        if leaf is not None:
            nodes.append(Node(tree, mine, value=float(leaf["value"]) * weight))
            return mine, at + 1
        branch = _BRANCH.match(lines[at])
        if branch is None:
            raise ValueError(f"Spark describes a tree in words that are not known: {lines[at]}")
        nodes.append(Node(tree, mine))
        below, then = read(at + 1)
        # The line there is the branch's Else.
        above, end = read(then + 1)
        nodes[mine] = Node(tree, mine, names[int(branch["feature"])], float(branch["threshold"]), below, above)
        return mine, end

    read(0)
    return nodes
