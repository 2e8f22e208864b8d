"""The base of all models of the configuration."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """Immutable, and a key nobody reads is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def stored(self) -> dict[str, Any]:
        """The part as the lake keeps it with each run: what shapes results, and what older versions had beside it."""
        return self.model_dump(mode="json", by_alias=True)

    def stored_beside(self) -> dict[str, Any]:
        """Marks that the part leaves at the top of the stored configuration."""
        return {}

    def problems(self, stages: Collection[str]) -> list[str]:
        """What is wrong with the part beside the others.

        Args:
            stages: that run.
        """
        return []
