"""N of every kind of dirt in clean data: the ledger counts N of each, and the clean customers don't notice."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import Row, SparkSession

from rfm_spark.capabilities.purchases.checks import LINE_CHECKS
from rfm_spark.core.config import Config
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import of_run
from rfm_spark.lake.store import Store
from rfm_spark.pipeline import Outcome
from tests.dirt import AS_OF, COLUMNS, TYPES, ZONE, World
from tests.helpers import config_for, rows_of, run_tiny

VERDICTS = ("rejected.", "repaired.", "flagged.")
SIDES = ("read", "accepted", "rejected", "duplicates")
# Ranks among all customers; these change with the customers beside one.
RANKS = ("r_pct", "f_pct", "m_pct", "r_z", "f_z", "m_z", "outliers", "value_tier", "run_id")


def dirty_config(folder: Path, name: str, **rfm: Any) -> Config:
    source = {
        "path": str(folder / name), "format": "json", "columns": COLUMNS, "types": TYPES,
        "quality": {"max_reject_share": None},
    }  # fmt: skip
    return config_for(
        folder, name=name, timezone=ZONE, sources={"transactions": source}, rfm={"window_days": 365, **rfm}
    )


def land(folder: Path, name: str, lines: list[str], files: int = 3) -> None:
    (folder / name).mkdir()
    for i in range(files):
        (folder / name / f"part-{i}.json").write_text("\n".join(lines[i::files]) + "\n", encoding="utf-8")


def ledger_row(spark: SparkSession, config: Config, outcome: Outcome) -> Row:
    runs = Store(spark, LakeLocation.of(config)).read("runs")
    return runs.where(runs["run_id"] == outcome.run_id).collect()[0]


@pytest.fixture(scope="module")
def world() -> World:
    made = World(seed=20241122)
    made.plant_everything()
    return made


@pytest.fixture(scope="module")
def ran(
    session: SparkSession, world: World, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Config, Outcome]]:
    """A run over the clean lines alone, and one over all with the cuts of the first."""
    folder = tmp_path_factory.mktemp("dirt")
    land(folder, "clean", [json.dumps(row) for row in world.clean])
    land(folder, "dirty", world.lines())
    clean = dirty_config(folder, "clean")
    first = run_tiny(session, clean, AS_OF)
    dirty = dirty_config(folder, "dirty", scoring={"method": "frozen", "run": first.run_id})
    return {"clean": (clean, first), "dirty": (dirty, run_tiny(session, dirty, AS_OF))}


def test_the_ledger_counts_every_kind_exactly(
    spark: SparkSession, world: World, ran: dict[str, tuple[Config, Outcome]]
) -> None:
    row = ledger_row(spark, *ran["dirty"])
    counts = {name.removeprefix("transactions."): count for name, count in row["rows"].items()}
    assert {code: n for code, n in counts.items() if code.startswith(VERDICTS)} == world.expected.codes
    # Every check of the catalogue was planted.
    assert {code.partition(".")[2] for code in world.expected.codes} == {check.code for check in LINE_CHECKS}


def test_rows_and_money_balance_with_an_independent_count(
    spark: SparkSession, world: World, ran: dict[str, tuple[Config, Outcome]]
) -> None:
    row = ledger_row(spark, *ran["dirty"])
    assert {side: row["rows"][f"transactions.{side}"] for side in SIDES} == world.expected.rows
    money = {side: row["money"][f"transactions.{side}"] for side in SIDES}
    assert money == {side: Decimal(cents) / 100 for side, cents in world.expected.cents.items()}
    assert f"{world.expected.rows['read']:,} read = " in ran["dirty"][1].account[0]
    clean = ledger_row(spark, *ran["clean"])["rows"]
    assert clean["transactions.read"] == clean["transactions.accepted"] == len(world.clean)


def test_measures_and_scores_of_untouched_customers_are_the_same_to_the_bit(
    spark: SparkSession, ran: dict[str, tuple[Config, Outcome]]
) -> None:
    (clean, first), (dirty, second) = ran["clean"], ran["dirty"]
    before = rows_of(of_run(spark, LakeLocation.of(clean), "segments", first.run_id), *RANKS)
    with_dirt = of_run(spark, LakeLocation.of(dirty), "segments", second.run_id)
    after = rows_of(with_dirt.where("customer_id LIKE 'clean-%'"), *RANKS)
    assert len(before) == 40
    assert after == before
    assert with_dirt.count() > len(before)


def test_every_rejected_row_is_kept_with_its_reason_and_its_text(
    spark: SparkSession, world: World, ran: dict[str, tuple[Config, Outcome]]
) -> None:
    config, outcome = ran["dirty"]
    rows = of_run(spark, LakeLocation.of(config), "rejects", outcome.run_id).collect()
    by_reason: dict[str, int] = {}
    for row in rows:
        by_reason[row["reason"]] = by_reason.get(row["reason"], 0) + 1
        assert row["first_seen_run"] == row["run_id"] != outcome.run_id
    expected = {code.partition(".")[2]: n for code, n in world.expected.codes.items() if code.startswith("rejected.")}
    assert by_reason == {**expected, "duplicate_line": world.expected.codes["repaired.duplicate_line"]}
    delivered = set(world.dirty)
    for row in rows:
        record = json.loads(row["record"])
        torn = record.pop("_corrupt_record")
        assert (
            torn in delivered
            if row["reason"] == "malformed"
            else json.dumps(record, ensure_ascii=False) in delivered
            or (
                {name: value for name, value in record.items()}
                in [json.loads(line) for line in delivered if line.endswith("}")]
            )
        )
