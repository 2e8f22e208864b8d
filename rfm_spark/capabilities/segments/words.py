"""The segments of a stored configuration: their names for people, their colours, and the columns their rules read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rfm_spark.capabilities.segments.rules import RuleMap

UNKNOWN_COLOUR = "#8c8c8c"


@dataclass(frozen=True)
class SegmentNames:
    """Segments of a rule map, in its order.

    Attributes:
        labels: for people, by name in the tables.
        colours: #rrggbb, by name.
    """

    labels: Mapping[str, str]
    colours: Mapping[str, str]

    def label(self, segment: str) -> str:
        """A segment's name for people, also of one that only an earlier rule map knows."""
        return self.labels.get(segment, segment.replace("_", " ").capitalize())

    def colour(self, segment: str) -> str:
        """A segment's colour."""
        return self.colours.get(segment, UNKNOWN_COLOUR)


def rule_map_of(settings: Mapping[str, Any]) -> RuleMap:
    """The rule map that a stored configuration holds."""
    return RuleMap.model_validate(settings["segments"]["rule_map"])


def segment_names(settings: Mapping[str, Any]) -> SegmentNames:
    """What the segments of a stored configuration are called."""
    outcomes = rule_map_of(settings).all_outcomes()
    return SegmentNames({one.name: one.label for one in outcomes}, {one.name: one.colour for one in outcomes})


def rule_columns(settings: Mapping[str, Any]) -> frozenset[str]:
    """Columns, as written in the rules, that the segments of a stored configuration are made from."""
    return rule_map_of(settings).columns()
