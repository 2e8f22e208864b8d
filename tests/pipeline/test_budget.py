"""What a run of a small lake costs Spark, counted and held to a committed file."""

from __future__ import annotations

import json
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from rfm_spark.core.session import session_settings
from rfm_spark.lake import claims
from rfm_spark.lake import store as store_module
from tests.counting import cost_of
from tests.effort import amount
from tests.helpers import AS_OF, ROOT, run_tiny
from tests.pipeline.interactions import shop

BUDGET = ROOT / "benchmarks" / "budget.json"
DATES = {"first run": date(2024, 5, 31), "next date": AS_OF}
SETTINGS: dict[str, Any] = {
    "clusters": {"enabled": True, "k": 3},
    "engagement": {"rfm": {"of": "interactions"}, "actions": {"disengaged": "suppress"}},
    "quality": {"max_staleness_days": None},
}
# Plans are counted by their text, which must not be cut.
READABLE = {"spark.sql.ui.explainMode": "formatted", "spark.sql.adaptive.enabled": "false"}


@pytest.mark.parametrize("writer", ["deltalake", "spark"])
def test_a_run_costs_what_the_budget_says(
    spark: SparkSession, tmp_path: Path, writer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two dates of a shop with events, messages and clusters; a rise is a change of the file, and has a reason.

    Of Spark's commits the second date is looked at by the proofs, and one query more or less depends on whether plans
    are compiled.
    """
    # A heartbeat is a matter of minutes, not of the run.
    monkeypatch.setattr(claims, "HEARTBEAT", timedelta(hours=1))
    if writer == "spark":
        monkeypatch.setattr(store_module, "local_folder", lambda spark, place: None)
    config = shop(spark, tmp_path, **SETTINGS)
    sources = {"transactions": tmp_path / "source", "events": tmp_path / "events", "messages": tmp_path / "messages"}
    found = {}
    with session_settings(spark, READABLE):
        for title, day in list(DATES.items())[: amount(1, 2) if writer == "spark" else 2]:
            cost = cost_of(spark, partial(run_tiny, spark, config, day), sources, tmp_path / "lake")
            found[title] = cost.as_json()
    budget = json.loads(BUDGET.read_text(encoding="utf-8"))["writers"][writer]
    near = ("executions", "jobs") if writer == "spark" else ()
    for title, costs in found.items():
        for name in near:
            assert budget[title][name] - 1 <= costs[name] <= budget[title][name], json.dumps(found, indent=2)
        assert costs == budget[title] | {name: costs[name] for name in near}, json.dumps(found, indent=2)


def test_the_budget_of_a_local_lake_is_small() -> None:
    local = json.loads(BUDGET.read_text(encoding="utf-8"))["writers"]["deltalake"]
    for title in DATES:
        assert local[title]["executions"] <= 120, title
        assert local[title]["jobs"] <= 100, title
