"""What a step is: a function from what it needs to what it gives, with the tables and sources it touches."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, field
from functools import cached_property
from typing import Any, Literal, Protocol, Union, get_args, get_origin, get_type_hints

from rfm_spark.core.config import Config
from rfm_spark.core.errors import PlanError
from rfm_spark.core.table import Table
from rfm_spark.pipeline.artefact import Artefact
from rfm_spark.pipeline.environment import Environment

ASIDE = "aside"
_NEITHER = "its parameter {} is neither an artefact, settings nor the environment; annotate it so"
Role = Literal["one", "maybe", "all", "settings", "environment"]


class Settings(Protocol):
    """The part of a configuration that shapes a step's result, as a frozen dataclass."""

    @classmethod
    def of(cls, config: Config) -> Any:
        """The settings; None where the step is off."""


@dataclass(frozen=True)
class Need:
    """A parameter of a step.

    Attributes:
        name: of the parameter.
        role: one artefact; maybe one, where whoever gives it may be off; all artefacts of a kind; settings; or the
            environment.
        kind: type of the artefact or of the settings.
    """

    name: str
    role: Role
    kind: type[Any]


@dataclass(frozen=True)
class Step:
    """One step of a run.

    Attributes:
        work: the function.
        title: what a person sees while it runs.
        waits_for: what takes the time, for the person who waits.
        sources: names of the sources it reads.
        reads: tables it reads rows of, of other runs or of ledgers.
        writes: tables it writes.
        capability: folder it is of.
        takes_long: whether it may take minutes, so that what it gave is noted at once.
        lasts: False where the answer hangs on other runs than the previous one, so that every run asks anew.
    """

    work: Callable[..., Artefact]
    title: str
    waits_for: str
    sources: tuple[str, ...] = ()
    reads: tuple[Table, ...] = ()
    writes: tuple[Table, ...] = ()
    capability: str = ""
    lasts: bool = True
    takes_long: bool = False

    @property
    def name(self) -> str:
        """Unique among all steps."""
        return f"{self.capability}.{self.work.__name__}"

    @property
    def question(self) -> str:
        """What it answers."""
        return (inspect.getdoc(self.work) or "").splitlines()[0]

    @cached_property
    def needs(self) -> tuple[Need, ...]:
        """Its parameters, from their types."""
        hints = get_type_hints(self.work)
        return tuple(_need(self.work, name, hints.get(name)) for name in inspect.signature(self.work).parameters)

    @cached_property
    def gives(self) -> type[Artefact]:
        """What it gives, from the type of its result."""
        found = get_type_hints(self.work).get("return")
        if not (isinstance(found, type) and issubclass(found, Artefact)):
            raise PlanError(
                f"step {self.work.__name__}: its result is no artefact; annotate the frozen dataclass it gives"
            )
        return found

    def settings(self, config: Config) -> dict[str, Any] | None:
        """Its settings by parameter; None where it is off."""
        found = {need.name: need.kind.of(config) for need in self.needs if need.role == "settings"}
        return None if any(value is None for value in found.values()) else found


def aside(default: Any = MISSING) -> Any:
    """A field of settings that shapes no result by itself: another field stands for what it does."""
    return field(default=default, metadata={ASIDE: True})


def step(
    title: str,
    waits_for: str,
    *,
    sources: Sequence[str] = (),
    reads: Sequence[Table] = (),
    writes: Sequence[Table] = (),
    lasts: bool = True,
    takes_long: bool = False,
) -> Callable[[Callable[..., Artefact]], Step]:
    """Make a function a step; see `Step` for what is declared."""

    def made(work: Callable[..., Artefact]) -> Step:
        return Step(
            work, title, waits_for, tuple(sources), tuple(reads), tuple(writes), lasts=lasts, takes_long=takes_long
        )

    return made


def _need(work: Callable[..., Artefact], name: str, hint: Any) -> Need:
    if hint is Environment:
        return Need(name, "environment", Environment)
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType) and type(None) in parts:
        kind = next(part for part in parts if part is not type(None))
        return Need(name, "maybe", _artefact(work, name, kind))
    if origin is tuple and len(parts) == 2 and parts[1] is Ellipsis:
        return Need(name, "all", _artefact(work, name, parts[0]))
    if isinstance(hint, type) and issubclass(hint, Artefact):
        return Need(name, "one", hint)
    if isinstance(hint, type) and hasattr(hint, "of"):
        return Need(name, "settings", hint)
    raise PlanError(f"step {work.__name__}: {_NEITHER.format(name)}")


def _artefact(work: Callable[..., Artefact], name: str, kind: Any) -> type[Any]:
    if isinstance(kind, type) and issubclass(kind, Artefact):
        return kind
    raise PlanError(f"step {work.__name__}: {_NEITHER.format(name)}")
