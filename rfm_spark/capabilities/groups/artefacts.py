"""What the step of groups gives."""

from __future__ import annotations

from dataclasses import dataclass

from rfm_spark.pipeline.artefact import Artefact


@dataclass(frozen=True, kw_only=True)
class GroupDifferences(Artefact):
    """How the configured groups differ is written."""
