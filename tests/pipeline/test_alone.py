"""Every step alone: with what it declares, made from the schemas of what others give, it gives what the run gave."""

from __future__ import annotations

import dataclasses
import shutil
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession

from rfm_spark.capabilities.churn.artefacts import Churn
from rfm_spark.capabilities.customers.artefacts import CustomerAttributes, CustomerRecords
from rfm_spark.capabilities.movement.artefacts import Comparison
from rfm_spark.capabilities.purchases.artefacts import Purchases
from rfm_spark.capabilities.rfm.artefacts import Scores
from rfm_spark.capabilities.segments.artefacts import CustomerCounts, CustomerRows
from rfm_spark.capabilities.usage.artefacts import UsageMeasures
from rfm_spark.core.config import Config, config_model
from rfm_spark.core.errors import PlanError
from rfm_spark.core.loading import validate
from rfm_spark.core.schemas import tables
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.store import Store
from rfm_spark.pipeline.artefact import Artefact, as_text, from_text
from rfm_spark.pipeline.environment import Environment, Frames
from rfm_spark.pipeline.execution import Execution
from rfm_spark.pipeline.order import all_steps
from rfm_spark.pipeline.plan import Planned
from rfm_spark.pipeline.step import Need, Step, step
from rfm_spark.pipeline.writing import Writer
from tests.helpers import AS_OF, rows_of, run_tiny
from tests.pipeline.interactions import shop
from tests.usage.world import AS_OF as FIRST
from tests.usage.world import LATER, MEASURES, saas, write

STEPS = {one.name: one for one in all_steps()}
# Steps that run where measures are not of purchases and attributes part customers; and of all others those that then
# see other needs.
OF_USAGE = {"customers.part", "events.recall", "usage.measure"}
ALSO_WITHOUT = {
    "customers.read",
    "events.read", "subscriptions.read", "rfm.score", "segments.put_together", "segments.name", "movement.compare",
    "drift.spread", "cohorts.follow", "churn.learn", "churn.tell", "value.add_up",
}  # fmt: skip


@dataclass
class Whole:
    """A run of everything, after one a month before: its steps, what they gave, and the lake before and after."""

    spark: SparkSession
    before: Path
    after: Path
    execution: Execution
    planned: dict[str, Planned] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    rows: dict[str, tuple[list[Any], Any]] = field(default_factory=dict)

    @property
    def run_id(self) -> str:
        """Of the run."""
        return self.execution._facts.run_id

    def slice_of(self, name: str) -> DataFrame | None:
        """The run's rows of a table, in a frame of nothing but the table's columns."""
        store = Store(self.spark, LakeLocation(root=str(self.after)))
        if not store.exists(name):
            return None
        rows = store.of_runs(name, [self.run_id]).drop("run_id")
        kinds = ", ".join(f"`{column}` {kind}" for column, kind, _ in tables()[name].columns if column != "run_id")
        return self.spark.createDataFrame(rows.collect(), kinds)

    def artefact(self, name: str) -> Artefact:
        """What a step gave, as another process finds it."""
        kind = STEPS[name].gives
        if issubclass(kind, (Churn, CustomerCounts, Comparison, CustomerAttributes, CustomerRecords, UsageMeasures)):
            # Frames that every run makes anew, of rows that are in tables.
            return self.again(STEPS[name])
        found = from_text(kind, self.texts[name], self.slice_of)
        if isinstance(found, CustomerRows):
            # The one frame that is in no table: every run makes it anew.
            rows, schema = self.rows[name]
            return dataclasses.replace(found, frame=self.spark.createDataFrame(rows, schema))
        return found

    def again(self, one: Step) -> Artefact:
        """What a step gives in the lake of the run, once it is over."""
        store = Store(self.spark, LakeLocation(root=str(self.after)))
        writer = Writer(store, self.run_id, self.execution._facts.as_of)
        environment = self.environment(one, store, writer)
        return one.work(**{need.name: self.given(one, need, environment) for need in one.needs})

    def environment(self, one: Step, store: Store, writer: Writer, held: ExitStack | None = None) -> Environment:
        """A step's view of a lake."""
        pinned = self.execution._inputs.pinned
        return Environment(
            one.name, self.execution._facts, Frames(self.spark, held or ExitStack()),
            {name: pinned[name] for name in one.sources if name in pinned}, one.reads, one.writes, store,
            writer.for_step(),
        )  # fmt: skip

    def given(self, one: Step, need: Need, environment: Environment) -> Any:
        """The value of a parameter."""
        if need.role == "environment":
            return environment
        if need.role == "settings":
            return self.planned[one.name].chosen.settings[need.name]
        ready = [decision for decision in self.execution._decisions if isinstance(decision, need.kind)]
        found = [*ready, *(self.artefact(name) for name in self.planned[one.name].chosen.givers[need.name])]
        return tuple(found) if need.role == "all" else next(iter(found), None)


