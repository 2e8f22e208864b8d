"""Whether what a section shows is real, simulated, or not connected: said wherever it is shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rfm_spark.capabilities.engagement.tables import ENGAGEMENT_COLUMNS, ENGAGEMENT_RFM_COLUMNS
from rfm_spark.capabilities.engagement.words import ALL_CHANNELS
from rfm_spark.capabilities.events.tables import INTERACTION_COLUMNS

EVENTS, MESSAGES = "events", "messages"
# Sections of which each shows the segments, or what became of them.
_OF_RULES = ("segments", "value", "grid", "moves")
# Sections that speak of all the run read.
_OF_ALL = ("sources", "run", "notes")


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


def source_badge(settings: Mapping[str, Any], source: str) -> Badge:
    """The badge of a source.

    Args:
        settings: configuration of the run; one of an older version lacks the newer sources.
        source: its key in `sources`.
    """
    given = (settings.get("sources") or {}).get(source)
    if given is None:
        return REAL if source == "transactions" else ABSENT
    simulated = given.get("simulated") or False
    if simulated is True:
        return SIMULATED
    return Badge("partly", f"partly simulated: {', '.join(simulated)}") if simulated else REAL


def channel_badge(settings: Mapping[str, Any], source: str, channel: str) -> Badge:
    """The badge of one channel of a source; that of the source for all channels together."""
    whole = source_badge(settings, source)
    if whole.kind != "partly" or channel == ALL_CHANNELS:
        return whole
    return SIMULATED if channel in settings["sources"][source]["simulated"] else REAL


def section_badges(settings: Mapping[str, Any], rules: frozenset[str]) -> dict[str, Badge]:
    """The badge of each section that transactions are at the bottom of, by its id on the page.

    Args:
        settings: configuration of the run.
        rules: columns that its rule map reads.
    """
    features = (settings.get("clusters") or {}).get("features") or ()
    clusters = {str(one.get("column") if isinstance(one, Mapping) else one) for one in features}
    of_rules = _mixed(settings, _sources_of(settings, rules))
    # Clusters are shown with the segments of their customers, and drift is of both.
    of_both = _mixed(settings, _sources_of(settings, rules | clusters))
    of_all = _mixed(settings, {EVENTS, MESSAGES})
    return {
        **dict.fromkeys(_OF_RULES, of_rules),
        **dict.fromkeys(("clusters", "drift"), of_both),
        **dict.fromkeys(("cuts", "glossary"), REAL),
        **dict.fromkeys(_OF_ALL, of_all),
    }


def simulated_sources(settings: Mapping[str, Any]) -> list[str]:
    """Sources with simulated data, as "events" or "messages (email, sms)"."""
    return _told(settings, {EVENTS, MESSAGES})


def _mixed(settings: Mapping[str, Any], sources: Iterable[str]) -> Badge:
    told = _told(settings, sources)
    return Badge("partly", f"partly simulated: {', '.join(told)}") if told else REAL


def _told(settings: Mapping[str, Any], sources: Iterable[str]) -> list[str]:
    found = []
    for source in sorted(sources):
        badge = source_badge(settings, source)
        if badge.kind == "simulated":
            found.append(source)
        elif badge.kind == "partly":
            found.append(f"{source} ({', '.join(settings['sources'][source]['simulated'])})")
    return found


def _sources_of(settings: Mapping[str, Any], columns: Iterable[str]) -> set[str]:
    rfm = ((settings.get("engagement") or {}).get("rfm") or {}).get("of")
    homes = {
        **{name: EVENTS for name, _, _ in INTERACTION_COLUMNS},
        **{name: MESSAGES for name, _, _ in ENGAGEMENT_COLUMNS},
        "engagement_tier": MESSAGES,
        **{name: EVENTS if rfm == "interactions" else MESSAGES for name, _, _ in ENGAGEMENT_RFM_COLUMNS},
    }
    return {homes[name] for name in columns if name in homes}
