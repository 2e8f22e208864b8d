"""`check` says what a run would say: its account, its figures, its warnings, and what would stop it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import SparkSession

from rfm_spark.cli.main import main
from rfm_spark.core.errors import GateError
from rfm_spark.core.loading import load_config
from tests.helpers import AS_OF, purchases, run_tiny, write_source
from tests.pipeline.interactions import events_log, mail_log, save, shop_config

# A row outside the condition, one without a customer, one twice, one of another day than all before.
ODD = [
    ("c01", "o91", datetime(2024, 6, 1), "-5.00"),
    (" ", "o92", datetime(2024, 6, 2), "7.00"),
    ("c02", "o93", datetime(2024, 6, 3), "3.50"),
    ("c02", "o93", datetime(2024, 6, 3), "3.50"),
]


@pytest.fixture
def conf(spark: SparkSession, tmp_path: Path) -> Path:
    write_source(spark, tmp_path / "source", purchases() + ODD)
    save(spark, events_log(), tmp_path / "events")
    save(spark, mail_log(), tmp_path / "messages")
    document = shop_config(tmp_path).model_dump(mode="json", by_alias=True, exclude_none=True)
    document["sources"]["transactions"]["where"] = "amount > 0"
    document["sources"]["events"]["quality"] = {"max_staleness_days": {"fail": 3}}
    document["rfm"]["window_days"] = 30
    return written(tmp_path, document)


def written(folder: Path, document: dict[str, Any]) -> Path:
    (folder / "shop.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
    return folder / "shop.yml"


def test_figures_and_warnings_of_check_are_those_of_the_run(
    spark: SparkSession, conf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "-c", str(conf), "--as-of", str(AS_OF)]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[-1] == f"{conf} is ready: rfm-spark run -c {conf} --as-of {AS_OF}"
    assert not (conf.parent / "lake").exists()
    outcome = run_tiny(spark, load_config(conf))
    orders = len(purchases())
    assert outcome.account[0] == (
        f"transactions: {orders + 4} read = {orders + 2} accepted + 1 rejected + 0 duplicates + 1 filtered rows"
    )
    for line in outcome.account:
        assert line in said.splitlines()
    told = {line.removeprefix("warning: ") for line in said.splitlines() if line.startswith("warning: ")}
    assert told <= set(outcome.warnings)
    # What needs scores is said by a run alone.
    assert all("cut points coincide" in more for more in set(outcome.warnings) - told)
    # Customer i buys every 18 days, last 2 * (24 - i) days ago: 10 to 24 bought in 30 days, and c02, 19 to 24 twice.
    assert f"24 bought up to {AS_OF}, 16 of them in the window, 6 at least 2 times; 0 never did" in said
    assert "only 6 customers bought 2 times or more in the window" in said
    assert "transactions: where leaves out, by amount: '-5.00' 1" in said


def test_all_that_would_stop_a_run_is_listed_and_the_exit_code_is_its(
    spark: SparkSession, conf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    late = ["--as-of", "2024-07-15"]
    assert main(["check", "-c", str(conf), *late]) == 3
    out, error = capsys.readouterr()
    assert "is ready" not in out
    assert "a run as of 2024-07-15 would publish nothing:" in error
    stops = [line.removeprefix("  - ") for line in error.splitlines() if line.startswith("  - ")]
    assert [message.partition(" up to")[0] for message in stops] == [
        "the newest row of sources.transactions", "the newest row of sources.events",
    ]  # fmt: skip
    with pytest.raises(GateError) as stopped:
        run_tiny(spark, load_config(conf), datetime(2024, 7, 15).date())
    assert str(stopped.value).startswith(stops[0])
    # Long after: the default is the day before today, as that of a run.
    assert main(["check", "-c", str(conf)]) == 3
    assert "up to 2024-06-30" not in capsys.readouterr().err
