"""`rfm-spark rejects`: counts, examples and exports, also of a run that stopped at a gate."""

from __future__ import annotations

import csv
import json
import re
from datetime import datetime
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from rfm_spark.cli.main import main
from rfm_spark.core.errors import GateError
from tests.helpers import config_for, purchases, run_tiny, write_source

BAD = [("=cmd()", "", datetime(2024, 6, 29), "1.00"), ("c01", "", datetime(2024, 6, 29), "-2.00"),
       ("", "o", datetime(2024, 6, 29), "3.00")]  # fmt: skip


@pytest.fixture(scope="module")
def stopped(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A lake, and the run that its gate stopped."""
    folder = tmp_path_factory.mktemp("rejects")
    write_source(session, folder / "source", [*purchases(), *BAD])
    with pytest.raises(GateError) as caught:
        run_tiny(session, config_for(folder, quality={"max_reject_share": 0}))
    found = re.search(r"rejects --run (\S+)`", str(caught.value))
    assert found is not None
    return str(folder / "lake"), found[1]


def test_rejects_of_a_stopped_run_are_counted_and_shown(
    spark: SparkSession, stopped: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    lake, run_id = stopped
    assert main(["rejects", "--lake", lake]) == 2
    assert "--run" in capsys.readouterr().err
    assert main(["rejects", "--lake", lake, "--run", run_id]) == 0
    said = capsys.readouterr().out
    assert re.search(r"transactions +missing_order_id +2 +2 +no order id", said)
    assert re.search(r"transactions +anonymous +1 +1 +no customer", said)
    assert main(["rejects", "--lake", lake, "--run", run_id, "--reason", "anonymous", "--format", "json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(json.loads(line)["record"])["order"] == "o"
    assert main(["rejects", "--lake", lake, "--run", run_id, "--reason", "no_such"]) == 2
    assert main(["rejects", "--lake", lake, "--run", run_id, "-o", "x.parquet"]) == 2


def test_rejects_are_exported_with_the_columns_of_the_source(
    spark: SparkSession, stopped: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lake, run_id = stopped
    for name in ("out.csv", "out.json"):
        assert main(["rejects", "--lake", lake, "--run", run_id, "-o", str(tmp_path / name)]) == 0
        assert "3 rejected rows" in capsys.readouterr().out
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["customer"] for row in rows} == {"'=cmd()", "c01", ""}
    assert "-2.00" in {row["amount"] for row in rows}
    records = [json.loads(line)["record"] for line in (tmp_path / "out.json").read_text(encoding="utf-8").splitlines()]
    assert {record["customer"] for record in records} == {"=cmd()", "c01", ""}
    assert main(["rejects", "--lake", lake, "--run", run_id, "-o", str(tmp_path / "no" / "out.csv")]) == 2
    assert "can't be written" in capsys.readouterr().err
