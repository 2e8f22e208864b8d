"""What the step of cohorts gives."""

from __future__ import annotations

from dataclasses import dataclass

from rfm_spark.pipeline.artefact import Artefact


@dataclass(frozen=True, kw_only=True)
class Cohorts(Artefact):
    """What became of customers who began together is written."""
