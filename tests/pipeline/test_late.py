"""Rows that come later: the same input, the dates they touch, and redoing just these."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest
import yaml
from pyspark.sql import SparkSession

from rfm_spark.cli.main import main
from rfm_spark.core.config import Config
from rfm_spark.lake.history import segment_history
from rfm_spark.lake.ledger import Ledger
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import current, history, of_run
from rfm_spark.lake.store import Store
from rfm_spark.pipeline import Outcome, late_dates
from tests.helpers import commits, config_for, purchases, rows_of, run_tiny, write_source

APRIL, MAY, JUNE = date(2024, 4, 30), date(2024, 5, 31), date(2024, 6, 30)


@pytest.fixture(scope="module")
def published(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Config, list[Outcome]]:
    """Three months, published from one version of the source."""
    folder = tmp_path_factory.mktemp("late")
    write_source(session, folder / "source", purchases())
    config = config_for(folder, quality={"max_staleness_days": None})
    return folder, config, [run_tiny(session, config, day) for day in (APRIL, MAY, JUNE)]


def test_late_rows(
    spark: SparkSession, published: tuple[Path, Config, list[Outcome]], capsys: pytest.CaptureFixture[str]
) -> None:
    """One story, since each part stands on the part before."""
    folder, config, runs = published
    location = LakeLocation.of(config)

    # Rows dated after the as-of date, in a newer version: the same input.
    write_source(spark, folder / "source", [("c01", "new", datetime(2024, 7, 2, 9), "5.00")], mode="append")
    before = commits(folder / "lake")
    again = run_tiny(spark, config, JUNE)
    assert (again.run_id, again.repeated) == (runs[2].run_id, True)
    assert "no row dated up to this day changed" in again.warnings[0]
    # They are taken in, for whoever asks for a later day; nothing else is written.
    after = commits(folder / "lake")
    assert {name for name in after if after[name] != before[name]} == {"batches", "order_days"}
    assert run_tiny(spark, config, JUNE, force=True).run_id != runs[2].run_id
    assert late_dates(spark, config, date(2024, 7, 31)) == []

    # A row of May that comes in July touches May and June, not April.
    write_source(spark, folder / "source", [("late", "o-late", datetime(2024, 5, 20, 9), "77.00")], mode="append")
    july = run_tiny(spark, config, date(2024, 7, 31))
    assert any("2024-05-31, 2024-06-30" in warning and "--restate" in warning for warning in july.warnings)
    assert late_dates(spark, config, date(2024, 7, 31)) == [MAY, JUNE]
    assert current(spark, location, "segments").where("customer_id = 'late'").count() == 1
    kept = rows_of(of_run(spark, location, "segments", runs[1].run_id))

    # Redone are just these, then July, which was compared with the old June; what was believed before stays readable.
    file = folder / "tiny.yml"
    file.write_text(yaml.safe_dump(config.model_dump(mode="json", by_alias=True)), encoding="utf-8")
    done = {run.run_id for run in Ledger(Store(spark, location)).complete()}
    assert main(["run", "-c", str(file), "--as-of", "2024-07-31", "--restate"]) == 0
    assert "late rows touch 2 published as-of dates" in capsys.readouterr().err
    restated = [run for run in Ledger(Store(spark, location)).complete() if run.run_id not in done]
    assert [run.as_of for run in restated] == [MAY, JUNE, date(2024, 7, 31)]
    assert run_tiny(spark, config, APRIL).run_id == runs[0].run_id
    assert rows_of(of_run(spark, location, "segments", runs[1].run_id)) == kept
    newest = history(spark, location, "segments").where("customer_id = 'late'").select("run_id").collect()
    assert {row["run_id"] for row in newest} == {run.run_id for run in restated}
    assert [run.previous_run_id for run in restated] == [runs[0].run_id, *(run.run_id for run in restated[:2])]
    # What holds of them now begins with May; what July first said of them is kept as superseded.
    told = segment_history(spark, location).where("customer_id = 'late' AND kind = 'segment'").collect()
    assert min(row["valid_from"] for row in told if row["superseded_by"] is None) == MAY
    assert {row["run_id"] for row in told if row["superseded_by"] is not None} == {july.run_id}
    assert late_dates(spark, config, date(2024, 7, 31)) == []
