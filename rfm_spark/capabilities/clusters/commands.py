"""`rfm-spark clusters`: the models of a segmentation listed, shown, compared, checked, promoted and pinned."""

from __future__ import annotations

import argparse

from rfm_spark.core.command import Command, SharedOptions, day_argument

_HERE = "rfm_spark.capabilities.clusters"


def _format(parser: argparse.ArgumentParser, shared: SharedOptions) -> None:
    shared.format(parser)


def _version(parser: argparse.ArgumentParser, _: SharedOptions) -> None:
    parser.add_argument("version", metavar="VERSION", help="as `clusters list` has it")


def _compare(parser: argparse.ArgumentParser, shared: SharedOptions) -> None:
    parser.add_argument("version", metavar="A", help="a model")
    parser.add_argument("other", metavar="B", help="another one")
    shared.run(parser, "the customers of this run")


def _rescore(parser: argparse.ArgumentParser, _: SharedOptions) -> None:
    parser.add_argument("run", metavar="RUN", help="a complete run")


def _promote(parser: argparse.ArgumentParser, shared: SharedOptions) -> None:
    _version(parser, shared)
    parser.add_argument(
        "--from",
        dest="start",
        type=day_argument,
        metavar="DATE",
        help="first as-of date (default: the day after the newest published one)",
    )


COMMANDS = (
    Command(
        "clusters", "list, compare, check and promote cluster models", arguments=_format, order=110, default="list",
        actions=(
            Command(
                "list", "all models of the segmentation, and which one is champion (the default)",
                f"{_HERE}.shown_models:list_models", _format,
            ),
            Command(
                "show", "one model: features, centres in their own units, names, lineage",
                f"{_HERE}.shown_models:show_model", _version,
            ),
            Command(
                "compare", "who is where under two models, for the same customers",
                f"{_HERE}.model_commands:compare_models", _compare,
            ),
            Command(
                "rescore", "assign a run's customers again: is it exactly what was published?",
                f"{_HERE}.model_commands:rescore", _rescore,
            ),
            Command(
                "promote", "make a model champion; no published run changes",
                f"{_HERE}.model_commands:promote", _promote,
            ),
            Command(
                "pin", "let a model assign every later run, whatever the configuration says",
                f"{_HERE}.model_commands:pin", _version,
            ),
            Command("unpin", "let the champion assign again", f"{_HERE}.model_commands:unpin"),
        ),
    ),
)  # fmt: skip