@pytest.fixture(scope="module")
def whole(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    spark, folder = session, tmp_path_factory.mktemp("alone")
    config = shop(
        spark, folder,
        clusters={"enabled": True, "k": 3, "features": ["recency_days", "intent_score", "response_rate"]},
        engagement={"rfm": {"of": "interactions"}, "actions": {"disengaged": "suppress"}},
        segments={"rules": "intent", "confirm_runs": 2},
        lifecycle={"enabled": True},
        cohorts={"enabled": True},
        predict={"clv": {"enabled": True, "smallest": 10}, "churn": {"enabled": True, "horizon_days": 30}},
        value={"enabled": True},
        groups={"compare": [{"first": "customer_id <= 'c12'", "second": "customer_id > 'c12'"}]},
    )  # fmt: skip
    return watched(spark, folder, with_records(spark, folder, config), (AS_OF - timedelta(days=30), AS_OF))


@pytest.fixture(scope="module")
def without_purchases(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """The same of a business of subscriptions, whose accounts are scored within their region."""
    folder = tmp_path_factory.mktemp("usage")
    write(session, folder)
    regions = [(f"a{number}", "north" if number % 2 else "south") for number in range(1, 121)]
    records = session.createDataFrame(regions, "account string, region string")
    records.write.format("delta").save(str(folder / "records"))
    sources = {name: one.model_dump(exclude_none=True) for name, one in saas(folder).sources.items()}
    sources["customers"] = {
        "path": str(folder / "records"), "format": "delta", "columns": {"customer_id": "account"},
        "attributes": {"region": "region"},
    }  # fmt: skip
    rfm = {"measures": MEASURES, "scope": ["region"], "smallest_scope": 10}
    cohorts = {"enabled": True, "start": "first_event"}
    predict = {"churn": {"enabled": True, "horizon_days": 30, "smallest": 100}}
    config = saas(
        folder, timezone="UTC", sources=sources, rfm=rfm, cohorts=cohorts, predict=predict, value={"enabled": True}
    )
    return watched(session, folder, config, (FIRST, LATER))


def watched(spark: SparkSession, folder: Path, config: Config, dates: tuple[date, date]) -> Whole:
    """Two runs, of which the later one's steps are remembered."""
    run_tiny(spark, config, dates[0])
    shutil.copytree(folder / "lake", folder / "before")
    seen: list[Whole] = []
    do = Execution.do

    def noted(execution: Execution, planned: Planned) -> None:
        if not seen:
            seen.append(Whole(spark, folder / "before", folder / "lake", execution))
        do(execution, planned)
        name, artefact = planned.chosen.step.name, execution._done[planned.chosen.step.name].artefact
        seen[0].planned[name], seen[0].texts[name] = planned, as_text(artefact)
        if isinstance(artefact, CustomerRows):
            seen[0].rows[name] = (artefact.made.collect(), artefact.made.schema)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Execution, "do", noted)
        run_tiny(spark, config, dates[1])
    return seen[0]


def with_records(spark: SparkSession, folder: Path, config: Config) -> Config:
    """The same with records of customers, with features and with subscriptions."""
    spark.createDataFrame([("c01",), ("lead",)], "who string").write.format("delta").save(str(folder / "crm"))
    rows = [("c01", "2024-01-01", None, "10.00"), ("c02", "2024-01-01", "2024-06-10", "20.00"),
            ("c03", "2024-06-10", "2024-06-01", "1.00")]  # fmt: skip
    frame = spark.createDataFrame(rows, "who string, start string, end string, mrr string")
    frame.write.format("delta").save(str(folder / "subs"))
    document = config.model_dump(mode="json", by_alias=True, exclude_unset=True)
    columns = {"customer_id": "who", "start_date": "start", "end_date": "end", "mrr": "mrr"}
    document["sources"]["events"]["columns"]["feature"] = "action"
    document["sources"] |= {
        "customers": {"path": str(folder / "crm"), "format": "delta", "columns": {"customer_id": "who"}},
        "subscriptions": {"path": str(folder / "subs"), "format": "delta", "columns": columns},
    }
    return validate(config_model(), document, "alone.yml")


def alone(whole: Whole, one: Step, lake: Path) -> tuple[Artefact, Store]:
    """What a step gives in a lake that has the tables it declares, and no other."""
    for table in {table.name for table in (*one.reads, *one.writes)}:
        if (whole.before / table).exists():
            shutil.copytree(whole.before / table, lake / table)
    facts = whole.execution._facts
    store = Store(whole.spark, LakeLocation(root=str(lake)))
    writer = Writer(store, facts.run_id, facts.as_of)
    with ExitStack() as held:
        try:
            environment = whole.environment(one, store, writer, held)
            given = one.work(**{need.name: whole.given(one, need, environment) for need in one.needs})
            writer.settle()
        finally:
            writer.close()
        return given, store


def test_the_runs_do_every_step_there_is(whole: Whole, without_purchases: Whole) -> None:
    assert set(whole.planned) == set(STEPS) - OF_USAGE
    assert set(without_purchases.planned) >= OF_USAGE | ALSO_WITHOUT


@pytest.mark.parametrize("name", sorted({*STEPS} - OF_USAGE))
def test_a_step_gives_the_same_from_its_declared_needs_alone(whole: Whole, tmp_path: Path, name: str) -> None:
    must_give_the_same(whole, tmp_path, name)


@pytest.mark.parametrize("name", sorted(OF_USAGE | ALSO_WITHOUT))
def test_a_step_does_so_without_purchases(without_purchases: Whole, tmp_path: Path, name: str) -> None:
    must_give_the_same(without_purchases, tmp_path, name)


def must_give_the_same(whole: Whole, tmp_path: Path, name: str) -> None:
    one = STEPS[name]
    given, store = alone(whole, one, tmp_path)
    assert as_text(given) == whole.texts[name]
    every = Store(whole.spark, LakeLocation(root=str(whole.after)))
    for table in one.writes:
        if table.kind != "run":
            assert store.exists(table.name) == every.exists(table.name), table.name
            continue
        made, known = (
            rows_of(lake.of_runs(table.name, [whole.run_id])) if lake.exists(table.name) else []
            for lake in (store, every)
        )
        # Of a table that several steps write in parts, its own.
        mine = [row for row in known if not table.part or row[table.part] in one.sources]
        assert made == mine, table.name


def test_a_step_that_reaches_for_more_fails_alone(whole: Whole, tmp_path: Path) -> None:
    others = tables()["engagement"]

    @step("A column", "nobody declared it")
    def column(measures: Purchases, environment: Environment) -> Artefact:
        """Who has a score already?"""
        measures.customers.select("r_score").collect()
        return Artefact()

    @step("A table", "nobody declared it")
    def table(environment: Environment) -> Artefact:
        """What do others know?"""
        environment.of_runs(others.name, [])
        return Artefact()

    @step("A source", "nobody declared it")
    def source(environment: Environment) -> Artefact:
        """What do messages tell?"""
        environment.source("messages")
        return Artefact()

    @step("A state", "another step's")
    def state(scores: Scores) -> Artefact:
        """What if a score were another?"""
        target: Any = scores
        target.cut_sets = ()
        return Artefact()

    for reaching, error in (
        (column, AnalysisException), (table, PlanError), (source, PlanError),
        (state, dataclasses.FrozenInstanceError),
    ):  # fmt: skip
        one = dataclasses.replace(reaching, capability="reaching")
        planned = next(iter(whole.planned.values()))
        givers = {
            need.name: tuple(
                name for name, other in STEPS.items() if issubclass(other.gives, need.kind) and name in whole.texts
            )
            for need in one.needs if need.role == "one"
        }  # fmt: skip
        whole.planned[one.name] = dataclasses.replace(
            planned, chosen=dataclasses.replace(planned.chosen, step=one, givers=givers, settings={})
        )
        with pytest.raises(error):
            alone(whole, one, tmp_path / one.work.__name__)
        del whole.planned[one.name]
