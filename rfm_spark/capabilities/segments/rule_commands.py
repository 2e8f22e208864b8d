"""`rfm-spark rules`: lint a rule map, and preview another one on a run's customers."""

from __future__ import annotations

import argparse
import json

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.rfm.config import Bins, RfmConfig
from rfm_spark.capabilities.segments.config import SegmentsConfig
from rfm_spark.capabilities.segments.lint import lint
from rfm_spark.capabilities.segments.load import checked_rule_map, load_rule_map, rule_params
from rfm_spark.capabilities.segments.rules import RuleMap, check_rule_map, segment_column
from rfm_spark.capabilities.segments.tables import SEGMENTS
from rfm_spark.core.access import TableReader
from rfm_spark.core.columns import all_stages, stages
from rfm_spark.core.config import Config
from rfm_spark.core.desk import Desk
from rfm_spark.core.errors import ConfigError, Exit
from rfm_spark.core.runs import RunDetails
from rfm_spark.core.scopes import amounts_apart


def rule_map_lines(config: Config) -> list[str]:
    """What `check` says of the rule map that a configuration names.

    Raises:
        ConfigError: every problem of the map, unreachable rules among them.
    """
    rule_map = checked_rule_map(config)
    report = lint(rule_map, config.part(RfmConfig).scoring.bins, rule_params(config))
    return [f"rule map {rule_map.name}: {len(rule_map.segments)} rules, {len(report.unreachable)} unreachable"]


def lint_rules(options: argparse.Namespace, _: Desk) -> int:
    """Print what a rule map leaves over, decides twice or never decides.

    Raises:
        ConfigError: there is no such map, or it is none.
    """
    rule_map = load_rule_map(options.file)
    if options.bins > 10 or options.bins < 2:
        raise ConfigError("--bins", [f"{options.bins} is not between 2 and 10"])
    bins = rule_map.bins or Bins(r=options.bins, f=options.bins, m=options.bins)
    params = {"new_within_days": float(SegmentsConfig().new_within_days)}
    report = lint(rule_map, bins, params)
    print(f"{rule_map.name}: {len(rule_map.segments)} rules on {bins.r} × {bins.f} × {bins.m} scores")
    for sentence in report.sentences():
        print(f"  {sentence}")
    if report.unreachable or report.misplaced:
        return int(Exit.USAGE)
    check_rule_map(rule_map, bins, params, all_stages(), options.file)
    return int(Exit.OK)


def preview_rules(options: argparse.Namespace, desk: Desk) -> int:
    """Print the segments of a run's customers under another rule map, and who would move.

    Raises:
        ConfigError: there is no such map, or it does not fit the run.
    """
    rule_map = load_rule_map(options.file)
    run = desk.run(options.run)
    moved = previewed(desk.tables, run, rule_map, options.file)
    labels = {outcome.name: outcome.label for outcome in rule_map.all_outcomes()}
    counts = moved.groupBy("there").agg(F.sum("customers"), F.sum("revenue")).collect()
    everyone = sum(row[1] for row in counts)
    desk.heading(f"{run.run_id} under {rule_map.name}, nothing written")
    rows = sorted(
        ((labels[row[0]], row[1], 100 * row[1] / everyone, row[2]) for row in counts), key=lambda row: -row[1]
    )
    desk.table(("segment", "customers", "share %", "revenue"), rows)
    desk.heading("from (as published) to (previewed)")
    moves = sorted(
        ((row[0], labels[row[1]], row[2], row[3]) for row in moved.collect()), key=lambda row: (row[0], -row[2])
    )
    desk.table(("from", "to", "customers", "revenue"), moves)
    return int(Exit.OK)


def previewed(tables: TableReader, run: RunDetails, rule_map: RuleMap, where: str) -> DataFrame:
    """Customers of a run counted by their segment and the one another rule map would give.

    Args:
        tables: of the lake.
        run: whose customers.
        rule_map: the other map.
        where: its file, for messages.

    Returns:
        here (segment as published), there, customers, revenue.

    Raises:
        ConfigError: the map does not fit the run's bins or stages.
    """
    document = json.loads(run.config)
    params = {"new_within_days": float(document["segments"]["new_within_days"])}
    bins = Bins(**document["rfm"]["scoring"]["bins"])
    check_rule_map(rule_map, bins, params, stages(document), where)
    segments = tables.of_runs(SEGMENTS.name, [run.run_id])
    counted = segments.withColumn("there", segment_column(rule_map, params)).groupBy(
        F.col("segment").alias("here"), "there"
    )
    # Amounts of several currencies have no sum.
    revenue = F.lit(None).cast("decimal(28,2)") if amounts_apart(document) else F.sum("monetary")
    return counted.agg(F.count(F.lit(1)).alias("customers"), revenue.alias("revenue"))
