"""Getting a Spark session that can read and write Delta, wherever the program runs."""

from __future__ import annotations

import logging
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from pathlib import Path
from uuid import uuid4

import pyspark
from pyspark import SparkConf
from pyspark.sql import DataFrame, SparkSession

from rfm_spark.core.errors import EnvironmentSetupError
from rfm_spark.core.java import java_settings, java_version, prepared_start
from rfm_spark.core.versions import delta_version, must_suffice

DELTA_VERSION = "4.4.0"
DELTA_SETTINGS = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}
_SETTLED = "rfm_spark_settled_"
# Views that the work in progress has made; threads that it starts have a list of their own.
_VIEWS: ContextVar[list[str]] = ContextVar("views of settled frames")
LOCAL_SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.databricks.delta.snapshotPartitions": "1",
    # Outside UTC each commit would compute the table's state once more, to check its list of files.
    "spark.databricks.delta.allFilesInCrc.verificationMode.forceOnNonUTC.enabled": "false",
    "spark.sql.debug.maxToStringFields": "200",
    # Recording the Python call site of every expression makes building large plans several times slower.
    "spark.python.sql.dataFrameDebugging.enabled": "false",
}


def get_session(app_name: str, *, quiet: bool = True) -> SparkSession:
    """The session to work in: the running one, the cluster's, or a local one.

    On Databricks, under `spark-submit` and over Spark Connect, jars and master are the cluster's business; only a
    program started by plain Python brings its own Delta jars. What runs is compared with what must be there.

    Args:
        app_name: shown in the Spark UI.
        quiet: send the local JVM's log to a file instead of stderr.

    Raises:
        EnvironmentSetupError: no usable Java, no Delta, one of them too old, or Spark does not start.
    """
    # Errors reach the user as exceptions; PySpark would also print each as a line of JSON.
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)
    active = SparkSession.getActiveSession()
    if active is not None:
        return _sufficient(active)
    if "DATABRICKS_RUNTIME_VERSION" in os.environ:
        return _sufficient(SparkSession.builder.appName(app_name).getOrCreate())
    if "SPARK_REMOTE" in os.environ:
        return _with_delta(_sufficient(SparkSession.builder.appName(app_name).getOrCreate()))
    if "PYSPARK_GATEWAY_PORT" in os.environ:
        return _submitted_session(app_name)
    return local_session(app_name, quiet=quiet)


def local_session(
    app_name: str, cores: int | str = "*", settings: Mapping[str, str] | None = None, *, quiet: bool = False
) -> SparkSession:
    """A session on this machine, with the Delta jars fetched by Spark's resolver on first use.

    Args:
        app_name: shown in the Spark UI.
        cores: how many threads, or "*" for all.
        settings: Spark settings that win over the defaults.
        quiet: send the JVM's log to a file instead of stderr.

    Raises:
        EnvironmentSetupError: no usable Java, or the session does not start.
    """
    must_suffice(sys.version_info[:3], pyspark.__version__)
    java = java_version()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    threads = os.cpu_count() or 1 if cores == "*" else int(cores)
    partitions = {"spark.sql.shuffle.partitions": str(max(2 * threads, 4))}
    memory = {"spark.driver.memory": os.environ.get("RFM_SPARK_DRIVER_MEMORY", _half_of_memory())}
    builder = SparkSession.builder.master(f"local[{cores}]").appName(app_name)
    start = java_settings(java, prepared_start(java))
    for key, value in {**DELTA_SETTINGS, **LOCAL_SETTINGS, **start, **partitions, **memory, **(settings or {})}.items():
        builder = builder.config(key, value)
    log = Path(tempfile.gettempdir(), f"rfm-spark-{os.getpid()}.log")
    try:
        with _stderr_to(log) if quiet else _unchanged():
            return _with_packages(builder, has_delta="spark.driver.extraClassPath" in start).getOrCreate()
    except Exception as error:
        where = f"; the log is {log}" if quiet else ""
        raise EnvironmentSetupError(
            f"Spark did not start ({_first_line(error)}): run `rfm-spark doctor`, and check that the Delta jars can be "
            f"fetched or lie in the Ivy cache{where}"
        ) from error


@contextmanager
def session_settings(spark: SparkSession, settings: Mapping[str, str]) -> Iterator[None]:
    """Set runtime settings for a while, and put back what was there."""
    before = {key: spark.conf.get(key, None) for key in settings}
    try:
        for key, value in settings.items():
            spark.conf.set(key, value)
        yield
    finally:
        for key, old in before.items():
            if old is None:
                spark.conf.unset(key)
            else:
                spark.conf.set(key, old)


def settled(frame: DataFrame) -> DataFrame:
    """A frame whose expressions keep the settings that they were built under.

    Over Spark Connect a plan is looked at when it is run, under the settings of then: a bad value that was to become
    null would stop the run. A temporary view there holds the plan as the server has looked at it, to the end of
    `in_time_zone`.
    """
    spark = frame.sparkSession
    if not over_connect(spark):
        return frame
    name = f"{_SETTLED}{uuid4().hex}"
    frame.createOrReplaceTempView(name)
    _VIEWS.get([]).append(name)
    return spark.table(name)


