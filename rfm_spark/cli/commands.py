"""The commands that concern every capability, and those that the capabilities have of their own."""

from __future__ import annotations

import argparse
from dataclasses import replace

from rfm_spark.cli.options import add_config
from rfm_spark.core.command import (
    Command,
    SharedOptions,
    Work,
    day_argument,
    hours_argument,
    positive_argument,
    resolved,
)
from rfm_spark.core.errors import PlanError
from rfm_spark.core.registry import given


def commands() -> list[Command]:
    """All commands in the order of the help page; groups of one name are one group, of the actions of both.

    Raises:
        PlanError: two have one name.
    """
    found = {command.name: ("the command line", command) for command in _OWN}
    for capability, listed in given("commands", "COMMANDS"):
        for command in listed:
            whose = f"capability {capability}"
            if command.name in found:
                command = _joined(*found[command.name], command, whose)
            found[command.name] = (whose, command)
    return sorted((command for _, command in found.values()), key=lambda command: command.order)


def _joined(whose: str, first: Command, second: Command, also: str) -> Command:
    actions = [action.name for action in (*first.actions, *second.actions)]
    if not (first.actions and second.actions) or len(set(actions)) < len(actions):
        raise PlanError(f"{whose} and {also} both have the command {first.name}; rename one")
    return replace(second, actions=(*first.actions, *second.actions))


def _own(where: str) -> Work:
    """A command of this package, or of the demo: it opens lakes itself, and takes its options alone."""
    return lambda options, _: int(resolved(where)(options))


def _demo(parser: argparse.ArgumentParser, _: SharedOptions) -> None:
    parser.add_argument(
        "--lake", metavar="DIR", help="where to put data and results (lake/demo, or lake/saas with --saas)"
    )
    parser.add_argument(
        "--full",
        action="store_true",
        help="with simulated events, e-mails, SMS and ads beside the real purchases and coupons",
    )
    parser.add_argument(
        "--saas",
        action="store_true",
        help="a simulated company that sells software instead: subscriptions, usage, and why accounts leave",
    )


def _run(parser: argparse.ArgumentParser, _: SharedOptions) -> None:
    add_config(parser, required=True)
    parser.add_argument("--as-of", type=day_argument, metavar="DATE", help="last day that counts (default: yesterday)")
    parser.add_argument(
        "--from", dest="start", type=day_argument, metavar="DATE", help="first as-of date of a backfill"
    )
    parser.add_argument("--to", dest="end", type=day_argument, metavar="DATE", help="last as-of date of a backfill")
    parser.add_argument("--every", metavar="STEP", help="step of a backfill: 1d, 1w, 1mo (default), 1y")
    parser.add_argument("--restate", action="store_true", help="first redo earlier as-of dates that late rows touch")
    parser.add_argument("--force", action="store_true", help="publish again, as a new run, though nothing changed")
    parser.add_argument("--cascade", action="store_true", help="with --force: also make later as-of dates anew")
    parser.add_argument("--full", action="store_true", help="measure every customer anew, also where nothing changed")
    parser.add_argument("--verify", action="store_true", help="measure every customer anew as well, and compare")
    parser.add_argument("--refit", action="store_true", help="train a new cluster model, though there is one")
    parser.add_argument(
        "--plan", action="store_true", help="only print the steps: which are up to date, which due, and why"
    )
    parser.add_argument("--format", choices=("table", "json"), default="table", help="of --plan; json is one object")
    parser.add_argument(
        "--fail-on",
        choices=("moderate", "major"),
        help="exit code 4 when the verdict on drift is this or more severe; the run is published all the same",
    )


def _check(parser: argparse.ArgumentParser, _: SharedOptions) -> None:
    add_config(parser, required=False)
    parser.add_argument("--as-of", type=day_argument, metavar="DATE", help="last day that counts (default: yesterday)")
    parser.add_argument("--schema", action="store_true", help="print the JSON schema of the config, for editors")


def _runs(parser: argparse.ArgumentParser, shared: SharedOptions) -> None:
    parser.add_argument("--timings", action="store_true", help="what each step took, read and wrote, a line per step")
    shared.place(parser)
    shared.format(parser)


def _show(parser: argparse.ArgumentParser, shared: SharedOptions) -> None:
    parser.add_argument("table", metavar="TABLE", help="such as segments, segment_history or drift")
    shared.place(parser)
    shared.run(parser)
    parser.add_argument("--where", metavar="SQL", help="condition, such as \"segment = 'at_risk'\"")
    limit = "rows at most (default: 20 for a table, else all)"
    parser.add_argument("--limit", type=positive_argument, metavar="N", help=limit)
    shared.format(parser)


