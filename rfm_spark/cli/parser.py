"""The parser of the command line, put together from the commands.

argparse, not a richer library: jobs under spark-submit take the same options, and may import nothing beyond what a
cluster has.
"""

from __future__ import annotations

import argparse

import rfm_spark
from rfm_spark.cli.commands import commands
from rfm_spark.cli.options import Shared
from rfm_spark.core.command import Command


def build_parser() -> argparse.ArgumentParser:
    """The parser of `rfm-spark`; what it parses has the command that was chosen as `chosen`.

    Raises:
        PlanError: two commands have one name.
    """
    parser = argparse.ArgumentParser(prog="rfm-spark", description="Customer segmentation on Spark and Delta Lake.")
    parser.add_argument("--version", action="version", version=f"rfm-spark {rfm_spark.__version__}")
    group = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in commands():
        _add(group, command)
    return parser


def _add(group: argparse._SubParsersAction[argparse.ArgumentParser], command: Command) -> None:
    parser = _named(group, command)
    if not command.actions:
        shared = Shared()
        shared.debug(parser)
        command.arguments(parser, shared)
        parser.set_defaults(chosen=command)
        return
    if command.default:
        shared = Shared()
        shared.place(parser)
        shared.debug(parser)
        command.arguments(parser, shared)
    actions = parser.add_subparsers(dest="action", required=not command.default, metavar=command.metavar)
    for action in command.actions:
        if command.default:
            _add_quietly(actions, action)
        else:
            _add(actions, action)
        if action.name == command.default:
            parser.set_defaults(action=action.name, chosen=action)


def _add_quietly(group: argparse._SubParsersAction[argparse.ArgumentParser], action: Command) -> None:
    """Actions keep quiet about options they were not given, so that those before them hold."""
    parser, shared = _named(group, action), Shared(is_quiet=True)
    shared.place(parser)
    shared.debug(parser)
    action.arguments(parser, shared)
    parser.set_defaults(chosen=action)


def _named(group: argparse._SubParsersAction[argparse.ArgumentParser], command: Command) -> argparse.ArgumentParser:
    does = command.does
    return group.add_parser(command.name, help=does, description=f"{does[0].upper()}{does[1:]}.")
