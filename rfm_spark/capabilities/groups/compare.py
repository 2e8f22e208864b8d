"""`rfm-spark compare groups X Y`: in what two groups of customers differ."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import Any

from rfm_spark.capabilities.events.tables import FEATURE_ADOPTION
from rfm_spark.capabilities.groups.differences import behaviour_columns, counted, difference_rows
from rfm_spark.capabilities.groups.naming import Pair, pair_of
from rfm_spark.capabilities.groups.tables import GROUP_DIFFERENCES
from rfm_spark.capabilities.segments.tables import SEGMENTS
from rfm_spark.core.desk import Desk
from rfm_spark.core.errors import ConfigError
from rfm_spark.core.printing import Shown

_KEYS = ("run_id", "as_of_date")
_KEY = "compare groups"


def compare_groups(options: argparse.Namespace, desk: Desk) -> int:
    """Compare two groups of a run, in every column of what customers do.

    Raises:
        ConfigError: a group is none, or has nobody; or no source tells what customers do.
        LakeError: there is no run.
    """
    run = desk.run(options.run)
    document = json.loads(run.config)
    columns = behaviour_columns(document)
    if not columns:
        raise ConfigError(_KEY, ["no source tells what customers do; connect events or messages"])
    customers = desk.tables.of_runs(SEGMENTS.name, [run.run_id])
    pair = pair_of((options.first, options.second), options.where, customers, document, _KEY)
    told = run.rows.get(FEATURE_ADOPTION.name) is not None
    adoption = desk.tables.of_runs(FEATURE_ADOPTION.name, [run.run_id]) if told else None
    rows = difference_rows(counted(customers, pair, columns, _KEY, adoption), pair.names, pair.where)
    if options.format != "table":
        shown = [(name, kind) for name, kind, _ in GROUP_DIFFERENCES.columns if name not in _KEYS]
        schema = ", ".join(f"{name} {kind}" for name, kind in shown)
        values = [tuple(row[name] for name, _ in shown) for row in rows]
        desk.rows(customers.sparkSession.createDataFrame(values, schema), options.format)
        return 0
    _print(desk, pair, rows)
    return 0


def _print(desk: Desk, pair: Pair, rows: Sequence[Mapping[str, Any]]) -> None:
    first, second = pair.names
    differing = [row for row in rows if row["differs"]]
    desk.heading(f"{first} against {second}" + (f", where {pair.where}" if pair.where else ""))
    print(f"{len(differing)} of {len(rows)} columns differ, at a false discovery rate of 5 %")
    if not differing:
        return
    header = ("column", "", first, second, "effect", "95 % interval", "q")
    desk.table(header, [_line(row) for row in differing])
    desk.heading("What it suggests to try")
    for row in differing[:5]:
        print(f"  {row['hypothesis']}")
    print("Groups that differ tell of no cause: whether a change helps, only an experiment can tell.")


def _line(row: Mapping[str, Any]) -> tuple[Any, ...]:
    shares = row["measure"] == "risk_difference"
    ends = [f"{row[name]:.1%}" if shares else f"{row[name]:,.2f}" for name in ("first_typical", "second_typical")]
    numbers = [f"{row[name]:+.2f}" for name in ("effect", "low", "high")]
    return (
        row["column_name"], row["value"] or "median", *map(Shown, ends), Shown(numbers[0]),
        Shown(f"{numbers[1]} – {numbers[2]}"), Shown(f"{row['q_value']:.2g}"),
    )  # fmt: skip
