"""Runs with Spark's own defaults: adaptive execution and several partitions, also where no line reaches the end."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from rfm_spark.core.errors import GateError
from rfm_spark.core.session import session_settings
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.store import Store
from tests.helpers import config_for, run_tiny, write_source

DEFAULTS = {"spark.sql.adaptive.enabled": "true", "spark.sql.shuffle.partitions": "7"}


def test_rows_are_counted_where_none_can_be_used(spark: SparkSession, tmp_path: Path) -> None:
    write_source(spark, tmp_path / "source", [("", "o", datetime(2024, 6, 29), "1")] * 5)
    with session_settings(spark, DEFAULTS):
        with pytest.raises(GateError, match="no usable row"):
            run_tiny(spark, config_for(tmp_path))
        assert Store(spark, LakeLocation.of(config_for(tmp_path))).read("rejects").count() == 5
        later = [("a", f"o{i}", datetime(2024, 7, 29), "1") for i in range(3)]
        write_source(spark, tmp_path / "source", later)
        outcome = run_tiny(spark, config_for(tmp_path, quality={"max_staleness_days": None}))
    assert outcome.status == "empty"
    assert outcome.account[0] == "transactions: 3 read = 3 accepted + 0 rejected + 0 duplicates rows"
