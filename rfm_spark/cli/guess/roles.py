"""Which column of a source is which of ours: names propose, values decide."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rfm_spark.cli.guess.checks import is_unique_within, keeps_together
from rfm_spark.cli.guess.found import Found
from rfm_spark.cli.guess.money import claim_money
from rfm_spark.cli.guess.questions import Open, Reading
from rfm_spark.cli.guess.table import Table, counts
from rfm_spark.cli.guess.values import Profile, determines
from rfm_spark.cli.guess.words import folded, meanings, score
from rfm_spark.core.errors import SourceError

_YES = ("y", "yes", "true", "t", "1", "return", "returned", "refund", "refunded", "credit")
_NO = ("n", "no", "false", "f", "0")
_FEW = 50
# In fewer rows than this, any column of numbers happens to determine the others.
_TELLING = 20
# As many orders as customers may be chance among fewer.
_SUSPICIOUS = 10


@dataclass(frozen=True)
class Roles:
    """The columns of a source by what they are for.

    Attributes:
        date: holds the dates; which of its readings is right is left to a pass over all rows.
        date_score: how clearly its name says so.
        found: all other columns.
        customer: holds the customers.
        order: holds the order ids, where there are any.
        amounts: expressions that are negative on a refund line.
        currency: holds currency codes, where there are any.
        remarks: what the user should look at.
        open: questions, not yet measured.
        where: conditions on rows that count, beside those of a status.
    """

    date: Profile
    date_score: float
    found: tuple[Found, ...]
    customer: Profile
    order: Profile | None
    amounts: tuple[str, ...]
    currency: Profile | None
    remarks: tuple[str, ...]
    open: tuple[Open, ...] = ()
    where: tuple[str, ...] = ()


def date_column(profiles: Sequence[Profile]) -> tuple[Profile, float] | None:
    """The column of the purchase's date, and how clearly its name says so."""
    table = Table(profiles)
    candidates = []
    for profile in table.free:
        points = score("order_ts", profile.name)
        # Without a name, only what is written as a date is one; a large number may be anything.
        clear = table.nameless and profile.dates and not profile.dates[0].epoch
        if profile.dates and (points > 0 or clear):
            candidates.append((profile, points))
    if candidates:
        return max(candidates, key=lambda pair: pair[1])
    # Whatever it is called, the only column of dates is the date.
    written = [profile for profile in table.free if profile.dates and not profile.dates[0].epoch]
    return (written[0], 0.0) if len(written) == 1 else None


def assign(profiles: Sequence[Profile], moments: Sequence[int | None], where: str, *, is_log: bool = False) -> Roles:
    """Give each of our columns a column of the source.

    Args:
        profiles: the columns as they were looked at.
        moments: seconds since 1970 of the same rows; all None where no column of dates was found.
        where: the source, for messages.
        is_log: whether the rows are purchases of a log of events; a session is then as good as an order id.

    Raises:
        SourceError: naming what was not found, and the columns there are.
    """
    table = Table(profiles)
    dated = date_column(profiles)
    order = customer = None
    if dated is not None:
        table.take(next(profile for profile in table.free if profile.name == dated[0].name))
    if dated is not None and table.nameless:
        order, customer = _nameless_ids(table, dated[0])
    else:
        customer = _customer(table)
        order = _order(table, customer, moments, "order_id")
        if order is None and is_log:
            order = _order(table, customer, moments, "session_id")
    amounts = claim_money(table, order)
    missing = [
        text
        for text, found in (
            ("order_ts (a column of dates)", dated),
            ("customer_id (a column named after the customer)", customer),
            ("amount, or quantity and unit_price (columns of numbers named after money)", amounts),
        )
        if not found
    ]
    if missing or dated is None or customer is None:
        names = ", ".join(profile.name for profile in profiles) or "none"
        raise SourceError(
            f"{where}: no column found for {'; none for '.join(missing)}. Its columns are: {names}. Write the mapping "
            "by hand, starting from a copy of conf/simple.yml"
        )
    _line_id(table, order)
    currency = _extras(table)
    return Roles(
        *dated, tuple(table.found), customer, order, amounts, currency, tuple(table.remarks), tuple(table.open),
        tuple(table.where),
    )  # fmt: skip


def _customer(table: Table) -> Profile | None:
    def fits(profile: Profile) -> bool:
        # A vague name such as id is the row's own number when no value comes twice.
        return profile.whole and (profile.repeats or score("customer_id", profile.name) > 0.3)

    ranked = table.ranked("customer_id", fits)
    if not ranked:
        return None
    # Among many rows somebody comes twice; a column in which nobody does is not the customer, if another one is.
    profile, points = next((pair for pair in ranked if pair[0].repeats), ranked[0])
    if len(ranked[0][0].filled) < _TELLING:
        profile, points = ranked[0]
    return table.claim("customer_id", profile, points, counts(profile, "customers"))


