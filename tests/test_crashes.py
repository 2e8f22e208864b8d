"""What happens to a lake when things go wrong outside: killed processes, two at once, no room, no right to write."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from pyspark.sql import SparkSession

from rfm_spark.capabilities.purchases.tables import ORDER_DAYS
from rfm_spark.core.errors import LakeError
from rfm_spark.core.schemas import BATCHES, REJECTS, RUN_STEPS, RUNS, tables
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import current
from rfm_spark.lake.store import Store
from rfm_spark.pipeline.order import all_steps
from tests.conftest import INTERPRETED
from tests.effort import amount
from tests.helpers import AS_OF, ROOT, config_for, purchases, rows_of, run_tiny, write_source

KILLS = amount(1, 20)


def start(config: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "rfm_spark", "run", "-c", str(config), "--as-of", AS_OF.isoformat()]
    quick = config.parent / "spark"
    quick.mkdir(exist_ok=True)
    lines = (f"{key} {value}\n" for key, value in INTERPRETED.items())
    (quick / "spark-defaults.conf").write_text("".join(lines), encoding="utf-8")
    surroundings = {**os.environ, "SPARK_CONF_DIR": str(quick)}
    return subprocess.Popen(
        command, cwd=ROOT, env=surroundings, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def write_config(folder: Path, lake: Path) -> Path:
    document = config_for(folder, lake={"root": str(lake)}).model_dump(mode="json", by_alias=True, exclude_none=True)
    file = lake.with_suffix(".yml")
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    return file


def until_ready(process: subprocess.Popen[str]) -> None:
    """Wait until Spark is up and the run begins."""
    assert process.stderr is not None
    for line in process.stderr:
        if "as of" in line:
            return


@pytest.fixture(scope="module")
def source(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crashes")
    rows = [*purchases(), ("", "o", purchases()[0][2], "1.00")]
    write_source(session, folder / "source", rows)
    return folder


def everything(spark: SparkSession, lake: Path) -> dict[str, list[dict[str, object]]]:
    """Rows of all tables; of batches, whose ids differ from attempt to attempt, those that the ledger knows."""
    location = LakeLocation(root=str(lake))
    store = Store(spark, location)
    taken = [str(row["batch_id"]) for row in store.rows(BATCHES.name)]
    known = {ORDER_DAYS.name: taken, REJECTS.name: [*taken, *(str(row["run_id"]) for row in store.rows(RUNS.name))]}
    return {
        name: rows_of(store.of_runs(name, known[name]), "batch_id", "run_id", "first_seen_run")
        if name in known
        else rows_of(store.read(name))
        for name, table in tables().items()
        # Records of steps hold versions of tables, which count what was committed before a run died.
        if table.kind != "ledger" and name != RUN_STEPS.name and store.exists(name)
    }


def kill_somewhere(process: subprocess.Popen[str], moments: random.Random) -> None:
    """Kill a run within or after a stage drawn by lot; one that was faster is over."""
    assert process.stderr is not None
    for _ in range(moments.randrange(len(all_steps()))):
        process.stderr.readline()
    try:
        process.wait(moments.uniform(0, 3))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)


def test_a_run_killed_at_random_moments_ends_in_the_same_tables_and_of_two_at_once_one_wins(
    spark: SparkSession, source: Path
) -> None:
    lake, moments = source / "killed", random.Random(7)
    config = write_config(source, lake)
    for _ in range(KILLS):
        process = start(config)
        until_ready(process)
        kill_somewhere(process, moments)
        process.communicate()
        if process.returncode == 0:
            # Its lake is complete, and the next ones begin anew.
            shutil.rmtree(lake)
        else:
            assert process.returncode == -signal.SIGKILL
    last = [start(config) for _ in range(amount(1, 2))]
    ended = [(process.communicate()[1], process.returncode) for process in last]
    assert sorted(code for _, code in ended) == [0, 5][: len(last)], ended
    assert all("holds it" in said for said, code in ended if code == 5)
    run_tiny(spark, config_for(source, lake={"root": str(source / "calm")}))
    assert everything(spark, lake) == everything(spark, source / "calm")
    assert current(spark, LakeLocation(root=str(lake)), "runs").count() == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MB of its own."""
    location = tmp_path / "disk"
    location.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(location)], check=False)
    if mounted.returncode != 0:
        pytest.skip("file systems can't be mounted here")
    yield location
    subprocess.run(["umount", "-l", str(location)], check=True)


@contextmanager
def read_only(disk: Path) -> Iterator[Path]:
    """The same files at a second place that can't be written."""
    view = disk.with_name("view")
    view.mkdir()
    subprocess.run(["mount", "--bind", str(disk), str(view)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(view)], check=True)
        yield view
    finally:
        subprocess.run(["umount", "-l", str(view)], check=True)


def test_a_full_and_a_read_only_disk_are_said_and_the_run_before_stays(
    spark: SparkSession, source: Path, small_disk: Path
) -> None:
    config = config_for(source, lake={"root": str(small_disk / "lake")}, quality={"max_staleness_days": None})
    first = run_tiny(spark, config, AS_OF.replace(day=1))
    location = LakeLocation.of(config)
    published = rows_of(current(spark, location, "segments"))
    room = shutil.disk_usage(small_disk).free
    (small_disk / "filler").write_bytes(b"0" * room)
    with pytest.raises(LakeError, match="No space left on device"):
        run_tiny(spark, config)
    assert rows_of(current(spark, location, "segments")) == published
    (small_disk / "filler").unlink()
    with read_only(small_disk) as view:
        locked = config_for(source, lake={"root": str(view / "lake")}, quality={"max_staleness_days": None})
        with pytest.raises(LakeError, match="Read-only file system"):
            run_tiny(spark, locked)
        assert rows_of(current(spark, LakeLocation.of(locked), "segments")) == published
    assert run_tiny(spark, config).run_id != first.run_id
