"""What a look without a run says of transactions."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame

from rfm_spark.capabilities.purchases.counts import CURRENCIES, currencies_text
from rfm_spark.capabilities.purchases.days import visible
from rfm_spark.capabilities.purchases.gates import batch_findings
from rfm_spark.capabilities.purchases.history import GAP_SHARES, History, history
from rfm_spark.capabilities.purchases.intake import SOURCE, LineIntake
from rfm_spark.capabilities.purchases.look import LineLook, line_findings, line_warnings, measured, seen_lines
from rfm_spark.capabilities.purchases.options import RATES, read_options
from rfm_spark.capabilities.purchases.orders import orders_of
from rfm_spark.capabilities.purchases.settings import LineSettings, WindowSettings
from rfm_spark.core.batches import Batch, Batches
from rfm_spark.core.config import Config
from rfm_spark.core.reading.balance import account_line, money_line
from rfm_spark.pipeline.environment import Environment, Frames
from rfm_spark.pipeline.findings import Findings


@dataclass
class InMemory:
    """Keeps what was made of the lines for as long as the look takes."""

    frames: Frames
    kept: DataFrame | None = None

    def days(self, rows: DataFrame, *, more: bool) -> DataFrame:
        """Keep rows, in place of those kept before or beside them."""
        held = self.frames.persist(rows)
        # What flows by is counted by an action.
        held.count()
        before = self.kept if more else None
        self.kept = held if before is None else before.unionByName(held.select(*before.columns))
        return self.kept

    def rejects(self, rows: DataFrame) -> None:
        """A look keeps no rejected rows."""


def look_ahead(environment: Environment, config: Config, found: Findings) -> None:
    """Look at the transactions as a run would, and at what their history says of windows."""
    as_of, lines, window = environment.run.as_of, LineSettings.given(config), WindowSettings.of(config)
    source = environment.source(SOURCE)
    rates = environment.source(RATES) if environment.has_source(RATES) else None
    frames = environment.frames
    taken = LineIntake(lines, frames, InMemory(frames)).take(source.frame, read_options(source, rates, lines))
    facts = {CURRENCIES: currencies_text(taken.currencies)}
    batch = Batch(
        "", 1, "", SOURCE, None, source.version, "rebuild", "", taken.rows, taken.money, taken.days, (), facts
    )
    look = LineLook(as_of, Batches((batch,)), lines, window)
    customers = frames.persist(measured(taken.days_frame, look))
    seen = seen_lines(look, customers)
    found.lines.append(account_line(SOURCE, seen.rows))
    found.lines += [line for line in (money_line(SOURCE, seen.money),) if line is not None]
    limits = [*batch_findings(batch, Batches(), lines.quality), *line_findings(look, seen)]
    found.stops += [one.message for one in limits if one.level == "fail"]
    found.warnings += line_warnings(look, seen, limits)
    repeat = lines.quality.min_repeat_buyers
    often = repeat.orders if repeat is not None else 2
    found.lines.append(
        f"customers: {seen.rows['customers']:,} bought up to {as_of}, {seen.rows['customers.active']:,} of them in the "
        f"window, {seen.buyers.repeat:,} at least {often} times; {seen.rows['customers.never_purchased']:,} never did"
    )
    orders = orders_of(visible(taken.days_frame, as_of), lines.source.order_grain)
    found.lines += _history_lines(history(orders), window.window_days)


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


LOOKS = {SOURCE: look_ahead}
