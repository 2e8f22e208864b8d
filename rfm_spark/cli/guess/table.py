"""The columns of a source while they are given away, one to each of ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from rfm_spark.cli.guess.found import Found, how_sure
from rfm_spark.cli.guess.questions import Open
from rfm_spark.cli.guess.values import Profile
from rfm_spark.cli.guess.words import score

_NAMELESS = re.compile(r"_c\d+$")


class Table:
    """The columns nobody has claimed yet, and what was found out about the others."""

    def __init__(self, profiles: Sequence[Profile]) -> None:
        """Start with the columns that have values."""
        self.free = [profile for profile in profiles if profile.filled]
        self.nameless = all(_NAMELESS.match(profile.name) for profile in profiles)
        self.found: list[Found] = []
        self.remarks: list[str] = []
        self.open: list[Open] = []
        self.where: list[str] = []

    def ranked(self, ours: str, fits: Callable[[Profile], bool]) -> list[tuple[Profile, float]]:
        """The free columns whose names fit, the best first, the leftmost of equals."""
        scored = [(profile, score(ours, profile.name)) for profile in self.free]
        named = [(profile, points) for profile, points in scored if points > 0 and fits(profile)]
        return sorted(named, key=lambda pair: -pair[1])

    def best(self, ours: str, fits: Callable[[Profile], bool]) -> tuple[Profile, float] | None:
        """The free column whose name fits best, the leftmost of equals."""
        ranked = self.ranked(ours, fits)
        return ranked[0] if ranked else None

    def take(self, profile: Profile) -> Profile:
        """Give a column away."""
        self.free.remove(profile)
        return profile

    def claim(self, ours: str, profile: Profile, points: float, why: str, text: str | None = None) -> Profile:
        """Give a column away to one of ours, with the evidence."""
        named = "no name to go by" if self.nameless else f"named {profile.name}"
        self.found.append(Found(ours, text or profile.text, f"{named}; {why}", how_sure(points)))
        return self.take(profile)


def counts(profile: Profile, kind: str) -> str:
    """How many different values, for people."""
    return f"{profile.distinct:,} {kind} in the {len(profile.filled):,} rows looked at that have one"
