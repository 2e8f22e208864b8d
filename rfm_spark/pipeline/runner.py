"""One run under the lake's protocol: pinned, claimed, written by slice, published last."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import date, datetime

from pyspark.sql import SparkSession

import rfm_spark
from rfm_spark.core.columns import stages
from rfm_spark.core.config import Config
from rfm_spark.core.runs import current_runs, place_hash, place_in, successor_of, with_rows
from rfm_spark.core.session import in_time_zone
from rfm_spark.lake.claims import Claim
from rfm_spark.lake.ledger import Ledger
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import refresh_views
from rfm_spark.lake.sources import columns_of
from rfm_spark.lake.store import Store
from rfm_spark.pipeline.absences import absences
from rfm_spark.pipeline.account import Total
from rfm_spark.pipeline.environment import RunFacts
from rfm_spark.pipeline.execution import Execution
from rfm_spark.pipeline.inputs import readable
from rfm_spark.pipeline.leftovers import Leftovers
from rfm_spark.pipeline.opening import Opened, open_run
from rfm_spark.pipeline.outcome import Outcome, exit_code, repeated
from rfm_spark.pipeline.plan import Outlook, Plan, Planned
from rfm_spark.pipeline.progress import Progress
from rfm_spark.pipeline.wording import account_lines
from rfm_spark.pipeline.writing import Writer

Clock = Callable[[], datetime]


def run(
    spark: SparkSession,
    config: Config,
    as_of: date,
    *,
    clock: Clock,
    progress: Progress,
    force: bool = False,
    refit: bool = False,
    full: bool = False,
    verify: bool = False,
    fail_on: str | None = None,
) -> Outcome:
    """Segment all customers as of a date, unless that has been done.

    Args:
        spark: the session.
        config: what to read, how to score, where to write.
        as_of: last day that counts.
        clock: the present moment with a time zone, for the ledger and claims only.
        progress: told about each step.
        force: publish again, under a new run id, though nothing changed.
        refit: train a new cluster model, though there is one.
        full: measure every customer, also those of whom nothing changed since the run before.
        verify: measure every customer also where measures are carried, and compare both.
        fail_on: verdict on drift, moderate or major, from which on the exit code is 4; the run is published anyway.

    Raises:
        ConfigError: a rule map or option that can't work.
        PlanError: capabilities that don't fit together.
        SourceError: a source that can't be opened or mapped.
        LakeError: a lake that can't be written.
        GateError: input beyond its limits; nothing is published.
        SlotHeldError: another run holds the same slot.
    """
    with in_time_zone(spark, config.timezone), readable(_first_source(config)):
        opened = open_run(spark, config, as_of, refit=refit, force=force, progress=progress)
        plan, done = opened.plan, opened.done()
        if done and not force:
            refresh_views(opened.store)
            return repeated(done[-1], fail_on, *plan.newer_than(done[-1]))
        if not force and plan.changes_nothing():
            run_here = opened.current[as_of]
            return repeated(run_here, fail_on, *plan.newer_than(run_here))
        run_id = plan.next_id(opened.complete)
        opened.store.location.make_folder()
        claim = Claim(opened.store, config.name, as_of, clock, watching=lambda other: progress.started(
            "Slot", f"run {other} gives no sign of life any more; taken over unless it does"
        ))  # fmt: skip
        claim.take(run_id, {r.run_id for r in opened.complete})
        try:
            with claim.kept():
                options = {"full": full, "verify": verify}
                again = force or refit or full or verify
                outcome = _attempted(opened, run_id, claim, clock, progress, fail_on, options, force=again)
        except BaseException:
            # Also for an interrupt from the keyboard: the next start should not have to wait.
            with suppress(Exception):
                claim.release()
            raise
        if outcome is not None:
            return outcome
        claim.release()
    return run(
        spark, config, as_of, clock=clock, progress=progress, force=force, refit=refit, full=full, verify=verify,
        fail_on=fail_on,
    )  # fmt: skip


def look_at_plan(
    spark: SparkSession, config: Config, as_of: date, *, force: bool = False, refit: bool = False
) -> Outlook:
    """What a run would do, step by step; nothing is written.

    Raises:
        PlanError: capabilities that don't fit together.
        SourceError: a source that can't be opened or mapped.
    """
    with in_time_zone(spark, config.timezone), readable(_first_source(config)):
        opened = open_run(spark, config, as_of, refit=refit, force=force, look=[])
        done = opened.done()
        if done and not force:
            # Its own records tell that every step is up to date.
            run_id = done[-1].run_id
            return Outlook(run_id, True, tuple(opened.steps(run_id, opened.usable_records(run_id), force=False)))
        same = not force and not done and opened.plan.changes_nothing()
        run_id = opened.current[as_of].run_id if same else opened.plan.next_id(opened.complete)
        records = opened.usable_records(run_id)
        return Outlook(run_id, same, tuple(opened.steps(run_id, records, force=force or refit)))


def late_dates(spark: SparkSession, config: Config, as_of: date) -> list[date]:
    """Published as-of dates before this one that late rows touch, oldest first.

    Raises:
        SourceError: a source that can't be opened or mapped.
    """
    with in_time_zone(spark, config.timezone), readable(_first_source(config)):
        return open_run(spark, config, as_of).plan.touched()


def outdated_dates(spark: SparkSession, config: Config, as_of: date) -> list[date]:
    """All later as-of dates, if the next one's run compares itself with an older run than the current one of as_of.

    Each is compared with the one before, so that making the next one anew outdates the one after it.
    """
    complete = Ledger(Store(spark, LakeLocation.of(config))).complete(config.name)
    current = current_runs(complete, config.name)
    later = successor_of(with_rows(current), as_of)
    if later is None or as_of not in current or later.previous_run_id == current[as_of].run_id:
        return []
    if any(run.run_id == later.previous_run_id and run.as_of > as_of for run in complete):
        # Of a date in between, whose rows are gone: it was right when they were there.
        return []
    return [day for day in sorted(with_rows(current)) if day > as_of]


def _first_source(config: Config) -> str:
    return next(iter(config.places()))


def _attempted(
    opened: Opened, run_id: str, claim: Claim, clock: Clock, progress: Progress, fail_on: str | None,
    options: Mapping[str, bool], *, force: bool,
) -> Outcome | None:  # fmt: skip
    complete = opened.ledger.complete(opened.plan.config.name)
    if opened.is_outdated(complete):
        # Between our look at the ledger and our claim another run published, or batches were folded: what was planned
        # is past.
        return None
    found = opened.usable_records(run_id)
    published = {run_id, *(one.run_id for one in complete)}
    left = Leftovers(opened.records, found, claim.replaced - published, published)
    left.remove_useless()
    steps = opened.steps(run_id, found, force=force)
    return _execute(opened, steps, run_id, claim, left, clock, progress, fail_on, options)


def _execute(
    opened: Opened, steps: Sequence[Planned], run_id: str, claim: Claim, left: Leftovers, clock: Clock,
    progress: Progress, fail_on: str | None, options: Mapping[str, bool],
) -> Outcome:  # fmt: skip
    started, plan, facts = clock(), opened.plan, opened.facts(run_id, options)
    with ExitStack() as held:
        # Rows that an earlier attempt at this very run left may be in the way of what is written now.
        writer = Writer(opened.store, run_id, plan.as_of, is_resumed=run_id in claim.replaced)
        execution = Execution(
            facts, opened.store, opened.inputs, writer, opened.records, plan.decisions, held, progress
        )
        try:
            for one in steps:
                execution.do(one)
                claim.check()
            gone = absences(plan.earlier(), plan.config, opened.ledger.configs)
            total = execution.settle((*opened.inputs.drift, *gone))
            opened.inputs.recheck(plan.covered)
            claim.fence()
            code = exit_code(total.facts.get("drift_verdict"), fail_on)
            row = _ledger_row(facts, plan, total, writer, opened.store.spark.version)
            steps_done = [*opened.arrived, *execution.as_rows()]
            times = {"started_at": started, "finished_at": clock()}
            opened.ledger.publish({**row, **times, "exit_code": code, "steps": steps_done}, plan.covered)
        finally:
            # Before frames are released that are still being written.
            writer.close()
            # Also of a run that fails: what it has done need not be done again.
            opened.records.close()
    warned = left.tidied(opened.store)
    return Outcome(
        run_id,
        plan.as_of,
        code,
        repeated=False,
        warnings=(*total.warnings, *warned),
        account=tuple(account_lines(total, plan.config.places())),
        status=total.facts.get("status", "ok"),
        verdict=total.facts.get("verdict", ""),
        kept=tuple(one.chosen.step.title for one in steps if one.record is not None),
    )


def _ledger_row(facts: RunFacts, plan: Plan, total: Total, writer: Writer, spark_version: str) -> dict[str, object]:
    pinned, document = plan.inputs.pinned, json.loads(plan.canonical)
    return {
        "run_id": facts.run_id,
        "as_of_date": plan.as_of,
        "config_name": plan.config.name,
        "config": plan.canonical,
        "config_hash": plan.config_hash,
        "code_version": rfm_spark.__version__,
        "spark_version": spark_version,
        "previous_run_id": plan.previous.run_id if plan.previous else None,
        "model_version": total.facts.get("model_version"),
        "inputs": plan.inputs_row,
        "outputs": writer.outputs,
        "rows": {**total.rows, **writer.rows},
        "money": total.money,
        "warnings": list(total.warnings),
        "drift_verdict": total.facts.get("drift_verdict"),
        "status": total.facts.get("status", "ok"),
        "source_fingerprints": total.source_fingerprints,
        "schemas": {name: columns_of(pinned[name].frame) for name in plan.config.sources},
        "places": {name: place_hash(place_in(document, name)) for name in plan.config.sources},
        "stages": sorted(stages(document)),
    }
