"""Scopes that customers are parted into, as stored runs tell of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# What keeps amounts of different currencies apart: they have no sum, and none is more than another.
CURRENCY = "currency"
# What stands between the names that a scope is made of.
BETWEEN = " / "
_COUNTED = "scope."


def parted_by(document: Mapping[str, Any]) -> tuple[str, ...]:
    """What parts the customers of a run; nothing for a single scope.

    Args:
        document: stored configuration; one of an older version knows no scopes.
    """
    return tuple((document.get("rfm") or {}).get("scope") or ())


def amounts_apart(document: Mapping[str, Any]) -> bool:
    """Whether amounts of customers of different scopes are of different currencies."""
    return CURRENCY in parted_by(document)


def counted_as(scope: str) -> str:
    """Under which name the ledger counts the customers of a scope."""
    return f"{_COUNTED}{scope}"


def scopes_counted(rows: Mapping[str, int]) -> dict[str, int]:
    """Customers by scope; none where nothing parts them.

    Args:
        rows: counts by name, of the ledger.
    """
    return {name.removeprefix(_COUNTED): count for name, count in rows.items() if name.startswith(_COUNTED)}
