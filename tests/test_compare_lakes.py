"""What `benchmarks.compare_lakes` takes for equal in two lakes, and what not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from pyspark.sql import SparkSession

from benchmarks.compare_lakes import main

NAN, ULP = math.nan, math.nextafter(0.3, 1)
COUNTS = pa.map_(pa.string(), pa.float64())
AS_OF = date(2024, 6, 30)

# Each is another kind of difference, or of none: a table before, and after.
BEFORE: dict[str, dict[str, Sequence[Any]]] = {
    "same": {
        "id": ["a", "b", "c", "c"], "x": [0.3, NAN, None, None], "on": [AS_OF, AS_OF, None, None],
        "counts": [[("p", 1.0), ("q", 2.0)], None, [], []],
    },
    "more": {"id": ["a", "b", "b"]},
    "ulp": {"id": ["a", "b"], "x": [0.3, 1.0], "y": [1.0, 2.0]},
    "nested": {"id": ["a"], "parts": [[{"x": 0.0}, None]], "counts": [[("p", 1.0), ("q", 2.0)]]},
    "column": {"id": ["a"], "n": [1]},
}  # fmt: skip
AFTER: dict[str, dict[str, Sequence[Any]]] = {
    "same": {
        "on": [None, AS_OF, None, AS_OF], "x": [None, NAN, None, 0.3], "id": ["c", "b", "c", "a"],
        "counts": [[], None, [], [("q", 2.0), ("p", 1.0)]],
    },
    "more": {"id": ["b", "a", "b", "b"]},
    "ulp": {"id": ["a", "b"], "x": [ULP, 1.0], "y": [1.0, 2.0]},
    "nested": {"id": ["a"], "parts": [[{"x": -0.0}, None]], "counts": [[("p", 2.0), ("q", 1.0)]]},
    "column": {"id": ["a"], "n": ["1"], "new": ["x"]},
    "extra": {"id": ["a", "b"]},
}  # fmt: skip


@dataclass(frozen=True)
class Said:
    """How the command ended, its line of each table, and the examples below it."""

    code: int
    lines: Mapping[str, str]
    examples: Mapping[str, list[str]]
    text: str


def run_row(run_id: str, hour: int, warnings: list[str], table: str = "0a1b2c3d") -> dict[str, Sequence[Any]]:
    at = datetime(2024, 7, 1, hour, tzinfo=timezone.utc)
    return {
        "run_id": [run_id], "as_of_date": [AS_OF], "config_name": ["tiny"], "started_at": [at], "finished_at": [at],
        "spark_version": [f"4.{hour}"], "warnings": [warnings], "inputs": [[("transactions", f"delta:{table}:0")]],
    }  # fmt: skip


def write(folder: Path, tables: Mapping[str, Mapping[str, Sequence[Any]]]) -> str:
    for name, columns in tables.items():
        kinds = {"counts": COUNTS, "inputs": pa.map_(pa.string(), pa.string())}
        made = {column: pa.array(values, kinds.get(column)) for column, values in columns.items()}
        write_deltalake(str(folder / name), pa.table(made))
    return str(folder)


def compare(capsys: pytest.CaptureFixture[str], *arguments: str) -> Said:
    code = main(arguments)
    text = capsys.readouterr().out
    lines: dict[str, str] = {}
    examples: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith("  "):
            examples.setdefault(name, []).append(line.strip())
        else:
            name, _, rest = line.partition(" ")
            lines[name] = rest.strip()
    return Said(code, lines, examples, text)


@pytest.fixture(scope="module")
def lakes(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("lakes")
    runs = [run_row("2024-06-30-0a1b2c3d", hour, told) for hour, told in ((1, ["b", "a"]), (2, ["a", "b"]))]
    return write(folder / "before", {**BEFORE, "runs": runs[0]}), write(folder / "after", {**AFTER, "runs": runs[1]})


@pytest.mark.usefixtures("spark")
def test_each_difference_is_told_with_its_rows(lakes: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    said = compare(capsys, *lakes)
    assert {name: said.lines[name] for name in (*AFTER, "runs")} == {
        "same": "4 rows; equal",
        "more": "3 rows before, 4 rows after; 1 row only after",
        "ulp": "2 rows; 1 row only before; 1 row only after; they differ in x",
        "nested": "1 row; 1 row only before; 1 row only after; they differ in counts, parts",
        "column": "1 row; columns only before: n bigint; columns only after: n string, new string",
        "extra": "only after, 2 rows",
        "runs": "1 row; equal",
    }
    assert said.examples["more"] == ['+ {"id":"b"}']
    assert said.examples["ulp"] == ['- {"x":"0.3","id":"a","y":"1.0"}', f'+ {{"x":"{ULP!r}","id":"a","y":"1.0"}}']
    assert set(said.examples) == {"more", "ulp", "nested"}
    assert "runs.started_at, runs.finished_at" in said.lines["not"]
    assert (said.code, said.lines["7"]) == (1, "tables compared: 2 equal, 5 different")


@pytest.mark.usefixtures("spark")
def test_meant_differences_are_ignored_by_table_and_column(
    lakes: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    meant = ("more", "ulp.x", "nested", "same", "runs", "column.new", "column.n", "extra")
    said = compare(capsys, *lakes, *(part for name in meant for part in ("--ignore", name)))
    assert (said.code, said.lines["2"]) == (0, "tables compared: 2 equal, 0 different")
    assert said.lines["ignored:"] == ", ".join(meant)


@pytest.mark.usefixtures("spark")
def test_runs_over_sources_written_anew_are_compared_under_the_same_ids(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = "2024-06-30-0a1b2c3d", "2024-06-30-ffffffff"
    lakes = [
        write(tmp_path / name, {
            "runs": run_row(run_id, 1, [f"see {run_id}-challenger"], table),
            "segments": {"run_id": [run_id, f"{run_id}-2"]},
        })
        for name, run_id, table in (("before", old, "11111111"), ("after", new, "22222222"))
    ]  # fmt: skip
    said = compare(capsys, *lakes, "--pair-runs")
    assert (said.code, said.lines["run"]) == (0, "ids: 1 of 1 differ and are taken for those before")


def test_schemas_of_a_catalog_are_compared_with_their_views(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for schema, rows in (("lake_before", 1), ("lake_after", 2)):
        folder = write(tmp_path / schema, {"segments": {"id": ["a", "b"]}})
        spark.sql(f"CREATE SCHEMA {schema}")
        spark.sql(f"CREATE TABLE {schema}.segments USING delta LOCATION '{folder}/segments'")
        spark.sql(f"CREATE VIEW {schema}.segments_current AS SELECT * FROM {schema}.segments ORDER BY id LIMIT {rows}")
    said = compare(capsys, "lake_before", "lake_after", "--catalog")
    assert said.lines["segments"] == "2 rows; equal"
    assert said.lines["segments_current"] == "1 row before, 2 rows after; 1 row only after"
    for schema in ("lake_before", "lake_after"):
        spark.sql(f"DROP SCHEMA {schema} CASCADE")


@pytest.mark.usefixtures("spark")
def test_a_folder_without_tables_is_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([str(tmp_path), str(tmp_path)])
    assert stopped.value.code == 2
    assert "no Delta tables here" in capsys.readouterr().err
