"""`rfm-spark clusters` on a real lake: what it says, what it decides, and that no published run changes."""

from __future__ import annotations

import csv
import json
import re
import shutil
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from pyspark.sql import SparkSession

from rfm_spark.capabilities.clusters.champion import planned_model
from rfm_spark.capabilities.clusters.explain import ambiguity
from rfm_spark.cli.main import main
from rfm_spark.core.config import Config
from rfm_spark.core.errors import ConfigError
from rfm_spark.core.runs import RunRow
from rfm_spark.core.schemas import tables
from rfm_spark.lake.ledger import Ledger
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import of_run
from rfm_spark.lake.store import Store
from rfm_spark.pipeline.prepared import Ahead
from tests.effort import only_in_full
from tests.helpers import COLUMNS, config_for, purchases, rows_of, run_tiny, write_source

FIRST, SECOND, THIRD, FOURTH = (date(2024, 6, 30) + timedelta(days=days) for days in (-20, 0, 1, 2))
DOC = Path(__file__).resolve().parents[2] / "docs" / "clusters.md"


@dataclass(frozen=True)
class World:
    """A lake with two runs, each of which trained a model: the second on demand."""

    folder: Path
    lake: str
    models: tuple[str, str]

    def config(self, window: int = 365, **clusters: Any) -> Config:
        wanted = {"enabled": True, "k": 3, "features": ["recency_days", "monetary", TENURE], **clusters}
        return config_for(
            self.folder,
            lake={"root": self.lake},
            rfm={"window_days": window},
            clusters=wanted,
            quality={"max_staleness_days": None},
        )

    def run(self, spark: SparkSession, run_id: str) -> RunRow:
        (found,) = [run for run in Ledger(Store(spark, self.location)).complete() if run.run_id == run_id]
        return found

    @property
    def location(self) -> LakeLocation:
        return LakeLocation.of(self.config())


TENURE = {"column": "tenure_days", "transform": "none", "weight": 4, "winsorise": [0.1, 1]}


@pytest.fixture(scope="module")
def built(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("clusters")
    once = [(f"x{i}", f"p{i}", datetime(2024, 6, 1 + i), f"{90 + i}.00") for i in range(12)]
    write_source(session, folder / "source", [*purchases(), *once])
    world = World(folder, str(folder / "lake"), ("", ""))
    first = run_tiny(session, world.config(), FIRST)
    second = run_tiny(session, world.config(), SECOND, refit=True)
    return World(folder, world.lake, (first.run_id, second.run_id))


@pytest.fixture
def own(built: World, tmp_path: Path) -> World:
    """The same over a copy of the lake, which a test may change."""
    shutil.copytree(built.lake, tmp_path / "lake")
    return World(built.folder, str(tmp_path / "lake"), built.models)


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["clusters", *arguments]) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["clusters", *arguments]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert len(told.err.splitlines()) == 1
    return told.err


def roles(capsys: pytest.CaptureFixture[str], lake: str) -> list[str]:
    rows = said(capsys, "list", "--lake", lake, "--format", "json").splitlines()
    return [json.loads(row)["role"] for row in rows]


