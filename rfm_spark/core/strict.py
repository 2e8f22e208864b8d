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

    def named(self, config: Any) -> dict[str, Any]:
        """What the part names and the lake keeps with it, such as the rules of a rule map.

        Args:
            config: the whole, a `core.config.Config`.

        Raises:
            ConfigError: it can't be read or can't work.
        """
        return {}

    def stored_beside(self) -> dict[str, Any]:
        """Marks that the part leaves at the top of the stored configuration."""
        return {}

    def problems(self, stages: Collection[str]) -> list[str]:
        """What is wrong with the part beside the others.

        Args:
            stages: that run.
        """
        return []
