"""What `explain` says of a customer's measures, and of the cut points that made scores of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from rfm_spark.capabilities.rfm.config import MEASURES
from rfm_spark.capabilities.rfm.cuts import COLUMN_OF, CutSet, from_rows, known_groups, nearest_group
from rfm_spark.capabilities.rfm.tables import SEGMENT_CUTS
from rfm_spark.capabilities.rfm.words import measure_words
from rfm_spark.core.explaining import PublishedCustomer
from rfm_spark.core.table import ALL, SCOPE_COLUMN

_NAMES = {"r": "recency", "f": "frequency", "m": "monetary"}


def measure_lines(customer: PublishedCustomer) -> list[str]:
    """Each measure with its score and cut points, then the code and what is made of it."""
    row = customer.row
    every = from_rows(customer.tables.rows(SEGMENT_CUTS.name, run_id=customer.run.run_id))
    scope = row.get(SCOPE_COLUMN) or ALL
    cut_sets = [one for one in every if one.scope == scope] or [one for one in every if one.scope == ALL]
    return [
        *([] if scope == ALL else [_scope_line(scope, cut_sets)]),
        *(_measure_line(measure, customer, cut_sets) for measure in MEASURES),
        f"  code {row['rfm_code']}, weighted score {row['rfm_weighted']:.2f}, value tier {row['value_tier']}"
        + (f", outlier in {', '.join(row['outliers'])}" if row["outliers"] else ""),
    ]


def _scope_line(scope: str, cut_sets: Sequence[CutSet]) -> str:
    own = all(one.cuts_of == scope for one in cut_sets)
    return f"  scored in {scope}" + ("" if own else ", by the cuts of all customers")


def _shown(measure: str, customer: PublishedCustomer) -> str:
    """The value of a measure, as it is called."""
    row, words = customer.row, measure_words(customer.document)
    value = row[COLUMN_OF[measure]]
    if measure == "m":
        return f"{value:,.2f}" if words.money == "spend" else f"{value:,.2f} {words.money}"
    if measure == "f":
        days = "" if words.counted_in is None else f" in {words.counted_in} days"
        return f"{value:,} {words.counts[1]}{days}"
    if words.event == "purchase" and row["last_order_date"] is not None:
        return f"{value} days since {row['last_order_date']}"
    since = customer.run.as_of - timedelta(days=value)
    # Of who never did what it counts it tells since when they are known.
    was = f"subscribed, no {words.event}" if row.get("subscribed_since") == since else words.event
    return f"{value} days since {since} ({was})"


def _measure_line(measure: str, customer: PublishedCustomer, cut_sets: Sequence[CutSet]) -> str:
    row, column = customer.row, COLUMN_OF[measure]
    within = ",".join(f"{m}={row[f'{m}_score']}" for m in MEASURES[: MEASURES.index(measure)])
    mine = [c for c in cut_sets if c.measure == measure and not c.within]
    nested = known_groups(c for c in cut_sets if c.measure == measure and c.within)
    if nested:
        mine = [nested[nearest_group(within, nested)]]
    line = (
        f"  {_NAMES[measure]:<10} {_shown(measure, customer):<32} score {row[f'{measure}_score']}, "
        f"percentile {row[f'{measure}_pct']:.1f}, z {row[f'{measure}_z']:+.2f}"
    )
    if not mine:
        return f"{line} (no cuts of {column} for this group)"
    cuts = ", ".join(f"{cut:,g}" for cut in mine[0].cuts) or "none"
    return f"{line}; cuts {cuts} ({mine[0].method}{', within ' + mine[0].within if mine[0].within else ''})"


EXPLAIN = (measure_lines,)
