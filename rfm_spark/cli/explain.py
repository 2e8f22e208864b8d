"""`rfm-spark explain`: why a customer is where they are."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from rfm_spark.capabilities.rfm.config import MEASURES
from rfm_spark.capabilities.rfm.cuts import COLUMN_OF, CutSet, from_rows, known_groups, nearest_group
from rfm_spark.capabilities.segments.rules import RuleMap, first_match, rule_text
from rfm_spark.cli.places import place_of, run_of, session
from rfm_spark.core.errors import ConfigError
from rfm_spark.core.runs import RunRow
from rfm_spark.lake.place import Place
from rfm_spark.lake.readers import history, of_run
from rfm_spark.lake.store import Store

# Ratios of the two distances below which a customer's cluster is called so.
_SURENESS = (
    (0.5, "clearly in their cluster"),
    (0.8, "in their cluster, with a second one in sight"),
    (0.95, "between two clusters"),
    (inf, "on the border, a small change moves them"),
)
_NAMES = {"r": "recency", "f": "frequency", "m": "monetary"}


def explain_command(options: argparse.Namespace) -> int:
    """Print measures, cuts, scores, the rule that fired, cluster distances and history of one customer."""
    place, name = place_of(options)
    spark = session(options)
    run = run_of(spark, place, name, options.run)
    for line in explanation(spark, place, run, options.customer_id):
        print(line)
    return 0


def explanation(spark: SparkSession, place: Place, run: RunRow, customer_id: str) -> list[str]:
    """The lines `explain` prints.

    Raises:
        ConfigError: the run has no such customer.
    """
    spelled = spellings(customer_id)
    found = of_run(spark, place, "segments", run.run_id).where(F.col("customer_id").isin(*spelled)).limit(2).collect()
    if not found:
        raise ConfigError("explain", [f"run {run.run_id} has no customer {customer_id!r}; ids are compared exactly"])
    row = min((one.asDict() for one in found), key=lambda one: spelled.index(one["customer_id"]))
    mine = F.col("customer_id") == F.lit(row["customer_id"])
    cut_sets = from_rows(Store(spark, place).rows("segment_cuts", run_id=run.run_id))
    document = json.loads(run.config)
    rule_map = RuleMap.model_validate(document["segments"]["rule_map"])
    params = {"new_within_days": float(document["segments"]["new_within_days"])}
    stays = history(spark, place, "segments", run.config_name).where(mine).select("as_of_date", "segment", "rfm_code")
    return [
        *_headline(row, rule_map, run),
        *(_measure_line(measure, row, cut_sets) for measure in MEASURES),
        f"  code {row['rfm_code']}, weighted score {row['rfm_weighted']:.2f}, value tier {row['value_tier']}"
        + (f", outlier in {', '.join(row['outliers'])}" if row["outliers"] else ""),
        *_rule_lines(row, rule_map, params),
        *_cluster_lines(row),
        *_history_lines([stay.asDict() for stay in stays.orderBy("as_of_date").collect()]),
    ]


def spellings(customer_id: str) -> list[str]:
    """An id as it was typed, then as a whole number that went through floating point is written elsewhere."""
    whole = re.sub(r"^(-?[0-9]+)\.0+$", r"\1", customer_id)
    # Runs of earlier versions kept the point.
    return list(dict.fromkeys((customer_id, whole, f"{whole}.0" if whole.lstrip("-").isdigit() else customer_id)))


def _headline(row: Mapping[str, Any], rule_map: RuleMap, run: RunRow) -> list[str]:
    labels = {outcome.name: outcome for outcome in rule_map.all_outcomes()}
    outcome = labels[row["segment"]]
    return [
        f"Customer {row['customer_id']} is in {outcome.label} ({outcome.name}) as of {run.as_of}",
        f"  {outcome.description} {outcome.action}",
    ]


def _measure_line(measure: str, row: Mapping[str, Any], cut_sets: Sequence[CutSet]) -> str:
    within = ",".join(f"{m}={row[f'{m}_score']}" for m in MEASURES[: MEASURES.index(measure)])
    mine = [c for c in cut_sets if c.measure == measure and not c.within]
    nested = known_groups(c for c in cut_sets if c.measure == measure and c.within)
    if nested:
        mine = [nested[nearest_group(within, nested)]]
    value, column = row[COLUMN_OF[measure]], COLUMN_OF[measure]
    told = {"r": f"{value} days since {row['last_order_date']}", "f": f"{value:,} purchases", "m": f"{value:,.2f}"}[
        measure
    ]
    line = (
        f"  {_NAMES[measure]:<10} {told:<32} score {row[f'{measure}_score']}, percentile {row[f'{measure}_pct']:.1f}, "
        f"z {row[f'{measure}_z']:+.2f}"
    )
    if not mine:
        return f"{line} (no cuts of {column} for this group)"
    cuts = ", ".join(f"{cut:,g}" for cut in mine[0].cuts) or "none"
    return f"{line}; cuts {cuts} ({mine[0].method}{', within ' + mine[0].within if mine[0].within else ''})"


def _rule_lines(row: Mapping[str, Any], rule_map: RuleMap, params: Mapping[str, float]) -> list[str]:
    fired = first_match(rule_map, row, params)
    rules: dict[str, Any] = {outcome.name: outcome for outcome in rule_map.all_outcomes()}
    return [f"  rule       {fired}, the first of {rule_map.name} that fits: {rule_text(rules[fired], params)}"]


def _cluster_lines(row: Mapping[str, Any]) -> list[str]:
    if row["cluster_id"] is None:
        return []
    second = row["second_distance"]
    other = f", second nearest at {second:.2f}" if second is not None else ""
    lines = [f"  cluster    {row['cluster_id']} {row['cluster_name']}, centre at {row['cluster_distance']:.2f}{other}"]
    if second is not None:
        lines.append(f"  ambiguity  {ambiguity(row['cluster_distance'], second)}")
    if row["cluster_imputed"]:
        lines.append(f"  imputed    {', '.join(row['cluster_imputed'])}: without a value, a stand-in was taken")
    return lines


def ambiguity(nearest: float, second: float) -> str:
    """How sure a cluster is, from the distances to the two nearest centres: their ratio, and what it means."""
    ratio = nearest / second if second > 0 else 1.0
    words = next(words for limit, words in _SURENESS if ratio < limit)
    return f"their centre is at {ratio:.2f} of the distance to the second nearest (1 is the border): {words}"


def _history_lines(stays: Sequence[Mapping[str, Any]]) -> list[str]:
    path = ", then ".join(f"{stay['segment']} ({stay['rfm_code']}) on {stay['as_of_date']}" for stay in stays)
    return [f"  history    {path}"]
