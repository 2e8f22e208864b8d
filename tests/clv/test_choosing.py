"""Which fit is used where the one that is asked for does not hold, of given fits."""

from __future__ import annotations

import re

import numpy as np
import pytest

from rfm_spark.capabilities.clv import choosing
from rfm_spark.capabilities.clv.buying import Histories
from rfm_spark.capabilities.clv.choosing import chosen_fit
from rfm_spark.capabilities.clv.fitting import NO_DROPOUT, Fit
from rfm_spark.capabilities.clv.models import MODELS

SEEN = Histories(*(np.array([1.0]) for _ in range(4)))


def fit(model: str, likelihood: float = -10.0, *, boundary: str = "", converged: bool = True, sure: bool = True) -> Fit:
    names = MODELS[model].names
    covariance = tuple(tuple(row) for row in np.eye(len(names)).tolist()) if sure and not boundary else ()
    return Fit(model, dict.fromkeys(names, 2.0), likelihood, 1, converged, boundary, {}, covariance)


@pytest.mark.parametrize(
    ("fits", "used", "said"),
    [
        ([fit("bg_nbd")], "bg_nbd", []),
        ([fit("bg_nbd", boundary=NO_DROPOUT), fit("nbd")], "nbd", ["no customer ever stops; NBD is used instead"]),
        ([fit("bg_nbd", boundary=NO_DROPOUT), fit("nbd", boundary="r")], "nbd",
         ["NBD is used instead", "nbd runs to a border, r is 2, .* without intervals"]),
        ([fit("bg_nbd", boundary="b")], "bg_nbd", ["bg_nbd runs to a border, b is 2"]),
        ([fit("bg_nbd", sure=False)], "bg_nbd", ["how sure the parameters of bg_nbd are can't be told"]),
        # The likeliest of those that hold; neither one at a border nor one without a best fit.
        ([fit("bg_nbd", converged=False), fit("mbg_nbd", -5.0, boundary=NO_DROPOUT), fit("pareto_nbd", -9.0)],
         "pareto_nbd", ["bg_nbd finds no best parameters; pareto_nbd, the likeliest other model, is used instead"]),
        ([fit("bg_nbd", converged=False), fit("mbg_nbd", -8.0), fit("pareto_nbd", -9.0)], "mbg_nbd",
         ["mbg_nbd, the likeliest other model"]),
        ([fit("bg_nbd", converged=False), fit("mbg_nbd", converged=False), fit("pareto_nbd", boundary="s"), fit("nbd")],
         "nbd", ["no other one holds either; NBD is used"]),
    ],
)  # fmt: skip
def test_what_is_used(monkeypatch: pytest.MonkeyPatch, fits: list[Fit], used: str, said: list[str]) -> None:
    by_name = {one.model: one for one in fits}
    monkeypatch.setattr(choosing, "fitted", lambda name, _: by_name[name])
    found = chosen_fit("bg_nbd", SEEN)
    assert (found.fit.model, found.wanted) == (used, by_name["bg_nbd"])
    assert len(found.warnings) == len(said)
    for warning, words in zip(found.warnings, said, strict=True):
        assert re.search(words, warning)
