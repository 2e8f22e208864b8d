"""What a run as of a day would say and find, without writing: the same look, the same gates, the same words."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date

from pyspark.sql import SparkSession

from rfm_spark.capabilities.drift.tracking import warnings
from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.capabilities.purchases.history import GAP_SHARES, History, history
from rfm_spark.capabilities.purchases.lines import accepted_until
from rfm_spark.capabilities.purchases.orders import build_orders
from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.core.config import Config
from rfm_spark.core.errors import GateError, RfmSparkError
from rfm_spark.core.reading.filtered import filtered_lines
from rfm_spark.core.reading.places import Where
from rfm_spark.core.reading.presets import Kind
from rfm_spark.core.session import in_time_zone
from rfm_spark.lake.ledger import Ledger
from rfm_spark.lake.place import Place
from rfm_spark.lake.store import Store
from rfm_spark.pipeline.context import Look
from rfm_spark.pipeline.inputs import SOURCE, Inputs, open_inputs, readable
from rfm_spark.pipeline.interaction_reading import connected
from rfm_spark.pipeline.interaction_rows import interaction_warnings, look_at_source
from rfm_spark.pipeline.looking import (
    account_line,
    account_lines,
    each_once,
    line_findings,
    line_warnings,
    look_at_lines,
)
from rfm_spark.pipeline.runner import must_be_complete

_NOTHING = "; nothing was published"


@dataclass
class Checked:
    """What a look found.

    Attributes:
        lines: figures, for people.
        warnings: those that the run would have.
        stops: a sentence for each gate that would stop it.
        errors: what can't be opened, mapped or added up.
    """

    lines: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    stops: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def note(self, error: RfmSparkError) -> None:
        """Keep an error as a sentence where it belongs."""
        kept = self.stops if isinstance(error, GateError) else self.errors
        kept.append(str(error).removesuffix(_NOTHING))


def look_ahead(spark: SparkSession, config: Config, as_of: date) -> Checked:
    """Look at every source as a run would.

    Args:
        spark: the session.
        config: of the run.
        as_of: last day that counts.
    """
    found = Checked()
    with in_time_zone(spark, config.timezone), ExitStack() as held:
        try:
            with readable(SOURCE):
                inputs = _opened(spark, config, found)
        except RfmSparkError as error:
            found.note(error)
            return found
        found.warnings += inputs.told() if not found.stops else []
        look = Look(
            spark=spark, config=config, as_of=as_of, source=inputs.transactions, held=held, sources=inputs.pinned,
            quality=inputs.quality, intake=inputs.intake,
        )  # fmt: skip
        try:
            with readable(SOURCE):
                _lines(look, found)
        except RfmSparkError as error:
            found.note(error)
        for name in connected(config):
            try:
                with readable(name):
                    _interactions(look, name, found)
            except RfmSparkError as error:
                found.note(error)
    return found


def _opened(spark: SparkSession, config: Config, found: Checked) -> Inputs:
    store = Store(spark, Place.of(config))
    complete = Ledger(store).complete()
    frozen = config.part(RfmConfig).scoring.run
    if frozen:
        must_be_complete(complete, frozen)
    return open_inputs(store, config, complete, found.stops)


def _lines(look: Look, found: Checked) -> None:
    look_at_lines(look)
    found.lines += account_lines(look)
    _left_out(look, SOURCE, look.config.part(TransactionsSource), found)
    limits = line_findings(look)
    found.stops += [one.says for one in limits if one.level == "fail"]
    found.warnings += line_warnings(look, limits)
    rows, repeat = look.rows, look.quality.min_repeat_buyers
    often = repeat.orders if repeat is not None else 2
    found.lines.append(
        f"customers: {rows['customers']:,} bought up to {look.as_of}, {rows['customers.active']:,} of them in the "
        f"window, {look.known_buyers.repeat:,} at least {often} times; {rows['customers.never_purchased']:,} never did"
    )
    lines = each_once(look, accepted_until(look.known_judged.lines, look.as_of))
    past = history(build_orders(lines, look.config.part(TransactionsSource).order_grain))
    found.lines += _history_lines(past, look.config.part(RfmConfig).window_days)


def _history_lines(past: History, now: int | None) -> list[str]:
    found = [
        f"history: {past.orders:,} purchases of {past.customers:,} customers, {past.first} to {past.last}; "
        f"{past.repeaters:,} bought on more than one day"
    ]
    if past.gap_days:
        gaps = ", ".join(f"{share:.0%}: {days}" for share, days in zip(GAP_SHARES, past.gap_days, strict=True))
        found.append(f"days between purchases of a customer: {gaps}")
        window = past.suggested_window
        found.append(f"suggested rfm.window_days: {window or 'null (all history)'} (now {now or 'null'})")
    return found


def _interactions(look: Look, name: Kind, found: Checked) -> None:
    seen = look_at_source(look, name)
    found.lines.append(account_line(look, name))
    _left_out(look, name, seen.source, found)
    try:
        found.warnings += interaction_warnings(look, seen)
    finally:
        found.warnings += warnings(seen.health)


def _left_out(look: Look, name: str, source: Where, found: Checked) -> None:
    if source.where is not None:
        found.lines += filtered_lines(name, source.where, look.sources[name].frame)
