"""The configuration a user writes, as typed models; unknown keys are refused.

Each capability has a part of it, and the whole is put together from them: whoever needs a part asks for it by its type.
Paths in a model stay as they were written; `Config.resolve` makes them absolute at the last moment, so that
the stored configuration and its hash don't depend on the machine.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ConfigDict, Field, PrivateAttr, create_model, field_validator, model_validator

from rfm_spark.core.columns import stages
from rfm_spark.core.errors import ConfigError, PlanError
from rfm_spark.core.reading.places import Where
from rfm_spark.core.registry import capabilities, given
from rfm_spark.core.retention import RetentionConfig
from rfm_spark.core.strict import Strict

NAME_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,62}$"
IDENTIFIER_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]{0,127}$"
_PLACEHOLDER = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}")
_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:/")
Part = TypeVar("Part", bound=Strict)


class LakeConfig(Strict):
    """Where the tables live: `root` for a folder of Delta tables, or `catalog` and `schema`."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, protected_namespaces=())

    root: str | None = Field(None, description="Folder of Delta tables (path mode).")
    catalog: str | None = Field(None, pattern=IDENTIFIER_PATTERN, description="Catalog (catalog mode).")
    schema_name: str | None = Field(
        None, alias="schema", pattern=IDENTIFIER_PATTERN, description="Schema in the catalog."
    )

    @model_validator(mode="after")
    def _one_mode(self) -> LakeConfig:
        if (self.root is None) == (self.schema_name is None):
            raise ValueError("give either root, or catalog and schema")
        if self.catalog is not None and self.schema_name is None:
            raise ValueError("catalog needs schema beside it")
        return self


class DisplayConfig(Strict):
    """How money and numbers are shown; it changes no result."""

    currency: str | None = Field(None, pattern=r"^[A-Z]{3}$", description="ISO 4217 code, such as EUR.")
    locale: str = Field("en_US", pattern=r"^[a-z]{2,3}(_[A-Za-z]{2,4})*$")


