"""What a look without a run says of transactions."""

from __future__ import annotations

from rfm_spark.capabilities.purchases.history import GAP_SHARES, History, history
from rfm_spark.capabilities.purchases.lines import accepted_until
from rfm_spark.capabilities.purchases.look import (
    RATES,
    SOURCE,
    LineLook,
    each_once,
    line_findings,
    line_warnings,
    look_at_lines,
)
from rfm_spark.capabilities.purchases.orders import build_orders
from rfm_spark.capabilities.purchases.settings import LineSettings, WindowSettings
from rfm_spark.core.config import Config
from rfm_spark.core.reading.balance import account_line, money_line
from rfm_spark.pipeline.environment import Environment
from rfm_spark.pipeline.findings import Findings


def look_ahead(environment: Environment, config: Config, found: Findings) -> None:
    """Look at the transactions as a run would, and at what their history says of windows."""
    as_of, lines, window = environment.run.as_of, LineSettings.of(config), WindowSettings.of(config)
    rates = environment.source(RATES) if environment.has_source(RATES) else None
    look = LineLook(as_of, environment.source(SOURCE), rates, lines, window, environment.frames)
    seen = look_at_lines(look)
    found.lines.append(account_line(SOURCE, seen.rows))
    found.lines += [line for line in (money_line(SOURCE, seen.money),) if line is not None]
    limits = line_findings(look, seen)
    found.stops += [one.message for one in limits if one.level == "fail"]
    found.warnings += line_warnings(look, seen, limits)
    repeat = lines.quality.min_repeat_buyers
    often = repeat.orders if repeat is not None else 2
    found.lines.append(
        f"customers: {seen.rows['customers']:,} bought up to {as_of}, {seen.rows['customers.active']:,} of them in the "
        f"window, {seen.buyers.repeat:,} at least {often} times; {seen.rows['customers.never_purchased']:,} never did"
    )
    everybody = bool(seen.counts.later) or (seen.possible_duplicate_count > 0 and seen.possible_duplicates is None)
    once = each_once(accepted_until(seen.validated.lines, as_of), lines, seen.possible_duplicates, everybody=everybody)
    found.lines += _history_lines(history(build_orders(once, lines.source.order_grain)), window.window_days)


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
