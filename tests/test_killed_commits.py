"""Killed between any two commits of a batch and of a run, a process leaves a lake that the next one completes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from rfm_spark.core.schemas import BATCHES
from tests.effort import FULL
from tests.helpers import AS_OF, ROOT, config_for, purchases, run_tiny, write_source
from tests.test_crashes import everything, start, write_config

# Runs the command line, and is killed with its JVM when it is about to do the commit of that number, or the first one
# to a table of that name.
KILLED = """
import os, signal, sys
from threading import Lock
from rfm_spark.cli.main import main
from rfm_spark.lake.native import NativeTables
limit, lock, done = sys.argv[1], Lock(), 0
def counted(method):
    def commit(self, where, *more, **named):
        global done
        table = getattr(where, "table", where)
        with lock:
            if limit == str(done) or limit == getattr(table, "name", table):
                os.killpg(0, signal.SIGKILL)
            done += 1
        return method(self, where, *more, **named)
    return commit
for name in ("create", "write_frame", "write_rows", "add_rows", "append_new", "put_if", "delete_rows", "drop_slices"):
    setattr(NativeTables, name, counted(getattr(NativeTables, name)))
sys.exit(main(sys.argv[2:]))
"""


@pytest.fixture(scope="module")
def source(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table, a lake with a run of the month before, and a late row since then."""
    folder = tmp_path_factory.mktemp("killed")
    write_source(session, folder / "source", [row for row in purchases() if row[2] < datetime(2024, 6, 1)])
    june = [row for row in purchases() if row[2] >= datetime(2024, 6, 1)]
    run_tiny(session, config_for(folder, lake={"root": str(folder / "before")}), datetime(2024, 5, 31).date())
    write_source(session, folder / "source", [*june, ("c03", "late", datetime(2024, 4, 2, 9), "7.00")], mode="append")
    shutil.copytree(folder / "before", folder / "calm")
    run_tiny(session, config_for(folder, lake={"root": str(folder / "calm")}))
    return folder


def killed_at(folder: Path, lake: Path, limit: str) -> int:
    """The exit code of a run that is killed there."""
    config = write_config(folder, lake)
    command = [sys.executable, "-c", KILLED, limit, "run", "-c", str(config), "--as-of", AS_OF.isoformat()]
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=folder, env=surroundings, capture_output=True, start_new_session=True, check=False
    ).returncode


def killed_and_healed(folder: Path, limit: str) -> bool:
    """Kill a run and start the next one; whether the run was killed at all."""
    lake = folder / f"killed-{limit}"
    shutil.copytree(folder / "before", lake)
    code = killed_at(folder, lake, limit)
    if code != 0:
        assert code == -signal.SIGKILL
        process = start(write_config(folder, lake))
        said = process.communicate()[1]
        assert process.returncode == 0, said
    return code != 0


def test_a_batch_whose_rows_are_there_but_not_its_record_is_taken_again(spark: SparkSession, source: Path) -> None:
    assert killed_and_healed(source, BATCHES.name)
    assert everything(spark, source / f"killed-{BATCHES.name}") == everything(spark, source / "calm")


@pytest.mark.skipif(not FULL, reason="two runs per commit: runs with make proofs")
def test_a_run_killed_before_any_of_its_commits_ends_the_same(spark: SparkSession, source: Path) -> None:
    limits, calm = count(), everything(spark, source / "calm")
    killed: list[bool] = []
    with ThreadPoolExecutor(2) as two_at_a_time:
        while all(killed):
            pair = [str(next(limits)), str(next(limits))]
            killed += two_at_a_time.map(partial(killed_and_healed, source), pair)
            for limit in pair:
                assert everything(spark, source / f"killed-{limit}") == calm, limit
    assert sum(killed) > 10
