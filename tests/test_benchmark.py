"""The benchmark without Spark: which tables there are, medians, ratios, targets, and the picture."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import figures, machine, names, ours, plot, run_benchmark, scale
from benchmarks.measure import Parts, Result, Timing, bytes_moved, on_disk, timed
from benchmarks.shapes import Shape, size
from benchmarks.summary import (
    Measured,
    Row,
    agreements,
    cost_per_line,
    disagreements,
    main_table,
    steps_table,
    summarise,
)
from benchmarks.targets import Figures, targets_table, verdicts
from rfm_spark.capabilities.purchases.taking import NEW_LINES
from rfm_spark.pipeline.order import all_steps

SMALL, LARGE = Shape.of(2_000_000), Shape.of(20_000_000)
STEP = ours.INTAKE_AND_MEASURES[0]


def measured(seconds: dict[str, float], shape: Shape = LARGE, **more: Any) -> list[Measured]:
    return [Measured(shape, Timing(name, value, **more)) for name, value in seconds.items()]


def history(years: int, seconds: float) -> list[Measured]:
    return measured({names.HISTORY_NIGHT: seconds}, Shape.history(1_000_000, years))


def rows_of(*parts: list[Measured]) -> list[Row]:
    return summarise([one for part in parts for one in part])


@pytest.mark.parametrize(
    ("text", "lines"), [("20m", 20_000_000), ("200K", 200_000), ("1_500_000", 1_500_000), ("7", 7)]
)
def test_sizes_are_read_with_their_units(text: str, lines: int) -> None:
    assert size(text) == lines


@pytest.mark.parametrize("text", ["", "m", "2g", "1.5m", "0", "-3"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="write 200k"):
        size(text)


def test_tables_keep_the_folders_that_figures_of_before_are_of() -> None:
    assert LARGE.name == "transactions-20000000-2000000-v1"
    unusual = [Shape(1000, 100, basket=10), Shape(1000, 100, skewed=True), Shape.history(1000, 4), Shape.of(1000)]
    assert len({shape.name for shape in unusual}) == 4
    assert all(Shape.from_json(shape.as_json()) == shape for shape in unusual)


def test_a_night_is_as_long_after_one_year_as_after_eight() -> None:
    assert {Shape.history(1_000_000, years).night_lines(0.0015) for years in (1, 2, 4, 8)} == {3000}
    assert Shape.of(2_000_000).night_lines(0.0015) == 3000
    with pytest.raises(ValueError, match="multiple of five"):
        Shape(1001, 100, years=2)


def test_cases_come_table_by_table_and_the_longer_ones_only_when_asked() -> None:
    parse = run_benchmark._parser().parse_args
    cases = run_benchmark.cases_of(parse(["--sizes", "20k", "40k", "--years", "1", "3", "--lines-a-year", "10k"]))
    shapes = [case.shape for case in cases]
    assert list(dict.fromkeys(shapes)) == [
        Shape.of(20_000), Shape.of(40_000), Shape.history(10_000, 1), Shape.history(10_000, 3),
    ]  # fmt: skip
    assert shapes == sorted(shapes, key=shapes.index)
    assert {"skewed", "small-driver", "baskets", "mllib"}.isdisjoint(case.name for case in cases)
    some = run_benchmark.cases_of(parse(["--competitors", "scan", "--also", "skewed", "--sizes", "1k"]))
    assert [(case.name, case.shape) for case in some] == [
        ("scan", Shape.of(1000)), ("skewed", Shape(1000, 100, skewed=True)),
    ]  # fmt: skip


def test_what_was_measured_before_a_failure_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def child(_case: object, stage: int, *_: object) -> list[Timing] | None:
        return {0: [], 1: [Timing(names.FIRST, 1.0)]}.get(stage)

    monkeypatch.setattr(run_benchmark, "_run_child", child)
    monkeypatch.setattr("benchmarks.generate.live_files", lambda _table: [])
    found = run_benchmark._run_case(run_benchmark.Case("rfm-spark", SMALL), tmp_path, "6g")
    assert found == ([Timing(names.FIRST, 1.0)], False)
    assert list(tmp_path.iterdir()) == []


def test_medians_are_of_the_rounds_and_ratios_of_the_same_table() -> None:
    rounds = [measured({"groupby": one, "tutorial": 30.0, names.FIRST: 45.0}) for one in (10.0, 12.0, 90.0)]
    rows = rows_of(*rounds, measured({"groupby": 1.0, names.FIRST: 9.0}, SMALL))
    large, small = (next(row for row in rows if (row.name, row.shape) == (names.FIRST, one)) for one in (LARGE, SMALL))
    assert rows[0].seconds == 12.0
    assert rows[0].repeats == [10.0, 12.0, 90.0]
    assert large.ratios == {"groupby": 3.75, "tutorial": 1.5, "first run": 1.0}
    assert small.ratios == {"groupby": 9.0, "first run": 1.0}
    head, *lines = main_table([large]).splitlines()
    assert head.split()[:3] == ["name", "seconds", "/"]
    assert lines[0].startswith(f"{names.FIRST}     45.0")


def test_steps_of_runs_stand_side_by_side_as_medians() -> None:
    first = [measured({names.FIRST: 9.0}, steps={STEP: one, "Segments": 1.0}) for one in (4.0, 6.0, 5.0)]
    text = steps_table(rows_of(*first, measured({names.THE_NIGHT: 3.0}, steps={STEP: 0.5}), measured({"scan": 1.0})))
    assert [line.split()[-2:] for line in text.splitlines()] == [["a", "night"], ["5.00", "0.50"], ["1.00", "-"]]


def test_costs_a_line_are_set_against_the_smallest_size() -> None:
    rows = rows_of(measured({names.FIRST: 60.0, "scan": 4.0}), measured({names.FIRST: 8.0}, SMALL))
    head, first, scan = (line.split() for line in cost_per_line(rows).splitlines())
    assert head[-4:] == ["2,000,000", "20,000,000", "/", "2,000,000"]
    assert first[-3:] == ["4.00", "3.00", "0.75"]
    assert scan[-3:] == ["-", "0.20", "-"]


def test_equal_work_with_another_result_is_named() -> None:
    def found(name: str, *result: Any) -> list[Measured]:
        return measured({name: 1.0}, result=Result(*result))

    same = [found("a", "x", 2, "10.00", {"s": 2}), found("b", "x", 2, "10.00"), found("c", "y", 3, "10.00")]
    assert disagreements(rows_of(*same)) == []
    assert agreements(rows_of(*same)) == ["a, b: 2 customers, 10.00"]
    wrong = disagreements(rows_of(*same, found("d", "x", 2, "10.01", {"s": 1, "t": 1})))
    assert [sentence.partition(": ")[2] for sentence in wrong] == [
        "monetary of d 10.01, of a 10.00", "segments of d {'s': 1, 't': 1}, of a {'s': 2}",
    ]  # fmt: skip


def everything() -> list[Row]:
    steps = {names.FIRST: {STEP: 20.0, "Segments": 9.0}, names.THE_NIGHT: {STEP: 4.0, "Segments": 9.0}}
    large = {
        "tutorial": 30.0, names.FULL: 30.0, names.NEXT: 21.0, names.MONTH: 31.0, names.DUCKDB_SKLEARN: 80.0,
        names.CLUSTERED_FIRST: 100.0, names.CLUSTERED_NEXT: 60.0, names.CLUSTERED_NIGHT: 40.0,
    }  # fmt: skip
    ran = [
        measured({name: seconds}, steps=steps[name]) for name, seconds in ((names.FIRST, 50.0), (names.THE_NIGHT, 24.0))
    ]
    nights = [history(years, seconds) for years, seconds in ((1, 10.0), (2, 10.5), (8, 12.5))]
    return rows_of(measured(large), *ran, *nights, measured({names.FIRST: 5.5, "tutorial": 5.0}, SMALL))


def test_targets_are_of_the_largest_table_and_say_what_was_not_measured() -> None:
    found = {one.title: one for one in verdicts(Figures(everything()))}
    assert [(one.measured, one.met) for one in found.values()] == [
        (1.667, False), (1.0, True), (0.48, True), (0.25, False), (0.2, False), (0.62, False), (1.25, True),
        (0.75, False), (0.5, True), (None, None), (None, None), (None, None), (None, None), (0.091, True), (None, None),
        (None, None),
    ]  # fmt: skip
    assert found["first run, without clusters / tutorial"].lines == "20,000,000"
    table = targets_table(list(found.values())).splitlines()
    assert table[1].split()[-5:] == ["≤", "1.6", "1.67", "missed", "20,000,000"]
    assert table[-1].split()[-4:] == ["works", "-", "not", "measured"]


def test_a_driver_of_two_gigabytes_has_to_work() -> None:
    both = {names.SMALL_DRIVER_FIRST: 60.0, names.SMALL_DRIVER_NIGHT: 30.0}
    rows = [
        *everything(),
        *rows_of(measured(both), measured({names.SKEWED_FIRST: 70.0}, Shape(20_000_000, 2_000_000, skewed=True))),
    ]
    skewed, small = verdicts(Figures(rows))[-2:]
    assert (skewed.measured, skewed.met) == (1.4, True)
    assert (small.measured, small.met) == (1.2, True)
    failed = verdicts(Figures(everything(), {"small-driver"}))[-1]
    assert (failed.measured, failed.met) == (None, False)


def test_steps_of_intake_are_steps_that_there_are() -> None:
    assert set(ours.INTAKE_AND_MEASURES) <= {NEW_LINES, *(step.title for step in all_steps())}


def test_figures_come_back_from_json_and_are_printed_whole() -> None:
    rows = [*everything(), *rows_of(measured({"duckdb": 5.0}, result=Result("x", 3, "1.00", {"s": 3})))]
    document = json.loads(json.dumps(figures.as_json(Figures(rows), "6g", 3)))
    assert figures.from_json(document) == Figures(rows, set())
    assert document["settings"]["rounds"] == 3
    assert document["machine"]["packages"]["pyspark"]
    text = figures.printed(Figures(rows, {"skewed"}))
    for part in ("20,000,000 lines, 2,000,000 customers", "seconds a million lines", "failed: skewed", "target"):
        assert part in text


def test_machine_facts_are_the_machines() -> None:
    found = machine.facts()
    assert str(found["python"]).startswith("3.")
    assert float(str(found["memory_gib"])) > 0.5


def test_bytes_and_parts_of_work_are_counted(tmp_path: Path) -> None:
    parts = Parts()

    def work() -> None:
        for _ in range(2):
            with parts.part("writing"):
                (tmp_path / "file").write_bytes(bytes(3 * 2**20))
        (tmp_path / "file").read_bytes()

    timing = timed("work", work)
    assert bytes_moved()[1] > 6 * 2**20
    assert timing.written_mb == pytest.approx(6, abs=0.5)
    assert timing.read_mb == pytest.approx(3, abs=0.5)
    assert list(parts.seconds) == ["writing"]
    assert on_disk(tmp_path) == (3.0, 1)


def test_the_picture_has_a_bar_for_every_figure(tmp_path: Path) -> None:
    document = figures.as_json(Figures(everything()), "6g", 3)
    (tmp_path / "figures.json").write_text(json.dumps(document), encoding="utf-8")
    assert plot.main([str(tmp_path / "figures.json"), str(tmp_path / "bench.svg")]) == 0
    svg = (tmp_path / "bench.svg").read_text(encoding="utf-8")
    for text in (
        "rfm-spark: first run",
        "DuckDB + scikit-learn",
        "50.0 s",
        "100 s",
        "8 years, 8 M lines",
        "medians of 3",
    ):
        assert text in svg
    with pytest.raises(ValueError, match="no figures to draw"):
        plot.picture(figures.as_json(Figures([]), "6g", 1))


def test_sizes_beyond_the_benchmark_are_calculated_from_its_rates() -> None:
    steps = {STEP: 36.0, "Segments": 18.0}
    rows = rows_of(
        measured({names.FIRST: 60.0}, steps=steps), measured({names.THE_NIGHT: 20.0}, steps={"Segments": 9.0})
    )
    cluster = scale.Cluster(cores=100, efficiency=0.5, price=0.10)
    lines, customers = LARGE.lines * 500, LARGE.customers * 200
    found = scale.estimate(Figures(rows), lines, customers, cluster).splitlines()
    told = {line.rsplit(maxsplit=2)[0].strip(): line.split()[-2:] for line in found[1:]}
    # 36 s on two cores for 500 times the lines are 10 core hours, 18 s for 200 times the customers are 2.
    assert told == {
        STEP: ["10.00", "0.00"], "Segments": ["2.00", "1.00"], "together": ["12.0", "1.0"], "minutes": ["14.4", "1.2"],
        "price": ["2.40", "0.20"],
    }  # fmt: skip
