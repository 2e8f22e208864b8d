"""`rfm-spark maintain`: rows of old runs dropped, and the tables of a lake kept small."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection

from rfm_spark.cli import clock, console
from rfm_spark.cli.places import config_of, session
from rfm_spark.core.errors import ConfigError

A_WEEK = 7 * 24
_SHOWN = 6


def maintain_command(options: argparse.Namespace) -> int:
    """Maintain the lake of a configuration, and print what was done to each table.

    Raises:
        ConfigError: versions are to be kept for less than a week, and nobody said that the lake is quiet.
    """
    hours = options.keep_versions_for
    if hours < A_WEEK and not options.alone:
        problem = (
            f"{hours} hours is less than the 7 days that readers and runs at work rely on; keep versions for 7d, or "
            "add --alone while nobody else reads or writes the lake"
        )
        raise ConfigError("--keep-versions-for", [problem])
    config = config_of(options)
    spark = session(options, "rfm_spark.pipeline.maintaining")
    from rfm_spark.pipeline.maintaining import maintain

    found = maintain(
        spark, config, clock=clock.now, hours=hours, as_of=options.as_of, is_dry=options.dry_run, watching=_watching
    )
    lose = "would lose" if options.dry_run else "lose"
    print(f"{config.name}: {len(found.kept):,} runs keep their rows, {len(found.retired):,} {lose} them")
    if found.retired:
        print(f"  without rows from now on: {_listed(found.retired)}")
    for run_id, why in sorted(found.needed.items()):
        print(f"  {run_id} keeps them: {why}")
    if found.done:
        console.table(("table", "action", "amount"), [(one.table, one.action, one.amount) for one in found.done])
    else:
        print("nothing to do")
    if options.dry_run:
        print("nothing was written (--dry-run)", file=sys.stderr)
    return 0


def _watching(run_ids: str) -> None:
    print(f"no sign of life of {run_ids}: watched for minutes, then taken for gone", file=sys.stderr)


def _listed(run_ids: Collection[str]) -> str:
    shown = sorted(run_ids)
    return ", ".join(shown[:_SHOWN]) + (f" and {len(shown) - _SHOWN:,} more" if len(shown) > _SHOWN else "")
