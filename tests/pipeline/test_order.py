"""Which steps run and in which order follows from what they need; what can't be put in order is refused by name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from rfm_spark.capabilities.clusters.artefacts import Clusters
from rfm_spark.capabilities.purchases.artefacts import Measures
from rfm_spark.core.config import Config
from rfm_spark.core.errors import PlanError
from rfm_spark.core.table import run_table
from rfm_spark.pipeline.artefact import Artefact, CustomerColumns
from rfm_spark.pipeline.environment import Environment
from rfm_spark.pipeline.order import all_steps, ordered
from rfm_spark.pipeline.prepared import prepared_kinds
from rfm_spark.pipeline.step import Step, step
from tests.helpers import config_for

UNDECLARED = run_table("undeclared", "One row per nothing", ("customer_id", "STRING", "Customer"))


@dataclass(frozen=True, kw_only=True)
class Egg(Artefact):
    """Made of a hen."""


@dataclass(frozen=True, kw_only=True)
class Hen(Artefact):
    """Made of an egg."""


@dataclass(frozen=True, kw_only=True)
class Nest(Artefact):
    """Made of nothing."""


@step("Hens", "eggs hatch")
def hatch(egg: Egg) -> Hen:
    """What hatches?"""
    return Hen()


@step("Eggs", "hens lay")
def lay(hen: Hen) -> Egg:
    """What is laid?"""
    return Egg()


@step("More eggs", "they are bought")
def buy(environment: Environment) -> Egg:
    """What is bought?"""
    return Egg()


@step("Nests", "eggs are gathered")
def gather(eggs: tuple[Egg, ...], hen: Hen | None) -> Nest:
    """Where are they?"""
    return Nest()


@step("Written", "a table nobody declares", writes=(UNDECLARED,))
def write(environment: Environment) -> Nest:
    """Where does it go?"""
    return Nest()


def of_farm(*steps: Step) -> list[Step]:
    return [replace(one, capability="farm") for one in steps]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return config_for(tmp_path)


def test_steps_come_after_what_they_need_and_otherwise_as_listed(config: Config) -> None:
    found = [one.step.work.__name__ for one in ordered(config, (), of_farm(gather, hatch, buy))]
    assert found == ["buy", "hatch", "gather"]
    named = [one.step.name for one in ordered(config, prepared_kinds())]
    assert named.index("purchases.measure") < named.index("rfm.score") < named.index("segments.put_together")
    assert named.index("segments.name") < named.index("drift.spread") < named.index("drift.judge")


def test_what_is_off_gives_nothing_and_who_may_do_without_runs(config: Config, tmp_path: Path) -> None:
    names = {one.step.name for one in ordered(config, prepared_kinds())}
    assert not names & {"clusters.cluster", "events.read", "engagement.read", "engagement.score", "drift.track"}
    everything = config_for(tmp_path, clusters={"enabled": True})
    assert "clusters.cluster" in {one.step.name for one in ordered(everything, prepared_kinds())}


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        ((hatch, lay), "steps need each other in a circle: farm.hatch, farm.lay; take one need out of it"),
        ((hatch,), "step farm.hatch needs Egg, which no step gives; switch it on, or do without (| None)"),
        ((buy, lay, hatch), "steps farm.buy and farm.lay both give Egg; one has to go"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(config: Config, steps: tuple[Step, ...], sentence: str) -> None:
    with pytest.raises(PlanError) as caught:
        ordered(config, (), of_farm(*steps))
    assert str(caught.value) == sentence


def test_what_the_giver_being_off_means_is_said(config: Config) -> None:
    @step("Eager", "it can't wait")
    def eager(clusters: Clusters) -> Nest:
        """Which clusters are there?"""
        return Nest()

    with pytest.raises(PlanError, match=r"needs Clusters, whose step clusters\.cluster is off"):
        ordered(config, prepared_kinds(), [*all_steps(), *of_farm(eager)])


def test_parameters_and_results_have_types_that_say_what_they_are(config: Config) -> None:
    def odd(number: int) -> Nest:
        """How many?"""
        return Nest()

    def vague(measures: Measures) -> Any:
        """How many?"""
        return 1

    with pytest.raises(PlanError, match="parameter number is neither"):
        assert step("Odd", "-")(odd).needs
    with pytest.raises(PlanError, match="its result is no artefact"):
        assert step("Vague", "-")(vague).gives


def test_every_step_asks_a_question_and_gives_what_its_tables_hold() -> None:
    for one in all_steps():
        assert one.question.endswith("?"), one.name
        assert one.title
        assert one.waits_for
    assert any(issubclass(one.gives, CustomerColumns) for one in all_steps())
