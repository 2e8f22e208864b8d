"""The steps of purchases: transactions are taken in, every customer is measured, and late rows are told."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from rfm_spark.capabilities.customers.artefacts import CustomerAttributes, with_scope
from rfm_spark.capabilities.purchases.artefacts import LateRows, Purchases
from rfm_spark.capabilities.purchases.batches import LAST_BATCH, OrderDays, live_rows
from rfm_spark.capabilities.purchases.carry import (
    MOST,
    Before,
    MeasuredAgain,
    before_of,
    carried,
    corrected,
    rows_of_some,
    slices_needed,
    touched,
)
from rfm_spark.capabilities.purchases.gates import MINIMUM_GATES, Finding
from rfm_spark.capabilities.purchases.intake import SOURCE, broadcast
from rfm_spark.capabilities.purchases.look import (
    LineLook,
    line_findings,
    line_warnings,
    measured,
    seen_lines,
)
from rfm_spark.capabilities.purchases.orders import large_customers
from rfm_spark.capabilities.purchases.settings import LineSettings, WindowSettings
from rfm_spark.capabilities.purchases.tables import MEASURES, ORDER_DAYS
from rfm_spark.capabilities.purchases.taking import take_transactions
from rfm_spark.core.errors import BalanceError, GateError
from rfm_spark.core.runs import RunDetails
from rfm_spark.core.table import SCOPE_COLUMN
from rfm_spark.pipeline.artefact import Account
from rfm_spark.pipeline.environment import Environment
from rfm_spark.pipeline.step import step

_SHOWN = 6


@step(
    "Measures of every customer", "days of orders are added up by customer", takes_long=True,
    reads=(ORDER_DAYS, MEASURES), writes=(MEASURES,),
)  # fmt: skip
def measure(
    environment: Environment, days: OrderDays, attributes: CustomerAttributes | None, lines: LineSettings,
    window: WindowSettings,
) -> Purchases:  # fmt: skip
    """When did every customer last buy, how often, for how much?"""
    look = LineLook(environment.run.as_of, days.batches, lines, window)
    measures, again = _measured(environment, days, look)
    environment.write(MEASURES, with_scope(measures, None if attributes is None else attributes.frame, window.scope))
    # What is written is what is looked at from here on: nothing is made twice where a runtime keeps no frames.
    customers = environment.written(MEASURES).drop("run_id")
    seen = seen_lines(look, customers)
    found = line_findings(look, seen)
    _must_pass(days, found)
    status = "thin" if any(finding.gate in MINIMUM_GATES for finding in found) else "ok"
    account = Account(
        rows=seen.rows,
        money=seen.money,
        warnings=(*_read_again(days, environment.run.previous), *line_warnings(look, seen, found)),
        source_fingerprints={SOURCE: seen.counts.fingerprint},
        facts={"status": status if seen.rows["customers"] else "empty"},
        dealt_with=seen.count,
    )
    held = environment.frames.hold_if_few(customers, seen.count)
    buyers = seen.rows["customers"]
    return Purchases(account=account, customers=held, count=seen.count, buyers=buyers, again=again)


@step("Late rows", "earlier dates are compared with the days of the source", lasts=False)
def tell_late_rows(environment: Environment, days: OrderDays, lines: LineSettings) -> LateRows:
    """Which published dates have other rows by now?"""
    del days, lines
    dates = environment.run.touched()
    if not dates:
        return LateRows()
    shown = ", ".join(day.isoformat() for day in dates[:_SHOWN]) + (", …" if len(dates) > _SHOWN else "")
    warning = (
        f"late rows: what was published as of {shown} has other rows by now ({len(dates)} as-of dates); --restate "
        "redoes just these"
    )
    return LateRows(account=Account(warnings=(warning,), dealt_with=len(dates)))


def _measured(environment: Environment, days: OrderDays, look: LineLook) -> tuple[DataFrame, MeasuredAgain | None]:
    """Measures of all, carried from the run before as far as they can be; and whose are not, None if nobody's are."""
    options, previous = environment.run.options, environment.run.previous
    before = before_of(previous, days, look.window)
    every = None if before is None else environment.of_runs(ORDER_DAYS.name, slices_needed(days.batches, before))
    if every is None or before is None or previous is None:
        return _anew(environment, days, look).withColumn("is_corrected", F.lit(None).cast("boolean")), None
    few = None if options.get("full") else _touched(environment, every, days, look, before, previous)
    if few is None:
        return _with_corrections(environment, _anew(environment, days, look), every, days, before), None
    rows = rows_of_some(every, few, by_currency=look.window.by_currency)
    kept = environment.frames.persist(rows) if look.window.followed else rows
    again = MeasuredAgain(kept, days.batches, before)
    found = _carried(environment, look, few, again, previous)
    if options.get("verify"):
        _must_agree(found, _anew(environment, days, look))
    return _with_corrections(environment, found, kept, days, before), again


