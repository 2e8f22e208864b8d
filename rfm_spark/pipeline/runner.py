"""One run under the lake's protocol: pinned, claimed, written by slice, published last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import date, datetime

from pyspark.sql import SparkSession

import rfm_spark
from rfm_spark.capabilities.drift.psi import SEVERITIES
from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.capabilities.segments.load import checked_rule_map
from rfm_spark.core.config import Config, digest
from rfm_spark.core.errors import ConfigError, Exit
from rfm_spark.core.runs import RunRow, current_runs, previous_of, successor_of
from rfm_spark.core.session import in_time_zone
from rfm_spark.lake.claims import Claim
from rfm_spark.lake.ledger import Ledger
from rfm_spark.lake.place import Place
from rfm_spark.lake.readers import refresh_views
from rfm_spark.lake.sources import columns_of
from rfm_spark.lake.store import Store
from rfm_spark.pipeline.champion import PlannedModel, planned_model
from rfm_spark.pipeline.context import Progress, RunContext
from rfm_spark.pipeline.inputs import Inputs, open_inputs, readable
from rfm_spark.pipeline.late import SOURCE
from rfm_spark.pipeline.looking import account_lines
from rfm_spark.pipeline.planning import Plan
from rfm_spark.pipeline.stages import STAGES
from rfm_spark.pipeline.steps import Steps
from rfm_spark.pipeline.writing import Writer

Clock = Callable[[], datetime]
_NOTHING_LATE = "the source has a newer version, but no row dated up to this day changed: the same input"


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        run_id: of the complete run.
        as_of: its as-of date.
        exit_code: 0, or what the stored run ended with.
        repeated: whether it was complete before, and nothing was written.
        warnings: what a reader of the figures should know.
        account: what became of the rows of each source, a line each.
        status: ok, thin or empty.
        verdict: on drift, in words; empty where there was nothing to compare with.
    """

    run_id: str
    as_of: date
    exit_code: int
    repeated: bool
    warnings: tuple[str, ...] = ()
    account: tuple[str, ...] = ()
    status: str = "ok"
    verdict: str = ""


def run(
    spark: SparkSession,
    config: Config,
    as_of: date,
    *,
    clock: Clock,
    progress: Progress,
    force: bool = False,
    refit: bool = False,
    fail_on: str | None = None,
) -> Outcome:
    """Segment all customers as of a date, unless that has been done.

    Args:
        spark: the session.
        config: what to read, how to score, where to write.
        as_of: last day that counts.
        clock: the present moment with a time zone, for the ledger and claims only.
        progress: told about each stage.
        force: publish again, under a new run id, though nothing changed.
        refit: train a new cluster model, though there is one.
        fail_on: verdict on drift, moderate or major, from which on the exit code is 4; the run is published anyway.

    Raises:
        ConfigError: a rule map or option that can't work.
        SourceError: a source that can't be opened or mapped.
        LakeError: a lake that can't be written.
        GateError: input beyond its limits; nothing is published.
        SlotHeldError: another run holds the same slot.
    """
    rule_map = checked_rule_map(config)
    place = Place.of(config)
    store = Store(spark, place)
    ledger = Ledger(store)
    with in_time_zone(spark, config.timezone), readable(SOURCE):
        complete = ledger.complete()
        inputs = open_inputs(store, config, complete)
        frozen = config.part(RfmConfig).scoring.run
        if frozen:
            must_be_complete(complete, frozen)
        current = current_runs(complete, config.name)
        previous = previous_of(current, as_of)
        model = planned_model(store, config, complete, as_of, refit=refit)
        plan = Plan(config, rule_map, as_of, inputs, previous, current, model)
        done = plan.done(complete)
        if done and not force:
            refresh_views(store)
            return _repeated(done[-1], fail_on)
        if not force and plan.changes_nothing():
            held = current[as_of]
            return _repeated(held, fail_on, _NOTHING_LATE)
        run_id = f"{plan.run_id}-{len(done) + 1}" if done else plan.run_id
        place.make_folder()
        claim = Claim(store, config.name, as_of, clock)
        claim.take(run_id, {r.run_id for r in complete})
        try:
            # A twin may have published between our look at the ledger and our claim.
            published = plan.done(ledger.complete())
            if len(published) > len(done):
                claim.release()
                return _repeated(published[-1], fail_on)
            with ExitStack() as held_frames:
                writer = Writer(store, run_id, as_of)
                context = RunContext(
                    spark=spark, store=store, config=config, rule_map=rule_map, as_of=as_of, run_id=run_id,
                    source=inputs.transactions, previous=previous, held=held_frames, claim=claim, writer=writer,
                    before=current.get(as_of, previous), quality=inputs.quality, intake=inputs.intake,
                    sources=inputs.pinned, inputs=inputs.versions, touched=plan.touched, planned_model=model,
                    warnings=list(inputs.told()),
                    fail_on=fail_on,
                )  # fmt: skip
                try:
                    return _execute(context, inputs, ledger, clock, progress)
                finally:
                    # Before frames are released that are still being written.
                    writer.close()
        except BaseException:
            # Also for an interrupt from the keyboard: the next start should not have to wait.
            with suppress(Exception):
                claim.release()
            raise


