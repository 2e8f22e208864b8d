"""Limits on sources, and what is wrong with the words and columns that a user maps; shared by all sources."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from rfm_spark.core.reading.checks import Check, Severity, problems
from rfm_spark.core.reading.places import unread_column
from rfm_spark.core.reading.presets import word_problems as given_twice
from rfm_spark.core.strict import Strict

Simulated = bool | tuple[str, ...]


class Levels(Strict):
    """A limit in two steps: beyond `warn` the run says so, beyond `fail` it stops."""

    warn: float | None = Field(None, ge=0, allow_inf_nan=False)
    fail: float | None = Field(None, ge=0, allow_inf_nan=False)


# A plain number stands for the level at which a run stops.
Limit = float | Levels | None


def levels_of(limit: Limit) -> Levels:
    """A limit as its two steps."""
    if isinstance(limit, Levels):
        return limit
    return Levels() if limit is None else Levels(fail=limit)


def off_as_word(checks: Any) -> Any:
    """Severities of checks, of which YAML reads a bare off as false."""
    if not isinstance(checks, dict):
        return checks
    return {code: "off" if chosen is False else chosen for code, chosen in checks.items()}


def as_lists(words: Any) -> Any:
    """Words of a mapping ours: theirs as lists; a single word needs none in YAML."""
    if not isinstance(words, dict):
        return words
    return {ours: [theirs] if isinstance(theirs, str) else theirs for ours, theirs in words.items()}


def column_problems(columns: dict[str, str], known: tuple[str, ...], needed: tuple[str, ...], name: str) -> list[str]:
    """What is wrong with mapped columns: some that are needed are missing, others nothing reads."""
    found = [f"columns.{column} is missing" for column in needed if column not in columns]
    for column in sorted(set(columns) - set(known)):
        found.append(unread_column(column, name, known))
    return found


def word_problems(words: dict[str, tuple[str, ...]], known: tuple[str, ...], key: str) -> list[str]:
    """What is wrong with mapped words: ours that there are not, theirs given twice."""
    found = [f"{key}.{ours} is unknown; there are {', '.join(known)}" for ours in words if ours not in known]
    return found + [f"{key}: {problem}" for problem in given_twice(words)]


def channel_problems(simulated: Simulated, known: tuple[str, ...]) -> list[str]:
    """Channels marked as simulated that there are not."""
    named = () if isinstance(simulated, bool) else simulated
    return [f"simulated: {one} is no channel; there are {', '.join(known)}" for one in named if one not in known]


def must_be_known(overrides: dict[str, Severity], checks: tuple[Check, ...]) -> None:
    """Refuse severities of checks that there are not, or that a check can't have.

    Raises:
        ValueError: with a sentence for each.
    """
    found = problems(overrides, checks)
    if found:
        raise ValueError("; ".join(found))


class SourceLimits(Strict):
    """Limits of an interaction source; a plain number is the level at which the run stops."""

    max_reject_share: Limit = Field(
        Levels(warn=0.05, fail=0.5), description="Share of the rows with a customer that may be rejected."
    )
    max_staleness_days: Limit = Field(Levels(warn=3), description="Newest row against as-of; null switches it off.")
    schema_drift: Literal["fail", "warn"] = Field(
        "fail", description="When the columns of the source differ from those of its last run."
    )
    checks: dict[str, Severity] = Field(default_factory=dict, description="Check to severity.")

    @field_validator("checks", mode="before")
    @classmethod
    def _off_is_a_word(cls, checks: Any) -> Any:
        return off_as_word(checks)

    def levels(self, name: str) -> Levels:
        """A limit as its two steps."""
        return levels_of(getattr(self, name))
