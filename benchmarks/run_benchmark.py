"""Runs the competitors, each in a process of its own, and prints what they took; see README.md."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks import competitors, generate
from benchmarks.measure import Timing, timed
from benchmarks.summary import Row, format_table, summarise

ROOT = Path(__file__).resolve().parents[1]
GENERATE = "generate"
MODULE = "benchmarks.run_benchmark"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one competitor here (`--only`), or all of them in child processes.

    Args:
        arguments: The command line without the program; by default the process's own.

    Returns:
        0, or 1 when a competitor failed.
    """
    options = _parser().parse_args(arguments)
    data: Path = options.data.resolve()
    table = generate.table_path(data, options.lines, options.customers)
    if options.only:
        _run_here(options.only, table, options.lines, options.customers)
        return 0
    sizes = ["--lines", str(options.lines), "--customers", str(options.customers), "--data", str(data)]
    if not generate.is_complete(table):
        _say(f"generating {options.lines:,} lines in {table.name} ...")
        if not (generated := asyncio.run(_run_child(GENERATE, sizes))):
            return 1
        _say(f"generated in {generated[0].seconds:.1f} s")
    size = _read_all(generate.live_files(table))
    _say(f"{options.lines:,} lines, {options.customers:,} customers, {size / 2**20:,.0f} MB of Parquet")
    timings, failed = _run_all(options.competitors, sizes, options.repeat)
    rows = summarise(timings)
    _say(format_table(rows))
    if options.json:
        figures = json.dumps(_as_json(options.lines, options.customers, rows), indent=2)
        options.json.write_text(figures + "\n", encoding="utf-8")
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=__doc__)
    names = list(competitors.COMPETITORS)
    parser.add_argument("--lines", type=int, default=20_000_000, help="transaction lines (default: %(default)s)")
    parser.add_argument("--customers", type=int, default=2_000_000, help="population (default: %(default)s)")
    parser.add_argument("--data", type=Path, default=ROOT / "bench-data", help="where generated tables are kept")
    parser.add_argument("--repeat", type=int, default=1, help="rounds; medians are reported (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    parser.add_argument("--competitors", nargs="+", choices=names, default=names, help="run these alone (default: all)")
    parser.add_argument("--only", choices=[GENERATE, *names], help="the child's mode: run one here, print JSON")
    return parser


def _run_here(name: str, table: Path, lines: int, customers: int) -> None:
    """Does one piece of work in this process and prints one JSON line."""
    with tempfile.TemporaryDirectory(prefix="rfm-spark-benchmark-") as scratch:
        if name == GENERATE:
            spark = competitors.spark_session(GENERATE)
            timings = [timed(GENERATE, lambda: generate.write_table(spark, table, lines, customers))]
        else:
            timings = competitors.COMPETITORS[name](competitors.Job(table, Path(scratch)))
    _say(json.dumps([dataclasses.asdict(timing) for timing in timings]))


def _run_all(names: Sequence[str], sizes: Sequence[str], repeat: int) -> tuple[list[Timing], bool]:
    """Runs the competitors in rounds, so that a slow spell of the machine falls on all of them alike."""
    timings: list[Timing] = []
    failed: set[str] = set()
    for _ in range(repeat):
        for name in names:
            if name in failed:
                continue
            found = asyncio.run(_run_child(name, sizes))
            timings.extend(found)
            if not found:
                failed.add(name)
                _say(f"{name} failed, see above")
    return timings, bool(failed)


async def _run_child(name: str, sizes: Sequence[str]) -> list[Timing]:
    """Runs one piece of work in a child process; its last line of output is its timings, and none means it failed."""
    command = [sys.executable, "-m", MODULE, "--only", name, *sizes]
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, cwd=ROOT)
    output, _ = await child.communicate()
    if child.returncode != 0:
        return []
    return [Timing(**timing) for timing in json.loads(output.decode().splitlines()[-1])]


def _read_all(files: Sequence[Path]) -> int:
    """Reads the files once, so that the first competitor does not pay for a cold page cache; gives their bytes."""
    size = 0
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(2**24):
                size += len(block)
    return size


def _as_json(lines: int, customers: int, rows: Sequence[Row]) -> dict[str, object]:
    return {
        "lines": lines,
        "customers": customers,
        "cpus": os.cpu_count(),
        "cores_used": competitors.CORES,
        "settings": competitors.SETTINGS,
        "python": platform.python_version(),
        "versions": {package: version(package) for package in ("pyspark", "delta-spark", "duckdb")},
        "results": [dataclasses.asdict(row) for row in rows],
    }


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