def _anew(environment: Environment, days: OrderDays, look: LineLook) -> DataFrame:
    rows = live_rows(environment.of_runs(ORDER_DAYS.name, days.batches.ids), days.batches)
    return measured(rows, look, large_customers(rows, sum(day.rows for day in days.batches.days().values())))


def _touched(
    environment: Environment, every: DataFrame, days: OrderDays, look: LineLook, before: Before, previous: RunDetails
) -> DataFrame | None:
    """None where more customers are touched than are carried cheaply, or the run before has no measures any more."""
    # Measures of a version that did not count orders, or of a run that looked at gaps otherwise, are no base.
    window = look.window
    same = F.col("orders").isNotNull() & (F.col("purchase_days").isNotNull() == F.lit(window.gaps))
    same &= F.col("repeat_cents").isNotNull() == F.lit(window.gaps)
    same &= F.col("orders_elsewhere").isNotNull() == F.lit(window.by_currency)
    known = _earlier(environment, previous).where(same).count()
    if known != previous.rows.get(MEASURES.name):
        return None
    found = touched(every, days.batches, before, look.as_of, look.window)
    if found is None:
        return None
    customers = environment.frames.persist(found)
    count = customers.count()
    return broadcast(customers, count) if count <= known * MOST else None


def _carried(
    environment: Environment, look: LineLook, few: DataFrame, again: MeasuredAgain, previous: RunDetails
) -> DataFrame:
    """Measures of customers who are touched, and of all others as they were."""
    anew = measured(live_rows(again.rows_now, again.now), look)
    others = _earlier(environment, previous).join(few, "customer_id", "left_anti")
    return anew.unionByName(carried(others, (look.as_of - again.before.as_of).days).select(*anew.columns))


def _earlier(environment: Environment, previous: RunDetails) -> DataFrame:
    return environment.of_runs(MEASURES.name, [previous.run_id]).drop("run_id", "as_of_date", SCOPE_COLUMN)


def _with_corrections(
    environment: Environment, measures: DataFrame, every: DataFrame, days: OrderDays, before: Before
) -> DataFrame:
    """Measures, and whether what the run before had looked at was corrected since."""
    found = corrected(every, days.batches, before)
    if found is None:
        return measures.withColumn("is_corrected", F.lit(False))
    customers = environment.frames.persist(found)
    marked = broadcast(customers.withColumn("is_corrected", F.lit(True)), customers.count())
    return measures.join(marked, "customer_id", "left").withColumn(
        "is_corrected", F.coalesce("is_corrected", F.lit(False))
    )


def _must_agree(found: DataFrame, anew: DataFrame) -> None:
    """Compare carried measures with measures made anew.

    Raises:
        BalanceError: a customer's differ.
    """
    names = anew.columns
    differing = found.select(*names).exceptAll(anew).select("customer_id").union(
        anew.exceptAll(found.select(*names)).select("customer_id")
    ).distinct()  # fmt: skip
    count = differing.count()
    if count:
        one = differing.agg(F.min("customer_id")).collect()[0][0]
        raise BalanceError(
            f"measures carried from the run before differ from those made anew for {count:,} customers, {one} among "
            "them; nothing was published; run with --full, and report it"
        )


def _read_again(days: OrderDays, previous: RunDetails | None) -> list[str]:
    """Why the source was read again whole, since the run before."""
    seen = () if previous is None else days.batches.taken_until(previous.inputs.get(LAST_BATCH, ""))
    told = [one.why for one in days.batches.held if one.why and one not in seen]
    return [f"sources.{SOURCE} was read again whole: {why}" for why in told]


def _must_pass(days: OrderDays, found: list[Finding]) -> None:
    failed = [finding.message for finding in found if finding.level == "fail"]
    if failed:
        batch = next((one for one in reversed(days.batches.live) if one.rows.get(f"{SOURCE}.rejected")), None)
        look = f"; see them with `rfm-spark rejects --run {batch.batch_id}`" if batch is not None else ""
        raise GateError("; ".join(failed) + look + "; nothing was published")


STEPS = (measure, tell_late_rows)
TAKES = (take_transactions,)
TAKEN = (OrderDays,)
