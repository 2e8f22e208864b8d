"""Logs of events: which rows are purchases, and the `events` source that reads the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rfm_spark.cli.guess.found import Events
from rfm_spark.cli.guess.roles import quoted_values
from rfm_spark.cli.guess.values import Profile
from rfm_spark.cli.guess.words import score
from rfm_spark.core.reading.presets import meanings, plain, presets

_BROWSING = ("page_view", "product_view", "search", "filter_use", "add_to_cart", "video_play", "click")
_FEW = 500


@dataclass(frozen=True)
class Log:
    """A log of events.

    Attributes:
        column: holds what happened.
        orders: its values that are purchases, as they are written.
    """

    column: Profile
    orders: tuple[str, ...]

    @property
    def where(self) -> str:
        """The condition on purchases."""
        literals = quoted_values(self.orders)
        return f"{self.column.sql} = {literals}" if len(self.orders) == 1 else f"{self.column.sql} IN ({literals})"

    def rows(self) -> list[int]:
        """Which of the rows that were looked at are purchases."""
        return [row for row, value in enumerate(self.column.values) if value in self.orders]


def event_log(profiles: Sequence[Profile]) -> Log | None:
    """The column of a log that says what happened: people look at things in it, and buy some."""
    named = [(profile, score("event_type", profile.name)) for profile in profiles if profile.type_name == "string"]
    for profile, points in sorted(named, key=lambda pair: -pair[1]):
        if points == 0 or not profile.filled or profile.distinct > _FEW:
            continue
        kinds = {value: kind_of(value) for value in set(profile.filled)}
        orders = tuple(sorted(value for value, kind in kinds.items() if kind == "order"))
        if orders and any(kind in _BROWSING for kind in kinds.values()):
            return Log(profile, orders)
    return None


def kind_of(value: str) -> str | None:
    """Which of our event types a word means in some tracker; None where nobody uses it."""
    for preset in presets("events"):
        kind = meanings("events", preset, {}).get(plain(value))
        if kind is not None:
            return kind
    return None


def events_source(log: Log, seen: Mapping[str, int], columns: Mapping[str, str], profiles: Sequence[Profile]) -> Events:
    """The source that reads all rows of a log.

    Args:
        log: the log.
        seen: numbers of all rows by what happened, in lower case.
        columns: customer_id and event_ts, ours: theirs.
        profiles: all columns.
    """
    mapped = {**columns, "event_type": log.column.text}
    for ours in ("session_id", "visitor_id"):
        found = max(profiles, key=lambda profile: score(ours, profile.name) if profile.filled else 0.0)
        if score(ours, found.name) > 0.5 and found.filled and found.text not in mapped.values():
            mapped[ours] = found.text
    preset = max(presets("events"), key=lambda name: _covered(name, seen))
    return with_words(Events(mapped, preset), log.column.name, seen)


def _covered(preset: str, seen: Mapping[str, int]) -> int:
    known = meanings("events", preset, {})
    return sum(count for value, count in seen.items() if value in known)


def with_words(source: Events, name: str, seen: Mapping[str, int]) -> Events:
    """The source with every word of its rows: those that the preset doesn't have are in `types`."""
    known = meanings("events", source.preset, {ours: tuple(theirs) for ours, theirs in source.types.items()})
    types = {kind: list(values) for kind, values in source.types.items()}
    strangers = []
    for value in sorted(seen):
        if value and value not in known:
            kind = kind_of(value)
            types.setdefault(kind or "other", []).append(value)
            strangers += [value] if kind is None else []
    counted = "; ".join(f"{value or '(blank)'} {count:,}" for value, count in Counter(seen).most_common(12))
    notes = [f"{name}: {counted}"]
    if strangers:
        notes.append(f"Not known, and taken for other: {', '.join(strangers[:12])}")
    return Events(source.columns, source.preset, {kind: tuple(values) for kind, values in types.items()}, tuple(notes))