class Config(Strict):
    """One segmentation in one lake; `config_model` adds the parts of the capabilities."""

    name: str = Field("default", pattern=NAME_PATTERN, description="Identifies this segmentation in a lake.")
    lake: LakeConfig
    timezone: str = "UTC"
    display: DisplayConfig = DisplayConfig()
    retention: RetentionConfig = RetentionConfig()
    _base_dir: Path = PrivateAttr(default_factory=Path.cwd)

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"unknown time zone {name!r}; use a name such as Europe/Berlin") from None
        return name

    @property
    def base_dir(self) -> Path:
        """Folder of the file it was read from; relative paths start there."""
        return self._base_dir

    @property
    def stages(self) -> frozenset[str]:
        """The stages that run, such as clusters and engagement."""
        return stages(self.model_dump(mode="json", by_alias=True))

    @property
    def sources(self) -> dict[str, Strict]:
        """The user's own tables that it names."""
        named = cast("Mapping[str, Strict | None]", dict(self._sources()))
        return {name: source for name, source in named.items() if source is not None}

    def part(self, kind: type[Part]) -> Part:
        """The settings, or the source, of a type."""
        found = self.find(kind)
        if found is None:
            raise LookupError(f"the configuration has no {kind.__name__}")
        return found

    def find(self, kind: type[Part]) -> Part | None:
        """The same; None for a source that is not named."""
        return next((part for _, part in self._parts() if isinstance(part, kind)), None)

    @model_validator(mode="after")
    def _fits_together(self) -> Config:
        running, sources = self.stages, self.sources
        problems = [problem for _, part in self._parts() for problem in part.problems(running)]
        problems += [problem for _, part in self._parts() for problem in part.problems_with(sources)]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def resolve(self, path: str) -> str:
        """Absolute form of a path written in the file, with `${env:NAME}` filled in.

        Raises:
            ConfigError: an environment variable is not set.
        """
        return absolute(fill_placeholders(path, "config"), self._base_dir)

    def places(self) -> dict[str, Where]:
        """Where each source is, by name."""
        return {name: source for name, source in self.sources.items() if isinstance(source, Where)}

    def connected(self) -> tuple[str, ...]:
        """Names of all sources, those within others among them, as transactions.rates."""
        return tuple(
            name
            for outer, place in self.places().items()
            for name in (outer, *(f"{outer}.{one}" for one in place.within()))
        )

    def canonical(self) -> str:
        """JSON with sorted keys of all that shapes results: no secrets, no lake location, no display, no retention.

        Raises:
            ConfigError: what it names, such as a rule map, can't be read or can't work.
        """
        document = self.stored()
        for key, part in self._kept():
            document[key] |= part.named(self)
        return json.dumps(document, sort_keys=True, separators=(",", ":"))

    def document(self) -> dict[str, Any]:
        """The same as a document, as it is read back from a lake; errors as there."""
        return cast("dict[str, Any]", json.loads(self.canonical()))

    def stored(self) -> dict[str, Any]:
        """The same as a document, without what it names."""
        document: dict[str, Any] = {"name": self.name, "timezone": self.timezone}
        optional = (one for _, found in given("config", "OPTIONAL_SOURCES") for one in found.items())
        later = {name for name, kind in optional if kind.came_later}
        document["sources"] = dict.fromkeys(name for name, _ in self._sources() if name not in later)
        for name, source in self.sources.items():
            document["sources"][name] = source.stored()
            document |= source.stored_beside()
        document |= {key: part.stored() for key, part in self._kept()}
        return document

    def _kept(self) -> Iterator[tuple[str, Strict]]:
        return ((key, part) for key, part in self._settings() if not part.came_later or part != type(part)())

    def _settings(self) -> Iterator[tuple[str, Strict]]:
        for key in type(self).model_fields:
            value = getattr(self, key)
            if key not in Config.model_fields and key != "sources_" and isinstance(value, Strict):
                yield key, value

    def _sources(self) -> Iterator[tuple[str, Strict | None]]:
        group: Strict | None = getattr(self, "sources_", None)
        yield from () if group is None else ((name, getattr(group, name)) for name in type(group).model_fields)

    def _parts(self) -> Iterator[tuple[str, Strict]]:
        yield from self._settings()
        yield from self.sources.items()


def config_model() -> type[Config]:
    """The configuration with the parts of all capabilities.

    Raises:
        PlanError: two capabilities have the same key.
    """
    return _put_together(capabilities())


@lru_cache
def _put_together(_: tuple[str, ...]) -> type[Config]:
    sources: dict[str, Any] = {}
    for capability, found in given("config", "SOURCES"):
        sources |= {name: (model, ...) for name, model in _unused(found, sources, capability).items()}
    for capability, found in given("config", "OPTIONAL_SOURCES"):
        sources |= {name: (model | None, None) for name, model in _unused(found, sources, capability).items()}
    group = create_model("Sources", __base__=Strict, __doc__="The user's own tables.", **sources)
    parts: dict[str, Any] = {"sources_": (group, Field(alias="sources"))}
    for capability, found in given("config", "SETTINGS"):
        parts |= {key: (model, model()) for key, model in _unused(found, parts, capability).items()}
    return create_model("Config", __base__=Config, __doc__="One segmentation in one lake.", **parts)


def _unused(found: Mapping[str, Any], there: Mapping[str, Any], capability: str) -> Mapping[str, Any]:
    for key in found:
        if key in there or key in Config.model_fields:
            raise PlanError(
                f"capability {capability} has the key {key} of the configuration, which is taken; rename it"
            )
    return found


def fill_placeholders(text: str, where: str) -> str:
    """Replace each `${env:NAME}` by the environment's value.

    Raises:
        ConfigError: the variable is not set.
    """

    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])
        if found is None:
            raise ConfigError(where, [f"environment variable {match[1]} is not set"])
        return found

    return _PLACEHOLDER.sub(value, text)


def absolute(path: str, base: Path | None = None) -> str:
    """A path from the base folder (the working directory for None); URIs stay as they are."""
    return path if _SCHEME.match(path) else str(((base or Path.cwd()) / path).resolve())
