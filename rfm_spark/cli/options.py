"""Options that several commands have: one wording each."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from rfm_spark.core.command import RUN


@dataclass(frozen=True)
class Shared:
    """Offers them; see `core.command.SharedOptions`.

    Attributes:
        is_quiet: say nothing of options that were not given, so that those before an action hold.
    """

    is_quiet: bool = False

    def place(self, parser: argparse.ArgumentParser) -> None:
        """Add `-c` and `--lake`: which lake is read."""
        default = self._default(None)
        parser.add_argument(
            "-c", "--config", metavar="CONF", default=default, help="the configuration whose lake to read"
        )
        parser.add_argument("--lake", metavar="DIR", default=default, help="the lake's folder")

    def format(self, parser: argparse.ArgumentParser) -> None:
        """Add `--format`: a table, CSV, or an object of JSON a line."""
        default = self._default("table")
        parser.add_argument(
            "--format", choices=("table", "csv", "json"), default=default, help="json is one object a line"
        )

    def run(self, parser: argparse.ArgumentParser, whose: str = RUN) -> None:
        """Add `--run`: which run instead of the newest."""
        parser.add_argument("--run", metavar="ID", help=f"{whose} (default: the newest)")

    def debug(self, parser: argparse.ArgumentParser) -> None:
        """Add `--debug`, which every command has."""
        help_text = "show tracebacks and Spark's log"
        parser.add_argument("--debug", action="store_true", default=self._default(False), help=help_text)

    def _default(self, value: str | bool | None) -> str | bool | None:
        return argparse.SUPPRESS if self.is_quiet else value


def add_config(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """Add `-c`, `--lake` and `--set`: the configuration, and what differs from it."""
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
