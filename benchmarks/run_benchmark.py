"""Runs the competitors, each in processes of its own, and prints what they took; see README.md."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import generate
from benchmarks.competitors import COMPETITORS, Asked
from benchmarks.figures import as_json, printed
from benchmarks.job import DRIVER_MEMORY, THREADS, Job, spark_session
from benchmarks.measure import Timing, timed
from benchmarks.shapes import Shape, size
from benchmarks.summary import Measured, disagreements, summarise
from benchmarks.targets import Figures

ROOT = Path(__file__).resolve().parents[1]
GENERATE = "generate"
MODULE = "benchmarks.run_benchmark"


@dataclasses.dataclass(frozen=True)
class Case:
    """One competitor on one table."""

    name: str
    shape: Shape


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one stage of one competitor here (`--only`), or all of them in child processes.

    Args:
        arguments: The command line without the program; by default the process's own.

    Returns:
        0, or 1 when a competitor failed or two disagree.
    """
    options = _parser().parse_args(arguments)
    if options.only:
        _run_here(options)
        return 0
    data: Path = options.data.resolve()
    data.mkdir(parents=True, exist_ok=True)
    cases = cases_of(options)
    for shape in dict.fromkeys(case.shape for case in cases):
        if not _generated(shape, data):
            return 1
    measured: list[Measured] = []
    failed: set[Case] = set()
    for case in (case for _ in range(options.repeat) for case in cases):
        if case not in failed:
            found, whole = _run_case(case, data, options.driver_memory)
            measured.extend(Measured(case.shape, timing) for timing in found)
            if not whole:
                failed.add(case)
                _say(f"{case.name} failed on {case.shape.name}, see above")
        # After every case, so that what was measured is there when a later one never ends.
        figures = Figures(summarise(measured), {case.name for case in failed})
        _save(options, figures)
    _say(printed(figures))
    return 1 if failed or disagreements(figures.rows) else 0


def cases_of(options: argparse.Namespace) -> list[Case]:
    """Who runs on what, table by table, so that its files stay in the page cache."""
    asked = Asked(options.sizes, options.years, options.lines_a_year)
    chosen = options.competitors or [name for name, one in COMPETITORS.items() if one.default]
    names = list(dict.fromkeys([*chosen, *options.also]))
    cases = [Case(name, shape) for name in names for shape in COMPETITORS[name].shapes(asked)]
    shapes = list(dict.fromkeys(case.shape for case in cases))
    return sorted(cases, key=lambda case: shapes.index(case.shape))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=__doc__)
    names = list(COMPETITORS)
    sizes, years = [2_000_000, 20_000_000], [1, 2, 4, 8]
    parser.add_argument("--sizes", type=size, nargs="+", default=sizes, help="lines of the tables (default: 2m 20m)")
    parser.add_argument("--years", type=int, nargs="+", default=years, help="histories to compare (default: 1 2 4 8)")
    parser.add_argument("--lines-a-year", type=size, default=1_000_000, help="of these histories (default: 1m)")
    parser.add_argument("--data", type=Path, default=ROOT / "bench-data", help="where generated tables are kept")
    parser.add_argument("--repeat", type=int, default=1, help="rounds; medians are reported (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="where the figures go (default: figures.json beside the tables)")
    parser.add_argument("--competitors", nargs="+", choices=names, help="run these alone")
    parser.add_argument("--also", nargs="+", choices=names, default=[], help="run these as well")
    parser.add_argument("--driver-memory", default=DRIVER_MEMORY, help="spark.driver.memory (default: %(default)s)")
    parser.add_argument("--only", choices=[GENERATE, *names], help="the child's mode: one stage here, JSON printed")
    parser.add_argument("--stage", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--shape", type=Shape.from_json, help=argparse.SUPPRESS)
    parser.add_argument("--scratch", type=Path, help=argparse.SUPPRESS)
    return parser


def _run_here(options: argparse.Namespace) -> None:
    """Does one stage in this process and prints one JSON line."""
    shape: Shape = options.shape
    data: Path = options.data
    job = Job(shape.table(data), shape.night(data), options.scratch, options.driver_memory)
    if options.only == GENERATE:
        timings = [timed(GENERATE, lambda: _generate(job, shape))]
    else:
        timings = COMPETITORS[options.only].stages[options.stage](job)
    _say(json.dumps([dataclasses.asdict(timing) for timing in timings]))


def _generate(job: Job, shape: Shape) -> None:
    spark = spark_session(GENERATE, job.memory)
    if not generate.is_complete(job.table):
        generate.write_table(spark, job.table, shape)
    if not generate.is_written(job.night):
        generate.write_night(spark, job.night, shape)


def _generated(shape: Shape, data: Path) -> bool:
    """Sees to it that the table and its night are there, whole."""
    if generate.is_complete(shape.table(data)) and generate.is_written(shape.night(data)):
        return True
    _say(f"generating {shape.lines:,} lines in {shape.name} ...")
    found = asyncio.run(_run_child(Case(GENERATE, shape), 0, data, data, DRIVER_MEMORY))
    if found is None:
        return False
    _say(f"generated in {found[0].seconds:.1f} s")
    return True


def _run_case(case: Case, data: Path, memory: str) -> tuple[list[Timing], bool]:
    """All stages of a competitor, one after the other, up to the first that fails; and whether none did."""
    competitor = COMPETITORS[case.name]
    _read_all(generate.live_files(case.shape.table(data)))
    timings: list[Timing] = []
    # Beside the tables: hard links do not reach other file systems.
    with tempfile.TemporaryDirectory(prefix="scratch-", dir=data) as scratch:
        for stage in range(len(competitor.stages)):
            asked = competitor.memory or memory
            found = asyncio.run(_run_child(case, stage, data, Path(scratch), asked))
            if found is None:
                return timings, False
            timings.extend(found)
            for timing in found:
                _say(f"{case.shape.lines:>11,}  {timing.name:48} {timing.seconds:8.1f} s")
    return timings, True


async def _run_child(case: Case, stage: int, data: Path, scratch: Path, memory: str) -> list[Timing] | None:
    """Runs one stage in a child process, whose last line of output is its timings; None when it failed."""
    words = ["--only", case.name, "--stage", str(stage), "--shape", case.shape.as_json(), "--data", str(data)]
    command = [sys.executable, "-m", MODULE, *words, "--scratch", str(scratch), "--driver-memory", memory]
    environment = {**os.environ, **THREADS}
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, cwd=ROOT, env=environment)
    output, _ = await child.communicate()
    if child.returncode != 0:
        return None
    return [Timing.from_json(timing) for timing in json.loads(output.decode().splitlines()[-1])]


def _read_all(files: Sequence[Path]) -> None:
    """Reads the files once, so that no competitor pays for a cold page cache."""
    for file in files:
        with file.open("rb") as stream:
            while stream.read(2**24):
                pass


def _save(options: argparse.Namespace, figures: Figures) -> None:
    file: Path = options.json or options.data / "figures.json"
    file.write_text(
        json.dumps(as_json(figures, options.driver_memory, options.repeat), indent=2) + "\n", encoding="utf-8"
    )


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