def _order(table: Table, customer: Profile | None, moments: Sequence[int | None], ours: str) -> Profile | None:
    def fits(profile: Profile) -> bool:
        if not profile.whole or not (customer is None or determines(profile, customer)):
            return False
        # A vague name such as id is an order id only where each row has its own.
        return score(ours, profile.name) > 0.3 or not profile.repeats

    for profile, points in table.ranked(ours, fits):
        if not keeps_together(profile, moments):
            table.remarks.append(f"{profile.name} is no order id: rows that share one lie days or months apart.")
            continue
        _ask_whether_orders(table, profile, points, customer)
        return table.claim("order_id", profile, points, f"{counts(profile, 'orders')}, each of one customer")
    return None


def _ask_whether_orders(table: Table, order: Profile, points: float, customer: Profile | None) -> None:
    if customer is None:
        return
    mapped = Reading(f"order_id: {order.text}", "as order ids: {} purchases", f"count(DISTINCT {order.sql})")
    if points <= 0.3:
        what = f"Is {order.name} the number of an order, or only of a row?"
    elif order.distinct == customer.distinct >= _SUSPICIOUS and order.repeats:
        what = f"There are as many values of {order.name} as customers: are they the numbers of orders?"
    else:
        return
    table.open.append(Open("order_id", what, (mapped, by_day(customer, "order_grain: day, without order_id"))))


def by_day(customer: Profile, text: str) -> Reading:
    """All rows of a customer's day as one order; {day} in the figure stands for the expression of the day."""
    return Reading(text, "a customer's day as one purchase: {}", f"count(DISTINCT {customer.sql}, {{day}})")


def _nameless_ids(table: Table, date: Profile) -> tuple[Profile | None, Profile | None]:
    ids = [profile for profile in table.free if profile.whole and profile.distinct > 1]
    pairs = [
        (order, customer)
        for order in ids
        for customer in ids
        if order.distinct > max(customer.distinct, _TELLING) and determines(order, customer) and determines(order, date)
    ]
    if pairs:
        order, customer = max(pairs, key=lambda pair: pair[1].distinct)
        table.claim("customer_id", customer, 0, counts(customer, "values"))
        return table.claim("order_id", order, 0, f"{counts(order, 'values')}, each of one customer and date"), customer
    if not ids:
        return None, None
    return None, table.claim("customer_id", ids[0], 0, f"the first column; {counts(ids[0], 'values')}")


def _line_id(table: Table, order: Profile | None) -> None:
    if table.nameless or any(found.ours == "line_id" for found in table.found):
        return
    found = table.best("line_id", lambda profile: profile.whole and is_unique_within(profile, order))
    # A vague name such as item may be the product.
    if found and (found[1] > 0.3 or (order is not None and found[0].number is not None)):
        within = "in its order" if order is not None else "in the source"
        table.claim("line_id", *found, f"numbers the lines: none comes twice {within}")


def _extras(table: Table) -> Profile | None:
    _returns(table)
    currency = table.best("currency", lambda profile: all(re.match(r"[A-Za-z]{3}$", value) for value in profile.filled))
    if currency:
        codes = sorted({value.upper() for value in currency[0].filled})
        table.claim("currency", *currency, f"codes {', '.join(codes[:3])}")
    products = table.best("product_id", lambda profile: profile.whole)
    if products:
        table.claim("product_id", *products, counts(products[0], "products"))
    few = table.best("channel", lambda profile: profile.number is None and profile.distinct <= 20 * _FEW)
    if few and few[0].distinct <= _FEW:
        table.claim("channel", *few, counts(few[0], "values"))
    return currency[0] if currency else None


def _returns(table: Table) -> None:
    flag = table.best("is_return", lambda profile: profile.distinct <= 20 and _return_values(profile) is not None)
    if flag:
        profile, points = flag
        text = _return_values(profile) or profile.text
        if len(profile.filled) < len(profile.values):
            # A blank flag is no return; left as it is, the row would be rejected for want of an answer.
            text = f"coalesce({profile.sql if text == profile.text else text}, false)"
        seen = ", ".join(sorted(set(profile.filled))[:6])
        table.claim("is_return", profile, max(points, 0.5), f"values {seen}", text)


def _return_values(profile: Profile) -> str | None:
    """The condition under which a row of a flag or type column is a return; None when it says nothing of the kind."""
    if profile.type_name == "boolean":
        return profile.text
    seen = {value.lower() for value in profile.filled}
    refunds = {value for value in seen if folded(value) in meanings()["refund"]}
    if refunds:
        meant = sorted(refunds)
    elif score("is_return", profile.name) > 0.3 and seen <= {*_YES, *_NO} and seen & set(_NO):
        meant = sorted(seen & set(_YES)) or ["y"]
    else:
        return None
    return f"lower(cast({profile.sql} as string)) IN ({quoted_values(meant)})"


def quoted_values(values: Sequence[str]) -> str:
    """Values as SQL literals, with commas between."""
    return ", ".join("'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'" for value in values)


def without(roles: Roles, *ours: str) -> Roles:
    """The roles without some of our columns."""
    return replace(roles, found=tuple(found for found in roles.found if found.ours not in ours))
