"""What the steps of movement give."""

from __future__ import annotations

from dataclasses import dataclass

from rfm_spark.capabilities.movement.comparing import Earlier
from rfm_spark.capabilities.movement.moves import Flapping, without_amounts
from rfm_spark.capabilities.movement.transitions import Moved, moved_from, transitions
from rfm_spark.pipeline.artefact import Artefact, live

# Capabilities whose columns are tracked tell of their moves in the same way.
__all__ = ["Comparison", "Earlier", "Flapping", "Moved", "Movement", "moved_from", "transitions", "without_amounts"]


@dataclass(frozen=True, kw_only=True)
class Comparison(Artefact):
    """What customers are compared with.

    Attributes:
        earlier: the previous run; None without one.
    """

    earlier: Earlier | None = live()


@dataclass(frozen=True, kw_only=True)
class Movement(Artefact):
    """Who moved since the previous run is told.

    Attributes:
        flapping: moves back and forth; None without a previous run.
    """

    flapping: Flapping | None = None
