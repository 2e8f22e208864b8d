"""A mapping before it is held against all rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rfm_spark.cli.guess.dates import DateForm
from rfm_spark.cli.guess.events import Log, event_log
from rfm_spark.cli.guess.found import Events, Found
from rfm_spark.cli.guess.questions import Open, Reading
from rfm_spark.cli.guess.roles import Roles, assign, by_day, quoted_values
from rfm_spark.cli.guess.status import (
    Filter,
    filter_of,
    flag_filters,
    kept_rows,
    rows_meaning,
    status_columns,
    unknown_statuses,
    with_refunds,
)
from rfm_spark.cli.guess.values import Profile
from rfm_spark.core.errors import SourceError

Counting = Callable[[Profile], Mapping[str, int]]


@dataclass(frozen=True)
class Draft:
    """What a look at some rows proposes.

    Attributes:
        dates: ways to read the dates.
        date: the column of the dates, as an expression.
        date_why: the evidence, in half a sentence.
        date_score: how clearly its name says so.
        found: our other columns.
        customer: the customer, as an expression.
        order: the order id, as an expression, where there is one.
        amounts: expressions that are negative on a refund line.
        currency: the currency code, as an expression, where there is one.
        order_grain: what is one order, where there is no order id.
        where: the condition on rows that count.
        counts: what it goes by, with numbers of rows.
        remarks: what the user should look at.
        open: questions.
        log: the column of events, where the source is a log of them.
        events: a source of events that is known already; its event_ts is that of the purchases.
        export: what the source is, where its headers are known.
    """

    dates: tuple[DateForm, ...]
    date: str
    date_why: str
    date_score: float
    found: tuple[Found, ...]
    customer: str
    order: str | None = None
    amounts: tuple[str, ...] = ()
    currency: str | None = None
    order_grain: Literal["row", "day"] | None = None
    where: str | None = None
    counts: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    open: tuple[Open, ...] = ()
    log: Log | None = None
    events: Events | None = None
    export: str | None = None


def drafted(look: Sequence[Profile], moments: Sequence[int | None], counting: Counting, where: str) -> Draft:
    """A mapping of a source whose headers nobody knows.

    Args:
        look: the columns.
        moments: seconds since 1970 of the same rows.
        counting: numbers of all rows by a column's values.
        where: the source, for messages.

    Raises:
        SourceError: a column that is needed was not found.
    """
    log = event_log(look)
    seen = {profile.name: counting(profile) for profile in status_columns(look) if log is None or profile != log.column}
    filters = [
        found
        for profile in look
        if profile.name in seen
        for found in [filter_of(profile, seen[profile.name])]
        if found is not None
    ]
    filters += flag_filters(look)
    roles = _assigned(look, moments, filters, log, where)
    back = [one for one in filters if _are_lines(one, filters, look, roles)]
    if back:
        kept = [with_refunds(one, seen[one.column.name]) if one in back else one for one in filters]
        filters = [one for one in kept if one is not None]
        roles = _with_returns(_assigned(look, moments, filters, log, where), back, look)
    return _draft(roles, filters, log, [_unknown(profile, counting(profile)) for profile in unknown_statuses(look)])


def _unknown(profile: Profile, seen: Mapping[str, int]) -> str:
    rows = "; ".join(f"{value or '(blank)'} {count:,}" for value, count in seen.items())
    return (
        f"{profile.name} may say which rows count, but not in words that are known ({rows}): a `where` leaves rows out."
    )


def _assigned(
    look: Sequence[Profile], moments: Sequence[int | None], filters: Sequence[Filter], log: Log | None, where: str
) -> Roles:
    rows = kept_rows(filters, len(moments))
    if log is not None:
        rows = sorted(set(rows) & set(log.rows()))
    if not rows and (filters or log):
        notes = "; ".join(one.note for one in filters) or "no purchases"
        raise SourceError(f"{where}: no row counts as a purchase ({notes}). Write the mapping by hand, with where")
    kept = [profile.kept(rows) for profile in look]
    return assign(kept, [moments[row] for row in rows], where, is_log=log is not None)


def _are_lines(one: Filter, filters: Sequence[Filter], look: Sequence[Profile], roles: Roles) -> bool:
    """Whether rows of status refunded are lines beside the sale that they pay back, and not the order itself."""
    rows = rows_meaning([one], "refunded")
    if not rows:
        return False
    if _are_negative(rows, look, roles):
        return True
    order = next((profile for profile in look if roles.order is not None and profile.name == roles.order.name), None)
    if order is None:
        return False
    sold = {order.values[row] for row in kept_rows(filters, len(order.values))}
    return sum(order.values[row] in sold for row in rows) > 0.5 * len(rows)


def _are_negative(rows: Sequence[int], look: Sequence[Profile], roles: Roles) -> bool:
    money = [profile.number.values for profile in look if profile.number and profile.number.sql in roles.amounts]
    below = sum(any((values[row] or 0) < 0 for values in money) for row in rows)
    return below > 0.5 * len(rows)


def _with_returns(roles: Roles, back: Sequence[Filter], look: Sequence[Profile]) -> Roles:
    """Refund lines of positive amounts need a mark; negative amounts say it themselves."""
    if any(found.ours == "is_return" for found in roles.found):
        return roles
    positive = [one for one in back if not _are_negative(rows_meaning([one], "refunded"), look, roles)]
    if not positive:
        return roles
    one = positive[0]
    values = sorted(value for value, meaning in one.dropped.items() if meaning == "refunded")
    text = f"coalesce(lower(trim({one.column.sql})) IN ({quoted_values(values)}), false)"
    why = f"named {one.column.name}; orders have refunded rows beside those that were sold"
    return replace(roles, found=(*roles.found, Found("is_return", text, why, "likely")))


def _draft(roles: Roles, filters: Sequence[Filter], log: Log | None, unknown: Sequence[str]) -> Draft:
    conditions = [*([log.where] if log is not None else []), *(one.sql for one in filters), *roles.where]
    remarks, questions = [*roles.remarks, *unknown], [*roles.open, *(ask for one in filters for ask in one.open)]
    if roles.order is None:
        remarks.append("No column of order ids was found: all rows of a customer's day count as one order.")
        row = Reading("order_grain: row", "each row as a purchase: {}", "count(1)")
        what = "There are no order ids: is each row a purchase, or all rows of a customer's day?"
        questions.append(Open("order_grain", what, (by_day(roles.customer, "order_grain: day"), row)))
    return Draft(
        dates=roles.date.dates,
        date=roles.date.sql,
        date_why=f"named {roles.date.name}" if roles.date_score else "no name to go by",
        date_score=roles.date_score,
        found=roles.found,
        customer=roles.customer.sql,
        order=roles.order.sql if roles.order is not None else None,
        amounts=roles.amounts,
        currency=roles.currency.sql if roles.currency is not None else None,
        order_grain=None if roles.order is not None else "day",
        where=joined(conditions),
        counts=tuple(one.note for one in filters),
        remarks=tuple(remarks),
        open=tuple(questions),
        log=log,
    )


def joined(conditions: Sequence[str]) -> str | None:
    """Conditions that must all hold, as one; None without any."""
    if len(conditions) < 2:
        return conditions[0] if conditions else None
    return " AND ".join(f"({one})" if " OR " in one.upper() else one for one in conditions)
