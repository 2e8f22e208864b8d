"""Finding and checking the rule map a configuration names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.capabilities.segments.config import SegmentsConfig
from rfm_spark.capabilities.segments.rules import RuleMap, check_rule_map, parse_rule_map
from rfm_spark.core.columns import customer_columns
from rfm_spark.core.config import Config
from rfm_spark.core.errors import ConfigError
from rfm_spark.core.renames import renamed_value
from rfm_spark.core.resources import shipped_rule_maps, shipped_text


def load_rule_map(name_or_path: str, base_dir: Path | None = None) -> RuleMap:
    """A shipped rule map by name, or one from a YAML file.

    Args:
        name_or_path: `rf_grid`, or a path.
        base_dir: what a relative path is relative to; the working directory for None.

    Raises:
        ConfigError: no such map or file, or every problem in it.
    """
    if name_or_path in shipped_rule_maps():
        text = shipped_text("segments", f"{name_or_path}.yml")
        return parse_rule_map(text, name_or_path)
    path = (base_dir or Path.cwd()) / name_or_path
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        known = ", ".join(shipped_rule_maps())
        problem = f"rule map {name_or_path} can't be read ({reason}); give a path, or one of {known}"
        raise ConfigError("segments.rules", [problem]) from None
    return parse_rule_map(text, name_or_path)


def rule_params(config: Config) -> dict[str, float]:
    """Values of the parameters a rule map may name."""
    return {"new_within_days": float(config.part(SegmentsConfig).new_within_days)}


def rule_params_of(document: Mapping[str, Any]) -> dict[str, float]:
    """The same, of a stored configuration."""
    return {"new_within_days": float(document["segments"]["new_within_days"])}


def stored_rule_map(rule_map: RuleMap) -> dict[str, Any]:
    """A rule map as runs are known by: its words are those of older versions, where these had others."""
    document: dict[str, Any] = rule_map.model_dump(mode="json")
    alternatives = (alternative for rule in document["segments"] for alternative in rule["when"])
    for alternative in alternatives:
        for column, condition in alternative.items():
            older = {new: old for old, new in customer_columns()[column].older_words}
            if isinstance(condition, list):
                alternative[column] = renamed_value(condition, older)
    return document


def checked_rule_map(config: Config) -> RuleMap:
    """The rule map of a configuration, checked against its bins and stages.

    Raises:
        ConfigError: every problem of the map, unreachable rules among them.
    """
    rules = config.part(SegmentsConfig).rules
    rule_map = load_rule_map(rules, config.base_dir)
    rfm, where = config.part(RfmConfig), f"rule map {rules}"
    check_rule_map(rule_map, rfm.scoring.bins, rule_params(config), config.stages, where)
    known = customer_columns()
    amounts = [name for name in rule_map.columns() if known[name].values == "cents" or known[name].is_amount]
    if rfm.amounts_apart and amounts:
        named = ", ".join(sorted(amounts))
        problem = f"limits of {named} are of one currency, and rfm.scope has several; take scores instead"
        raise ConfigError(where, [problem])
    return rule_map
