"""Words of events and messages that nobody knows: the most frequent ones, and how to map them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import yaml
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.core.reading.presets import Kind, meanings, plain, presets

UNKNOWN_TYPE = "unknown_type"
# Column of ours that holds the word, and the key that maps it.
WORD_OF: Mapping[str, str] = {"events": "event_type", "messages": "event"}
_KEY_OF: Mapping[str, str] = {"events": "types", "messages": "events"}
_MOST = 5
_UNSURE = "?"


def unknown_words(rows: DataFrame) -> list[tuple[str, int]]:
    """The most frequent words that nobody knows, and their rows; looks at the source again.

    Args:
        rows: of `events.validated_events` or `messages.validated_messages`.

    Returns:
        Five at most, the most frequent first; rows without a word are left out.
    """
    word = F.lower(F.trim("word"))
    unknown = rows.where((F.col("reason") == UNKNOWN_TYPE) & (word != "")).groupBy(word.alias("said")).count()
    return [(row["said"], row["count"]) for row in unknown.orderBy(F.desc("count"), "said").limit(_MOST).collect()]


def how_to_map(kind: Kind, words: Sequence[tuple[str, int]]) -> str:
    """A sentence that names the words, and the line of YAML that maps them.

    What any preset knows is guessed; for the rest the line has a question mark.

    Args:
        kind: events or messages.
        words: of `unknown_words`, at least one.
    """
    named = ", ".join(f"{word} {rows:,}" for word, rows in words)
    lines: dict[str, list[str]] = {}
    for ours, word in sorted(((_guess(kind, word), word) for word, _ in words), key=lambda one: one[0] == _UNSURE):
        lines.setdefault(ours, []).append(word)
    mapping = yaml.safe_dump(lines, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10_000).strip()
    ask = f", with yours for {_UNSURE}" if _UNSURE in lines else ""
    return (
        f"the most frequent unknown words of sources.{kind}.columns.{WORD_OF[kind]} are {named}; map them there with "
        f"`{_KEY_OF[kind]}: {mapping}`{ask}"
    )


def _guess(kind: Kind, word: str) -> str:
    """Ours, where all presets that know the word, however it is written, agree."""
    found = set()
    for name in presets(kind):
        known = {_letters(theirs): ours for theirs, ours in meanings(kind, name, {}).items()}
        if _letters(word) in known:
            found.add(known[_letters(word)])
    return found.pop() if len(found) == 1 else _UNSURE


def _letters(word: str) -> str:
    """A word without what is between its parts: addToCart, add_to_cart and Add to cart are one."""
    return "".join(letter for letter in plain(word) if letter.isalnum())
