"""`rfm-spark compare groups`: how two groups differ in what they do."""

from __future__ import annotations

import argparse

from rfm_spark.core.command import Command, SharedOptions


def _groups(parser: argparse.ArgumentParser, shared: SharedOptions) -> None:
    named = "a segment, cluster, stage or tier, or a condition on the columns of segments"
    parser.add_argument("first", metavar="X", help=named)
    parser.add_argument("second", metavar="Y", help="the same")
    parser.add_argument(
        "--where", metavar="SQL", help="condition that customers of both meet, such as \"country = 'DE'\""
    )
    shared.place(parser)
    shared.run(parser)
    shared.format(parser)


COMMANDS = (
    Command(
        "compare", "what moved between runs, how groups differ", order=70, metavar="WHAT",
        actions=(
            Command(
                "groups", "in what two groups of customers differ, and how surely",
                "rfm_spark.capabilities.groups.compare:compare_groups", _groups,
            ),
        ),
    ),
)  # fmt: skip
