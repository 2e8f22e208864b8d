"""Files that travel with the package: rule maps, presets and example configurations."""

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


def shipped_names(*parts: str) -> list[str]:
    """Names of the YAML files in a folder of `conf/`, without their ending, in alphabetical order."""
    packaged = files("rfm_spark").joinpath("conf", *parts)
    folder = packaged if packaged.is_dir() else _checkout().joinpath(*parts)
    names = [entry.name for entry in folder.iterdir()]
    return sorted(name.removesuffix(".yml") for name in names if name.endswith(".yml"))


def shipped_rule_maps() -> list[str]:
    """Names of the rule maps that can be given without a path."""
    return shipped_names("segments")


def _checkout() -> Path:
    return Path(__file__).resolve().parents[2] / "conf"
