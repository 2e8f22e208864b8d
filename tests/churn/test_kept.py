"""What a run that was killed finds again: models as they were, to the last bit."""

from __future__ import annotations

import pytest

from rfm_spark.capabilities.churn.artefacts import LearntChurn
from rfm_spark.capabilities.churn.scorers import ALIVE, LOGISTIC, TREES, Node, Scorer
from rfm_spark.capabilities.clv.artefacts import AliveBy, Forecasts
from rfm_spark.capabilities.clv.spending import GAMMA_GAMMA, OWN_MEAN
from rfm_spark.capabilities.clv.worth import SpendModel
from rfm_spark.pipeline.artefact import as_text, from_text

ORDERS = AliveBy("bg_nbd", {"r": 0.1 + 0.2, "alpha": 1 / 3, "a": 143_799.3087072361, "b": 327_747.9018738116})


@pytest.mark.parametrize(
    "scorer",
    [
        None,
        Scorer(LOGISTIC, {"silence_days": 0.1 + 0.2}, 1e-300, slope=2 / 3, shift=-1.0),
        Scorer(
            TREES, nodes=(Node(0, 0, "silence_days", 0.1 + 0.2, 1, 2), Node(0, 1, value=-1.0), Node(0, 2, value=1 / 3))
        ),
        Scorer(ALIVE, {ALIVE: -1.0}, nodes=(Node(0, 0, value=0.5),), alive=ORDERS),
    ],
)
def test_learnt_models(scorer: Scorer | None) -> None:
    learnt = LearntChurn(scorer=scorer)
    assert from_text(LearntChurn, as_text(learnt), lambda _: None) == learnt


def test_forecasts_of_a_border_and_of_several_currencies() -> None:
    spends = (SpendModel("EUR", GAMMA_GAMMA, 35.0, 6.25, 3.74, 15.44), SpendModel("CHF", OWN_MEAN, 0.1 + 0.2))
    found = Forecasts(spends=spends, cuts={"EUR": (0.1, 0.2, 0.3, 0.4), "CHF": ()}, margin=0.4, cells=None)
    assert from_text(Forecasts, as_text(found), lambda _: None) == found
    assert "clv" in found.left_empty
