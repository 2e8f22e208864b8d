"""What came in, per source: the account that balances, and what the checks found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TypeVar

from rfm_spark.core.reading.checks import catalogues
from rfm_spark.report.badges import source_badge
from rfm_spark.report.data import RunFacts
from rfm_spark.report.wording import Numbers, day

# The first is the sum of the others. Filtered is there where the source has a condition.
PARTS = ("read", "accepted", "rejected", "duplicates")
FILTERED = "filtered"
DONE = ("rejected", "repaired", "flagged")
Amount = TypeVar("Amount", int, Decimal)


@dataclass(frozen=True)
class Part:
    """What was read or what became of a part of it, ready to print; the whole has no share."""

    amount: str
    share: str


@dataclass(frozen=True)
class BalanceLine:
    """One row of the account: rows or money, in the order of the account's parts."""

    name: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Found:
    """What one check found.

    Attributes:
        done: what was done about it.
        code: of the check.
        message: what it means; empty for a check this version does not know.
        count: how many.
        unit: of the count: rows, orders or ids; empty for a check this version does not know.
    """

    done: str
    code: str
    message: str
    count: str
    unit: str


@dataclass(frozen=True)
class SourceAccount:
    """What came in from one source.

    Attributes:
        title: the finding.
        parts: names of the columns, as an equation.
        lines: rows, and money where the run recorded it.
        later: a remark on rows dated after the as-of date; None without any.
        found: what the checks found, the most severe first.
    """

    title: str
    parts: tuple[str, ...]
    lines: tuple[BalanceLine, ...]
    later: str | None
    found: tuple[Found, ...]


def source_accounts(run: RunFacts, say: Numbers) -> list[SourceAccount]:
    """The accounts of every source whose rows the run accounted for, in the order of the capabilities that read them.

    Args:
        run: its `rows` and `money` by name, as `transactions.read`; its configuration says what is simulated.
        say: how numbers are written.

    Returns:
        Nothing for a run of a version that did not keep them.
    """
    return [_account(source, run, say) for source in _sources(run)]


def other_amounts(run: RunFacts, amounts: Mapping[str, Amount]) -> dict[str, Amount]:
    """What no account shows, so that the report says each number once.

    Args:
        run: the run.
        amounts: its `rows` or its `money`.
    """
    shown = [source for source in _sources(run) if _is_whole(source, amounts)]
    return {name: amount for name, amount in amounts.items() if not any(_shows(source, name) for source in shown)}


def _shows(source: str, name: str) -> bool:
    of_source = {f"{source}.{part}" for part in (*PARTS, FILTERED, "later")}
    return name in of_source or name.startswith(tuple(f"{source}.{done}." for done in DONE))


def _sources(run: RunFacts) -> list[str]:
    order = {source: at for at, source in enumerate(catalogues())}
    names = (name.removesuffix(".read") for name in run.rows if name.endswith(".read"))
    # A source of another version comes last.
    return sorted(
        (name for name in names if _is_whole(name, run.rows)), key=lambda name: (order.get(name, len(order)), name)
    )


def _is_whole(source: str, amounts: Mapping[str, object]) -> bool:
    return all(f"{source}.{part}" in amounts for part in PARTS)


def _account(source: str, run: RunFacts, say: Numbers) -> SourceAccount:
    parts = (*PARTS, FILTERED) if f"{source}.{FILTERED}" in run.rows else PARTS
    rows = [run.rows[f"{source}.{part}"] for part in parts]
    lines = [_balance_line("Rows", [say.count(value) for value in rows], rows, say)]
    if _is_whole(source, run.money):
        money = [run.money[f"{source}.{part}"] for part in parts]
        lines.append(_balance_line("Money", [say.money(value) for value in money], money, say))
    return SourceAccount(
        title=_title(f"{source}{source_badge(run.settings, source).suffix}", rows[0], rows[1], say),
        parts=tuple(f"{sign}{part.capitalize()}" for sign, part in zip(("", "= ", *["+ "] * 3), parts, strict=False)),
        lines=tuple(lines),
        later=_later(run.rows.get(f"{source}.later", 0), run.as_of, say),
        found=_found(source, run.rows, say),
    )


def _balance_line(name: str, shown: list[str], amounts: list[int] | list[Decimal], say: Numbers) -> BalanceLine:
    whole = amounts[0]
    # Where refunds outweigh sales, a share of what was read has no meaning.
    shares = [say.percent(float(amount / whole) if whole > 0 else None) for amount in amounts[1:]]
    return BalanceLine(name, tuple(Part(*pair) for pair in zip(shown, ["", *shares], strict=True)))


def _title(source: str, read: int, accepted: int, say: Numbers) -> str:
    if not read:
        return f"{source}: no rows"
    part = "all" if accepted == read else f"{say.count(accepted)} of"
    return f"{source}: {part} {say.count(read)} {_unit(read, 'rows')} accepted"


def _later(rows: int, as_of: date, say: Numbers) -> str | None:
    if not rows:
        return None
    verb = "is" if rows == 1 else "are"
    return f"{say.count(rows)} of the accepted rows {verb} dated after {day(as_of)}, not counted yet."


def _found(source: str, rows: Mapping[str, int], say: Numbers) -> tuple[Found, ...]:
    found = []
    catalogue = {check.code: check for check in catalogues().get(source, ())}
    for done in DONE:
        start = f"{source}.{done}."
        counts = {name.removeprefix(start): count for name, count in rows.items() if name.startswith(start) and count}
        for code, count in sorted(counts.items(), key=lambda one: (-one[1], one[0])):
            check = catalogue.get(code)
            message, unit = (check.message, _unit(count, check.unit)) if check else ("", "")
            found.append(Found(done.capitalize(), code, message, say.count(count), unit))
    return tuple(found)


def _unit(count: int, unit: str) -> str:
    return unit.removesuffix("s") if count == 1 else unit
