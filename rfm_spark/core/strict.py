"""The base of all models of the configuration."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationInfo, model_validator


class Strict(BaseModel):
    """Immutable, and a key nobody reads is an error.

    Attributes:
        renamed: keys of older versions and what they are called today; both are read.
        advice: keys that say what to do with results, and shape none.
        came_later: whether lakes were written before there was such a part: at its defaults, or as a source that is not
            there, the lake keeps nothing of it, and runs of before stay the same.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    renamed: ClassVar[Mapping[str, str]] = {}
    advice: ClassVar[tuple[str, ...]] = ()
    came_later: ClassVar[bool] = False

    @model_validator(mode="before")
    @classmethod
    def _todays_keys(cls, given: Any, info: ValidationInfo) -> Any:
        old = cls.renamed.keys() & given.keys() if isinstance(given, dict) else set()
        for key in old:
            if cls.renamed[key] in given:
                raise ValueError(f"{key} is what older versions called {cls.renamed[key]}; give one of the two")
            if info.context is not None:
                info.context["notices"].append(f"{key} is called {cls.renamed[key]} now; the older key is still read")
        return {cls.renamed.get(key, key): value for key, value in given.items()} if old else given

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

    def problems_with(self, sources: Mapping[str, Any]) -> list[str]:
        """What is wrong with the part beside the sources that there are.

        Args:
            sources: by name.
        """
        return []
