"""Its commands: one, and a group with an action that is meant where none is typed."""

from __future__ import annotations

import argparse

from rfm_spark.core.command import Command, SharedOptions, day_argument


def _who(parser: argparse.ArgumentParser, shared: SharedOptions) -> None:
    parser.add_argument("who", metavar="WHO", help="whom to greet")
    parser.add_argument("--on", type=day_argument, metavar="DATE", help="a day")
    shared.place(parser)
    shared.format(parser)
    shared.run(parser, "as in this run")


def _format(parser: argparse.ArgumentParser, shared: SharedOptions) -> None:
    shared.format(parser)


COMMANDS = (
    Command("greet", "say hello", "tests.cli.toy.work:greet", _who, order=75),
    Command(
        "animals",
        "what there is",
        arguments=_format,
        order=76,
        default="all",
        actions=(
            Command("all", "all of them", "tests.cli.toy.work:animals", _format),
            Command("none", "none of them", "tests.cli.toy.work:animals"),
        ),
    ),
)
CHECKERS = ("tests.cli.toy.work:checked",)