def late_dates(spark: SparkSession, config: Config, as_of: date) -> list[date]:
    """Published as-of dates before this one that late rows touch, oldest first.

    Raises:
        SourceError: a source that can't be opened or mapped.
    """
    store = Store(spark, Place.of(config))
    with in_time_zone(spark, config.timezone), readable(SOURCE):
        complete = Ledger(store).complete()
        inputs = open_inputs(store, config, complete)
        current = current_runs(complete, config.name)
        return Plan(config, checked_rule_map(config), as_of, inputs, None, current, PlannedModel()).touched()


def outdated_dates(spark: SparkSession, config: Config, as_of: date) -> list[date]:
    """All later as-of dates, if the next one's run compares itself with an older run than the current one of as_of.

    Each is compared with the one before, so that making the next one anew outdates the one after it.
    """
    current = current_runs(Ledger(Store(spark, Place.of(config))).complete(), config.name)
    later = successor_of(current, as_of)
    if later is None or as_of not in current or later.previous_run_id == current[as_of].run_id:
        return []
    return [day for day in sorted(current) if day > as_of]


def _execute(context: RunContext, inputs: Inputs, ledger: Ledger, clock: Clock, progress: Progress) -> Outcome:
    started = clock()
    steps = Steps(context, progress)
    for stage in STAGES:
        steps.do(stage)
        context.claim.renew()
    context.writer.settle()
    context.rows |= context.writer.rows
    inputs.recheck()
    context.claim.renew(fence=True)
    ledger.publish({**_ledger_row(context, started, clock()), "steps": steps.as_rows()})
    refresh_views(context.store)
    return Outcome(
        context.run_id,
        context.as_of,
        _exit_code(context),
        repeated=False,
        warnings=tuple(context.warnings),
        account=tuple(account_lines(context)),
        status=context.status,
        verdict=context.verdict.sentence if context.verdict is not None else "",
    )


def _repeated(run: RunRow, fail_on: str | None, *warnings: str) -> Outcome:
    """A run that was complete before; the question that `fail_on` asks may be a new one."""
    code = _drift_code(run.drift_verdict, fail_on)
    return Outcome(run.run_id, run.as_of, code, repeated=True, warnings=warnings)


def _exit_code(context: RunContext) -> int:
    return _drift_code(context.verdict.severity if context.verdict is not None else None, context.fail_on)


def _drift_code(severity: str | None, fail_on: str | None) -> int:
    if fail_on is None or severity is None:
        return int(Exit.OK)
    graver = SEVERITIES.index(severity) >= SEVERITIES.index(fail_on)
    return int(Exit.DRIFT if graver else Exit.OK)


def _ledger_row(context: RunContext, started: datetime, finished: datetime) -> dict[str, object]:
    canonical = context.config.canonical(context.rule_map.model_dump(mode="json"))
    return {
        "run_id": context.run_id,
        "as_of_date": context.as_of,
        "config_name": context.config.name,
        "config": canonical,
        "config_hash": digest(canonical),
        "code_version": rfm_spark.__version__,
        "spark_version": context.spark.version,
        "previous_run_id": context.previous.run_id if context.previous else None,
        "model_version": context.model.version if context.model else None,
        "started_at": started,
        "finished_at": finished,
        "exit_code": _exit_code(context),
        "inputs": dict(context.inputs),
        "outputs": context.writer.outputs,
        "rows": context.rows,
        "money": context.money,
        "warnings": context.warnings,
        "drift_verdict": context.verdict.severity if context.verdict is not None else None,
        "status": context.status,
        "contents": {context.source.name: context.known_counts.contents, **context.contents},
        "schemas": {name: columns_of(context.sources[name].frame) for name in (SOURCE, *context.contents)},
    }


def must_be_complete(complete: Sequence[RunRow], run_id: str) -> None:
    """A run whose cuts are to be taken is one of the lake.

    Raises:
        ConfigError: it is not.
    """
    if run_id not in {run.run_id for run in complete}:
        raise ConfigError("rfm.scoring.run", [f"no complete run {run_id} in the lake; `rfm-spark runs` lists them"])
