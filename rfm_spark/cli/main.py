"""Entry point: parse, call one function, turn errors into one sentence and an exit code."""

from __future__ import annotations

import argparse
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import TextIO

from rfm_spark.cli.parser import build_parser
from rfm_spark.core.command import Command
from rfm_spark.core.errors import Exit, RfmSparkError, cause_of
from rfm_spark.core.renames import RenamedWarning

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: of the command line; sys.argv for None.

    Returns:
        The exit code: 0 done, 2 usage or configuration, 3 quality gate, 4 drift, 5 slot held, 1 unexpected.
    """
    try:
        options = build_parser().parse_args(arguments)
    except SystemExit as stop:
        # argparse has printed its sentence; as a function we return instead of ending the caller.
        return int(stop.code or 0)
    except RfmSparkError as error:
        _say(str(error))
        return int(error.exit_code)
    try:
        return _done(options)
    except RfmSparkError as error:
        if options.debug:
            traceback.print_exc()
        _say(str(error))
        return int(error.exit_code)
    except BrokenPipeError:
        # The reader (head, less) has seen enough.
        sys.stderr.close()
        return int(Exit.OK)
    except KeyboardInterrupt:
        _say("interrupted; nothing of the run is visible, start it again")
        return INTERRUPTED
    except Exception as error:
        if options.debug:
            traceback.print_exc()
        first = cause_of(error)
        _say(f"{options.command} failed: {first}; nothing half-written is visible, --debug shows the traceback")
        return int(Exit.UNEXPECTED)


def _done(options: argparse.Namespace) -> int:
    # Here, since the help page needs no Spark.
    from rfm_spark.cli.desk import LakeDesk

    command: Command = options.chosen
    with warnings.catch_warnings():
        warnings.showwarning = _show
        return command.call(options, LakeDesk(options))


def _show(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None,
    line: str | None = None,
) -> None:  # fmt: skip
    if issubclass(category, RenamedWarning):
        print(f"note: {message}", file=sys.stderr)
    else:
        print(warnings.formatwarning(message, category, filename, lineno, line), end="", file=file or sys.stderr)


def _say(sentence: str) -> None:
    print(f"rfm-spark: {sentence}", file=sys.stderr)
