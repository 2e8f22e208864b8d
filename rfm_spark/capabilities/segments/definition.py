"""What segments mean under a stored configuration: two runs can be compared where that is the same."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from rfm_spark.capabilities.purchases.artefacts import reading
from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.capabilities.segments.rules import RuleMap
from rfm_spark.core.columns import customer_columns
from rfm_spark.core.registry import given
from rfm_spark.core.strict import Strict

_PLACE = ("table", "path", "format", "options")
_OF_ROWS = ("checks", "max_events_per_minute")


def rule_map_of(document: Mapping[str, Any]) -> RuleMap:
    """The rules of a stored configuration."""
    return RuleMap.model_validate(document["segments"]["rule_map"])


def definition_changed(
    now: Mapping[str, Any], before: Mapping[str, Any], models: tuple[str | None, str | None]
) -> bool:
    """Whether segments mean something else: rules, scoring, windows, the mapping of the source.

    Args:
        now: stored configuration of the later run.
        before: of the earlier one.
        models: cluster models of both.
    """
    if definition(now) != definition(before):
        return True
    return "clusters" in _stages(rule_map_of(now)) and models[0] != models[1]


def column_changed(column: str, now: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    """Whether a column of a capability means something else.

    Args:
        column: of customers.
        now: stored configuration of the later run.
        before: of the earlier one.
    """
    stage = customer_columns()[column].stage
    sides = []
    for document in (now, before):
        # Such columns are of all history; refunds say which orders are purchases.
        refunds, own = document["rfm"]["refunds"], _of_stages(document, {stage} if stage else set())
        sides.append({"refunds": refunds, "reading": _reading(document), **own})
    return sides[0] != sides[1]


def definition(document: Mapping[str, Any]) -> dict[str, Any]:
    """All that segments hang on, of a stored configuration."""
    rule_map = rule_map_of(document)
    # Titles, colours and advice may change, and the files that rules and lines are in may move.
    rules = [*((rule.name, rule.when) for rule in rule_map.segments), rule_map.otherwise.name]
    segments = {"rules": rules, "new_within_days": document["segments"]["new_within_days"]}
    # The sketch's error shapes no result.
    scoring = {key: value for key, value in document["rfm"]["scoring"].items() if key != "relative_error"}
    parts: dict[str, Any] = {"segments": segments, "reading": _reading(document)}
    parts["rfm"] = {**document["rfm"], "scoring": scoring}
    return parts | _of_stages(document, _stages(rule_map)) | made_from(document)


def made_from(document: Mapping[str, Any]) -> dict[str, Any]:
    """Settings and mappings, beside those of purchases, that scopes and measures are made from; none for plain RFM.

    Args:
        document: stored configuration.
    """
    rfm = RfmConfig.model_validate(document["rfm"])
    wanted = set(rfm.measures.sources.values()) - {"transactions"}
    owners = {capability for capability, found in given("config", "OPTIONAL_SOURCES") if wanted & set(found)}
    found: dict[str, Any] = {
        f"measures.{name}": one for name, one in _of_capabilities(document, owners, owners).items()
    }
    records = _without_place(document["sources"].get("customers"))
    parting = {name: column for name, column in records.get("attributes", {}).items() if name in (rfm.scope or ())}
    return found | ({"scopes": {**records, "attributes": parting}} if parting else {})


def _reading(document: Mapping[str, Any]) -> dict[str, Any]:
    read = reading(document)
    if not read:
        return {"timezone": document["timezone"]}
    return {**read, "source": {key: value for key, value in read["source"].items() if key not in _PLACE}}


def _stages(rule_map: RuleMap) -> set[str]:
    return {stage for column in rule_map.columns() if (stage := customer_columns()[column].stage) is not None}


def _of_stages(document: Mapping[str, Any], stages: set[str]) -> dict[str, Any]:
    """Settings and mappings of the capabilities whose columns rules name.

    Events and messages tell of each other's customers, so that they count together. A source that no column is made
    from, such as records of customers, shapes none.
    """
    running = dict(given("config", "STAGES"))
    named = {capability for capability, found in running.items() if stages & set(found)}
    together = {capability for capability, is_one in given("config", "COUNTS_TOGETHER") if is_one}
    if named & together:
        named |= together
    return _of_capabilities(document, named, {capability for capability, _ in given("columns", "column_sources")})


def _of_capabilities(
    document: Mapping[str, Any], named: Collection[str], with_sources: Collection[str]
) -> dict[str, Any]:
    settings, sources = dict(given("config", "SETTINGS")), dict(given("config", "OPTIONAL_SOURCES"))
    # Of settings that several capabilities share, each knows its own.
    shaped = {name: one for _, found in given("config", "SHAPED_BY") for name, one in found.items()}
    return {
        capability: _shaped(document, *shaped[capability](document))
        if capability in shaped
        else [
            *(_without_advice(document.get(key), kind) for key, kind in settings.get(capability, {}).items()),
            *(
                _without_place(document["sources"].get(name))
                for name in (sources.get(capability, {}) if capability in with_sources else ())
            ),
        ]
        for capability in sorted(named)
    }


def _shaped(document: Mapping[str, Any], settings: Mapping[str, Any], sources: Collection[str]) -> list[Any]:
    return [settings, *(_without_place(document["sources"].get(name)) for name in sources)]


def _without_advice(part: Any, kind: type[Strict]) -> Any:
    return {key: value for key, value in part.items() if key not in kind.advice} if kind.advice and part else part


def _without_place(source: Mapping[str, Any] | None) -> dict[str, Any]:
    kept = {key: value for key, value in (source or {}).items() if key not in (*_PLACE, "quality", "simulated")}
    # Limits stop a run and shape nothing; what becomes of a row does.
    quality = (source or {}).get("quality") or {}
    return kept | {key: value for key, value in quality.items() if key in _OF_ROWS and value}
