"""`rfm-spark rules`: lint a rule map, and preview another one on a run's customers."""

from __future__ import annotations

import argparse
import json

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from rfm_spark.capabilities.rfm.config import Bins
from rfm_spark.capabilities.segments.config import SegmentsConfig
from rfm_spark.capabilities.segments.lint import lint
from rfm_spark.capabilities.segments.load import load_rule_map
from rfm_spark.capabilities.segments.rules import RuleMap, check_rule_map, segment_column
from rfm_spark.cli import console
from rfm_spark.cli.places import place_of, run_of, session
from rfm_spark.core.columns import all_stages, stages
from rfm_spark.core.errors import ConfigError, Exit
from rfm_spark.core.runs import RunRow
from rfm_spark.lake.place import Place
from rfm_spark.lake.readers import of_run


def rules_command(options: argparse.Namespace) -> int:
    """Lint or preview."""
    return _lint(options) if options.action == "lint" else _preview(options)


def _lint(options: argparse.Namespace) -> int:
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


def _preview(options: argparse.Namespace) -> int:
    place, name = place_of(options)
    rule_map = load_rule_map(options.file)
    spark = session(options)
    run = run_of(spark, place, name, options.run)
    moved = previewed(spark, place, run, rule_map, options.file)
    labels = {outcome.name: outcome.label for outcome in rule_map.all_outcomes()}
    counts = moved.groupBy("there").agg(F.sum("customers"), F.sum("revenue")).collect()
    everyone = sum(row[1] for row in counts)
    console.heading(f"{run.run_id} under {rule_map.name}, nothing written")
    rows = sorted(
        ((labels[row[0]], row[1], 100 * row[1] / everyone, row[2]) for row in counts), key=lambda row: -row[1]
    )
    console.table(("segment", "customers", "share %", "revenue"), rows)
    console.heading("from (as published) to (previewed)")
    moves = sorted(
        ((row[0], labels[row[1]], row[2], row[3]) for row in moved.collect()), key=lambda row: (row[0], -row[2])
    )
    console.table(("from", "to", "customers", "revenue"), moves)
    return int(Exit.OK)


def previewed(spark: SparkSession, place: Place, run: RunRow, rule_map: RuleMap, where: str) -> DataFrame:
    """Customers of a run counted by their segment and the one another rule map would give.

    Args:
        spark: the session.
        place: the lake.
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
    segments = of_run(spark, place, "segments", run.run_id)
    counted = segments.withColumn("there", segment_column(rule_map, params)).groupBy(
        F.col("segment").alias("here"), "there"
    )
    return counted.agg(F.count(F.lit(1)).alias("customers"), F.sum("monetary").alias("revenue"))
