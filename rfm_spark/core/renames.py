"""Words of older versions: columns and values that stored tables, configurations and rule maps may still have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

# A text in a condition, in either quotes.
_TEXTS = re.compile(r"""('[^']*'|"[^"]*")""")


class RenamedWarning(FutureWarning):
    """Something was given by a word of an older version, which is still read."""


@dataclass(frozen=True)
class Renamed:
    """A column whose name, or some of whose words, were others in older versions.

    Attributes:
        column: its name today.
        was: its name before; None where only words of it changed.
        words: older and today's values of a text, or keys of a map.
    """

    column: str
    was: str | None = None
    words: tuple[tuple[str, str], ...] = ()


def renamed_value(value: Any, words: Mapping[str, str]) -> Any:
    """A text, the items of a list or the keys of a map in today's words."""
    if isinstance(value, Mapping):
        return {words.get(key, key): item for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [words.get(item, item) for item in value]
    return words.get(value, value) if isinstance(value, str) else value


def renamed_row(row: Mapping[str, Any], renames: Iterable[Renamed]) -> dict[str, Any]:
    """A row of a table in today's words; a column that has both names keeps what is there."""
    found = dict(row)
    for one in renames:
        if one.was is not None:
            before = found.pop(one.was, None)
            if found.get(one.column) is None and before is not None:
                found[one.column] = before
        if one.words and one.column in found:
            found[one.column] = renamed_value(found[one.column], dict(one.words))
    return found


def in_todays_sql(condition: str, renames: Iterable[Renamed]) -> tuple[str, list[str]]:
    """A condition on a table with today's columns and words in place of older ones, and a sentence on each.

    A word is replaced where the condition names its column, a column outside of texts.
    """
    names, pieces = {one.was: one.column for one in renames if one.was is not None}, _TEXTS.split(condition)
    named = {name for piece in pieces[::2] for name in re.findall(r"\w+", piece)}
    words = {old: new for one in renames if one.column in named for old, new in one.words}
    notices: dict[str, None] = {}

    def today(old: str, known: Mapping[str, str]) -> str:
        if old in known:
            notices[f"{old} is called {known[old]} now; the older word is still read"] = None
        return known.get(old, old)

    for at, piece in enumerate(pieces):
        if at % 2:
            pieces[at] = f"{piece[0]}{today(piece[1:-1], words)}{piece[-1]}"
        else:
            pieces[at] = re.sub(r"\w+", lambda match: today(match[0], names), piece)
    return "".join(pieces), list(notices)
