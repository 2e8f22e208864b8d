"""Stages through whole runs: prospects, rules on stages, moves between two dates with their causes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import SparkSession

from rfm_spark.cli.main import main
from rfm_spark.core.config import Config
from rfm_spark.core.errors import ConfigError
from rfm_spark.core.resources import shipped_text
from rfm_spark.lake.history import segment_history
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import of_run
from rfm_spark.lake.store import Store
from rfm_spark.pipeline import Outcome
from rfm_spark.report.build import build_report
from rfm_spark.report.collect import collect
from tests.helpers import AS_OF, config_for, rows_of, run_tiny, write_source

EARLIER = AS_OF - timedelta(days=20)
TWENTY = timedelta(days=20)
RULES = {
    "name": "sleepers", "label": "Sleepers", "description": "Silent", "action": "Call", "colour": "#224466",
    "when": [{"lifecycle_stage": ["lapsing", "lapsed"]}],
}  # fmt: skip


def days_before(end: date, *days: int) -> list[date]:
    return [end - timedelta(days=one) for one in days]


def lines(orders: dict[str, list[date]], mark: str = "order") -> list[tuple[str, str, datetime, str]]:
    return [
        (who, f"{who}-{mark}-{at}", datetime.combine(day, datetime.min.time()), "10.00")
        for who, days in orders.items()
        for at, day in enumerate(days)
    ]


# Days with an order, before the earlier date; every ten days or so.
BEFORE = {
    "loyal": days_before(EARLIER, 2, 12, 22, 32, 42, 52),
    "sleeper": days_before(EARLIER, 1, 11, 21, 31, 41),
    "back": days_before(EARLIER, 80, 90, 100, 110),
    "once": days_before(EARLIER, 3),
    "voided": days_before(EARLIER, 4),
    "gone": days_before(EARLIER, 5, 15),
}
# Enough others who order every ten or every thirty days, so that what is usual is known.
OTHERS = {
    **{f"~ten-{i}": days_before(EARLIER, *range(i % 9, 120, 10)) for i in range(30)},
    **{f"~thirty-{i}": days_before(EARLIER, *range(i % 9, 150, 30)) for i in range(15)},
}
THEIRS = {
    **{f"~ten-{i}": days_before(AS_OF, *range(i % 9, 20, 10)) for i in range(30)},
    **{f"~thirty-{i}": days_before(AS_OF, 1 + i % 9) for i in range(15)},
}
SINCE = {
    "loyal": days_before(AS_OF, 1, 11),
    "back": days_before(AS_OF, 2),
    "once": days_before(AS_OF, 4),
    "lead": days_before(AS_OF, 6),
    "walk-in": days_before(AS_OF, 7),
}


@dataclass(frozen=True)
class World:
    config: Config
    first: Outcome
    second: Outcome


@pytest.fixture(scope="module")
def world(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> World:
    folder: Path = tmp_path_factory.mktemp("lifecycle")
    write_source(session, folder / "source", lines(BEFORE | OTHERS))
    records = [("lead", "2024-01-05"), ("never", "2024-01-06"), ("loyal", "2024-01-07"), ("late", "2024-06-25"),
               ("never", "2024-02-01"), (None, "2024-01-01"), (" n/a ", "2024-01-01")]  # fmt: skip
    frame = session.createDataFrame(records, "who string, since string")
    frame.write.format("delta").save(str(folder / "crm"))
    rules = yaml.safe_load(shipped_text("segments", "rf_grid.yml"))
    rules["segments"].insert(0, RULES)
    (folder / "rules.yml").write_text(yaml.safe_dump(rules), encoding="utf-8")
    config = config_in(folder, segments={"rules": str(folder / "rules.yml")})
    first = run_tiny(session, config, EARLIER)
    # A customer whose only order is returned, and one who is taken out of the source.
    write_source(session, folder / "source", lines(SINCE | THEIRS, "later"), "append")
    returned = [("voided", "voided-order-0", datetime.combine(AS_OF, datetime.min.time()), "-10.00")]
    write_source(session, folder / "source", returned, "append")
    session.sql(f"DELETE FROM delta.`{folder / 'source'}` WHERE customer = 'gone'")
    second = run_tiny(session, config, AS_OF, verify=True)
    return World(config, first, second)


def config_in(folder: Path, **changes: Any) -> Config:
    crm = {"path": str(folder / "crm"), "format": "delta", "columns": {"customer_id": "who", "created_ts": "since"}}
    document = config_for(folder).model_dump(mode="json", by_alias=True, exclude_unset=True)
    document["sources"]["customers"] = crm
    document["quality"] = {"max_staleness_days": None, "max_volume_ratio": None}
    return config_for(folder, **{**document, "lifecycle": {"enabled": True}, **changes})


def table(spark: SparkSession, world: World, name: str, outcome: Outcome) -> list[dict[str, Any]]:
    frame = of_run(spark, LakeLocation.of(world.config), name, outcome.run_id)
    rows = rows_of(frame, "run_id", "as_of_date", "scope", "previous_run_id")
    return [row for row in rows if not str(row.get("customer_id", "")).startswith("~")]


def ledger(spark: SparkSession, world: World, outcome: Outcome) -> dict[str, int]:
    (row,) = Store(spark, LakeLocation.of(world.config)).rows("runs", run_id=outcome.run_id)
    rows: dict[str, int] = row["rows"]
    return rows


def stages(spark: SparkSession, world: World, outcome: Outcome) -> dict[str, str]:
    found = table(spark, world, "segments", outcome) + table(spark, world, "prospects", outcome)
    return {row["customer_id"]: row["lifecycle_stage"] for row in found}


def test_everybody_who_is_known_has_a_stage(spark: SparkSession, world: World) -> None:
    assert stages(spark, world, world.first) == {
        "loyal": "loyal", "sleeper": "loyal", "back": "lapsed", "once": "new", "voided": "new", "gone": "repeat",
        "lead": "prospect", "never": "prospect",
    }  # fmt: skip
    assert stages(spark, world, world.second) == {
        "loyal": "loyal", "sleeper": "lapsing", "back": "reactivated", "once": "repeat", "voided": "prospect",
        "lead": "new", "never": "prospect", "late": "prospect", "walk-in": "new",
    }  # fmt: skip


def test_records_are_counted(spark: SparkSession, world: World) -> None:
    rows = ledger(spark, world, world.first)
    assert rows.items() >= {
        "customers.read": 7, "customers.accepted": 4, "customers.later": 1, "customers.rejected.anonymous": 1,
        "customers.rejected.placeholder_id": 1, "customers.prospects": 2,
    }.items()  # fmt: skip


def test_who_told_of_a_prospect(spark: SparkSession, world: World) -> None:
    known = {row["customer_id"]: row for row in table(spark, world, "prospects", world.second)}
    assert {name: row["known_from"] for name, row in known.items()} == {
        "never": ["customers"], "late": ["customers"], "voided": ["transactions"],
    }  # fmt: skip
    moves = {name: (row["previous_lifecycle_stage"], row["lifecycle_cause"]) for name, row in known.items()}
    assert moves == {"never": ("prospect", None), "late": (None, "entered"), "voided": ("new", "behaviour")}


def test_rules_may_name_a_stage(spark: SparkSession, world: World) -> None:
    rows = {row["customer_id"]: row["segment"] for row in table(spark, world, "segments", world.second)}
    assert [name for name, segment in rows.items() if segment == "sleepers"] == ["sleeper"]


def test_every_move_has_its_cause(spark: SparkSession, world: World) -> None:
    found = {
        row["customer_id"]: (row["from_stage"], row["to_stage"], row["cause"])
        for row in table(spark, world, "lifecycle_changes", world.second)
    }
    assert found == {
        "sleeper": ("loyal", "lapsing", "inactivity"),
        "back": ("lapsed", "reactivated", "behaviour"),
        "once": ("new", "repeat", "behaviour"),
        "voided": ("new", "prospect", "behaviour"),
        "gone": ("repeat", "(none)", "left"),
        "lead": ("prospect", "new", "behaviour"),
        "late": ("(none)", "prospect", "entered"),
        "walk-in": ("(none)", "new", "entered"),
    }


def test_transitions_are_the_changes_and_who_stayed(spark: SparkSession, world: World) -> None:
    changes = table(spark, world, "lifecycle_changes", world.second)
    rows = table(spark, world, "lifecycle_transitions", world.second)
    moved = {(row["from_stage"], row["to_stage"]): row["customers"] for row in rows}
    for row in changes:
        moved[row["from_stage"], row["to_stage"]] -= 1
    stayed = {ends: count for ends, count in moved.items() if count and ends[0] == ends[1]}
    # The others stay loyal, or become it with their fifth order and enough time.
    assert stayed.pop(("prospect", "prospect")) == 1
    assert stayed.pop(("loyal", "loyal")) >= 31
    for stage in {row["from_stage"] for row in rows}:
        assert sum(row["share"] for row in rows if row["from_stage"] == stage) == pytest.approx(1)
    (asleep,) = (row for row in rows if (row["from_stage"], row["to_stage"]) == ("loyal", "lapsing"))
    assert (asleep["customers"], asleep["inactivity"]) == (1, 1)


def test_stages_are_summed_up(spark: SparkSession, world: World) -> None:
    rows = {row["lifecycle_stage"]: row for row in table(spark, world, "lifecycle_summary", world.second)}
    named = {stage: row["customers"] for stage, row in rows.items() if stage not in ("repeat", "loyal")}
    assert named == {"prospect": 3, "new": 2, "reactivated": 1, "lapsing": 1}
    assert sum(row["customers_pct"] for row in rows.values()) == pytest.approx(100)
    assert sum(row["revenue_pct"] for row in rows.values()) == pytest.approx(100)
    assert str(rows["reactivated"]["revenue"]) == "50.00"
    assert rows["lapsing"]["action"].startswith("remind")
    rows_told = ledger(spark, world, world.second)
    assert rows_told["customers"] == 51
    assert rows_told["customers.prospects"] == 3


def test_history_has_intervals_of_stages(spark: SparkSession, world: World) -> None:
    history = segment_history(spark, LakeLocation.of(world.config), world.config.name)
    mine = history.where("kind = 'stage' AND customer_id = 'back'").orderBy("valid_from").collect()
    assert [(row["value"], row["valid_from"]) for row in mine] == [("lapsed", EARLIER), ("reactivated", AS_OF)]


def test_the_report_shows_stages(spark: SparkSession, world: World) -> None:
    page = build_report(collect(spark, LakeLocation.of(world.config), world.second.run_id), world.config.display)
    assert "Stages of customers" in page
    assert "remind them before they are gone" in page


def test_explain_says_why(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "sleeper", "--lake", str(world.config.lake.root), "--run", world.second.run_id]) == 0
    (line,) = (one for one in capsys.readouterr().out.splitlines() if one.startswith("  stage "))
    assert "lapsing: silent for longer than is usual for them; the last order is 21 days ago" in line
    assert "; loyal in the run before (inactivity)" in line


def test_other_limits_are_a_definition(spark: SparkSession, world: World, tmp_path: Path) -> None:
    lake = {"root": world.config.lake.root}
    folder = Path(world.config.lake.root or "").parent
    other = config_in(folder, lake=lake, name="tiny", lifecycle={"enabled": True, "gaps": {"lapsing": 0.2}},
                      segments=world.config.model_dump(mode="json", exclude_unset=True)["segments"])  # fmt: skip
    third = run_tiny(spark, other, AS_OF + timedelta(days=1))
    causes = {row["cause"] for row in table(spark, World(other, world.second, third), "lifecycle_changes", third)}
    assert causes == {"definition"}
    limits = {"enabled": True, "gaps": {"lapsing": 0.2}, "actions": {"lapsing": "Hi"}}
    advice = config_in(folder, lake=lake, lifecycle=limits,
                       segments=world.config.model_dump(mode="json", exclude_unset=True)["segments"])  # fmt: skip
    fourth = run_tiny(spark, advice, AS_OF + timedelta(days=2))
    found = table(spark, World(advice, third, fourth), "lifecycle_changes", fourth)
    assert {row["cause"] for row in found} <= {"inactivity", "thresholds"}
    summary = table(spark, World(advice, third, fourth), "lifecycle_summary", fourth)
    assert "Hi" in {row["action"] for row in summary}


def test_off_and_on_again(spark: SparkSession, tmp_path: Path) -> None:
    write_source(spark, tmp_path / "source", lines(BEFORE))
    on = config_for(tmp_path, lifecycle={"enabled": True}, quality={"max_staleness_days": None})
    off = config_for(tmp_path, quality={"max_staleness_days": None})
    run_tiny(spark, on, EARLIER)
    without = run_tiny(spark, off, EARLIER + timedelta(days=1))
    again = run_tiny(spark, on, EARLIER + timedelta(days=2), verify=True)
    world = World(on, without, again)
    assert {row["lifecycle_stage"] for row in table(spark, world, "segments", without)} == {None}
    assert stages(spark, world, again)["sleeper"] == "loyal"
    assert not Store(spark, LakeLocation.of(on)).exists("lifecycle_transitions")


def test_history_of_a_lake_that_has_no_stages_yet(spark: SparkSession, tmp_path: Path) -> None:
    write_source(spark, tmp_path / "source", lines(BEFORE))
    config = config_for(tmp_path, quality={"max_staleness_days": None})
    done = run_tiny(spark, config, EARLIER)
    table = str(tmp_path / "lake" / "segments")
    older = spark.read.format("delta").load(table).drop("lifecycle_stage")
    older.localCheckpoint().write.format("delta").mode("overwrite").option("overwriteSchema", "true").save(table)
    history = segment_history(spark, LakeLocation.of(config), config.name)
    assert {row["kind"] for row in history.collect()} >= {"segment"}
    assert history.where("kind = 'stage'").isEmpty()
    # Nor does such a lake's run have another configuration than before there were stages.
    assert not {"lifecycle", "cohorts", "groups"} & config.document().keys()
    assert not {"customers", "subscriptions"} & config.document()["sources"].keys()
    assert run_tiny(spark, config, EARLIER).run_id == done.run_id


def test_nobody_bought_twice(spark: SparkSession, tmp_path: Path) -> None:
    write_source(spark, tmp_path / "source", lines({"a": days_before(AS_OF, 3), "b": days_before(AS_OF, 100)}))
    config = config_for(tmp_path, lifecycle={"enabled": True}, quality={"max_staleness_days": None})
    done = run_tiny(spark, config)
    assert any("nobody bought on two days" in warning for warning in done.warnings)
    assert stages(spark, World(config, done, done), done) == {"a": "new", "b": "lapsing"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"gaps": {"lapsing": 4}}, "lapsed must not be below lapsing"),
        ({"days": {"lapsing": 400}}, "lapsed must not be below lapsing"),
        ({"actions": {"vip": "call"}}, "vip is no stage"),
        ({"rhythm": "weekly"}, "own"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        config_for(tmp_path, lifecycle=changes)
