"""What steps give each other: frozen values, whose frames are slices of tables that a later process finds again."""

from __future__ import annotations

import dataclasses
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar, TypeVar, get_type_hints

from pydantic import TypeAdapter
from pyspark.sql import DataFrame

from rfm_spark.core.table import Table

Scalar = int | float | bool | str
_TABLE, _LIVE = "table", "live"
Kind = TypeVar("Kind", bound="Artefact")
_known_adapters: dict[type[Any], tuple[tuple[str, TypeAdapter[Any]], ...]] = {}


@dataclass(frozen=True)
class Account:
    """What a step tells of itself, for the ledger.

    Attributes:
        rows: counts by name.
        money: sums by name.
        warnings: what a reader of the figures should know.
        source_fingerprints: source to a fingerprint of its rows up to as_of.
        facts: columns of the ledger that the step knows, such as status.
        dealt_with: rows the step looked at; None where it had nothing to do.
    """

    rows: Mapping[str, int] = field(default_factory=dict)
    money: Mapping[str, Decimal] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    source_fingerprints: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    dealt_with: int | None = None


@dataclass(frozen=True, kw_only=True)
class Artefact:
    """The result of a step; nobody changes it once it is given.

    Attributes:
        instead_of: of several artefacts of a kind that is asked for, the one whose place this takes.
    """

    instead_of: ClassVar[type[Artefact] | None] = None
    account: Account = field(default_factory=Account)


@dataclass(frozen=True, kw_only=True)
class CustomerColumns(Artefact, ABC):
    """Columns that a capability adds to the rows of customers who purchased.

    Attributes:
        absent: values of customers who are not in it, where the registry of columns has no other.
    """

    absent: Mapping[str, Scalar] = field(default_factory=dict)

    @property
    @abstractmethod
    def columns(self) -> DataFrame:
        """customer_id, once each, and the columns."""


@dataclass(frozen=True, kw_only=True)
class CustomerLookup(Artefact, ABC):
    """Columns that follow from measures and other columns of a customer's row, before clusters take theirs.

    What they follow from may be in a table that is smaller than the customers are many.
    """

    @property
    def left_empty(self) -> tuple[str, ...]:
        """Columns that nobody has a value of, since too little is known."""
        return ()

    @abstractmethod
    def look_up(self, customers: DataFrame) -> DataFrame:
        """The rows with its columns; as many as before."""


@dataclass(frozen=True, kw_only=True)
class CustomerProjection(Artefact, ABC):
    """Columns that follow from the other columns of a customer's row, without a join."""

    @abstractmethod
    def project(self, customers: DataFrame) -> DataFrame:
        """The rows with its columns."""


def in_table(table: Table) -> Any:
    """A frame of an artefact that is this run's slice of a table."""
    return field(metadata={_TABLE: table.name})


def live() -> Any:
    """A value of an artefact that only the process has that made it; None for one that found the rest again."""
    return field(default=None, metadata={_LIVE: True}, compare=False)


def tables_of(kind: type[Artefact]) -> tuple[str, ...]:
    """Tables that hold the frames of an artefact."""
    return tuple(one.metadata[_TABLE] for one in dataclasses.fields(kind) if _TABLE in one.metadata)


def as_text(artefact: Artefact) -> str:
    """The values of an artefact, without frames and without what only its process has."""
    adapters = _adapters(type(artefact))
    return json.dumps({name: adapter.dump_python(getattr(artefact, name), mode="json") for name, adapter in adapters})


def from_text(kind: type[Kind], text: str, slices: Callable[[str], DataFrame | None]) -> Kind:
    """An artefact as it was given.

    Args:
        kind: of the artefact.
        text: of `as_text`.
        slices: the rows of a table, by its name; None for one that was not written.
    """
    stored = json.loads(text)
    values = {name: adapter.validate_python(stored[name]) for name, adapter in _adapters(kind) if name in stored}
    kept = (one for one in dataclasses.fields(kind) if _TABLE in one.metadata)
    frames: dict[str, Any] = {one.name: slices(one.metadata[_TABLE]) for one in kept}
    return kind(**values, **frames)


def _adapters(kind: type[Artefact]) -> tuple[tuple[str, TypeAdapter[Any]], ...]:
    if kind not in _known_adapters:
        hints = get_type_hints(kind)
        plain = (one for one in dataclasses.fields(kind) if not {_TABLE, _LIVE} & set(one.metadata))
        _known_adapters[kind] = tuple((one.name, TypeAdapter(hints[one.name])) for one in plain)
    return _known_adapters[kind]
