"""`rfm-spark rules`, and what is said of a rule map before a run."""

from __future__ import annotations

import argparse

from rfm_spark.core.command import Command, SharedOptions, positive_argument

_HERE = "rfm_spark.capabilities.segments.rule_commands"


def _file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a YAML file, or the name of a shipped map")


def _lint(parser: argparse.ArgumentParser, _: SharedOptions) -> None:
    _file(parser)
    scores = "scores per measure where the map has none"
    parser.add_argument("--bins", type=positive_argument, default=5, metavar="N", help=scores)


def _preview(parser: argparse.ArgumentParser, shared: SharedOptions) -> None:
    _file(parser)
    shared.place(parser)
    shared.run(parser)


COMMANDS = (
    Command(
        "rules", "check a rule map, or see what another one would do", order=100,
        actions=(
            Command(
                "lint", "uncovered, overlapping and unreachable cells of a rule map", f"{_HERE}:lint_rules", _lint
            ),
            Command(
                "preview", "counts and moves under another map; writes nothing", f"{_HERE}:preview_rules", _preview
            ),
        ),
    ),
)  # fmt: skip
CHECKERS = (f"{_HERE}:rule_map_lines",)
