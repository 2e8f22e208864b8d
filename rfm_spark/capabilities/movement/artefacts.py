"""What the step of movement gives."""

from __future__ import annotations

from dataclasses import dataclass

from rfm_spark.capabilities.movement.moves import Flapping
from rfm_spark.pipeline.artefact import Artefact

__all__ = ["Flapping", "Movement"]


@dataclass(frozen=True, kw_only=True)
class Movement(Artefact):
    """Who moved since the previous run is told.

    Attributes:
        flapping: moves back and forth; None without a previous run.
    """

    flapping: Flapping | None = None
