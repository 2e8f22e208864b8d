"""`rfm-spark doctor --prepare`: Delta's jars and an archive of loaded classes, so that later commands start sooner."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path

from pyspark.sql import SparkSession

from rfm_spark.core.errors import EnvironmentSetupError
from rfm_spark.core.java import Java, Prepared, archive_file, jars_folder, java_settings, java_version

_AS_OF = date(2024, 6, 30)
_ARTIFACT = re.compile(r"-\d.*$")


def prepare() -> str:
    """Keep the jars, run something small while the JVM notes the classes it loads, and keep the archive.

    Returns:
        What was kept, for people.

    Raises:
        EnvironmentSetupError: the archive was not written.
    """
    java = java_version()
    if not any(jars_folder().glob("*.jar")):
        _child("jars")
    archive = archive_file(java)
    if not archive.exists():
        archive.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
            made = Path(folder, archive.name)
            _child("archive", str(made))
            if not made.exists():
                raise EnvironmentSetupError(
                    f"Java {java} wrote no archive of classes; everything works without it, later"
                )
            made.replace(archive)
    return f"{len(list(jars_folder().glob('*.jar')))} jars, {archive.stat().st_size / 2**20:,.0f} MB of classes"


def _child(*arguments: str) -> None:
    # The archive is written when the JVM ends, so it has to be one that nobody else needs.
    # Jars that the user names for one session are not everybody's.
    plain = {name: value for name, value in os.environ.items() if name != "RFM_SPARK_PACKAGES"}
    command = [sys.executable, "-m", "rfm_spark.cli.prepare", *arguments]
    # Ends when the last process does that can write to its pipes: the JVM, its archive being written.
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=plain)
    if done.returncode != 0:
        last = (done.stderr.strip() or "no reason given").splitlines()[-1]
        raise EnvironmentSetupError(f"a session to prepare with did not end well ({last})")


def _keep_jars() -> None:
    """Copy what Spark's resolver fetched, but for what Spark has itself."""
    import pyspark

    from rfm_spark.core.session import local_session

    spark = local_session("rfm-spark prepare")
    has = {_ARTIFACT.sub("", jar.name) for jar in Path(pyspark.__file__).parent.glob("jars/*.jar")}
    fetched = [Path(name.removeprefix("file:")) for name in str(spark.conf.get("spark.jars", "")).split(",") if name]
    spark.stop()
    folder = jars_folder()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as partial:
        for jar in fetched:
            # The resolver puts the group before the name.
            if _ARTIFACT.sub("", jar.name.partition("_")[2]) not in has:
                shutil.copyfile(jar, Path(partial, jar.name))
        # All of them or none: sessions take what lies here for complete.
        shutil.copytree(partial, made := folder.with_suffix(".part"), dirs_exist_ok=True)
        made.rename(folder)


def _make_archive(file: str) -> None:
    from rfm_spark.core.session import local_session

    java = java_version()
    spark = local_session("rfm-spark prepare", settings=_noting(java, file))
    with tempfile.TemporaryDirectory() as folder:
        _work(spark, Path(folder))
    spark.stop()


def _noting(java: Java, file: str) -> dict[str, str]:
    flag = "-XX:AOTCacheOutput" if java.major >= 25 else "-XX:ArchiveClassesAtExit"
    jars = tuple(sorted(jars_folder().glob("*.jar")))
    return dict(java_settings(java, Prepared(jars, None), (f'"{flag}={file}"',)))


def _work(spark: SparkSession, folder: Path) -> None:
    """Two runs over a few customers: what a run loads is loaded."""
    from rfm_spark.cli.clock import now
    from rfm_spark.cli.console import StageLines
    from rfm_spark.core.config import config_model
    from rfm_spark.core.loading import validate
    from rfm_spark.pipeline import run

    noon = datetime(_AS_OF.year, _AS_OF.month, _AS_OF.day, 12)
    rows = [
        (f"c{i:02d}", f"o{i}-{j}", noon - timedelta(days=18 * j + 2 * (40 - i)), float(3 * i + j))
        for i in range(1, 41)
        for j in range(i % 20 + 1)
    ]
    frame = spark.createDataFrame(rows, "customer string, `order` string, at timestamp, amount double")
    frame.write.format("delta").save(str(folder / "source"))
    columns = {"customer_id": "customer", "order_id": "order", "order_ts": "at", "amount": "amount"}
    document = {
        "name": "prepare",
        "lake": {"root": str(folder / "lake")},
        "sources": {"transactions": {"path": str(folder / "source"), "format": "delta", "columns": columns}},
        "quality": {"on_breach": "warn", "max_staleness_days": None},
    }
    config = validate(config_model(), document, "prepare")
    for day in (_AS_OF - timedelta(days=60), _AS_OF):
        run(spark, config, day, clock=now, progress=StageLines())


if __name__ == "__main__":
    os.environ.setdefault("TZ", "UTC")
    if sys.argv[1] == "jars":
        _keep_jars()
    else:
        _make_archive(sys.argv[2])
