"""`rfm-spark init`: from a source to a configuration that runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from rfm_spark.cli import clock
from rfm_spark.cli.init import init_config
from rfm_spark.cli.places import session


def init_command(options: argparse.Namespace) -> int:
    """Write the configuration, and say what to do with it."""
    output = Path(options.output) if options.output else None
    written = init_config(session(options), options.file, output, clock.today("UTC"))
    print(f"{written} written; read its comments, then: rfm-spark check -c {written}")
    return 0
