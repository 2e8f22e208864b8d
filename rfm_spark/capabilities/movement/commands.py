"""`rfm-spark compare`: what moved between runs."""

from __future__ import annotations

import argparse

from rfm_spark.core.command import Command, SharedOptions


def _runs(parser: argparse.ArgumentParser, shared: SharedOptions) -> None:
    first = "a run (default: the newest, against the one before it)"
    parser.add_argument("before", metavar="A", nargs="?", help=first)
    second = "a later run; with A alone, A against the one before it"
    parser.add_argument("now", metavar="B", nargs="?", help=second)
    shared.place(parser)
    shared.format(parser)


COMMANDS = (
    Command(
        "compare", "what moved between runs", order=70, metavar="WHAT",
        actions=(
            Command(
                "runs", "who moved between two runs, why, and what drifted",
                "rfm_spark.capabilities.movement.compare:compare_runs", _runs,
            ),
        ),
    ),
)  # fmt: skip
