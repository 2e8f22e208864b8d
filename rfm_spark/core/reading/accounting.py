"""What became of the rows of events and messages, for the ledger, and whether they are good enough."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date

from rfm_spark.core.errors import GateError
from rfm_spark.core.reading.balance import Balance
from rfm_spark.core.reading.checks import ANONYMOUS, Check, Severity, severity
from rfm_spark.core.reading.interaction_counts import InteractionCounts
from rfm_spark.core.reading.limits import Levels, SourceLimits


def account(
    source: str,
    counts: InteractionCounts,
    ended: int,
    copies: int,
    apart: Mapping[str, int] | None = None,
    *,
    filters: bool = False,
) -> dict[str, int]:
    """The account of a source, once both of its sides are known to be equal.

    Args:
        source: events or messages.
        counts: of the pass over its rows.
        ended: rows up to as_of that were found where they ended.
        copies: rows dropped as duplicates.
        apart: rows rejected later on, by check.
        filters: whether the source has a condition.

    Returns:
        `events.read` and so on, for the ledger.

    Raises:
        BalanceError: a row is missing, or there twice.
    """
    rejected = {**counts.rejected, **(apart or {})}
    rows = {
        "read": counts.read,
        "accepted": ended + counts.later,
        "rejected": sum(rejected.values()),
        "duplicates": copies,
        **({"filtered": counts.filtered} if filters else {}),
    }
    held = Balance(rows, dict.fromkeys(rows, 0))
    held.must_hold(source)
    found = {f"{source}.rejected.{code}": n for code, n in rejected.items() if n}
    return {**held.row_counts(source), f"{source}.later": counts.later, **found}


def checks_found(
    source: str, found: Mapping[str, int], overrides: Mapping[str, Severity], checks: Sequence[Check]
) -> dict[str, int]:
    """How many rows or messages each check repaired or flagged, for the ledger."""
    verbs = {"repair": "repaired", "flag": "flagged"}
    outcomes = {code: verbs.get(severity(code, overrides, checks)) for code in found}
    return {f"{source}.{outcomes[code]}.{code}": n for code, n in found.items() if n and outcomes[code] is not None}


def check_messages(
    source: str, rows: Mapping[str, int], checks: Sequence[Check], rejected: str = "not counted", *, named: bool = True
) -> list[str]:
    """A sentence for what was rejected, repaired and flagged each.

    Args:
        source: whose rows.
        rows: counts of the run by name.
        checks: catalogue of the source.
        rejected: what became of rejected rows.
        named: whether the sentence begins with the source.
    """
    units = {check.code: check.unit for check in checks}
    sentences = []
    for verb, what in (("rejected", rejected), ("repaired", "repaired or dropped"), ("flagged", "kept as is")):
        start = f"{source}.{verb}."
        codes = {name.removeprefix(start): n for name, n in rows.items() if name.startswith(start)}
        if codes:
            parts = (
                f"{code} {n:,}" + ("" if units[code] == "rows" else f" {units[code]}") for code, n in codes.items()
            )
            sentences.append(f"{f'{source}: ' if named else ''}{verb} ({what}): {', '.join(parts)}")
    return sentences


def gate(
    source: str,
    counts: InteractionCounts,
    limits: SourceLimits,
    as_of: date,
    run_id: str | None,
    apart: Mapping[str, int] | None = None,
    unknown: str = "",
) -> list[str]:
    """What a reader should know of a source's rows.

    Args:
        source: events or messages.
        counts: of the pass over its rows.
        limits: of the source.
        as_of: last day that counts.
        run_id: of the run whose rejects can be looked at; None before there is one.
        apart: rows rejected later on, by check.
        unknown: how words that nobody knows can be mapped.

    Raises:
        GateError: they are beyond a limit at level fail.
    """
    rejected = {code: n for code, n in {**counts.rejected, **(apart or {})}.items() if code != ANONYMOUS}
    known = counts.read - counts.filtered - counts.rejected.get(ANONYMOUS, 0)
    found = gate_of_rejects(source, rejected, known, limits.levels("max_reject_share"), run_id, unknown)
    if unknown and not found:
        found = [unknown]
    newest = counts.newest
    if newest is None:
        return [*found, f"sources.{source} has no usable row in the days that are looked at, up to {as_of}"]
    return found + _beyond(
        (as_of - newest).days, limits.levels("max_staleness_days"),
        lambda limit: f"the newest row of sources.{source} up to {as_of} is of {newest}, more than {limit:g} days "
        f"before; check the delivery, or raise sources.{source}.quality.max_staleness_days",
    )  # fmt: skip


def gate_of_rejects(
    source: str, rejected: Mapping[str, int], known: int, levels: Levels, run_id: str | None, unknown: str = ""
) -> list[str]:
    """A warning where too many rows were rejected.

    Args:
        source: whose rows.
        rejected: rows by check, those without a customer left out.
        known: rows with a customer.
        levels: share of them that may be rejected.
        run_id: of the run whose rejects can be looked at; None before there is one.
        unknown: how words that nobody knows can be mapped.

    Raises:
        GateError: they are beyond the limit at level fail.
    """
    reasons = ", ".join(f"{code} {n:,}" for code, n in rejected.items())
    share = sum(rejected.values()) / known if known else 0.0
    look = f"look at them with `rfm-spark rejects --run {run_id}` and " if run_id else ""
    return _beyond(
        share, levels,
        lambda limit: f"{share:.1%} of the rows of sources.{source} that have a customer were rejected ({reasons}), "
        f"more than sources.{source}.quality.max_reject_share allows ({limit:.1%}); {look}correct the "
        f"mapping or the data{f'; {unknown}' if unknown else ''}",
    )  # fmt: skip


def _beyond(value: float, levels: Levels, message: Callable[[float], str]) -> list[str]:
    if levels.fail is not None and value > levels.fail:
        raise GateError(f"{message(levels.fail)}; nothing was published")
    return [message(levels.warn)] if levels.warn is not None and value > levels.warn else []
