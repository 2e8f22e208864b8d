"""Entry point: parse, call one function, turn errors into one sentence and an exit code."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module

from rfm_spark.cli.parser import build_parser
from rfm_spark.core.errors import Exit, RfmSparkError, cause_of

# Named, not imported: a job on a cluster has neither plots nor a terminal UI, and needs only its own command.
COMMANDS = {
    "demo": "rfm_spark.demo.command:demo_command",
    "run": "rfm_spark.cli.running:run_command",
    "check": "rfm_spark.cli.check:check_command",
    "runs": "rfm_spark.cli.reading:runs_command",
    "show": "rfm_spark.cli.reading:show_command",
    "rejects": "rfm_spark.cli.rejects:rejects_command",
    "report": "rfm_spark.cli.reading:report_command",
    "compare": "rfm_spark.cli.compare:compare_command",
    "explain": "rfm_spark.cli.explain:explain_command",
    "rules": "rfm_spark.cli.rules:rules_command",
    "clusters": "rfm_spark.cli.clusters:clusters_command",
    "init": "rfm_spark.cli.init:init_command",
    "doctor": "rfm_spark.cli.doctor:doctor_command",
}
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: of the command line; sys.argv for None.

    Returns:
        The exit code: 0 done, 2 usage or configuration, 3 quality gate, 4 drift, 5 slot held, 1 unforeseen.
    """
    try:
        options = build_parser().parse_args(arguments)
    except SystemExit as stop:
        # argparse has printed its sentence; as a function we return instead of ending the caller.
        return int(stop.code or 0)
    try:
        return _command(options.command)(options)
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
        return int(Exit.UNFORESEEN)


def _command(name: str) -> Callable[[argparse.Namespace], int]:
    module, _, function = COMMANDS[name].partition(":")
    command: Callable[[argparse.Namespace], int] = getattr(import_module(module), function)
    return command


def _say(sentence: str) -> None:
    print(f"rfm-spark: {sentence}", file=sys.stderr)
