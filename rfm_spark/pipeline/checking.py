"""What a run as of a day would say and find, without writing: the same looks, the same gates, the same words."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import date

from pyspark.sql import DataFrame, SparkSession

from rfm_spark.core.config import Config
from rfm_spark.core.errors import PlanError, RfmSparkError
from rfm_spark.core.reading.filtered import filtered_lines
from rfm_spark.core.registry import given
from rfm_spark.core.session import in_time_zone
from rfm_spark.core.table import Table
from rfm_spark.lake.ledger import Ledger
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.store import Store
from rfm_spark.pipeline.environment import Content, Environment, Frames, RunFacts
from rfm_spark.pipeline.findings import Findings
from rfm_spark.pipeline.inputs import Inputs, last_with, open_inputs, readable
from rfm_spark.pipeline.order import ordered
from rfm_spark.pipeline.prepared import Ahead, prepared, prepared_kinds


def look_ahead(spark: SparkSession, config: Config, as_of: date) -> Findings:
    """Look at every source as a run would.

    Args:
        spark: the session.
        config: of the run.
        as_of: last day that counts.
    """
    found = Findings()
    places = config.places()
    looks = {source: look for _, looks in given("checking", "LOOKS") for source, look in looks.items()}
    with in_time_zone(spark, config.timezone), ExitStack() as held:
        store = Store(spark, LakeLocation.of(config))
        try:
            with readable(next(iter(places))):
                inputs = _opened(store, config, as_of, found)
        except RfmSparkError as error:
            found.note(error)
            return found
        found.warnings += inputs.drift if not found.stops else ()
        run, frames = RunFacts(config.name, "", as_of), Frames(spark, held)
        for name, location in places.items():
            sources = {key: one for key, one in inputs.pinned.items() if key == name or key.startswith(f"{name}.")}
            environment = Environment(f"check of {name}", run, frames, sources, (), (), store, _NoWriter())
            try:
                with readable(name):
                    if name in looks:
                        looks[name](environment, config, found)
                    if location.where is not None:
                        found.lines += filtered_lines(name, location.where, inputs.pinned[name].frame)
            except RfmSparkError as error:
                found.note(error)
    return found


def _opened(store: Store, config: Config, as_of: date, found: Findings) -> Inputs:
    ordered(config, prepared_kinds())
    ledger = Ledger(store)
    complete = ledger.complete(config.name)
    prepared(Ahead(config, as_of, complete, store, ledger.configs))
    return open_inputs(store, config, last_with(ledger, config, complete), found.stops)


class _NoWriter:
    """A look writes nothing."""

    def put(self, table: Table, content: Content, part: str) -> None:
        raise PlanError(f"a look would write {table.name}")

    def wait(self, name: str) -> None:
        raise PlanError(f"a look would wait for {name}")

    def keep(self, table: Table, reflects: str, rows: Callable[[], DataFrame]) -> None:
        raise PlanError(f"a look would write {table.name}")
