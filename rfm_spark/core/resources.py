"""Files that travel with the package: rule maps and example configurations."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def shipped_text(*parts: str) -> str:
    """Text of a file of `conf/`, from the installed package (also inside a zip) or from the checkout.

    Args:
        parts: path below `conf`, such as ("segments", "rf_grid.yml").
    """
    packaged = files("rfm_spark").joinpath("conf", *parts)
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    return _checkout().joinpath(*parts).read_text(encoding="utf-8")


def shipped_rule_maps() -> list[str]:
    """Names of the rule maps that can be given without a path."""
    return shipped_names("segments")


def shipped_names(folder: str) -> list[str]:
    """Names of the YAML files in a folder of `conf/`, without .yml."""
    packaged = files("rfm_spark").joinpath("conf", folder)
    entries = packaged.iterdir() if packaged.is_dir() else _checkout().joinpath(folder).iterdir()
    return sorted(entry.name.removesuffix(".yml") for entry in entries if entry.name.endswith(".yml"))


def _checkout() -> Path:
    return Path(__file__).resolve().parents[2] / "conf"
