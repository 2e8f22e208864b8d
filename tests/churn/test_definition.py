"""Which changes of a configuration make segments that go by forecasts mean something else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rfm_spark.capabilities.segments.definition import definition_changed
from tests.helpers import config_for

NONE = (None, None)


def stored(folder: Path, rules: str = "value_risk", **predict: Any) -> dict[str, Any]:
    parts = {name: {"enabled": True, **predict.get(name, {})} for name in ("clv", "churn")}
    return config_for(folder, predict=parts, segments={"rules": rules}).document()


@pytest.mark.parametrize(
    ("predict", "changes"),
    [
        ({"churn": {"horizon_days": 60}}, True),
        ({"churn": {"active_days": 100}}, True),
        ({"churn": {"retrain_days": 7}}, False),
        ({"clv": {"horizons": [13, 26]}}, True),
        ({"clv": {"model": "mbg_nbd"}}, True),
        ({"clv": {"margin": 0.5}}, True),
    ],
)
def test_settings_of_forecasts_count_where_rules_go_by_them(
    tmp_path: Path, predict: dict[str, Any], *, changes: bool
) -> None:
    assert definition_changed(stored(tmp_path, **predict), stored(tmp_path), NONE) == changes
    plain = stored(tmp_path, rules="rf_grid")
    assert not definition_changed(stored(tmp_path, rules="rf_grid", **predict), plain, NONE)


def test_subscriptions_and_use_count_where_churn_is_learnt_from_them(tmp_path: Path) -> None:
    before = stored(tmp_path)
    now = {**before, "sources": {**before["sources"], "events": {"where": "channel = 'app'"}}}
    assert not definition_changed(now, before, NONE)
    subscribed = {**before, "sources": {**before["sources"], "subscriptions": {"columns": {}}}}
    assert definition_changed(subscribed, before, NONE)
    sources = {**subscribed["sources"], "events": {"where": "channel = 'app'"}}
    assert definition_changed({**subscribed, "sources": sources}, subscribed, NONE)
