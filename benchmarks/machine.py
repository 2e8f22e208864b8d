"""What a figure hangs on beside the code: the machine, Java, and versions."""

from __future__ import annotations

import contextlib
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rfm_spark.core.errors import EnvironmentSetupError
from rfm_spark.core.java import java_version

PACKAGES = ("pyspark", "delta-spark", "deltalake", "pyarrow", "numpy", "scikit-learn", "pandas", "polars", "duckdb")


def facts() -> dict[str, object]:
    """Processor, cores, memory, system, Java, Python and packages; what is not known is left out."""
    known = {
        "cpu": _first("/proc/cpuinfo", "model name"),
        "cores": os.cpu_count(),
        "memory_gib": _memory(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "java": _java(),
        "python": platform.python_version(),
        "packages": dict(_versions()),
    }
    return {key: value for key, value in known.items() if value is not None}


def _versions() -> list[tuple[str, str]]:
    found = []
    for package in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found.append((package, version(package)))
    return found


def _memory() -> float | None:
    text = _first("/proc/meminfo", "MemTotal")
    return None if text is None else round(int(text.split()[0]) / 2**20, 1)


def _first(file: str, key: str) -> str | None:
    with contextlib.suppress(OSError):
        for line in Path(file).read_text(encoding="utf-8").splitlines():
            if line.partition(":")[0].strip() == key:
                return line.partition(":")[2].strip()
    return None


def _java() -> str | None:
    with contextlib.suppress(EnvironmentSetupError):
        return ".".join(map(str, java_version().number))
    return None
