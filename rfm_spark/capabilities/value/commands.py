"""`rfm-spark value`: what a change of segments would bring."""

from __future__ import annotations

import argparse

from rfm_spark.core.command import Command, SharedOptions


def _move(parser: argparse.ArgumentParser, shared: SharedOptions) -> None:
    parser.add_argument("source", metavar="FROM", help="segment that customers leave")
    parser.add_argument("target", metavar="TO", help="segment that they come to")
    parser.add_argument("--share", metavar="PERCENT", type=float, default=10.0, help="of them who move (default 10)")
    parser.add_argument("--scope", metavar="SCOPE", default="all", help="customers of a scope alone (default all)")
    shared.place(parser)
    shared.run(parser)


COMMANDS = (
    Command(
        "value", "what a change of segments would bring", order=72, metavar="WHAT",
        actions=(
            Command(
                "move", "what customers would be worth who went from one segment to another",
                "rfm_spark.capabilities.value.move:value_of_a_move", _move,
            ),
        ),
    ),
)  # fmt: skip
