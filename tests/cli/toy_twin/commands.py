"""Its command."""

from rfm_spark.core.command import Command

COMMANDS = (Command("rules", "other rules", "tests.cli.toy.work:greet"),)
