"""What the step of movement gives."""

from __future__ import annotations

from dataclasses import dataclass

from rfm_spark.capabilities.movement.moves import Flicker
from rfm_spark.pipeline.artefact import Artefact

__all__ = ["Flicker", "Movement"]


@dataclass(frozen=True, kw_only=True)
class Movement(Artefact):
    """Who moved since the previous run is told.

    Attributes:
        flicker: moves back and forth; None without a previous run.
    """

    flicker: Flicker | None = None
