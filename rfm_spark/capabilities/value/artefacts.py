"""What the step of value gives."""

from __future__ import annotations

from dataclasses import dataclass

from rfm_spark.pipeline.artefact import Artefact


@dataclass(frozen=True, kw_only=True)
class Value(Artefact):
    """What customers are worth is written."""
