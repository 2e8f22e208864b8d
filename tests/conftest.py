"""The one Spark session of the tests, and the small worlds they share."""

from __future__ import annotations

import fcntl
import os
import tempfile
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from delta import configure_spark_with_delta_pip
from hypothesis import HealthCheck, settings
from pyspark.sql import SparkSession

from rfm_spark.core.session import DELTA_SETTINGS, LOCAL_SETTINGS, local_session, session_settings
from tests.effort import FULL, amount
from tests.helpers import rfm_spark

# Spark jobs take their time, and generated cases must be the same in every run.
settings.register_profile(
    "spark", deadline=None, derandomize=True, max_examples=amount(10, 25), suppress_health_check=list(HealthCheck)
)
settings.load_profile("spark")

# About eight times faster than Spark's defaults on small data.
# The same tests as a client of Spark Connect: RFM_SPARK_CONNECT=1 pytest tests/intake
OVER_CONNECT = "RFM_SPARK_CONNECT" in os.environ
POSTGRESQL = "org.postgresql:postgresql:42.7.8"
FAST = {
    "spark.sql.shuffle.partitions": "2",
    "spark.default.parallelism": "2",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.driver.memory": "3g",
}
# A plan of a few hundred rows is run sooner than it is compiled. Commands in processes of their own, the demo among
# them, run compiled.
INTERPRETED = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"}
COMPILED = {"spark.sql.codegen.wholeStage": "true", "spark.sql.codegen.factoryMode": "FALLBACK"}
# As a user's session has it: plans are compiled, and changed while they run.
AS_USERS = {**COMPILED, "spark.sql.adaptive.enabled": "true"}


# Started first, so that no process is left with a long file when the other one is done.
LONG = (
    "test_demo.py", "test_demo_saas.py", "test_crashes.py", "test_drift.py", "test_spark_submit.py", "test_readme.py",
    "test_champion.py", "test_year.py", "test_protocol.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take minutes come first."""
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Which files the time went to, fixtures included."""
    took: dict[str, float] = defaultdict(float)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                took[report.nodeid.partition("::")[0]] += report.duration
    terminalreporter.section("ten slowest files")
    for file, seconds in sorted(took.items(), key=lambda item: -item[1])[:10]:
        terminalreporter.write_line(f"{seconds:8.1f} s  {file}")


@pytest.fixture(scope="session")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """A private local session; its catalog lives in a temporary folder."""
    os.environ["TZ"] = "UTC"
    os.environ["RFM_SPARK_PACKAGES"] = POSTGRESQL
    warehouse = {"spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse"))}
    settings = {**FAST, **(AS_USERS if FULL else INTERPRETED), **warehouse}
    # Ivy fails when two processes fetch the same jars for the first time.
    with one_process_at_a_time(Path(tempfile.gettempdir(), "rfm-spark-tests.lock")):
        start = connect_session if OVER_CONNECT else partial(local_session, "tests", 2, quiet=True)
        spark = start(settings=settings)
    del os.environ["RFM_SPARK_PACKAGES"]
    yield spark
    spark.stop()


def connect_session(settings: Mapping[str, str]) -> SparkSession:
    """A client of a Spark Connect server of its own on this machine."""
    builder = SparkSession.builder.remote("local[2]")
    for key, value in {**DELTA_SETTINGS, **LOCAL_SETTINGS, **settings}.items():
        builder = builder.config(key, value)
    with warnings.catch_warnings():
        # The server starts with them; the client then tries to set them once more.
        warnings.filterwarnings("ignore", message="Failed to set spark")
        return configure_spark_with_delta_pip(builder).getOrCreate()


@pytest.fixture
def spark(session: SparkSession) -> Iterator[SparkSession]:
    """The session, with nothing left over from the test before."""
    yield session
    session.catalog.clearCache()
    # Uncompiled, Spark 4.2 can't list temporary views.
    mode = session.conf.get("spark.sql.codegen.factoryMode", "FALLBACK") or "FALLBACK"
    session.conf.set("spark.sql.codegen.factoryMode", "FALLBACK")
    for table in session.catalog.listTables():
        if table.isTemporary:
            session.catalog.dropTempView(table.name)
    session.conf.set("spark.sql.codegen.factoryMode", mode)


@pytest.fixture
def compiled(spark: SparkSession) -> Iterator[None]:
    """Plans are compiled meanwhile: over the million lines of the demo they take longer uncompiled."""
    with session_settings(spark, COMPILED):
        yield


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a finished demo, and what it printed; tests read it and leave it as it is."""
    base = tmp_path_factory.getbasetemp()
    # Processes that share the tests have a folder each, side by side.
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "demo"
    said = folder.with_suffix(".txt")
    with one_process_at_a_time(folder.with_suffix(".lock")):
        if not said.exists():
            done = rfm_spark("demo", "--lake", str(folder))
            assert done.returncode == 0, done.stderr
            said.write_text(done.stdout, encoding="utf-8")
    return folder, said.read_text(encoding="utf-8")


@contextmanager
def one_process_at_a_time(file: Path) -> Iterator[None]:
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
