"""Whether a source still has the columns it had."""

from __future__ import annotations

import json

_NUMBERS = ("tinyint", "smallint", "int", "bigint", "float", "double", "decimal")
# Types of these formats are guessed from the rows, so 12 and 12.5 make different ones.
_GUESSED = ("csv", "json")


def schema_changes(before: str, now: str, source_format: str | None) -> list[str]:
    """What changed between two schemas, a phrase each.

    Args:
        before: JSON of names and types.
        now: the same, of today.
        source_format: csv and json have guessed types, among which numbers are one.
    """
    old, new = json.loads(before), json.loads(now)
    folded = {name.casefold(): name for name in new}
    found = []
    for name, kind in old.items():
        if name in new:
            if _kind(kind, source_format) != _kind(new[name], source_format):
                found.append(f"{name} was {kind} and is {new[name]}")
        elif name.casefold() in folded:
            found.append(f"{name} is now spelled {folded[name.casefold()]}")
        else:
            found.append(f"{name} is missing")
    known = {name.casefold() for name in old}
    found += [f"{name} is new ({kind})" for name, kind in new.items() if name.casefold() not in known]
    return found


def _kind(kind: str, source_format: str | None) -> str:
    if source_format in _GUESSED and kind.partition("(")[0] in _NUMBERS:
        return "number"
    return kind
