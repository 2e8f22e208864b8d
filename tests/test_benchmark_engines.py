"""What the benchmark's competitors in memory find, and the copies of tables that nights are appended to."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from benchmarks import in_memory, names, ours, run_benchmark
from benchmarks.generate import live_files
from benchmarks.job import Job, copied
from benchmarks.measure import Parts
from benchmarks.shapes import Shape

Line = tuple[str, str, str, str]

# The example of docs/quality.md, as lines of one customer.
RETURNS: list[Line] = [
    ("c", "A1", "2024-05-02T10:00", "19.99"), ("c", "A1", "2024-05-02T10:00", "10.01"),
    ("c", "A2", "2024-05-20T10:00", "45.50"), ("c", "A3", "2024-06-01T10:00", "12.30"),
    ("c", "A1", "2024-06-10T10:00", "-10.01"), ("c", "A3", "2024-06-15T10:00", "-12.30"),
    ("c", "R3", "2024-06-20T10:00", "-5.00"),
]  # fmt: skip


def write_lines(table: Path, lines: list[Line]) -> None:
    who, order, at, amount = zip(*lines, strict=True)
    moments = [datetime.fromisoformat(text).replace(tzinfo=timezone.utc) for text in at]
    columns: dict[str, Any] = {
        "customer_id": list(who), "order_id": list(order), "order_ts": pa.array(moments, pa.timestamp("us", "UTC")),
        "amount": pa.array([Decimal(text) for text in amount], pa.decimal128(12, 2)),
        "product_id": [f"P{number:05d}" for number in range(len(lines))], "store_id": ["S1"] * len(lines),
    }  # fmt: skip
    write_deltalake(str(table), pa.table(columns))


def test_what_is_appended_to_a_copy_leaves_the_table_as_it_was(tmp_path: Path) -> None:
    job = Job(tmp_path / "table", tmp_path / "night", tmp_path / "scratch")
    write_lines(job.table, RETURNS)
    before = {file: file.stat().st_size for file in job.table.rglob("*") if file.is_file()}
    pq.write_table(DeltaTable(str(job.table)).to_pyarrow_table().slice(0, 2), tmp_path / "rows.parquet")
    job.night.mkdir()
    (tmp_path / "rows.parquet").rename(job.night / "part-0.parquet")
    ours.copy_source(job)
    assert {file.name: file.stat().st_ino for file in live_files(job.source)} == {
        file.name: file.stat().st_ino for file in live_files(job.table)
    }
    ours.append_night(job)
    assert {file: file.stat().st_size for file in job.table.rglob("*") if file.is_file()} == before
    assert DeltaTable(str(job.source)).version() == 1
    assert DeltaTable(str(job.source)).to_pyarrow_table().num_rows == len(RETURNS) + 2


def test_corrected_prices_are_those_of_a_day_and_a_tenth_lower(tmp_path: Path) -> None:
    job = Job(tmp_path / "table", tmp_path / "night", tmp_path)
    write_lines(job.source, [("c", "A", "2025-12-15T08:00", "10.05"), ("c", "B", "2025-12-16T00:00", "10.00")])
    ours.correct_prices(job)
    table = DeltaTable(str(job.source))
    assert sorted(table.to_pyarrow_table(columns=["amount"])["amount"].to_pylist()) == [
        Decimal("9.05"),
        Decimal("10.00"),
    ]
    write_lines(tmp_path / "other", RETURNS)
    copied(tmp_path / "other", tmp_path / "b" / "source")
    with pytest.raises(SystemExit, match="no row to correct"):
        ours.correct_prices(Job(job.table, job.night, tmp_path / "b"))


def segments_by(engine: str) -> Any:
    if engine == "polars":
        pytest.importorskip("polars")
    return getattr(in_memory, f"{engine}_segments")


@pytest.mark.parametrize("engine", ["duckdb", "pandas", "polars"])
def test_engines_in_memory_net_refunds_as_the_documents_have_it(engine: str, tmp_path: Path) -> None:
    write_lines(tmp_path / "table", [*RETURNS, ("only refunds", "X", "2024-05-01T00:00", "-3.00")])
    for as_of, expected in (((2024, 6, 30), (6049, 2, 41)), ((2024, 6, 14), (7779, 3, 13))):
        (found,) = segments_by(engine)(tmp_path / "table", date(*as_of)).to_dict("records")
        assert (found["monetary_cents"], found["frequency"], found["recency_days"]) == expected


@pytest.mark.parametrize("engine", ["duckdb", "pandas", "polars"])
def test_engines_in_memory_keep_ties_together(engine: str, tmp_path: Path) -> None:
    # Ten customers; the last buys before the window. Recency: cuts at the 2nd, 4th, 6th, 8th value.
    days = [0, 0, 0, 10, 20, 30, 40, 50, 364, 365]
    last = datetime(2025, 12, 31, 9)
    lines = [(f"c{n}", f"o{n}", (last - timedelta(days=day)).isoformat(), f"{n + 1}.00") for n, day in enumerate(days)]
    write_lines(tmp_path / "table", lines)
    found = segments_by(engine)(tmp_path / "table", date(2025, 12, 31)).sort_values("customer_id")
    assert found["r"].tolist() == [5, 5, 5, 4, 3, 3, 2, 2, 1, 1]
    assert found["f"].tolist() == [1] * 10
    # Nine with a purchase in the window: cuts at the 2nd, 4th, 6th and 8th; who has none scores 1.
    assert found["m"].tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 1]
    assert found["segment"].tolist() == [
        "new", "new", "new", "promising", "about_to_sleep", "about_to_sleep", *["hibernating"] * 4,
    ]  # fmt: skip


def test_clusters_in_memory_find_two_groups_that_lie_apart() -> None:
    draws = np.random.default_rng(1)
    near, far = draws.normal(5, 1, (40, 3)), draws.normal(4000, 9, (40, 3))
    frame = pd.DataFrame(np.abs(np.vstack([near, far])), columns=["recency_days", "frequency", "monetary_cents"])
    labels = in_memory.clusters(frame, Parts())
    assert len(set(labels[:40])) == len(set(labels[40:])) == 1
    assert labels[0] != labels[-1]


def test_the_command_runs_competitors_in_processes_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shape = Shape.of(1000)
    last = datetime(2025, 12, 31)
    moments = [(last - timedelta(hours=7 * n % 9000)).isoformat() for n in range(1000)]
    write_lines(
        shape.table(tmp_path), [(f"c{n % 100:03d}", f"o{n}", at, f"{n % 90 + 1}.50") for n, at in enumerate(moments)]
    )
    shape.night(tmp_path).mkdir()
    (shape.night(tmp_path) / "_SUCCESS").touch()
    words = ["--sizes", "1k", "--data", str(tmp_path), "--competitors"]
    assert run_benchmark.main([*words, "duckdb-sklearn", "pandas-sklearn"]) == 0
    document = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    assert [row["name"] for row in document["results"]] == [names.DUCKDB_SKLEARN, "pandas + scikit-learn"]
    assert all(len(row["repeats"]) == 1 and row["peak_mb"] > 50 for row in document["results"])
    assert set(document["results"][0]["steps"]) == {"measures and segments", "KMeans", "silhouettes", "writing"}
    assert "equal: duckdb + scikit-learn, pandas + scikit-learn: 100 customers" in capsys.readouterr().out
    assert not list(tmp_path.glob("scratch-*"))
    for file in live_files(shape.table(tmp_path)):
        file.write_bytes(b"no Parquet")
    assert run_benchmark.main([*words, "duckdb", "--repeat", "2", "--json", str(tmp_path / "other.json")]) == 1
    assert json.loads((tmp_path / "other.json").read_text(encoding="utf-8"))["failed"] == ["duckdb"]
