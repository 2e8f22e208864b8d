"""Options of every command.

argparse, not a richer library: jobs under spark-submit take the same options, and may import nothing beyond what a
cluster has.
"""

from __future__ import annotations

import argparse
from datetime import date

import rfm_spark

_DEBUG = "show tracebacks and Spark's log"


def build_parser() -> argparse.ArgumentParser:
    """The parser of `rfm-spark`."""
    parser = argparse.ArgumentParser(prog="rfm-spark", description="Customer segmentation on Spark and Delta Lake.")
    parser.add_argument("--version", action="version", version=f"rfm-spark {rfm_spark.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_run_commands(commands)
    _add_read_commands(commands)
    _add_rules(commands)
    _add_clusters(commands)
    init = _command(commands, "init", "a commented YAML guessed from a CSV, Parquet or Delta source")
    init.add_argument("file", metavar="FILE", help="the source to look at")
    init.add_argument("-o", "--output", metavar="YAML", help="where to write it (default: the source's name with .yml)")
    doctor = _command(commands, "doctor", "Java, Spark, Delta, Arrow and write access")
    doctor.add_argument("--lake", metavar="DIR", help="also check that this folder can be written")
    doctor.add_argument(
        "--prepare",
        action="store_true",
        help="also keep what makes later commands start sooner",
    )
    return parser


def _add_run_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    demo = _command(commands, "demo", "the whole main job on real grocery data, at two as-of dates")
    demo.add_argument("--lake", metavar="DIR", default="lake/demo", help="where to put data and results (%(default)s)")
    demo.add_argument(
        "--full",
        action="store_true",
        help="with simulated events, e-mails, SMS and ads beside the real purchases and coupons",
    )

    run = _command(commands, "run", "one run, or a backfill")
    _add_config(run, required=True)
    run.add_argument("--as-of", type=_date, metavar="DATE", help="last day that counts (default: yesterday)")
    run.add_argument("--from", dest="start", type=_date, metavar="DATE", help="first as-of date of a backfill")
    run.add_argument("--to", dest="end", type=_date, metavar="DATE", help="last as-of date of a backfill")
    run.add_argument("--every", metavar="STEP", help="step of a backfill: 1d, 1w, 1mo (default), 1y")
    run.add_argument("--restate", action="store_true", help="first redo earlier as-of dates that late rows touch")
    run.add_argument("--force", action="store_true", help="publish again, as a new run, though nothing changed")
    run.add_argument("--cascade", action="store_true", help="with --force: also make later as-of dates anew")
    run.add_argument("--refit", action="store_true", help="train a new cluster model, though there is one")
    run.add_argument(
        "--fail-on",
        choices=("moderate", "major"),
        help="exit code 4 when the verdict on drift is this or graver; the run is published all the same",
    )

    check = _command(commands, "check", "config, rule map, sources and columns, without writing")
    _add_config(check, required=False)
    check.add_argument("--as-of", type=_date, metavar="DATE", help="last day that counts (default: yesterday)")
    check.add_argument("--schema", action="store_true", help="print the JSON schema of the config, for editors")


def _add_read_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    runs = _command(commands, "runs", "the complete runs of a lake")
    runs.add_argument("--timings", action="store_true", help="what each step took, read and wrote, a line per step")
    _add_place(runs)
    _add_format(runs)

    show = _command(commands, "show", "rows of a table")
    show.add_argument("table", metavar="TABLE", help="such as segments, segment_history or drift")
    _add_place(show)
    show.add_argument("--run", metavar="ID", help="of this run (default: the newest)")
    show.add_argument("--where", metavar="SQL", help="condition, such as \"segment = 'at_risk'\"")
    show.add_argument("--limit", type=_positive, metavar="N", help="rows at most (default: 20 for a table, else all)")
    _add_format(show)

    rejects = _command(commands, "rejects", "counts and examples of rejected rows, or all of them into a file")
    _add_place(rejects)
    rejects.add_argument("--run", metavar="ID", help="of this run, published or not (default: the newest)")
    rejects.add_argument("--reason", metavar="CODE", help="only this reason")
    rejects.add_argument("--limit", type=_positive, default=3, metavar="N", help="examples per reason (%(default)s)")
    rejects.add_argument("-o", "--output", metavar="FILE", help="write them all, as .csv or .json (one object a line)")
    _add_format(rejects)

    compare = _command(commands, "compare", "what moved between runs", options=False)
    pairs = compare.add_subparsers(dest="action", required=True, metavar="WHAT")
    two = _command(pairs, "runs", "who moved between two runs, why, and what drifted")
    two.add_argument("before", metavar="A", nargs="?", help="a run (default: the newest, against the one before it)")
    two.add_argument("now", metavar="B", nargs="?", help="a later run; with A alone, A against the one before it")
    _add_place(two)
    _add_format(two)

    explain = _command(commands, "explain", "why a customer is in their segment")
    explain.add_argument("customer_id", metavar="CUSTOMER_ID")
    _add_place(explain)
    explain.add_argument("--run", metavar="ID", help="in this run (default: the newest)")

    report = _command(commands, "report", "one self-contained HTML file")
    _add_place(report)
    report.add_argument("--run", metavar="ID", help="of this run (default: the newest)")
    report.add_argument("-o", "--output", metavar="FILE", help="where to write it (default: in the lake's folder)")


def _add_rules(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    rules = _command(commands, "rules", "check a rule map, or see what another one would do", options=False)
    actions = rules.add_subparsers(dest="action", required=True, metavar="ACTION")
    lint = _command(actions, "lint", "uncovered, overlapping and unreachable cells of a rule map")
    lint.add_argument("file", metavar="FILE", help="a YAML file, or the name of a shipped map")
    lint.add_argument(
        "--bins", type=_positive, default=5, metavar="N", help="scores per measure where the map has none"
    )
    preview = _command(actions, "preview", "counts and moves under another map; writes nothing")
    preview.add_argument("file", metavar="FILE", help="a YAML file, or the name of a shipped map")
    _add_place(preview)
    preview.add_argument("--run", metavar="ID", help="of this run (default: the newest)")


def _add_clusters(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    clusters = _command(commands, "clusters", "list, compare, check and promote cluster models", options=False)
    # Without an action it lists. Actions keep quiet about options they were not given, so that those before them hold.
    _add_shared(clusters)
    _add_format(clusters)
    actions = clusters.add_subparsers(dest="action", metavar="ACTION")
    clusters.set_defaults(action="list")

    listed = _action(actions, "list", "all models of the segmentation, and which one is champion (the default)")
    _add_format(listed, default=argparse.SUPPRESS)
    show = _action(actions, "show", "one model: features, centres in their own units, names, lineage")
    show.add_argument("version", metavar="VERSION", help="as `clusters list` has it")
    compare = _action(actions, "compare", "who is where under two models, for the same customers")
    compare.add_argument("version", metavar="A", help="a model")
    compare.add_argument("other", metavar="B", help="another one")
    compare.add_argument("--run", metavar="ID", help="the customers of this run (default: the newest)")
    rescore = _action(actions, "rescore", "assign a run's customers again: is it exactly what was published?")
    rescore.add_argument("run", metavar="RUN", help="a complete run")
    promote = _action(actions, "promote", "make a model champion; no published run changes")
    promote.add_argument("version", metavar="VERSION", help="as `clusters list` has it")
    promote.add_argument(
        "--from",
        dest="start",
        type=_date,
        metavar="DATE",
        help="first as-of date (default: the day after the newest published one)",
    )
    pin = _action(actions, "pin", "let a model assign every later run, whatever the configuration says")
    pin.add_argument("version", metavar="VERSION", help="as `clusters list` has it")
    _action(actions, "unpin", "let the champion assign again")


def _action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser], name: str, does: str
) -> argparse.ArgumentParser:
    parser = _command(actions, name, does, options=False)
    _add_shared(parser, default=argparse.SUPPRESS)
    return parser


def _add_shared(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    _add_place(parser, default)
    parser.add_argument("--debug", action="store_true", default=default or False, help=_DEBUG)


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, does: str, *, options: bool = True
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=does, description=f"{does[0].upper()}{does[1:]}.")
    if options:
        parser.add_argument("--debug", action="store_true", help=_DEBUG)
    return parser


def _add_config(parser: argparse.ArgumentParser, *, required: bool) -> None:
    parser.add_argument("-c", "--config", required=required, metavar="CONF", help="the configuration")
    parser.add_argument("--lake", metavar="DIR", help="use this lake instead of the configuration's")
    parser.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override, as rfm.window_days=180",
    )


def _add_place(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    parser.add_argument("-c", "--config", metavar="CONF", default=default, help="the configuration whose lake to read")
    parser.add_argument("--lake", metavar="DIR", default=default, help="the lake's folder")


def _add_format(parser: argparse.ArgumentParser, default: str = "table") -> None:
    parser.add_argument("--format", choices=("table", "csv", "json"), default=default, help="json is one object a line")


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date such as 2017-12-31") from None


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)
