"""A real PostgreSQL as a source: landed once, read in parts, and never a secret in what is written."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from rfm_spark.core.errors import ConfigError, LakeError, SourceError
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import current
from rfm_spark.lake.sources import pin
from rfm_spark.lake.store import Store
from tests.helpers import commits, config_for, run_tiny

SESAME = "s3cret-of-the-shop"
USER = "postgres"


class Database:
    """A PostgreSQL cluster in a folder of its own."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder, self.programs = folder, programs
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.url = f"jdbc:postgresql://127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        (self.folder / "password").write_text(SESAME)
        if os.getuid() == 0:
            # PostgreSQL refuses to run as root, and each folder above must let its user pass.
            shutil.chown(self.folder, USER)
            for above in self.folder.parents:
                if str(above) != above.root and not os.stat(above).st_mode & 0o001:
                    above.chmod(above.stat().st_mode | 0o011)
        self._run("initdb", "-D", "data", "-U", USER, "--pwfile=password", "--auth=scram-sha-256")
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder} -c fsync=off"
        self._run("pg_ctl", "-D", "data", "-w", "-l", "log", "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", "data", "-m", "immediate", "stop")

    def sql(self, text: str) -> None:
        self._run(
            "psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", USER, "-v", "ON_ERROR_STOP=1", "-q", "-c", text
        )

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), *arguments]
        if os.getuid() == 0:
            command = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", *command]
        environment = {**os.environ, "PGPASSWORD": SESAME}
        # Its server keeps the pipe open, so the output goes to a file.
        with (self.folder / "out").open("w") as out:
            done = subprocess.run(command, cwd=self.folder, env=environment, stdout=out, stderr=out, check=False)
        assert done.returncode == 0, (self.folder / "out").read_text()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found and not os.environ.get("CI_NEEDS_POSTGRESQL"):
        pytest.skip("no PostgreSQL on this machine (Debian or Ubuntu: apt-get install postgresql)")
    made = Database(tmp_path_factory.mktemp("postgresql"), found[-1].parent)
    made.start()
    made.sql(
        "CREATE TABLE lines (id int PRIMARY KEY, customer text, ord text, day timestamp, amount numeric(12,2));"
        "INSERT INTO lines SELECT i, 'c' || i % 20, 'o' || i, timestamp '2024-01-01' + i * interval '8 hours', i * 0.5 "
        "FROM generate_series(1, 500) AS i"
    )
    yield made
    made.stop()


def source(database: Database, **options: Any) -> dict[str, Any]:
    given = {"url": database.url, "dbtable": "lines", "user": USER, "password": "${env:SHOP_PASSWORD}", **options}
    columns = {"customer_id": "customer", "order_id": "ord", "order_ts": "day", "amount": "amount"}
    return {"format": "jdbc", "options": {k: v for k, v in given.items() if v is not None}, "columns": columns}


def test_a_table_is_landed_in_parts_once_and_again_when_it_grew(
    spark: SparkSession, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", SESAME)
    parts = {"partitionColumn": "id", "numPartitions": 4, "fetchsize": 100}
    config = config_for(
        tmp_path, sources={"transactions": source(database, **parts)}, quality={"max_staleness_days": None}
    )
    frame = pin(None, spark, config).frame
    assert frame.select(F.spark_partition_id()).distinct().count() == 4
    first = run_tiny(spark, config)
    place = LakeLocation.of(config)
    figures = current(spark, place, "segments").selectExpr("count(*)", "sum(frequency)", "sum(monetary)").collect()[0]
    assert [str(value) for value in figures] == ["20", "500", "62625.00"]
    # 1 to 500, times a half; the same question again lands and publishes nothing.
    landed = commits(tmp_path / "lake")
    assert run_tiny(spark, config).repeated
    assert commits(tmp_path / "lake") == landed
    database.sql("INSERT INTO lines VALUES (501, 'new', 'o501', '2024-06-15', 9.99)")
    second = run_tiny(spark, config)
    assert second.run_id != first.run_id
    assert current(spark, place, "segments").where("customer_id = 'new'").count() == 1
    # The secret is nowhere in what was written.
    written = [path for path in (tmp_path / "lake").rglob("*") if path.is_file()]
    assert not [path for path in written if SESAME.encode() in path.read_bytes()]
    row = Store(spark, place).read("runs").where(f"run_id = '{first.run_id}'").collect()[0]
    assert "${env:SHOP_PASSWORD}" in row["config"]


@pytest.mark.parametrize(
    ("table", "column", "parts"),
    [
        ("lines", "amount", 4), ("lines", "day", 4),
        ("(SELECT *, amount / 3 AS third FROM lines) AS l", "third", 4),
        ("(SELECT *, CAST(amount AS double precision) AS size FROM lines) AS l", "size", 4),
        ("(SELECT *, 1e19::numeric AS huge FROM lines) AS l", "huge", 1),
        ("(SELECT * FROM lines WHERE id < 0) AS l", "day", 1), ("(SELECT * FROM lines WHERE id < 0) AS l", "amount", 1),
        ("(SELECT *, 'NaN'::double precision AS odd FROM lines) AS l", "odd", 1),
    ],
)  # fmt: skip
def test_any_column_that_can_be_parted_has_bounds(
    spark: SparkSession, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    table: str, column: str, parts: int,
) -> None:  # fmt: skip
    monkeypatch.setenv("SHOP_PASSWORD", SESAME)
    options = {"dbtable": table, "partitionColumn": column, "numPartitions": 4}
    frame = pin(None, spark, config_for(tmp_path, sources={"transactions": source(database, **options)})).frame
    assert frame.rdd.getNumPartitions() == parts
    # Another test lets the table grow.
    assert frame.where("id <= 500").count() == (0 if "id < 0" in table else 500)


def test_a_lake_that_can_not_be_written_is_not_the_databases_fault(
    spark: SparkSession, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", SESAME)
    config = config_for(tmp_path, sources={"transactions": source(database)}, lake={"root": "/proc/rfm-spark"})
    with pytest.raises(LakeError, match="lake /proc/rfm-spark: can't be written"):
        pin(Store(spark, LakeLocation.of(config)), spark, config)


def test_what_goes_wrong_with_a_database_is_one_sentence(
    spark: SparkSession, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(**options: Any) -> None:
        pin(None, spark, config_for(tmp_path, sources={"transactions": source(database, **options)}))

    monkeypatch.delenv("SHOP_PASSWORD", raising=False)
    with pytest.raises(ConfigError, match="SHOP_PASSWORD is not set"):
        look()
    monkeypatch.setenv("SHOP_PASSWORD", "wrong-password")
    with pytest.raises(SourceError, match="password authentication failed") as caught:
        look()
    assert "wrong-password" not in str(caught.value)
    monkeypatch.setenv("SHOP_PASSWORD", SESAME)
    with pytest.raises(SourceError, match=r"no_table.*does not exist"):
        look(dbtable="no_table")
    with pytest.raises(SourceError, match=r"no JDBC driver.*RFM_SPARK_PACKAGES"):
        look(url="jdbc:nosuch://127.0.0.1/x")
    look(dbtable=None, query="SELECT * FROM lines WHERE id < 3")
