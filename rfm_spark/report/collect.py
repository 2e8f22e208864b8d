"""Reading what the report shows from the lake: the run's row in the ledger, and what each section asks for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from pyspark.sql import SparkSession

from rfm_spark.core.errors import ConfigError, LakeError
from rfm_spark.core.runs import RunRow
from rfm_spark.core.schemas import RUNS
from rfm_spark.core.scopes import scopes_counted
from rfm_spark.core.table import ALL
from rfm_spark.lake.ledger import Ledger
from rfm_spark.lake.location import LakeLocation, checked_run_id
from rfm_spark.lake.store import Store
from rfm_spark.report.data import ReportData, RunFacts
from rfm_spark.report.section import Reader, sections

Value = TypeVar("Value")


def collect(spark: SparkSession, lake: LakeLocation, run: RunRow | str, scope: str = ALL) -> ReportData:
    """Gather a run's report data.

    Args:
        spark: the session.
        lake: where the tables are.
        run: the run, or its id.
        scope: whose figures are gathered.

    Raises:
        ConfigError: not a run id, or the run has no such scope.
        LakeError: no complete run of that id, or its rows were dropped.
        PlanError: two sections of the same name.
    """
    store = Store(spark, lake)
    facts = _run_facts(store, checked_run_id(run if isinstance(run, str) else run.run_id))
    ledger = Ledger(store)
    complete = ledger.complete(facts.config_name)
    gone = next((one.retirement for one in complete if one.run_id == facts.run_id), "")
    if gone:
        raise LakeError(f"lake {lake}: {gone}")
    scopes = scopes_counted(facts.rows)
    if scope not in (ALL, *scopes):
        there = ", ".join(scopes) or "none, since rfm.scope is not set"
        raise ConfigError("--scope", [f"run {facts.run_id} has no scope {scope}; there are {there}"])
    reader = Reader(store, facts, tuple(one for one in complete if one.has_rows), ledger.configs, scope)
    return ReportData(facts, {section.name: section.read(reader) for section in sections()}, scope)


def _run_facts(store: Store, run_id: str) -> RunFacts:
    found = store.rows(RUNS.name, run_id=run_id)
    if not found:
        raise LakeError(f"lake {store.location}: no complete run {run_id}; `rfm-spark runs` lists them")
    return facts_of(found[0])


def facts_of(row: Mapping[str, Any]) -> RunFacts:
    """The facts of a run from its row in the ledger.

    Args:
        row: columns of `runs`, times with their zone.
    """
    zone = ZoneInfo(json.loads(row["config"]).get("timezone", "UTC"))
    return RunFacts(
        run_id=row["run_id"],
        as_of=row["as_of_date"],
        config_name=row["config_name"],
        config=row["config"],
        code_version=row["code_version"],
        spark_version=row["spark_version"],
        previous_run_id=row["previous_run_id"],
        model_version=row["model_version"],
        started_at=row["started_at"].astimezone(zone),
        finished_at=row["finished_at"].astimezone(zone),
        inputs=_sorted(row["inputs"]),
        outputs=_sorted(row["outputs"]),
        rows=_sorted(row["rows"]),
        money=_sorted(row["money"]),
        warnings=tuple(row["warnings"] or ()),
        drift_verdict=row["drift_verdict"],
        status=row["status"],
    )


def _sorted(values: Mapping[str, Value] | None) -> dict[str, Value]:
    return dict(sorted((values or {}).items()))
