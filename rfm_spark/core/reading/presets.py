"""What trackers and senders of messages call things: a file of `conf/presets` for each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

import yaml
from pydantic import AfterValidator, Field, ValidationError, model_validator

from rfm_spark.core.errors import ConfigError
from rfm_spark.core.registry import given
from rfm_spark.core.resources import shipped_names, shipped_text
from rfm_spark.core.strict import Strict

Kind = Literal["events", "messages"]
_FOLDER = "presets"


class Preset(Strict):
    """The words of one tool; our own names need no entry.

    Attributes:
        of: name of the tool, for people.
        snake_case: whether each word is also known with underscores for blanks, as in the tool's warehouse tables.
        words: ours: theirs, in lower case, each of theirs once.
    """

    of: str = Field(min_length=1)
    snake_case: bool = False
    words: dict[str, tuple[str, ...]] = Field(min_length=1)

    @model_validator(mode="after")
    def _each_once(self) -> Preset:
        found = word_problems(self.words)
        theirs = [name for names in self.words.values() for name in names]
        found += [f"{name!r} must be in lower case, without blanks around it" for name in theirs if name != plain(name)]
        if found:
            raise ValueError("; ".join(found))
        return self

    def meanings(self) -> dict[str, str]:
        """theirs: ours."""
        known = {name: ours for ours, names in self.words.items() for name in names}
        return {**{name.replace(" ", "_"): ours for name, ours in known.items() if self.snake_case}, **known}


def plain(word: str) -> str:
    """A word as words are compared: case and blanks around it don't matter."""
    return word.strip().lower()


def word_problems(words: Mapping[str, tuple[str, ...]]) -> list[str]:
    """What is wrong with a mapping of ours to theirs: a word of theirs given twice."""
    theirs = [plain(name) for names in words.values() for name in names]
    return [f"{name!r} is given twice" for name in sorted({name for name in theirs if theirs.count(name) > 1})]


@cache
def presets(kind: Kind) -> tuple[str, ...]:
    """Names of the presets there are, in alphabetical order."""
    return tuple(shipped_names(_FOLDER, kind))


@cache
def preset(kind: Kind, name: str) -> Preset:
    """One preset, read and checked once.

    Raises:
        ConfigError: the file is no preset.
    """
    where = f"{_FOLDER}/{kind}/{name}.yml"
    try:
        found = Preset.model_validate(yaml.safe_load(shipped_text(_FOLDER, kind, f"{name}.yml")))
    except (yaml.YAMLError, ValidationError) as error:
        raise ConfigError(where, [str(error)]) from None
    unknown = [ours for ours in found.words if ours not in ours_of(kind)]
    if unknown:
        raise ConfigError(where, [f"words.{ours} is unknown; there are {', '.join(ours_of(kind))}" for ours in unknown])
    return found


def meanings(kind: Kind, name: str | None, own: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Which of our event types, or events of messages, a word means, in lower case; one's own win over a preset.

    Args:
        kind: events or messages.
        name: of a preset, or None.
        own: ours: theirs, as configured.
    """
    words = {ours: ours for ours in ours_of(kind)}
    if name is not None:
        words |= preset(kind, name).meanings()
    return words | {plain(word): ours for ours, theirs in own.items() for word in theirs}


def ours_of(kind: Kind) -> tuple[str, ...]:
    """Our own words for what a source of this kind tells of."""
    words: dict[str, tuple[str, ...]] = {}
    for _, found in given("words", "OURS"):
        words |= found
    return words[kind]


def preset_name(kind: Kind) -> tuple[AfterValidator, Any]:
    """What makes a text a preset's name, and lists the names in the JSON schema."""

    def check(name: str) -> str:
        if name not in presets(kind):
            raise ValueError(f"there is no preset {name}; there are {', '.join(presets(kind))}")
        return name

    def listed(schema: dict[str, Any]) -> None:
        schema["enum"] = list(presets(kind))

    return AfterValidator(check), Field(json_schema_extra=listed)
