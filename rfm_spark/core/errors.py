"""One error tree. Every message says what is wrong, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum


class Exit(IntEnum):
    """What a scheduler reads from the exit code."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    GATE = 3
    DRIFT = 4
    SLOT_HELD = 5


def cause_of(error: Exception) -> str:
    """What went wrong, in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    # A failed call into the JVM names itself first, and what went wrong after it.
    return lines[1].lstrip(": ") if lines[0].startswith("An error occurred while calling") and lines[1:] else lines[0]


class RfmSparkError(Exception):
    """Base of every error a user can act on; `exit_code` is what the process ends with."""

    exit_code = Exit.UNEXPECTED


class ConfigError(RfmSparkError):
    """Raised before anything is read or written: options, YAML, rule map or mapping are wrong."""

    exit_code = Exit.USAGE

    def __init__(self, where: str, problems: Sequence[str]) -> None:
        """Collect every problem found in one place.

        Args:
            where: the file or option the problems are in.
            problems: one sentence each.
        """
        self.where = where
        self.problems = tuple(problems)
        if len(self.problems) == 1:
            message = f"{where}: {self.problems[0]}"
        else:
            lines = "".join(f"\n  - {problem}" for problem in self.problems)
            message = f"{where}: {len(self.problems)} problems{lines}"
        super().__init__(message)


class PlanError(RfmSparkError):
    """Raised when the capabilities can't make a plan: something is needed that nobody gives, or given twice."""

    exit_code = Exit.USAGE


class SourceError(RfmSparkError):
    """Raised when a source can't be opened or doesn't have what the mapping asks for."""

    exit_code = Exit.USAGE


class LakeError(RfmSparkError):
    """Raised when the lake can't be written, or was written by a newer version."""

    exit_code = Exit.USAGE


class EnvironmentSetupError(RfmSparkError):
    """Raised when Java, Spark or Delta is missing or of a version that does not work."""

    exit_code = Exit.USAGE


class GateError(RfmSparkError):
    """Raised when the input fails a quality gate; nothing of the run is published."""

    exit_code = Exit.GATE


class SlotHeldError(RfmSparkError):
    """Raised when another live run holds the same configuration and as-of date."""

    exit_code = Exit.SLOT_HELD


class BalanceError(RfmSparkError):
    """Raised when the rows or the money of a source don't add up; nothing of the run is published."""

    exit_code = Exit.UNEXPECTED
