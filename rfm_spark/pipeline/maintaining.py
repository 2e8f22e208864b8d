"""Maintaining a lake: which runs lose their rows, and what is done to its tables."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pyspark.sql import SparkSession

from rfm_spark.core.config import Config
from rfm_spark.core.errors import LakeError
from rfm_spark.core.registry import given
from rfm_spark.core.retention import retained
from rfm_spark.core.runs import RunRow
from rfm_spark.core.upkeep import Done, Upkeep
from rfm_spark.lake.claims import nobody_listens
from rfm_spark.lake.ledger import Ledger
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.maintenance import Maintenance
from rfm_spark.lake.quiet import must_be_quiet
from rfm_spark.lake.store import Store


@dataclass(frozen=True)
class Maintained:
    """What maintenance did, or would do.

    Attributes:
        kept: runs of the segmentation that keep their rows.
        retired: those that lose them.
        needed: of the kept ones, those that retention alone would not keep, with the reason.
        done: to tables.
    """

    kept: tuple[str, ...]
    retired: tuple[str, ...]
    needed: Mapping[str, str]
    done: tuple[Done, ...]


def maintain(
    spark: SparkSession, config: Config, *, clock: Callable[[], datetime], hours: int, as_of: date | None = None,
    is_dry: bool = False, watching: Callable[[str], None] = nobody_listens,
) -> Maintained:  # fmt: skip
    """Drop rows of runs that the retention of a segmentation does not keep, and tidy all tables of its lake.

    Args:
        spark: the session.
        config: names the lake, the segmentation and its retention.
        clock: the present moment with a time zone, for the ledger and claims only.
        hours: age from which on versions of tables are not kept.
        as_of: what days and months are counted back from; the newest as-of date of the segmentation for None.
        is_dry: write nothing.
        watching: told of which runs it takes minutes to find out whether they are still at work.

    Raises:
        LakeError: no complete run, or a lake that can't be written.
        SlotHeldError: a run is at work in the lake; what was done until then stays done.
    """
    store = Store(spark, LakeLocation.of(config))
    ledger = Ledger(store)

    def published(run_ids: Collection[str]) -> set[str]:
        return {run.run_id for run in ledger.named(*run_ids)}

    def must_be_alone() -> None:
        if not is_dry:
            must_be_quiet(store, published, clock, watching=watching)

    must_be_alone()
    complete = ledger.complete()
    if not complete:
        raise LakeError(f"lake {store.location}: no complete run; run `rfm-spark run` first, or check --lake")
    upkeep, needed = _upkeep(store, ledger, config, complete, as_of, must_be_alone, is_dry=is_dry)
    kept = {run.run_id for run in upkeep.kept} | needed.keys()
    mine = [run for run in complete if run.config_name == config.name]
    leaving = [run.run_id for run in mine if run.has_rows and run.run_id not in kept]
    maintenance = Maintenance(store, is_dry=is_dry)
    maintenance.retire(leaving, clock())
    # One that began meanwhile, and looked at the ledger before it was written, may read what is about to go.
    must_be_alone()
    gone = [run.run_id for run in complete if not run.has_rows]
    done = [*maintenance.drop([*gone, *leaving]), *_capabilities(upkeep), *maintenance.fold(), *maintenance.clean()]
    must_be_alone()
    done += [*maintenance.sweep(clock() - timedelta(hours=hours)), *maintenance.vacuum(hours, _landed(config))]
    staying = tuple(run.run_id for run in mine if run.run_id in kept and run.has_rows)
    return Maintained(staying, tuple(leaving), needed, tuple(done))


def _upkeep(
    store: Store, ledger: Ledger, config: Config, complete: Sequence[RunRow], as_of: date | None,
    must_be_alone: Callable[[], None], *, is_dry: bool,
) -> tuple[Upkeep, dict[str, str]]:  # fmt: skip
    """What capabilities may see, and the runs they need beside those that are kept, with the reason."""
    mine = [run for run in complete if run.config_name == config.name]
    day = as_of or max((run.as_of for run in mine), default=complete[-1].as_of)
    kept = retained(mine, config.retention, day)
    upkeep = Upkeep(config, day, complete, kept, ledger.configs, store, is_dry, must_be_alone)
    named: dict[str, str] = {}
    for _, functions in given("maintenance", "NEEDED_RUNS"):
        for function in functions:
            named |= function(upkeep)
    leaving = {run.run_id for run in mine if run.has_rows} - {run.run_id for run in kept}
    return upkeep, {run_id: why for run_id, why in named.items() if run_id in leaving}


def _capabilities(upkeep: Upkeep) -> list[Done]:
    found = given("maintenance", "UPKEEP")
    return [done for _, functions in found for function in functions for done in function(upkeep)]


def _landed(config: Config) -> list[str]:
    """Tables that sources without versions of their own are copied to."""
    return [f"landed_{config.name}_{name.replace('.', '_')}" for name in config.connected()]
