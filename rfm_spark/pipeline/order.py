"""The steps of a configuration, in the order that follows from what they need and give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rfm_spark.core.config import Config
from rfm_spark.core.errors import PlanError
from rfm_spark.core.registry import given
from rfm_spark.core.schemas import tables
from rfm_spark.pipeline.artefact import Artefact, tables_of
from rfm_spark.pipeline.step import Need, Step


@dataclass(frozen=True)
class Chosen:
    """A step that runs under a configuration.

    Attributes:
        step: what it is.
        settings: by parameter.
        givers: parameter to the steps whose artefacts it takes.
        sources: of those it declares, the ones that are connected.
    """

    step: Step
    settings: Mapping[str, Any]
    givers: Mapping[str, tuple[str, ...]]
    sources: tuple[str, ...] = ()


def all_steps() -> tuple[Step, ...]:
    """The steps of all capabilities, in their order.

    Raises:
        PlanError: two have the same name, or one writes a table that nobody declares.
    """
    found = [replace(step, capability=name) for name, steps in given("step", "STEPS") for step in steps]
    names = [step.name for step in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise PlanError(f"there are two steps {twice}; rename one")
    writers: dict[str, str] = {}
    for step in found:
        for table in (*step.writes, *step.reads):
            if tables().get(table.name) != table:
                raise PlanError(
                    f"step {step.name} uses the table {table.name}, which no capability declares; add it to TABLES of "
                    "its tables.py"
                )
            if table.kind == "run" and not table.part and table in step.writes:
                other = writers.setdefault(table.name, step.name)
                if other != step.name:
                    raise PlanError(
                        f"steps {other} and {step.name} both write {table.name}; one would replace the other"
                    )
        unwritten = set(tables_of(step.gives)) - {table.name for table in step.writes}
        if unwritten:
            raise PlanError(f"step {step.name} gives rows of {min(unwritten)}, which it does not declare to write")
    return tuple(found)


def ordered(config: Config, prepared: Sequence[type[Artefact]], steps: Sequence[Step] | None = None) -> list[Chosen]:
    """The steps that run, each after those whose artefacts it needs; otherwise in the order of the capabilities.

    Args:
        config: says which are off.
        prepared: artefacts that are there before the first step.
        steps: to choose from; None for those of all capabilities.

    Raises:
        PlanError: something is needed that nobody gives, given twice, or needed in a circle.
    """
    every = all_steps() if steps is None else tuple(steps)
    settings = {step.name: step.settings(config) for step in every}
    running = [step for step in every if settings[step.name] is not None]
    running = [step for step in running if _has_something(step, running)]
    running = _without_those_after(running, every)
    _each_given_once(running)
    connected = config.connected()
    chosen = [
        Chosen(
            step,
            settings[step.name] or {},
            {need.name: _givers(step, need, running, every, prepared) for need in step.needs},
            tuple(name for name in step.sources if name in connected),
        )
        for step in running
    ]
    return _sorted(chosen)


def _without_those_after(running: Sequence[Step], every: Sequence[Step]) -> list[Step]:
    """Steps without those that need what another step of their own capability gives, which is off."""
    kept = list(running)
    while True:
        off = [step for step in every if step not in kept]
        idle = [step for step in kept if any(_waits_for(step, need, kept, off) for need in step.needs)]
        if not idle:
            return kept
        kept = [step for step in kept if step not in idle]


def _waits_for(step: Step, need: Need, kept: Sequence[Step], off: Sequence[Step]) -> bool:
    if need.role != "one" or any(issubclass(other.gives, need.kind) for other in kept):
        return False
    return any(issubclass(other.gives, need.kind) and other.capability == step.capability for other in off)


def _has_something(step: Step, running: Sequence[Step]) -> bool:
    """A step that only gathers has nothing to do where nobody gives what it gathers."""
    roles = {need.role for need in step.needs if need.role not in ("settings", "environment")}
    gathered = [need.kind for need in step.needs if need.role == "all"]
    return roles != {"all"} or any(issubclass(other.gives, kind) for kind in gathered for other in running)


def _each_given_once(running: Sequence[Step]) -> None:
    by_kind: dict[type[Artefact], Step] = {}
    for step in running:
        other = by_kind.setdefault(step.gives, step)
        if other is not step:
            raise PlanError(f"steps {other.name} and {step.name} both give {step.gives.__name__}; one has to go")


def _givers(
    step: Step, need: Need, running: Sequence[Step], every: Sequence[Step], prepared: Sequence[type[Artefact]]
) -> tuple[str, ...]:
    if need.role in ("settings", "environment"):
        return ()
    giving = [other for other in running if issubclass(other.gives, need.kind) and other is not step]
    replaced = {other.gives.instead_of for other in giving if need.role != "all"}
    found = tuple(other.name for other in giving if other.gives not in replaced)
    if need.role == "all" or any(issubclass(kind, need.kind) for kind in prepared):
        return found
    if len(found) > 1:
        raise PlanError(
            f"step {step.name} needs one {need.kind.__name__}, which {' and '.join(found)} give; take a tuple of them"
        )
    if not found and need.role == "one":
        off = next((other.name for other in every if issubclass(other.gives, need.kind)), None)
        why = f"whose step {off} is off" if off else "which no step gives"
        raise PlanError(f"step {step.name} needs {need.kind.__name__}, {why}; switch it on, or do without (| None)")
    return found


def _sorted(chosen: Sequence[Chosen]) -> list[Chosen]:
    left, done, found = list(chosen), set[str](), list[Chosen]()
    while left:
        ready = next(
            (one for one in left if all(name in done for names in one.givers.values() for name in names)), None
        )
        if ready is None:
            raise PlanError(f"steps need each other in a circle: {', '.join(_circle(left))}; take one need out of it")
        left.remove(ready)
        found.append(ready)
        done.add(ready.step.name)
    return found


def _circle(left: Sequence[Chosen]) -> list[str]:
    """Names of steps of which each needs the one before; of steps that all wait for another of them."""
    needs = {one.step.name: [name for names in one.givers.values() for name in names] for one in left}
    path = [left[0].step.name]
    while True:
        giver = next(name for name in needs[path[-1]] if name in needs)
        if giver in path:
            return sorted(path[path.index(giver) :])
        path.append(giver)
