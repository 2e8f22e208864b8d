"""Reading a configuration file: YAML, overrides, and every problem in one message."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from rfm_spark.core.config import Config, config_model
from rfm_spark.core.errors import ConfigError
from rfm_spark.core.renames import RenamedWarning

Model = TypeVar("Model", bound=BaseModel)


def load_yaml(text: str, where: str) -> Any:
    """Parse YAML.

    Raises:
        ConfigError: with line and column of the first syntax error.
    """
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not readable"
        raise ConfigError(where, [f"not valid YAML{place}: {problem}"]) from None


def validate(model: type[Model], document: Any, where: str) -> Model:
    """Build `model` from parsed YAML; words of older versions are read with a `RenamedWarning`.

    Raises:
        ConfigError: naming every problem with its path in the file.
    """
    if not isinstance(document, dict):
        raise ConfigError(where, ["the file must hold a mapping of keys"])
    notices: list[str] = []
    try:
        found = model.model_validate(document, context={"notices": notices})
    except ValidationError as error:
        raise ConfigError(where, [_sentence(item) for item in error.errors()]) from None
    for notice in dict.fromkeys(notices):
        warnings.warn(f"{where}: {notice}", RenamedWarning, stacklevel=3)
    return found


def load_config(path: str | Path, overrides: Sequence[str] = (), lake_root: str | None = None) -> Config:
    """Read a configuration file.

    Args:
        path: the YAML file.
        overrides: `key.path=value` pairs that win over the file; values are YAML.
        lake_root: a folder that wins over the file's lake.

    Raises:
        ConfigError: unreadable file, or every problem in it.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise ConfigError(
            str(path), [f"can't be read ({reason}); give the path of a YAML file, or start with `rfm-spark init`"]
        ) from None
    document = load_yaml(text, str(path))
    for override in overrides:
        _override(document, override)
    if lake_root is not None and isinstance(document, dict):
        document["lake"] = {"root": lake_root}
    config = validate(config_model(), document, str(path))
    config._base_dir = file.resolve().parent
    return config


def _override(document: Any, override: str) -> None:
    key, separator, raw = override.partition("=")
    if not separator or not key or not isinstance(document, dict):
        raise ConfigError("--set", [f"{override!r} is not of the form key.path=value"])
    *parents, leaf = key.split(".")
    node = document
    for parent in parents:
        node = node.setdefault(parent, {})
        if not isinstance(node, dict):
            raise ConfigError("--set", [f"{key}: {parent} is not a group of keys"])
    node[leaf] = load_yaml(raw, "--set")


def _sentence(item: Any) -> str:
    place = ".".join(str(part) for part in item["loc"]) or "top level"
    if item["type"] == "extra_forbidden":
        return f"{place}: unknown key; remove it or check its spelling"
    if item["type"] == "missing":
        return f"{place}: missing"
    message = item["msg"].removeprefix("Value error, ")
    shown = item.get("input")
    seen = f", not {shown!r}" if isinstance(shown, (str, int, float)) and item["type"] != "value_error" else ""
    return f"{place}: {message[:1].lower()}{message[1:]}{seen}"