@contextmanager
def in_time_zone(spark: SparkSession, name: str) -> Iterator[None]:
    """Rows are looked at in a time zone; afterwards the session is as before, without the views of `settled`."""
    views: list[str] = []
    token = _VIEWS.set(views)
    try:
        with session_settings(spark, {"spark.sql.session.timeZone": name}):
            yield
    finally:
        _VIEWS.reset(token)
        for view in views:
            # What came of the work is known by now, and no view is worth another outcome.
            with suppress(Exception):
                spark.catalog.dropTempView(view)


def over_connect(spark: SparkSession) -> bool:
    """Whether the session is a client of Spark Connect."""
    return type(spark).__module__.startswith("pyspark.sql.connect")


def runs_here(spark: SparkSession) -> bool:
    """Whether the session computes in this machine's one Java process, which loses no executors."""
    if over_connect(spark):
        return False
    try:
        master = spark.conf.get("spark.master", "")
    except Exception:
        # Serverless runtimes don't say.
        return False
    return re.fullmatch(r"local(\[.*\])?", str(master)) is not None


# Keeps a frame as long as its context lasts.
Keeper = Callable[[DataFrame], AbstractContextManager[DataFrame]]


@contextmanager
def persisted(frame: DataFrame, otherwise: Keeper | None = None) -> Iterator[DataFrame]:
    """Keep a frame that is read more than once, and release it.

    Args:
        frame: to be kept.
        otherwise: keeps it where a runtime can't persist; without one the plan is evaluated again.
    """
    try:
        kept = frame.persist()
    except Exception:
        # Serverless runtimes refuse PERSIST.
        with nullcontext(frame) if otherwise is None else otherwise(frame) as other:
            yield other
        return
    try:
        yield kept
    finally:
        with suppress(Exception):
            kept.unpersist()


def _submitted_session(app_name: str) -> SparkSession:
    builder = SparkSession.builder.appName(app_name)
    # A cluster that has Delta, or another catalog, keeps what it set up.
    for key, value in DELTA_SETTINGS.items():
        if SparkConf().get(key) is None:
            builder = builder.config(key, value)
    given = ",".join(SparkConf().get(key, "") for key in ("spark.jars.packages", "spark.jars"))
    spark = _sufficient(builder.getOrCreate(), delta_version(given))
    try:
        spark.sql("SHOW NAMESPACES").collect()
    except Exception as error:
        raise EnvironmentSetupError(
            f"Delta Lake is not on the classpath ({_first_line(error)}): add `--packages {_coordinates(spark)}` to "
            "spark-submit"
        ) from error
    return spark


def _sufficient(spark: SparkSession, delta: str | None = None) -> SparkSession:
    """The session, if what it runs on will do."""
    must_suffice(sys.version_info[:3], spark.version, delta)
    return spark


def _with_delta(spark: SparkSession) -> SparkSession:
    """The session of a server, if it knows Delta tables."""
    try:
        _ = spark.read.format("delta").load("/no-such-table").schema
    except Exception as error:
        # Any other error is Delta's own, of a table that is not there.
        if "DATA_SOURCE_NOT_FOUND" in str(error):
            raise EnvironmentSetupError(
                f"the Spark server does not know Delta Lake: start it with `--packages {_coordinates(spark)}` and the "
                "settings of Delta's extension and catalog"
            ) from error
    return spark


def _coordinates(spark: SparkSession) -> str:
    return f"io.delta:delta-spark_{'.'.join(spark.version.split('.')[:2])}_2.13:{DELTA_VERSION}"


def _more_packages() -> list[str]:
    """Maven coordinates of what a local session needs beside Delta, such as a database's JDBC driver."""
    return [name.strip() for name in os.environ.get("RFM_SPARK_PACKAGES", "").split(",") if name.strip()]


def _with_packages(builder: SparkSession.Builder, *, has_delta: bool) -> SparkSession.Builder:
    """What Spark's resolver has to fetch: Delta, unless its jars lie on the class path, and what the user names."""
    more = _more_packages()
    if has_delta:
        return builder.config("spark.jars.packages", ",".join(more)) if more else builder
    from delta import configure_spark_with_delta_pip

    return configure_spark_with_delta_pip(builder, extra_packages=more)


def _half_of_memory() -> str:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return "2g"
    with suppress(OSError, ValueError):
        # In a container the machine's memory is not ours.
        total = min(total, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return f"{min(max(total // 2**21, 1024), 8192)}m"


@contextmanager
def _stderr_to(log: Path) -> Iterator[None]:
    # The JVM inherits file descriptor 2 when it starts, so it keeps writing there after we have ours back.
    sys.stderr.flush()
    saved = os.dup(2)
    with log.open("wb") as sink:
        os.dup2(sink.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)


@contextmanager
def _unchanged() -> Iterator[None]:
    yield


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
