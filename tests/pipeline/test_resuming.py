"""What was done is not done again: after a crash, after a change of settings that a step does not hang on."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import SparkSession

from rfm_spark.capabilities.events import step as events_step
from rfm_spark.capabilities.purchases import intake
from rfm_spark.capabilities.purchases import step as purchases_step
from rfm_spark.cli.main import main
from rfm_spark.core.config import Config
from rfm_spark.core.errors import GateError
from rfm_spark.core.resources import shipped_text
from rfm_spark.core.schemas import RUN_STEPS, tables
from rfm_spark.lake.claims import Claim
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import current, rejects_of
from rfm_spark.lake.store import Store
from rfm_spark.pipeline import Outcome, look_at_plan
from rfm_spark.pipeline.order import ordered
from rfm_spark.pipeline.prepared import prepared_kinds
from tests.helpers import AS_OF, Stages, config_for, purchases, rows_of, run_tiny, write_source
from tests.pipeline.interactions import events_log, save, shop

IN_EVERY_RUN = {"Late rows", "Rows of customers", "Models kept", "Run before", "Counts of customers"}


@pytest.fixture
def folder(spark: SparkSession, tmp_path: Path) -> Path:
    write_source(spark, tmp_path / "source", purchases())
    return tmp_path


def clustered(folder: Path, **changes: Any) -> Config:
    return config_for(folder, **{"clusters": {"k": 3}, **changes})


@contextmanager
def no_line_is_read(watched: pytest.MonkeyPatch) -> Iterator[None]:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("lines are read")

    with watched.context() as patched:
        patched.setattr(intake, "validated_lines", refuse)
        patched.setattr(purchases_step, "measured", refuse)
        yield


def crash(spark: SparkSession, config: Config, at: str) -> Stages:
    stages = Stages(fail_at=at)
    with pytest.raises(RuntimeError, match="stopped"):
        run_tiny(spark, config, progress=stages)
    return stages


def test_a_run_that_died_does_the_steps_it_had_done_no_more(
    spark: SparkSession, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = clustered(folder)
    begun = crash(spark, config, "Summary of segments").done
    with no_line_is_read(monkeypatch):
        outcome = run_tiny(spark, config)
    assert set(outcome.kept) == set(begun) - IN_EVERY_RUN - {"New lines"}
    assert {"Measures of every customer", "Cut points", "Clusters", "Segments"} <= set(outcome.kept)
    calm = clustered(folder, lake={"root": str(folder / "calm")})
    run_tiny(spark, calm)
    for name, table in tables().items():
        if table.kind == "run" and Store(spark, LakeLocation.of(calm)).exists(name):
            mine, theirs = (rows_of(current(spark, LakeLocation.of(one), name)) for one in (config, calm))
            assert mine == theirs, name


def test_rows_that_are_gone_are_made_anew(spark: SparkSession, folder: Path) -> None:
    config = clustered(folder)
    crash(spark, config, "Clusters")
    location = LakeLocation.of(config)
    spark.sql(f"DELETE FROM {location.table('measures')} WHERE customer_id = 'c01'")
    plan = {one.chosen.step.title: one for one in look_at_plan(spark, config, AS_OF).steps}
    assert plan["Measures of every customer"].why == "its rows are gone"
    outcome = run_tiny(spark, config)
    assert "Measures of every customer" not in outcome.kept
    assert current(spark, location, "measures").count() == 24


def test_another_number_of_clusters_reads_no_line(
    spark: SparkSession, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run_tiny(spark, clustered(folder))
    other = clustered(folder, clusters={"k": 4})
    with no_line_is_read(monkeypatch):
        second = run_tiny(spark, other)
    assert second.run_id != first.run_id
    assert {"Measures of every customer", "Cut points"} <= set(second.kept)
    assert not {"Clusters", "Segments"} & set(second.kept)
    calm = {"lake": {"root": str(folder / "calm")}}
    run_tiny(spark, clustered(folder, **calm))
    afresh = clustered(folder, clusters={"k": 4}, **calm)
    assert run_tiny(spark, afresh, force=True).kept == ()
    mine, theirs = (current(spark, LakeLocation.of(one), "segments") for one in (other, afresh))
    assert rows_of(mine) == rows_of(theirs)


def relabelled(folder: Path, label: str, colour: str) -> Config:
    document = yaml.safe_load(shipped_text("segments", "rf_grid.yml"))
    document["segments"][0] |= {"label": label, "colour": colour}
    file = folder / f"{label}.yml"
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    return clustered(folder, segments={"rules": str(file)})


def test_another_label_or_colour_computes_nothing(spark: SparkSession, folder: Path) -> None:
    first = run_tiny(spark, relabelled(folder, "Best", "#123456"))
    config = relabelled(folder, "Finest", "#654321")
    second = run_tiny(spark, config)
    done = {one.step.title for one in ordered(config, prepared_kinds())} - set(second.kept)
    assert done == {*IN_EVERY_RUN, "Summary kept"}
    location = LakeLocation.of(config)
    labels = {row["label"] for row in current(spark, location, "segment_summary").collect()}
    assert "Finest" in labels
    assert "Best" not in labels
    store = Store(spark, location)
    before, now = (store.of_runs("segments", [run.run_id]) for run in (first, second))
    assert rows_of(before, "run_id", "model_version") == rows_of(now, "run_id", "model_version")
    # What the first run trained goes by the second one's name, and is kept under it.
    assert {row["model_version"] for row in now.select("model_version").distinct().collect()} == {second.run_id}
    assert second.run_id in {row["model_version"] for row in store.rows("cluster_models")}


def test_what_a_dead_run_left_is_removed_by_the_next_one_of_its_slot(spark: SparkSession, folder: Path) -> None:
    dead, alive = clustered(folder, clusters={"k": 2}), clustered(folder)
    crash(spark, dead, "Changes")
    store = Store(spark, LakeLocation.of(alive))
    (left,) = {row["run_id"] for row in store.rows(RUN_STEPS.name)}
    outcome = run_tiny(spark, alive)
    assert left != outcome.run_id
    for name, table in tables().items():
        if table.kind == "run" and store.exists(name):
            assert {row["run_id"] for row in store.rows(name)} <= {outcome.run_id}, name


def test_what_runs_left_that_failed_their_gate_is_removed_by_the_next(spark: SparkSession, folder: Path) -> None:
    strict = clustered(folder, quality={"max_reject_share": {"fail": 0.0}})
    for number in range(2):
        write_source(spark, folder / "source", [("c01", f"bad{number}", datetime(1950, 6, 1), "1.00")], mode="append")
        with pytest.raises(GateError):
            run_tiny(spark, strict)
    store = Store(spark, LakeLocation.of(strict))
    # What was rejected belongs to the deliveries, which were good enough by themselves.
    taken = {row["batch_id"] for row in store.rows("batches")}
    assert {row["run_id"] for row in store.rows("rejects")} == taken
    outcome = run_tiny(spark, clustered(folder))
    assert {row["run_id"] for row in store.rows("measures")} == {outcome.run_id}
    assert rejects_of(store, outcome.run_id).count() == len(taken) == 2


def test_rejects_of_a_run_that_died_in_a_later_source_are_there_once(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = shop(spark, tmp_path, quality={"max_staleness_days": None})
    write_source(spark, tmp_path / "source", [("", "bad", datetime(2024, 6, 1), "1.00")], mode="append")
    odd = events_log().head(3).assign(action="teleport")
    save(spark, odd.assign(id=["x1", "x2", "x3"]), tmp_path / "events", mode="append")

    def killed(*_: Any) -> Any:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(events_step, "event_warnings", killed)
        with pytest.raises(RuntimeError, match="killed"):
            run_tiny(spark, config)
    store = Store(spark, LakeLocation.of(config))
    assert {row["source"] for row in store.rows("rejects")} == {"transactions", "events"}
    healed = run_tiny(spark, config)
    assert "Measures of every customer" in healed.kept
    assert sorted(row["source"] for row in store.rows("rejects")) == [*["events"] * 3, "transactions"]
    (run,) = store.rows("runs")
    # Those of transactions belong to their batch.
    assert (run["rows"]["rejects"], run["rows"]["transactions.rejected"]) == (3, 1)


def test_settings_that_are_taken_back_make_the_run_they_made(
    spark: SparkSession, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, other = clustered(folder), clustered(folder, clusters={"k": 4})
    one, two = run_tiny(spark, first), run_tiny(spark, other)
    with no_line_is_read(monkeypatch):
        again = run_tiny(spark, first)
    assert (one.run_id, again.run_id) != (two.run_id, one.run_id)
    assert again.run_id == f"{one.run_id}-2"
    store = Store(spark, LakeLocation.of(first))
    now, then = (store.of_runs("segments", [run.run_id]) for run in (again, one))
    assert rows_of(now, "run_id", "model_version") == rows_of(then, "run_id", "model_version")
    assert current(spark, LakeLocation.of(first), "segments").select("run_id").distinct().count() == 1
    assert run_tiny(spark, first).repeated


def test_a_run_that_another_one_overtook_is_planned_anew(
    spark: SparkSession, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, theirs = clustered(folder), clustered(folder, clusters={"k": 4})
    take, overtaken = Claim.take, list[Outcome]()

    def late(claim: Claim, run_id: str, complete: Collection[str]) -> None:
        if not overtaken:
            # They plan, run and publish while this one has looked at the lake, and claimed nothing yet.
            overtaken.append(Outcome("", AS_OF, 0, repeated=False))
            overtaken[0] = run_tiny(spark, theirs)
        # Their process has ended by now.
        take(claim, run_id, {*complete, overtaken[0].run_id})

    monkeypatch.setattr(Claim, "take", late)
    outcome = run_tiny(spark, mine)
    store = Store(spark, LakeLocation.of(mine))
    assert {row["run_id"] for row in store.rows("runs")} == {overtaken[0].run_id, outcome.run_id}
    for run in (overtaken[0], outcome):
        assert store.of_runs("segments", [run.run_id]).count() == 24
    assert "Measures of every customer" in outcome.kept


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["run", *arguments, "--plan", "--format", "json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_plan_says_what_is_due_and_why(spark: SparkSession, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = {"path": "source", "format": "delta", "columns": {"customer_id": "customer", "order_id": "order",
              "order_ts": "at", "amount": "amount"}}  # fmt: skip
    document = {"name": "tiny", "lake": {"root": "lake"}, "sources": {"transactions": source}, "clusters": {"k": 3}}
    file = folder / "tiny.yml"
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    arguments = ("-c", str(file), "--as-of", str(AS_OF))
    first = told(capsys, *arguments)
    assert not first["done"]
    assert {step["why"] for step in first["steps"]} == {"not done yet for this date", "in every run"}
    assert not Store(spark, LakeLocation(root=str(folder / "lake"))).exists("runs")
    assert main(["run", *arguments]) == 0
    capsys.readouterr()
    after = told(capsys, *arguments)
    assert after["done"]
    changed = {step["step"]: step for step in told(capsys, *arguments, "--set", "clusters.k=4")["steps"]}
    assert changed["purchases.measure"]["up_to_date"]
    assert changed["purchases.measure"]["reads"] == ["order_days", "previous measures"]
    assert changed["clusters.cluster"]["why"].startswith("configuration: settings.clusters.k")
    assert changed["clusters.profile"]["why"] == "after clusters.cluster, segments.name, segments.count"
    assert changed["segments.sum_up"]["why"] == "after segments.count"
    assert main(["run", *arguments, "--plan", "--set", "clusters.k=4"]) == 0
    text = capsys.readouterr().out
    assert "up to date" in text
    assert "steps are due" in text


def test_outcomes_of_kept_steps_are_told_like_those_of_done_ones(spark: SparkSession, folder: Path) -> None:
    config = clustered(folder, quality={"min_buyers": {"warn": 100}})
    crash(spark, config, "Segments")
    healed: Outcome = run_tiny(spark, config)
    calm = run_tiny(spark, clustered(folder, quality={"min_buyers": {"warn": 100}}, lake={"root": str(folder / "c")}))
    assert (healed.warnings, healed.account, healed.status) == (calm.warnings, calm.account, calm.status)
