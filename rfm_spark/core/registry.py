"""What the capabilities give: settings, sources, checks, tables, columns, steps, sections and commands.

A capability is a folder with modules of fixed names, found by name, so that nothing below them imports them and a
command loads only what it needs: what asks for tables imports no step.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

_LIST = "rfm_spark.capabilities"
_also: list[str] = []


def capabilities() -> tuple[str, ...]:
    """Packages of all capabilities, in the order in which their steps, columns and sections come."""
    listed: tuple[str, ...] = import_module(_LIST).CAPABILITIES
    return (*(f"{_LIST}.{name}" for name in listed), *_also)


@contextmanager
def with_capability(package: str) -> Iterator[None]:
    """One more capability, from a package anywhere, after all others."""
    _also.append(package)
    try:
        yield
    finally:
        _also.remove(package)


def given(module: str, name: str) -> list[tuple[str, Any]]:
    """What each capability has under a name in a module of its folder; those without such a module are passed over.

    Args:
        module: such as tables.
        name: such as TABLES.

    Returns:
        Name of the capability's folder, and what it has there.
    """
    found = []
    for package in capabilities():
        if find_spec(f"{package}.{module}") is None:
            continue
        value = getattr(import_module(f"{package}.{module}"), name, None)
        if value is not None:
            found.append((package.rpartition(".")[2], value))
    return found


def package_of(capability: str) -> str:
    """The package of a capability, by the name of its folder."""
    return next(package for package in capabilities() if package.rpartition(".")[2] == capability)
