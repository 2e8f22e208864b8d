"""What others give so that drift can watch it, and what the steps of drift give."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import reduce

from pyspark.sql import Column
from pyspark.sql import functions as F

from rfm_spark.capabilities.drift.distributions import Distribution
from rfm_spark.capabilities.drift.psi import MAJOR
from rfm_spark.capabilities.drift.tracking import PAST_DAYS, Health, tracking_health
from rfm_spark.capabilities.drift.tracking import warnings as health_warnings
from rfm_spark.capabilities.drift.verdict import asks_for_a_refit
from rfm_spark.pipeline.artefact import Artefact

# Whoever decides about a model asks what its last verdict was.
__all__ = [
    "MAJOR", "RATE_DAYS", "VOLUME_DAYS", "Definition", "Distributions", "Drift", "Health", "Rate", "TrackedVolumes",
    "Tracking", "Volume", "WatchedRates", "asks_for_a_refit", "bits_of", "by_day", "health_warnings",
]  # fmt: skip

# Days whose rates are looked at: a week, and eleven before.
RATE_DAYS = 84
# Days of volumes that are looked at.
VOLUME_DAYS = PAST_DAYS


@dataclass(frozen=True)
class Definition:
    """A rate, as bits of what it is of.

    Attributes:
        name: such as click_rate.
        words: what it counts, `{of}` being the channel.
        part: bits that a case has.
        whole: bits of all that could be a case; 0 for everything.
        advice: where to look when it falls.
    """

    name: str
    words: str
    part: int
    whole: int
    advice: str


def bits_of(flags: Mapping[int, Column]) -> Column:
    """INT: the bits whose conditions hold, none of them null."""
    parts = (F.when(holds, F.lit(bit)).otherwise(F.lit(0)) for bit, holds in flags.items())
    return reduce(Column.__add__, parts, F.lit(0))


@dataclass(frozen=True)
class Rate:
    """One rate of one channel, by day.

    Attributes:
        of: the channel; `interactions` for web and app together.
        definition: what it is.
        days: cases, and what they are out of, by day.
        last_day: the last day whose cases are complete.
    """

    of: str
    definition: Definition
    days: Mapping[date, tuple[int, int]]
    last_day: date


def by_day(rows: Iterable[tuple[date, int, int]], rate: Definition) -> dict[date, tuple[int, int]]:
    """Cases of a rate, and what they are out of, by day.

    Args:
        rows: day, bits, count.
        rate: which bits a case has, and which could be one.
    """
    days: dict[date, tuple[int, int]] = {}
    for day, bits, count in rows:
        if bits & rate.whole == rate.whole:
            part, whole = days.get(day, (0, 0))
            days[day] = part + (count if bits & rate.part == rate.part else 0), whole + count
    return days


@dataclass(frozen=True, kw_only=True)
class WatchedRates(Artefact):
    """Rates that a source tells of, by day."""

    rates: tuple[Rate, ...] = ()


@dataclass(frozen=True)
class Volume:
    """Rows per day of one channel and type of a source; days without rows may be missing."""

    channel: str
    kind: str
    days: Mapping[date, int]


@dataclass(frozen=True, kw_only=True)
class TrackedVolumes(Artefact):
    """Volumes that a source tells of.

    Attributes:
        source: its name.
        volumes: by channel and type.
        first_day: first day that was read.
    """

    source: str = ""
    volumes: tuple[Volume, ...] = ()
    first_day: date = date.min

    def health(self, as_of: date) -> list[Health]:
        """How its trackers do; see `tracking.tracking_health`."""
        series = {(one.channel, one.kind): one.days for one in self.volumes}
        return tracking_health(self.source, series, as_of, self.first_day)


@dataclass(frozen=True, kw_only=True)
class Tracking(Artefact):
    """The health of trackers is told."""


@dataclass(frozen=True, kw_only=True)
class Distributions(Artefact):
    """How customers are spread over the columns that are looked at for drift; empty without customers.

    Attributes:
        found: of all customers.
        of_scopes: of those of each scope, where scopes part them.
    """

    found: tuple[Distribution, ...] = ()
    of_scopes: Mapping[str, tuple[Distribution, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Drift(Artefact):
    """What drifted is told; the verdict is in the account."""
