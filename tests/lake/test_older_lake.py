"""A lake that the version before wrote (schema 5, every commit by Spark) is read and continued without loss."""

from __future__ import annotations

import tarfile
from datetime import timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from rfm_spark.capabilities.clusters.models import Models
from rfm_spark.core.config import Config
from rfm_spark.core.loading import load_config
from rfm_spark.core.schemas import RUNS, SCHEMA_VERSION, tables
from rfm_spark.lake import store as store_module
from rfm_spark.lake.history import members
from rfm_spark.lake.ledger import Ledger
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import current, history
from rfm_spark.lake.store import Store
from rfm_spark.lake.tables import VERSION_PROPERTY
from tests.effort import only_in_full
from tests.helpers import AS_OF, rows_of, run_tiny

OLD = Path(__file__).parents[1] / "data" / "lake_v5.tar.gz"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    with tarfile.open(OLD) as archive:
        archive.extractall(tmp_path, filter="data")
    return load_config(tmp_path / "lake_v5" / "tiny.yml", [])


@pytest.mark.parametrize("writer", [pytest.param("spark", marks=only_in_full), "deltalake"])
def test_an_older_lake_is_continued_without_loss(
    spark: SparkSession, config: Config, writer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if writer == "spark":
        monkeypatch.setattr(store_module, "local_folder", lambda spark, location: None)
    location = LakeLocation.of(config)
    store = Store(spark, location)
    before = {name: rows_of(store.read(name)) for name in tables() if store.exists(name)}
    first, last = Ledger(store).complete()
    assert (first.as_of.isoformat(), last.as_of, last.previous_run_id) == ("2024-05-31", AS_OF, first.run_id)
    assert store.rows(RUNS.name)[0]["steps"] is None

    # What it published stands: doing it again does nothing, not even a migration. Its words are read as today's.
    assert stored_words(spark, location) == {"highly", "flicker", None}
    assert {row["tier"] for row in store.rows("engagement_summary", tier="highly_engaged")} == {"highly_engaged"}
    assert last.source_fingerprints.keys() == {"events", "messages", "transactions"}
    assert members(spark, location, "highly_engaged", AS_OF, kind="tier").count() > 0
    again = run_tiny(spark, config)
    assert (again.run_id, again.repeated, again.warnings) == (last.run_id, True, ())

    after = run_tiny(spark, config, AS_OF + timedelta(days=1))
    runs = Ledger(Store(spark, location)).complete()
    assert [run.run_id for run in runs] == [first.run_id, last.run_id, after.run_id]
    assert runs[-1].previous_run_id == last.run_id
    assert runs[-1].model_version == last.model_version
    assert len(Models(Store(spark, location), config.name).all()) == 2
    new = Store(spark, location)
    for name, rows in before.items():
        kept = new.read(name)
        if tables()[name].kind == "run" or name == RUNS.name:
            kept = kept.where(kept["run_id"].isin(first.run_id, last.run_id))
        if tables()[name].kind != "kept" and name != "claims":
            assert rows_of(kept) == rows, name
        assert spark.sql(f"SHOW TBLPROPERTIES {location.table(name)}").where(f"key = '{VERSION_PROPERTY}'").collect()[
            0
        ]["value"] == str(SCHEMA_VERSION)
    assert current(spark, location, "segments").count() == history(spark, location, "segments").count() / 3
    assert stored_words(spark, location) == {"highly_engaged", "flapping", last.source_fingerprints["messages"]}
    steps = {row["run_id"]: row["steps"] for row in new.rows(RUNS.name)}
    assert steps[last.run_id] is None
    # The lake had no batches: the source was read once more, and the run says so.
    assert "the lake has no batches of it yet" in " ".join(runs_warnings(new, after.run_id))
    (named,) = (step for step in steps[after.run_id] if step["step"] == "Segments")
    assert named["writes"]["segments"] == 24


def runs_warnings(store: Store, run_id: str) -> list[str]:
    (row,) = store.rows(RUNS.name, run_id=run_id)
    return list(row["warnings"])


def stored_words(spark: SparkSession, location: LakeLocation) -> set[str | None]:
    """Words that the tables themselves have of what older versions called otherwise, of the last run of such a one."""
    of_run = f"as_of_date = DATE'{AS_OF}'"
    tier = "SELECT DISTINCT {} AS word FROM {} WHERE {} LIKE 'highly%' AND " + of_run
    asked = [
        tier.format("tier", location.table("engagement"), "tier"),
        tier.format("engagement_tier", location.table("segments"), "engagement_tier"),
        tier.format("email_tier", location.table("segments"), "email_tier"),
        f"SELECT metric AS word FROM {location.table('drift')} WHERE metric LIKE 'fl%' AND {of_run}",
    ]
    runs = spark.sql(f"SELECT * FROM {location.table('runs')} WHERE {of_run}").collect()
    known = {row.asDict().get("source_fingerprints", {}).get("messages") for row in runs}
    return known | {row["word"] for query in asked for row in spark.sql(query).collect()}