def _rejects(parser: argparse.ArgumentParser, shared: SharedOptions) -> None:
    shared.place(parser)
    shared.run(parser, "of this run, published or not")
    parser.add_argument("--reason", metavar="CODE", help="only this reason")
    examples = "examples per reason (%(default)s)"
    parser.add_argument("--limit", type=positive_argument, default=3, metavar="N", help=examples)
    parser.add_argument("-o", "--output", metavar="FILE", help="write them all, as .csv or .json (one object a line)")
    shared.format(parser)


def _explain(parser: argparse.ArgumentParser, shared: SharedOptions) -> None:
    parser.add_argument("customer_id", metavar="CUSTOMER_ID")
    shared.place(parser)
    shared.run(parser, "in this run")


def _report(parser: argparse.ArgumentParser, shared: SharedOptions) -> None:
    shared.place(parser)
    shared.run(parser)
    parser.add_argument("--scope", metavar="NAME", help="only customers of this scope, where rfm.scope parts them")
    parser.add_argument("-o", "--output", metavar="FILE", help="where to write it (default: in the lake's folder)")


def _maintain(parser: argparse.ArgumentParser, _: SharedOptions) -> None:
    add_config(parser, required=True)
    counted = "day that retention counts back from (default: the newest as-of date)"
    parser.add_argument("--as-of", type=day_argument, metavar="DATE", help=counted)
    parser.add_argument("--dry-run", action="store_true", help="only print what would be done")
    versions = "delete older versions of tables, as 7d, 36h or 2w (default: 7d, which is also the least)"
    parser.add_argument(
        "--keep-versions-for", type=hours_argument, default=hours_argument("7d"), metavar="TIME", help=versions
    )
    alone = "nobody else reads or writes the lake meanwhile: versions may be kept for less than 7d"
    parser.add_argument("--alone", action="store_true", help=alone)


def _init(parser: argparse.ArgumentParser, _: SharedOptions) -> None:
    parser.add_argument("file", metavar="FILE", help="the source to look at")
    target = "where to write it (default: the source's name with .yml)"
    parser.add_argument("-o", "--output", metavar="YAML", help=target)


def _doctor(parser: argparse.ArgumentParser, _: SharedOptions) -> None:
    parser.add_argument("--lake", metavar="DIR", help="also check that this folder can be written")
    prepare = "also keep what makes later commands start sooner"
    parser.add_argument("--prepare", action="store_true", help=prepare)


# Where the work is, not imported: a job on a cluster has neither plots nor a terminal UI, and needs only its own
# command.
_OWN = (
    Command(
        "demo", "the whole main job on real grocery data, or on a simulated SaaS company, at two as-of dates",
        _own("rfm_spark.demo.command:demo_command"), _demo, 10,
    ),
    Command("run", "one run, or a backfill", _own("rfm_spark.cli.running:run_command"), _run, 20),
    Command(
        "check", "config, rule map, sources and columns, without writing",
        _own("rfm_spark.cli.check:check_command"), _check, 30,
    ),
    Command("runs", "the complete runs of a lake", _own("rfm_spark.cli.reading:runs_command"), _runs, 40),
    Command("show", "rows of a table", _own("rfm_spark.cli.reading:show_command"), _show, 50),
    Command(
        "rejects", "counts and examples of rejected rows, or all of them into a file",
        _own("rfm_spark.cli.rejects:rejects_command"), _rejects, 60,
    ),
    Command(
        "explain", "why a customer is in their segment", "rfm_spark.cli.explain:explain_command", _explain, 80
    ),
    Command("report", "one self-contained HTML file", _own("rfm_spark.cli.reading:report_command"), _report, 90),
    Command(
        "maintain", "drop rows of old runs, fold small files, delete old versions",
        _own("rfm_spark.cli.maintaining:maintain_command"), _maintain, 115,
    ),
    Command(
        "init", "a commented YAML guessed from a CSV, Parquet or Delta source",
        _own("rfm_spark.cli.init:init_command"), _init, 120,
    ),
    Command(
        "doctor", "Java, Spark, Delta, Arrow and write access",
        _own("rfm_spark.cli.doctor:doctor_command"), _doctor, 130,
    ),
)  # fmt: skip
