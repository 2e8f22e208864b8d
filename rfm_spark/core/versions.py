"""What must be there to run: the oldest Python, Spark and Delta Lake that will do.

Read before anything else, also by a Python that is too old for the rest of the package.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rfm_spark.core.errors import EnvironmentSetupError

PYTHON_FLOOR = (3, 10)
SPARK_FLOOR = (4, 2)
DELTA_FLOOR = (4, 4)


def must_suffice(python: Sequence[int], spark: str | None = None, delta: str | None = None) -> None:
    """Compare what is there with what must be.

    Args:
        python: version of the driver's Python, such as (3, 11, 4).
        spark: version of Spark as it says itself, also with a vendor's ending; None where it is not known.
        delta: version of Delta Lake; None where nothing tells it.

    Raises:
        EnvironmentSetupError: something is older, or no version; all of it in one sentence.
    """
    known = (("Python", ".".join(map(str, python)), PYTHON_FLOOR), ("Spark", spark, SPARK_FLOOR),
             ("Delta Lake", delta, DELTA_FLOOR))  # fmt: skip
    old = [
        (name, version, floor) for name, version, floor in known if version is not None and _numbers(version) < floor
    ]
    if not old:
        return
    found = " and ".join(f"{name} {version}" for name, version, _ in old)
    needed = " and ".join(f"{name} {floor[0]}.{floor[1]}" for name, _, floor in old)
    raise EnvironmentSetupError(
        f"this session runs on {found}, but rfm-spark needs {needed} or newer: choose a newer cluster or runtime, or "
        "install what `pip install 'rfm-spark[local]'` does"
    )


def delta_version(jars: str) -> str | None:
    """The version of Delta in a list of jars or Maven coordinates; None where it names none."""
    found = re.search(r"delta-spark(?:_\d+\.\d+)?_2\.\d+[:-](\d+(?:\.\d+)+)", jars)
    return found[1] if found else None


def _numbers(version: str) -> tuple[int, ...]:
    """(4, 2, 0) of 4.2.0, 4.2.0.dev1 or 4.2.0-amzn-1; () of what is no version."""
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(part) for part in found[0].split(".")) if found else ()
