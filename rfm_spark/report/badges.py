"""Whether what a section shows is real, simulated, or not connected: said wherever it is shown.

Which sources there are, and which of them a column of customers is made from, the capabilities say: optional sources in
their settings, `column_sources` beside their columns, and `measured_sources` where the configuration says what they are
of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rfm_spark.core.registry import given


@dataclass(frozen=True)
class Badge:
    """What a section's data are.

    Attributes:
        kind: real, simulated, partly or absent.
        text: on the badge.
    """

    kind: str
    text: str

    @property
    def suffix(self) -> str:
        """What a title says besides where the data are not all real; otherwise nothing."""
        return f" ({self.text})" if self.kind in ("simulated", "partly") else ""


REAL = Badge("real", "real")
SIMULATED = Badge("simulated", "simulated")
ABSENT = Badge("absent", "not connected")


def optional_sources() -> tuple[str, ...]:
    """Sources that a configuration may name beside those it must: those that can be absent, or invented."""
    return tuple(source for _, found in given("config", "OPTIONAL_SOURCES") for source in found)


def source_badge(settings: Mapping[str, Any], source: str) -> Badge:
    """The badge of a source.

    Args:
        settings: configuration of the run; one of an older version lacks the newer sources.
        source: its key in `sources`.
    """
    given_source = (settings.get("sources") or {}).get(source)
    if given_source is None:
        return ABSENT if source in optional_sources() else REAL
    simulated = given_source.get("simulated") or False
    if simulated is True:
        return SIMULATED
    return Badge("partly", f"partly simulated: {', '.join(simulated)}") if simulated else REAL


def channel_badge(settings: Mapping[str, Any], source: str, channel: str) -> Badge:
    """The badge of one channel of a source."""
    whole = source_badge(settings, source)
    if whole.kind != "partly":
        return whole
    return SIMULATED if channel in settings["sources"][source]["simulated"] else REAL


def columns_badge(settings: Mapping[str, Any], columns: Iterable[str]) -> Badge:
    """The badge of what is made from columns of customers, such as segments from those that rules read."""
    homes: dict[str, set[str]] = {}
    for _, sources_of in given("columns", "column_sources"):
        homes |= {name: {source} for name, source in sources_of(settings).items()}
    for _, sources_of in given("columns", "measured_sources"):
        homes |= sources_of(settings)
    return _mixed(settings, {source for name in columns for source in homes.get(name, ())})


def sources_badge(settings: Mapping[str, Any], sources: Iterable[str]) -> Badge:
    """The badge of what comes from several sources, of which some may not be there."""
    return _mixed(settings, sources)


def run_badge(settings: Mapping[str, Any]) -> Badge:
    """The badge of what speaks of all the run read."""
    return _mixed(settings, optional_sources())


def as_whole(settings: Mapping[str, Any], badge: Badge) -> Badge:
    """The badge of a section that speaks of all customers: nothing is real where no source is."""
    return SIMULATED if badge == REAL and _is_all_simulated(settings) else badge


def simulated_sources(settings: Mapping[str, Any]) -> list[str]:
    """Sources with simulated data, as "events" or "messages (email, sms)"."""
    return _simulated(settings, optional_sources())


def _mixed(settings: Mapping[str, Any], sources: Iterable[str]) -> Badge:
    if _is_all_simulated(settings):
        return SIMULATED
    simulated = _simulated(settings, sources)
    return Badge("partly", f"partly simulated: {', '.join(simulated)}") if simulated else REAL


def _is_all_simulated(settings: Mapping[str, Any]) -> bool:
    connected = [one for one in (settings.get("sources") or {}).values() if one is not None]
    return bool(connected) and all(one.get("simulated") is True for one in connected)


def _simulated(settings: Mapping[str, Any], sources: Iterable[str]) -> list[str]:
    found = []
    for source in sorted(sources):
        badge = source_badge(settings, source)
        if badge.kind == "simulated":
            found.append(source)
        elif badge.kind == "partly":
            found.append(f"{source} ({', '.join(settings['sources'][source]['simulated'])})")
    return found
