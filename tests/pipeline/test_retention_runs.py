"""Runs of a lake that is maintained: repeats do nothing, and others find what to compare themselves with."""

from __future__ import annotations

import argparse
from datetime import date, timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from rfm_spark.cli.desk import LakeDesk
from rfm_spark.cli.explain import explanation, published_customer
from rfm_spark.cli.main import main
from rfm_spark.core.errors import LakeError
from rfm_spark.core.loading import load_config
from rfm_spark.core.schemas import tables
from rfm_spark.lake.ledger import Ledger
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.store import Store
from rfm_spark.pipeline import outdated_dates
from rfm_spark.report.collect import collect
from tests.helpers import AS_OF, commits, purchases, rows_of, run_tiny, write_source

APRIL, NIGHT, MAY = date(2024, 4, 30), date(2024, 5, 30), date(2024, 5, 31)
CONF = """
name: tiny
lake: {{root: {folder}/lake}}
sources:
  transactions:
    path: {folder}/source
    format: delta
    columns: {{customer_id: customer, order_id: order, order_ts: at, amount: amount}}
rfm: {{window_days: 365}}
clusters: {{enabled: false}}
retention: {{daily: 10}}
quality: {{max_staleness_days: null}}
"""


def test_a_maintained_lake_goes_on(spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_source(spark, tmp_path / "source", purchases(8))
    conf = tmp_path / "tiny.yml"
    conf.write_text(CONF.format(folder=tmp_path), encoding="utf-8")
    config, lake = load_config(conf, []), LakeLocation(root=str(tmp_path / "lake"))
    april, night, may, newest = (run_tiny(spark, config, day) for day in (APRIL, NIGHT, MAY, AS_OF))
    store = Store(spark, lake)
    there = [table.name for table in tables().values() if table.kind == "run" and store.exists(table.name)]
    kept = {name: rows_of(store.read(name).where(f"run_id <> '{night.run_id}'")) for name in there}

    # The command: a dry run writes nothing, the second run has nothing to do.
    made = commits(tmp_path / "lake")
    assert main(["maintain", "-c", str(conf), "--dry-run"]) == 0
    assert commits(tmp_path / "lake") == made
    said = capsys.readouterr().out
    assert "tiny: 3 runs keep their rows, 1 would lose them" in said
    assert f"without rows from now on: {night.run_id}" in said
    assert main(["maintain", "-c", str(conf), "--keep-versions-for", "6d"]) == 2
    assert "less than the 7 days that readers and runs at work rely on" in capsys.readouterr().err
    assert main(["maintain", "-c", str(conf), "--keep-versions-for", "0d", "--alone"]) == 0
    assert "vacuum" in capsys.readouterr().out
    assert main(["maintain", "-c", str(conf)]) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert {name: rows_of(store.read(name)) for name in there} == kept

    # What was published stands, and says so where its rows are gone.
    assert [run_tiny(spark, config, day).repeated for day in (APRIL, MAY, AS_OF)] == [True] * 3
    gone = run_tiny(spark, config, NIGHT)
    assert (gone.repeated, gone.run_id) == (True, night.run_id)
    assert f"the rows of run {night.run_id} were dropped on" in gone.warnings[-1]
    assert [outdated_dates(spark, config, day) for day in (APRIL, NIGHT, MAY)] == [[], [], []]
    with pytest.raises(LakeError, match=f"rows of run {night.run_id} were dropped"):
        collect(spark, lake, night.run_id)
    for words in (
        ["explain", "c08", "--run", night.run_id],
        ["compare", "runs", may.run_id],
        ["rejects", "--run", night.run_id],
    ):
        assert main([*words, "-c", str(conf)]) == 2
        assert f"rows of run {night.run_id} were dropped" in capsys.readouterr().err
    desk = LakeDesk(argparse.Namespace(config=str(conf), lake=None, command="explain", debug=False, overrides=[]))
    run = desk.run()
    assert len(published_customer(desk, run, "c08").current) == 4
    assert "rows of 1 other as-of date were dropped" in explanation(desk, run, "c08")[-1]

    # A month made anew is compared with the one before that is left, and is right then.
    again = run_tiny(spark, config, MAY, force=True)
    runs = {one.run_id: one for one in Ledger(store).complete()}
    assert (runs[may.run_id].previous_run_id, runs[again.run_id].previous_run_id) == (night.run_id, april.run_id)
    assert run_tiny(spark, config, MAY).run_id == again.run_id
    moves = store.read("segment_transitions").where(f"run_id = '{again.run_id}'")
    assert {row["previous_run_id"] for row in moves.collect()} == {april.run_id}
    assert moves.where("from_segment <> '(none)'").count() > 0
    assert outdated_dates(spark, config, APRIL) == []
    assert outdated_dates(spark, config, MAY) == [AS_OF]

    # And the next night with the newest.
    after = run_tiny(spark, config, AS_OF + timedelta(days=1))
    assert {one.run_id: one for one in Ledger(store).complete()}[after.run_id].previous_run_id == newest.run_id
