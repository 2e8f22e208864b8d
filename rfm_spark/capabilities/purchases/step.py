"""The steps of purchases: measures of every customer, late rows, and the table of orders."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pyspark.sql import DataFrame

from rfm_spark.capabilities.purchases.artefacts import LateRows, Measures, Orders
from rfm_spark.capabilities.purchases.gates import MINIMUM_GATES, Finding
from rfm_spark.capabilities.purchases.late import TransactionRows, of_orders
from rfm_spark.capabilities.purchases.lines import accepted_until, rejects, superseded_lines
from rfm_spark.capabilities.purchases.look import (
    RATES,
    SOURCE,
    LineLook,
    LinesSeen,
    broadcast,
    each_once,
    line_findings,
    line_warnings,
    look_at_lines,
)
from rfm_spark.capabilities.purchases.options import lines_again
from rfm_spark.capabilities.purchases.orders import kept_orders
from rfm_spark.capabilities.purchases.settings import LineSettings, WindowSettings
from rfm_spark.capabilities.purchases.tables import MEASURES, ORDERS
from rfm_spark.core.config import Config, digest
from rfm_spark.core.errors import GateError
from rfm_spark.core.schemas import REJECTS
from rfm_spark.pipeline.artefact import Account
from rfm_spark.pipeline.environment import Environment
from rfm_spark.pipeline.rejecting import first_seen
from rfm_spark.pipeline.step import step

_SHOWN = 6


@dataclass(frozen=True)
class OrderSettings:
    """What the table of orders reflects.

    Attributes:
        config_name: segmentation that keeps it.
        mapping: hash of all that shapes how lines are read.
    """

    config_name: str
    mapping: str

    @classmethod
    def of(cls, config: Config) -> OrderSettings:
        """As configured."""
        lines = LineSettings.of(config)
        parts = [lines.source.as_read(), lines.timezone, lines.quality.checks, lines.quality.max_quantity]
        return cls(config.name, digest(json.dumps(parts, sort_keys=True))[:16])


@step(
    "Measures of every customer", "Spark reads every line, checks it and adds it up by customer", takes_long=True,
    sources=(SOURCE, RATES), reads=(REJECTS,), writes=(REJECTS, MEASURES),
)  # fmt: skip
def measure(environment: Environment, lines: LineSettings, window: WindowSettings) -> Measures:
    """When did every customer last buy, how often, for how much, and what became of every row?"""
    look = LineLook(
        environment.run.as_of, environment.source(SOURCE),
        environment.source(RATES) if environment.has_source(RATES) else None, lines, window, environment.frames,
    )  # fmt: skip
    seen = look_at_lines(look)
    _write_rejects(environment, look, seen)
    found = line_findings(look, seen)
    _must_pass(environment, seen, found)
    environment.write(MEASURES, seen.customers)
    status = "thin" if any(finding.gate in MINIMUM_GATES for finding in found) else "ok"
    account = Account(
        rows=seen.rows,
        money=seen.money,
        warnings=tuple(line_warnings(look, seen, found)),
        source_fingerprints={SOURCE: seen.counts.fingerprint},
        facts={"status": status if seen.rows["customers"] else "empty"},
        dealt_with=seen.counts.read,
    )
    return Measures(
        account=account,
        customers=seen.customers,
        count=seen.count,
        buyers=seen.rows["customers"],
        later=seen.counts.later,
        possible_duplicates=seen.possible_duplicate_count,
        lines=seen.validated.lines,
        duplicated=seen.possible_duplicates,
        has_id_changes=seen.has_id_changes,
    )


@step("Late rows", "earlier dates are compared with the source", sources=(SOURCE, RATES), lasts=False)
def tell_late_rows(environment: Environment, lines: LineSettings) -> LateRows:
    """Which published dates have other rows by now?"""
    dates = environment.run.touched()
    if not dates:
        return LateRows()
    shown = ", ".join(day.isoformat() for day in dates[:_SHOWN]) + (", …" if len(dates) > _SHOWN else "")
    warning = (
        f"late rows: what was published as of {shown} has other rows by now ({len(dates)} as-of dates); --restate "
        "redoes just these"
    )
    return LateRows(account=Account(warnings=(warning,), dealt_with=len(dates)))


@step(
    "Orders kept", "Spark reads every line and writes the orders, beside what follows", sources=(SOURCE, RATES),
    writes=(ORDERS,), lasts=False,
)  # fmt: skip
def keep_orders(environment: Environment, measures: Measures, lines: LineSettings, settings: OrderSettings) -> Orders:
    """What did every order come to?"""
    names = [name for name in (SOURCE, RATES) if environment.has_source(name)]
    versions = {name: environment.source(name).version for name in names}
    state = {"config": settings.config_name, "source": of_orders(versions), "mapping": settings.mapping}

    def orders() -> DataFrame:
        more = [name for name in ("currency", "channel") if name in lines.source.columns]
        return kept_orders(_lines_once(environment, measures, lines), lines.source.order_grain, more)

    environment.keep(ORDERS, json.dumps(state, sort_keys=True), orders)
    return Orders()


def _lines_once(environment: Environment, measures: Measures, settings: LineSettings) -> DataFrame:
    if measures.lines is None:
        # Another process read them, and what it found of duplicates went with it.
        rates = environment.source(RATES) if environment.has_source(RATES) else None
        source = environment.source(SOURCE)
        lines = lines_again(source, rates, settings, environment.frames, has_changes=measures.has_id_changes)
        return each_once(accepted_until(lines, None), settings, None, everybody=True)
    everybody = bool(measures.later) or (measures.possible_duplicates > 0 and measures.duplicated is None)
    return each_once(accepted_until(measures.lines, None), settings, measures.duplicated, everybody=everybody)


def _write_rejects(environment: Environment, look: LineLook, seen: LinesSeen) -> None:
    source, validated = look.lines.source, seen.validated
    frames = []
    if seen.counts.rejected:
        frames.append(rejects(validated.lines, source))
    if seen.rows.get(f"{SOURCE}.repaired.duplicate_line"):
        lines = accepted_until(validated.lines, look.as_of)
        if seen.possible_duplicates is not None:
            lines = lines.join(
                broadcast(seen.possible_duplicates, seen.possible_duplicate_count), "customer_id", "left_semi"
            )
        frames.append(superseded_lines(lines, source, look.lines.quality))
    if frames:
        found = frames[0] if len(frames) == 1 else frames[0].unionByName(frames[1])
        environment.write(REJECTS, first_seen(environment, found), SOURCE)


def _must_pass(environment: Environment, seen: LinesSeen, found: list[Finding]) -> None:
    failed = [finding.message for finding in found if finding.level == "fail"]
    if failed:
        environment.wait(REJECTS)
        look = f"; see them with `rfm-spark rejects --run {environment.run.run_id}`" if seen.counts.rejected else ""
        raise GateError("; ".join(failed) + look + "; nothing was published")


STEPS = (measure, tell_late_rows, keep_orders)
ROWS = TransactionRows
