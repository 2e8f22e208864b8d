"""The Java of local sessions: which ones will do, the settings they start with, and what makes them start sooner.

A cold start is mostly loading classes. `cli.prepare` keeps Delta's jars and an archive of loaded
classes beside the Python environment; a session finds them here. Without them everything works, later.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from rfm_spark.core.errors import EnvironmentSetupError

# Java 25 corrupted data in its default collector until this one.
_REPAIRED_25 = (25, 0, 3)
JAVA_VERSIONS = (17, 21, 25)
JAVA_HELP = (
    "install Java 17 (Debian or Ubuntu: `apt-get install openjdk-17-jre-headless`, "
    "macOS: `brew install openjdk@17`) or point JAVA_HOME at one"
)
# Measured with the demo on two cores; docs/local.md has the table. The optimising compiler takes a quarter of a cold
# session's processor time even when methods must be hotter than usual before it starts; long loops reach it at once.
_COMPILER = (
    "-XX:Tier3InvocationThreshold=1000", "-XX:Tier3MinInvocationThreshold=500", "-XX:Tier3CompileThreshold=4000",
    "-XX:Tier4InvocationThreshold=40000", "-XX:Tier4MinInvocationThreshold=10000", "-XX:Tier4CompileThreshold=80000",
    "-XX:Tier4BackEdgeThreshold=200000",
)  # fmt: skip
# The JVM's own remarks (an archive that no longer fits) belong into the log, not among a command's output.
_QUIET = ("-Xlog:disable", "-Xlog:all=error:stderr")


@dataclass(frozen=True)
class Java:
    """A Java that was found.

    Attributes:
        path: of the program.
        number: as (17, 0, 15).
    """

    path: str
    number: tuple[int, ...]

    @property
    def major(self) -> int:
        """17, 21 or 25."""
        return self.number[0]

    def __str__(self) -> str:
        """As Java prints it."""
        return ".".join(str(part) for part in self.number)


@dataclass(frozen=True)
class Prepared:
    """What `prepare` left for one Java and one set of packages.

    Attributes:
        jars: Delta's, to be put on the class path.
        archive: of loaded classes; None where there is none.
    """

    jars: tuple[Path, ...]
    archive: Path | None


def java_version() -> Java:
    """The Java that Spark would start.

    Raises:
        EnvironmentSetupError: there is none, or Spark can't be trusted on it.
    """
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else shutil.which("java")
    if java is None or not Path(java).exists():
        place = f"no Java in JAVA_HOME={home}" if home else "no Java on this machine"
        raise EnvironmentSetupError(f"{place}; {JAVA_HELP}")
    output = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "([\d.]+)', output)
    return usable(java, tuple(int(part) for part in found[1].split(".")) if found else (0,))


def usable(path: str, number: tuple[int, ...]) -> Java:
    """A Java of this version, if it will do.

    Raises:
        EnvironmentSetupError: it will not, with the reason.
    """
    if number[0] not in JAVA_VERSIONS:
        raise EnvironmentSetupError(
            f"{path} is Java {number[0] or 'of an unknown version'}, Spark 4.2 needs 17, 21 or 25; {JAVA_HELP}"
        )
    if number[0] == _REPAIRED_25[0] and (*number, 0, 0)[:3] < _REPAIRED_25:
        raise EnvironmentSetupError(
            f"{path} is Java {'.'.join(map(str, number))}, whose default garbage collector corrupts data; use 25.0.3 "
            f"or newer, or {JAVA_HELP}"
        )
    return Java(path, number)


def shelf() -> Path:
    """Where `prepare` puts things: beside the Python environment, whose packages they belong to."""
    return Path(sys.prefix, "share", "rfm-spark")


def prepared_start(java: Java) -> Prepared | None:
    """What makes this Java start sooner; None where nothing was prepared for these packages."""
    jars = tuple(sorted(jars_folder().glob("*.jar")))
    if not jars:
        return None
    archive = archive_file(java)
    return Prepared(jars, archive if archive.exists() else None)


def jars_folder() -> Path:
    """Delta's jars of the installed version."""
    return shelf() / f"delta-{version('delta-spark')}"


def archive_file(java: Java) -> Path:
    """The archive of one Java and the installed packages; the JVM itself checks that the class path is the same."""
    return shelf() / f"classes-{java}-pyspark-{version('pyspark')}-delta-{version('delta-spark')}.jsa"


def java_settings(java: Java, prepared: Prepared | None, options: tuple[str, ...] = ()) -> Mapping[str, str]:
    """Spark's settings about its Java process.

    Args:
        java: that will be started.
        prepared: jars and archive, where there are any.
        options: more of them, for whoever makes an archive.
    """
    given = [*_QUIET, *_collector(), *_COMPILER, *options]
    if java.major >= 24:
        # Netty and Arrow are not the user's to change.
        given.append("--sun-misc-unsafe-memory-access=allow")
    if prepared is None:
        return {"spark.driver.extraJavaOptions": " ".join(given)}
    if prepared.archive is not None and not options:
        flag = "-XX:AOTCache" if java.major >= 25 else "-XX:SharedArchiveFile"
        given.append(f'"{flag}={prepared.archive}"')
    return {
        "spark.driver.extraJavaOptions": " ".join(given),
        "spark.driver.extraClassPath": os.pathsep.join(str(jar) for jar in prepared.jars),
    }


def _collector() -> tuple[str, ...]:
    """Ours, unless the environment names one: Java refuses to choose between two."""
    options = " ".join(os.environ.get(name, "") for name in ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"))
    return () if re.search(r"-XX:\+Use\w*GC\b", options) else ("-XX:+UseParallelGC",)
