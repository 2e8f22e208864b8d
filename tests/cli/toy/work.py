"""What its commands do."""

from __future__ import annotations

import argparse

from rfm_spark.core.config import Config
from rfm_spark.core.desk import Desk
from rfm_spark.core.errors import ConfigError
from rfm_spark.core.printing import Shown


def greet(options: argparse.Namespace, desk: Desk) -> int:
    print(f"{options.format} of {desk.lake}, {options.on}, run {options.run}, config {desk.config}")
    desk.heading("Hello")
    desk.table(("who", "times"), [(options.who, Shown("3 ×")), ("others", Shown("12 ×"))])
    return 4


def animals(options: argparse.Namespace, desk: Desk) -> int:
    print(options.action, desk.lake, options.format, options.debug)
    return 0


def checked(config: Config) -> list[str]:
    if config.name == "toyless":
        raise ConfigError("toy", ["a segmentation without a toy; give it another name"])
    return [f"toy: {config.name} will do"]