def test_models_are_listed(spark: SparkSession, built: World, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = built.models
    shown = said(capsys, "--lake", built.lake)
    assert said(capsys, "list", "--lake", built.lake) == shown == said(capsys, "--lake", built.lake, "list")
    assert re.search(rf"^{first} +{FIRST} +3 +fixed .* – .* earlier$", shown, re.MULTILINE)
    assert re.search(rf"^{second} +{SECOND} +3 +fixed .* {first} .* champion$", shown, re.MULTILINE)
    rows = [json.loads(row) for row in said(capsys, "--lake", built.lake, "--format", "json").splitlines()]
    assert [row["model_version"] for row in rows] == [first, second]
    assert [cluster["id"] for cluster in rows[0]["clusters"]] == [1, 2, 3]
    assert len({cluster["name"] for cluster in rows[0]["clusters"]}) == 3
    assert 0 < rows[1]["min_stability"] <= 1
    comma = list(csv.DictReader(said(capsys, "list", "--lake", built.lake, "--format", "csv").splitlines()))
    assert [row["role"] for row in comma] == ["earlier", "champion"]


def test_a_model_is_shown_in_units_people_know(
    spark: SparkSession, built: World, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = built.models
    shown = said(capsys, "show", second, "--lake", built.lake)
    assert f"Model {second} of tiny, champion" in shown
    assert re.search(r"^recency_days +log1p ", shown, re.MULTILINE)
    assert re.search(r"^tenure_days +none .* 4\.0 +\d.* to – ", shown, re.MULTILINE)
    assert re.search(r"^survived +\d ", shown.split(f"What became of the clusters of {first}")[1], re.MULTILINE)
    people = of_run(spark, built.location, "segments", second).toPandas()
    profiles = {row["cluster_id"]: row for row in of_run(spark, built.location, "cluster_profiles", second).collect()}
    for line in shown.split("own units")[1].splitlines()[2:5]:
        number, *_ = line.split()
        words = line.split("  ")
        numbers = [float(word.replace(",", "")) for word in words if re.fullmatch(r" *-?[\d,.]+", word)]
        customers, _, recency, money, tenure = numbers[1:]
        mine = people[people.cluster_id == int(number)]
        assert customers == len(mine) == profiles[int(number)]["customers"]
        # The centre is the mean of the transformed values, clipped where that was asked for.
        assert recency == pytest.approx(np.expm1(np.log1p(mine.recency_days).mean()), rel=0.02, abs=0.1)
        assert money == pytest.approx(np.expm1(np.log1p(mine.monetary.astype(float)).mean()), rel=0.02)
        low = np.sort(people.tenure_days)[int(np.ceil(0.1 * len(people))) - 1]
        assert tenure == pytest.approx(mine.tenure_days.clip(lower=low).mean(), rel=0.02)
    assert "What became" not in said(capsys, "show", first, "--lake", built.lake)


def test_two_models_are_compared_on_the_same_customers(
    spark: SparkSession, built: World, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = built.models
    shown = said(capsys, "compare", first, second, "--lake", built.lake)
    assert f"The 36 customers of run {second}" in shown
    header, *lines = shown.split("(columns)\n")[1].split("\n\nClusters of B")[0].splitlines()
    assert len(re.findall(r"B \d", header)) == 3
    counts = np.array([[int(number) for number in line.split()[-3:]] for line in lines])
    now = of_run(spark, built.location, "segments", second).toPandas()
    assert counts.sum() == len(now)
    assert sorted(counts.sum(axis=0)) == sorted(now.cluster_id.value_counts())
    assert "reseeding alone gives" in shown
    alike = said(capsys, "compare", second, second, "--run", first, "--lake", built.lake)
    assert f"customers of run {first}" in alike
    assert "0.0% of the customers have another cluster id under B" in alike
    assert "adjusted Rand index 1.000" in alike


def test_a_run_is_assigned_again_exactly(spark: SparkSession, own: World, capsys: pytest.CaptureFixture[str]) -> None:
    for run_id in own.models:
        assert "0 cluster_id, 0 cluster_distance, 0 second_distance" in said(
            capsys, "rescore", run_id, "--lake", own.lake
        )
    table = own.location.table("segments")
    spark.sql(f"UPDATE {table} SET cluster_id = 9 WHERE run_id = '{own.models[0]}' AND customer_id = 'c07'").collect()
    spark.sql(
        f"UPDATE {table} SET second_distance = NULL WHERE run_id = '{own.models[0]}' AND customer_id < 'c03'"
    ).collect()
    told = refused(capsys, "rescore", own.models[0], "--lake", own.lake)
    assert "1 cluster_id, 0 cluster_distance, 2 second_distance" in told
    assert said(capsys, "rescore", own.models[1], "--lake", own.lake)
    assert "no complete run 2024-01-01-00000000" in refused(
        capsys, "rescore", "2024-01-01-00000000", "--lake", own.lake
    )
    assert "is not a run id" in refused(capsys, "rescore", "champion", "--lake", own.lake)


@only_in_full
def test_decisions_hold_for_later_runs_and_change_no_past_one(
    spark: SparkSession, own: World, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = own.models
    before = {run_id: rows_of(of_run(spark, own.location, "segments", run_id)) for run_id in own.models}
    told = refused(capsys, "promote", first, "--from", str(SECOND), "--lake", own.lake)
    assert f"{SECOND} is not after {SECOND}" in told
    assert f"take {THIRD} or later" in told
    said(capsys, "promote", first, "--from", str(FOURTH), "--lake", own.lake)
    assert roles(capsys, own.lake) == [f"champion from {FOURTH}", "champion"]
    assert f"from as-of date {THIRD} on" in said(capsys, "promote", first, "--lake", own.lake)
    assert roles(capsys, own.lake) == ["champion", "earlier"]

    third = run_tiny(spark, own.config(), THIRD)
    assert own.run(spark, third.run_id).model_version == first
    assert {run_id: rows_of(of_run(spark, own.location, "segments", run_id)) for run_id in own.models} == before
    assert run_tiny(spark, own.config(), FIRST).repeated
    assert run_tiny(spark, own.config(), SECOND, refit=True).repeated
    # The old model lies too far from the customers of the day; the new one waits, and assigned nobody.
    assert roles(capsys, own.lake) == ["champion", "earlier", "challenger"]
    waiting = f"{third.run_id}-challenger"
    assert "no sizes" in said(capsys, "show", waiting, "--lake", own.lake)

    assert "is pinned" in said(capsys, "pin", second, "--lake", own.lake)
    assert roles(capsys, own.lake) == ["earlier", "pinned", "earlier"]
    assert "clusters unpin" in refused(capsys, "promote", first, "--lake", own.lake)
    with pytest.raises(ConfigError, match="pinned"):
        run_tiny(spark, own.config(), FOURTH, refit=True)
    # Whatever the configuration says. The plan alone, since a run takes long and does what its plan says.
    ledger = Ledger(Store(spark, own.location))
    complete = ledger.complete()
    for k in (3, 2):
        plan = planned_model(Ahead(own.config(k=k), FOURTH, complete, Store(spark, own.location), ledger.configs))
        assert (plan.trains, plan.fingerprint) == (False, second)

    assert f"{first} is champion of the next run" in said(capsys, "unpin", "--lake", own.lake)
    # Spend of a month is another feature than that of a year.
    for window, trains in ((365, False), (30, True)):
        plan = planned_model(Ahead(own.config(window), FOURTH, complete, Store(spark, own.location), ledger.configs))
        assert plan.trains == trains
    assert "no model of tiny is pinned" in refused(capsys, "unpin", "--lake", own.lake)
    assert roles(capsys, own.lake) == ["champion", "earlier", "challenger"]


def test_a_configuration_names_the_segmentation(
    spark: SparkSession, own: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = {"path": str(own.folder / "source"), "format": "delta", "columns": COLUMNS}
    document = {"name": "tiny", "lake": {"root": own.lake}, "sources": {"transactions": source}}
    conf = tmp_path / "tiny.yml"
    conf.write_text(yaml.safe_dump(document), encoding="utf-8")
    # It says k: auto, the champion was trained for three.
    assert "trained under another `clusters` configuration" in said(capsys, "list", "-c", str(conf))
    told = said(capsys, "promote", own.models[0], "-c", str(conf))
    assert f"champion of tiny from as-of date {THIRD} on" in told
    assert "but the next run trains a new model" in told
    runs = Store(spark, own.location).read("runs")
    other = runs.where(runs["run_id"] == own.models[0]).replace("tiny", "other", subset=["config_name"])
    other.write.format("delta").mode("append").save(f"{own.lake}/runs")
    assert "holds other, tiny" in refused(capsys, "list", "--lake", own.lake)
    assert own.models[1] in said(capsys, "list", "-c", str(conf))
    conf.write_text(yaml.safe_dump({**document, "name": "third"}), encoding="utf-8")
    assert "no complete run of third" in refused(capsys, "list", "-c", str(conf))


@pytest.mark.parametrize("action", ["show", "promote", "pin"])
def test_a_model_nobody_trained_is_refused(
    spark: SparkSession, built: World, capsys: pytest.CaptureFixture[str], action: str
) -> None:
    assert "has no model v9; there are" in refused(capsys, action, "v9", "--lake", built.lake)


def test_a_lake_or_a_configuration_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    assert "-c CONF or --lake DIR" in refused(capsys, "list")
    assert main(["clusters", "frobnicate"]) == 2


def test_explain_says_how_sure_a_cluster_is(
    spark: SparkSession, built: World, capsys: pytest.CaptureFixture[str]
) -> None:
    row = of_run(spark, built.location, "segments", built.models[1]).where("customer_id = 'c07'").collect()[0]
    assert main(["explain", "c07", "--lake", built.lake]) == 0
    shown = capsys.readouterr().out
    ratio = row["cluster_distance"] / row["second_distance"]
    assert f"  ambiguity  their centre is at {ratio:.2f} of the distance to the second nearest" in shown
    assert "imputed" not in shown


def test_ambiguity_in_words() -> None:
    assert "clearly" in ambiguity(0.0, 1.0)
    assert "clearly" in ambiguity(0.49, 1.0)
    assert "in sight" in ambiguity(0.5, 1.0)
    assert "between" in ambiguity(0.9, 1.0)
    assert "border" in ambiguity(1.0, 1.0)
    assert "border" in ambiguity(0.0, 0.0)


def test_the_queries_of_the_document_work(spark: SparkSession, built: World) -> None:
    queries = re.findall(r"^```sql\n(.*?)^```$", DOC.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert len(queries) > 1
    for query in queries:
        written = re.sub(r"\bmain\.rfm\.(\w+)", lambda found: built.location.table(found[1]), query)
        assert "main.rfm" in query
        written = written.replace("'shop'", "'tiny'")
        assert set(re.findall(r"\bmain\.rfm\.(\w+)", query)) <= set(tables())
        for statement in filter(str.strip, written.split(";")):
            assert spark.sql(statement).collect(), statement
