"""What a step's result hangs on, as one hash, and in words which of it changed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from importlib.resources import files
from typing import Any, get_type_hints

from pydantic import TypeAdapter

import rfm_spark
from rfm_spark.core.digests import digest
from rfm_spark.core.registry import capabilities
from rfm_spark.core.runs import RunRow
from rfm_spark.pipeline.environment import Source
from rfm_spark.pipeline.order import Chosen
from rfm_spark.pipeline.prepared import Prepared
from rfm_spark.pipeline.step import ASIDE

# What shapes no result of a step.
_ASIDE = ("section", "commands", "explain", "checking", "maintenance")
_SHARED = ("rfm_spark.core", "rfm_spark.core.reading", "rfm_spark.pipeline")


def parts_of(
    chosen: Chosen, as_of: date, sources: Mapping[str, Source], earlier: Sequence[RunRow],
    givers: Mapping[str, str], decisions: Iterable[Prepared],
) -> dict[str, Any]:  # fmt: skip
    """What a step's result hangs on.

    Args:
        chosen: the step with its settings.
        as_of: last day that counts.
        sources: pinned.
        earlier: runs whose rows it may read.
        givers: fingerprints of the steps before it, by name.
        decisions: of before the run.

    Returns:
        code, configuration, data, and what it needs.
    """
    step = chosen.step
    kinds = {need.kind for need in step.needs}
    return {
        "code": f"{rfm_spark.__version__} {_code(capabilities())}",
        "configuration": {name: _settings(value) for name, value in chosen.settings.items()},
        "data": {
            "as of": as_of.isoformat(),
            **{name: sources[name].version for name in step.sources if name in sources},
        },
        "earlier runs": digest(" ".join(run.run_id for run in earlier if run.has_rows))[:16] if step.reads else None,
        "steps": {name: givers[name] for names in chosen.givers.values() for name in names},
        "decisions": {type(one).__name__: one.basis or one.fingerprint for one in decisions if type(one) in kinds},
    }


def fingerprint_of(parts: Mapping[str, Any]) -> str:
    """The hash of `parts_of`."""
    return digest(json.dumps(parts, sort_keys=True))[:16]


def why_due(parts: Mapping[str, Any], known: Mapping[str, Any] | None) -> str:
    """In words, why a step is due though it was done before.

    Args:
        parts: of today.
        known: of the record that comes nearest; None for a step that was never done for this date.
    """
    if known is None:
        return "not done yet for this date"
    changed = [
        name
        for name in ("code", "configuration", "data", "earlier runs", "decisions")
        if known.get(name) != parts[name]
    ]
    found = []
    for name in changed:
        if name == "configuration":
            found.append(f"configuration: {', '.join(_differing(known.get(name) or {}, parts[name]))}")
        elif name == "data":
            found.append(f"data: {', '.join(_differing(known.get(name) or {}, parts[name]))}")
        else:
            found.append(name)
    if not found:
        steps = [name for name, value in parts["steps"].items() if (known.get("steps") or {}).get(name) != value]
        return f"after {', '.join(steps)}" if steps else "its rows are gone"
    return "; ".join(found)


def _differing(known: Any, today: Any, path: str = "") -> list[str]:
    if isinstance(known, dict) and isinstance(today, dict):
        keys = dict.fromkeys((*known, *today))
        inside = (_differing(known.get(key), today.get(key), f"{path}.{key}" if path else key) for key in keys)
        return [name for names in inside for name in names]
    return [] if known == today else [path]


def _settings(value: Any) -> Any:
    hints = get_type_hints(type(value))
    shaping = (one.name for one in dataclasses.fields(value) if ASIDE not in one.metadata)
    return {name: TypeAdapter(hints[name]).dump_python(getattr(value, name), mode="json") for name in shaping}


@lru_cache
def _code(packages: tuple[str, ...]) -> str:
    """Hash of the sources that shape what steps give: they call each other's, so it is one for all."""
    found = []
    for package in (*_SHARED, *packages):
        entries = [one for one in files(package).iterdir() if one.name.endswith(".py") and one.name[:-3] not in _ASIDE]
        found += [one.read_text(encoding="utf-8") for one in sorted(entries, key=lambda one: one.name)]
    return digest("\n".join(found))[:16]
