"""What a command of the command line is, wherever it lives.

A capability lists its own as COMMANDS in its `commands.py`, which is read at every start: it holds names and options,
and says where the work is instead of importing it. CHECKERS there name functions that look at a configuration before
any source is opened.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from rfm_spark.core.desk import Desk

RUN = "of this run"


class SharedOptions(Protocol):
    """Options that several commands have, in the words that all of them use."""

    def place(self, parser: argparse.ArgumentParser) -> None:
        """Add `-c` and `--lake`: which lake is read."""

    def format(self, parser: argparse.ArgumentParser) -> None:
        """Add `--format`: a table, CSV, or an object of JSON a line."""

    def run(self, parser: argparse.ArgumentParser, whose: str = RUN) -> None:
        """Add `--run`: which run instead of the newest."""


Arguments = Callable[[argparse.ArgumentParser, SharedOptions], None]
Work = Callable[[argparse.Namespace, "Desk"], int]


def no_arguments(_: argparse.ArgumentParser, __: SharedOptions) -> None:
    """Of a command that has no options of its own."""


@dataclass(frozen=True)
class Command:
    """A command, or with actions a group of them.

    Attributes:
        name: as it is typed.
        does: what it does, in a clause, for the help page.
        run: function of the options and a desk that gives the exit code, or "module:function" of it, which is
            imported when the command is called; nothing for a group.
        arguments: adds its options; --debug is there already.
        order: place on the help page, smallest first.
        actions: commands after its name.
        default: action of a group that is typed without one. -c, --lake and --debug of such a group, and its own
            options, may stand before the action or after it.
        metavar: what an action is called in the usage line.
    """

    name: str
    does: str
    run: str | Work = ""
    arguments: Arguments = no_arguments
    order: int = 1000
    actions: tuple[Command, ...] = ()
    default: str = ""
    metavar: str = "ACTION"

    def call(self, options: argparse.Namespace, desk: Desk) -> int:
        """Do it.

        Returns:
            The exit code.
        """
        work: Work = resolved(self.run) if isinstance(self.run, str) else self.run
        return work(options, desk)


def resolved(where: str) -> Any:
    """What "module:name" names."""
    module, _, name = where.partition(":")
    return getattr(import_module(module), name)


def day_argument(text: str) -> date:
    """A date, as a type of argparse."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date such as 2017-12-31") from None


def hours_argument(text: str) -> int:
    """A time such as 36h, 7d or 2w, in hours, as a type of argparse."""
    hours = {"h": 1, "d": 24, "w": 7 * 24}
    number, unit = text[:-1], text[-1:]
    if unit not in hours or not (number.isascii() and number.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 36h, 7d or 2w")
    return int(number) * hours[unit]


def positive_argument(text: str) -> int:
    """A whole number above 0, as a type of argparse."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)
