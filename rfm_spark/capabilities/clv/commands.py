"""`rfm-spark backtest`: forecasts of an earlier day against what came."""

from __future__ import annotations

import argparse

from rfm_spark.core.command import Command, SharedOptions, day_argument


def _backtest(parser: argparse.ArgumentParser, shared: SharedOptions) -> None:
    parser.add_argument(
        "--calibrate-until", metavar="DATE", type=day_argument,
        help="last day that the model is fitted on (default: the middle of the history)",
    )  # fmt: skip
    parser.add_argument("--model", metavar="MODEL", help="bg_nbd, mbg_nbd or pareto_nbd (default: as configured)")
    shared.place(parser)
    shared.run(parser)


COMMANDS = (
    Command(
        "backtest", "forecasts of an earlier day against what came", order=74,
        run="rfm_spark.capabilities.clv.backtest:backtest", arguments=_backtest,
    ),
)  # fmt: skip
