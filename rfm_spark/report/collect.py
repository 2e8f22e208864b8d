"""Reading what the report shows from the lake: a few small aggregates of one complete run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from rfm_spark.capabilities.movement.tables import CAUSES
from rfm_spark.capabilities.rfm.cuts import COLUMN_OF, CutSet, from_rows
from rfm_spark.capabilities.segments.rules import RuleMap
from rfm_spark.core.errors import LakeError
from rfm_spark.core.runs import RunRow
from rfm_spark.core.schemas import RUNS
from rfm_spark.lake.place import Place, checked_run_id
from rfm_spark.lake.store import Store
from rfm_spark.report.bins import doubling_bin
from rfm_spark.report.cluster_rows import profiles_of, read_model
from rfm_spark.report.data import GridCell, Profile, ReportData, RunFacts, Transition
from rfm_spark.report.drift_data import read_drift
from rfm_spark.report.engagement_data import read_engagement
from rfm_spark.report.interaction_data import read_interactions

Value = TypeVar("Value")
Record = Mapping[str, Any]


def collect(spark: SparkSession, lake: Place, run: RunRow | str) -> ReportData:
    """Gather a run's report data.

    Args:
        spark: the session.
        lake: where the tables are.
        run: the run, or its id.

    Raises:
        ConfigError: not a run id.
        LakeError: no complete run of that id.
    """
    run_id = checked_run_id(run if isinstance(run, str) else run.run_id)
    store = Store(spark, lake)
    facts = _run_facts(store, run_id)
    settings = json.loads(facts.config)
    segments = store.of_runs("segments", [run_id])
    return ReportData(
        run=facts,
        rule_map=RuleMap.model_validate(settings["segments"]["rule_map"]),
        segments=_profiles(_rows(store, facts, "segment_summary")),
        cuts=_cuts(_rows(store, facts, "segment_cuts")),
        grid=_grid(segments),
        transitions=_transitions(_rows(store, facts, "segment_transitions")),
        clusters=profiles_of(_rows(store, facts, "cluster_profiles")),
        histograms=_histograms(segments),
        model=read_model(store, facts.model_version),
        drift=read_drift(store, run_id, facts.config, facts.config_name, facts.as_of),
        interactions=read_interactions(store, run_id, settings, facts.outputs),
        engagement=read_engagement(store, run_id, facts.config, facts.config_name, facts.as_of, facts.outputs),
    )


def _run_facts(store: Store, run_id: str) -> RunFacts:
    found = store.rows(RUNS.name, run_id=run_id)
    if not found:
        raise LakeError(f"lake {store.place}: no complete run {run_id}; `rfm-spark runs` lists them")
    return facts_of(found[0])


def facts_of(row: Record) -> RunFacts:
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


def _rows(store: Store, facts: RunFacts, table: str) -> Sequence[Record]:
    # A table the run did not write may not exist at all.
    if table not in facts.outputs:
        return []
    return store.rows(table, run_id=facts.run_id)


def _profiles(rows: Iterable[Record]) -> tuple[Profile, ...]:
    found = (
        Profile(
            name=row["segment"],
            customers=row["customers"],
            revenue=row["revenue"] or Decimal(0),
            mean_recency=row["mean_recency"],
            mean_frequency=row["mean_frequency"],
            mean_monetary=row["mean_monetary"],
            note=row["action"] or "",
        )
        for row in rows
    )
    return tuple(sorted(found, key=lambda p: (-p.revenue, p.name)))


def _cuts(rows: Iterable[Record]) -> tuple[CutSet, ...]:
    return tuple(from_rows(rows))


def _transitions(rows: Iterable[Record]) -> tuple[Transition, ...]:
    found = (
        Transition(
            from_segment=row["from_segment"],
            to_segment=row["to_segment"],
            customers=row["customers"],
            share=row["share"],
            causes=tuple(row[cause] for cause in CAUSES),
        )
        for row in rows
    )
    return tuple(sorted(found, key=lambda t: (t.from_segment, t.to_segment)))


def _grid(segments: DataFrame) -> tuple[GridCell, ...]:
    rows = (
        segments.groupBy("r_score", "f_score", "segment")
        .agg(F.count(F.lit(1)).alias("customers"), F.sum("monetary").alias("monetary"))
        .collect()
    )
    cells: dict[tuple[int, int], list[Row]] = {}
    for row in rows:
        cells.setdefault((row["r_score"], row["f_score"]), []).append(row)
    return tuple(
        GridCell(
            r=r,
            f=f,
            customers=sum(row["customers"] for row in inside),
            monetary=sum((row["monetary"] or Decimal(0) for row in inside), Decimal(0)),
            segment=min(inside, key=lambda row: (-row["customers"], row["segment"]))["segment"],
        )
        for (r, f), inside in sorted(cells.items())
    )


def _histograms(segments: DataFrame) -> dict[str, dict[int, int]]:
    whole = {column: F.floor(F.col(column)).cast("bigint") for column in COLUMN_OF.values()}
    bins = [
        F.struct(F.lit(column).alias("measure"), doubling_bin(value).alias("bin")) for column, value in whole.items()
    ]
    rows = (
        segments.select(F.explode(F.array(*bins)).alias("one"))
        .groupBy("one.measure", "one.bin")
        .agg(F.count(F.lit(1)).alias("customers"))
        .where(F.col("bin").isNotNull())
        .collect()
    )
    found: dict[str, dict[int, int]] = {column: {} for column in COLUMN_OF.values()}
    for row in sorted(rows, key=lambda row: (row["measure"], row["bin"])):
        found[row["measure"]][row["bin"]] = row["customers"]
    return found
