"""What a model is trained for, as a hash: another meaning of its features asks for another model."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from rfm_spark.capabilities.clusters.model import definition_of
from rfm_spark.capabilities.rfm.config import RfmConfig
from tests.clusters.worlds import config


def defined(features: list[str], **rfm: Any) -> str:
    return definition_of(config(features=features), RfmConfig.model_validate(rfm))


def test_defaults_have_the_hash_that_older_versions_gave_them() -> None:
    assert definition_of(config(), RfmConfig()) == hashlib.sha256(b"{}").hexdigest()[:16]
    assert definition_of(config(enabled=False), RfmConfig()) == definition_of(config(), RfmConfig())


FOURS: dict[str, Any] = {"scoring": {"bins": 4}}


@pytest.mark.parametrize(
    ("features", "rfm", "other"),
    [
        (["frequency"], {"window_days": 30}, True),
        (["recency_days"], {"refunds": "ignore"}, True),
        (["frequency"], FOURS, False),
        (["frequency", "m_pct"], FOURS, False),
        (["frequency", "m_score"], FOURS, True),
        (["rfm_weighted"], FOURS, True),
        (["rfm_weighted"], {"weights": {"m": 3}}, True),
        (["m_score"], {"weights": {"m": 3}}, False),
        (["m_z"], {"z_log": True}, True),
        (["m_score"], {"z_log": True}, False),
        (["m_score"], {"scoring": {"relative_error": 0.01}}, False),
        (["m_score"], {"scoring": {"nested": True}}, True),
        (["m_score"], {"value_tier_on": "weighted"}, False),
    ],
)
def test_what_shapes_the_named_features_is_part_of_it(features: list[str], rfm: dict[str, Any], other: bool) -> None:
    assert (defined(features, **rfm) != defined(features)) == other
