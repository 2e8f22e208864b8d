"""Which column of a source is which of ours: names propose, values decide."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rfm_spark.core.errors import SourceError
from rfm_spark.intake.guess_found import Found, how_sure, identifier
from rfm_spark.intake.guess_values import NumberForm, Profile, determines
from rfm_spark.intake.guess_words import score

_NAMELESS = re.compile(r"_c\d+$")
_YES = ("y", "yes", "true", "t", "1", "return", "returned", "refund", "refunded", "credit")
_NO = ("n", "no", "false", "f", "0")
_RETURNS = ("return", "returned", "returns", "refund", "refunded")
_FEW = 50
# In fewer rows than this, any column of numbers happens to determine the others.
_TELLING = 20


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
    """

    date: Profile
    date_score: float
    found: tuple[Found, ...]
    customer: Profile
    order: Profile | None
    amounts: tuple[str, ...]
    currency: Profile | None
    remarks: tuple[str, ...]


class _Table:
    """The columns nobody has claimed yet."""

    def __init__(self, profiles: Sequence[Profile]) -> None:
        self.free = [profile for profile in profiles if profile.filled]
        self.nameless = all(_NAMELESS.match(profile.name) for profile in profiles)
        self.found: list[Found] = []

    def best(self, ours: str, fits: Callable[[Profile], bool]) -> tuple[Profile, float] | None:
        """The free column whose name fits best, the leftmost of equals."""
        scored = [(profile, score(ours, profile.name)) for profile in self.free]
        named = [(profile, points) for profile, points in scored if points > 0 and fits(profile)]
        return max(named, key=lambda pair: pair[1]) if named else None

    def take(self, profile: Profile) -> Profile:
        self.free.remove(profile)
        return profile

    def claim(self, ours: str, profile: Profile, points: float, why: str, text: str | None = None) -> Profile:
        named = "no name to go by" if self.nameless else f"named {profile.name}"
        self.found.append(Found(ours, text or profile.name, f"{named}; {why}", how_sure(points)))
        return self.take(profile)


def assign(profiles: Sequence[Profile], where: str) -> Roles:
    """Give each of our columns a column of the source.

    Args:
        profiles: the columns as they were looked at.
        where: the source, for messages.

    Raises:
        SourceError: naming what was not found, and the columns there are.
    """
    table = _Table(profiles)
    missing = []
    dated = _date(table)
    if dated is None:
        missing.append("order_ts (a column of dates)")
    order = customer = None
    if dated is not None and table.nameless:
        order, customer = _nameless_ids(table, dated[0])
    else:
        customer = _customer(table)
        order = _order(table, customer)
    if customer is None:
        missing.append("customer_id (a column named after the customer)")
    remarks: list[str] = []
    amounts = _amount(table, order, remarks)
    if not amounts:
        missing.append("amount, or quantity and unit_price (columns of numbers named after money)")
    if missing or dated is None or customer is None:
        names = ", ".join(profile.name for profile in profiles) or "none"
        raise SourceError(
            f"{where}: no column found for {'; none for '.join(missing)}. Its columns are: {names}. Write the mapping "
            "by hand, starting from a copy of conf/simple.yml"
        )
    currency = _extras(table)
    if order is None:
        remarks.append("No column of order ids was found: all rows of a customer's day count as one order.")
    return Roles(*dated, tuple(table.found), customer, order, amounts, currency, tuple(remarks))


def _date(table: _Table) -> tuple[Profile, float] | None:
    candidates = []
    for profile in table.free:
        points = score("order_ts", profile.name)
        # Without a name, only what is written as a date is one; a large number may be anything.
        clear = table.nameless and profile.dates and not profile.dates[0].epoch
        if profile.dates and (points > 0 or clear):
            candidates.append((profile, points))
    if not candidates:
        return None
    profile, points = max(candidates, key=lambda pair: pair[1])
    return table.take(profile), points


def _customer(table: _Table) -> Profile | None:
    def fits(profile: Profile) -> bool:
        # A vague name such as id is the row's own number when no value comes twice.
        return profile.whole and (profile.repeats or score("customer_id", profile.name) > 0.3)

    found = table.best("customer_id", fits)
    if found is None:
        return None
    profile, points = found
    return table.claim("customer_id", profile, points, _counts(profile, "customers"))


def _order(table: _Table, customer: Profile | None) -> Profile | None:
    def fits(profile: Profile) -> bool:
        return profile.whole and (customer is None or determines(profile, customer))

    lines = table.best("line_id", lambda profile: profile.whole)
    if lines and lines[1] > score("order_id", lines[0].name):
        table.claim("line_id", lines[0], lines[1], "numbers the lines")
    found = table.best("order_id", fits)
    if found is None:
        return None
    profile, points = found
    return table.claim("order_id", profile, points, f"{_counts(profile, 'orders')}, each of one customer")


def _nameless_ids(table: _Table, date: Profile) -> tuple[Profile | None, Profile | None]:
    ids = [profile for profile in table.free if profile.whole and profile.distinct > 1]
    pairs = [
        (order, customer)
        for order in ids
        for customer in ids
        if order.distinct > max(customer.distinct, _TELLING) and determines(order, customer) and determines(order, date)
    ]
    if pairs:
        order, customer = max(pairs, key=lambda pair: pair[1].distinct)
        table.claim("customer_id", customer, 0, _counts(customer, "values"))
        return table.claim("order_id", order, 0, f"{_counts(order, 'values')}, each of one customer and date"), customer
    if not ids:
        return None, None
    return None, table.claim("customer_id", ids[0], 0, f"the first column; {_counts(ids[0], 'values')}")


def _amount(table: _Table, order: Profile | None, remarks: list[str]) -> tuple[str, ...]:
    if table.nameless:
        numbers = [profile for profile in table.free if profile.number]
        decimals = [profile for profile in numbers if not profile.whole] or numbers
        return _claim_amount(table, decimals[-1], 0, "the last column of decimals") if decimals else ()
    total = table.best("amount", lambda profile: profile.number is not None)
    price = table.best("unit_price", lambda profile: profile.number is not None)
    quantity = table.best("quantity", lambda profile: profile.number is not None)
    if total and order and _per_order(total[0], order):
        if price and quantity:
            total = None
        else:
            remarks.append(
                f"{total[0].name} is the same on all lines of an order: if it is the total of the order, keep one line "
                "of each before mapping it, or it counts once for every line."
            )
    if price and quantity and (total is None or total[1] < 0.5):
        return _claim_product(table, quantity, price)
    if total:
        return _claim_amount(table, *total, "taken for the total of the line")
    if price:
        return _claim_amount(table, *price, "no column of quantities, so each line is taken for one piece")
    return ()


def _claim_amount(table: _Table, profile: Profile, points: float, why: str) -> tuple[str, ...]:
    form = _form(profile)
    table.claim("amount", profile, points, _noted(why, form), form.text)
    return (form.sql,)


def _claim_product(table: _Table, quantity: tuple[Profile, float], price: tuple[Profile, float]) -> tuple[str, ...]:
    expressions = []
    for ours, (profile, points), why in (
        ("quantity", quantity, "pieces of a line"), ("unit_price", price, "price of one piece, times quantity"),
    ):  # fmt: skip
        form = _form(profile)
        table.claim(ours, profile, points, _noted(why, form), form.text)
        expressions.append(form.sql)
    return tuple(expressions)


def _form(profile: Profile) -> NumberForm:
    return profile.number or NumberForm(profile.name, identifier(profile.name), ())


def _noted(why: str, form: NumberForm) -> str:
    return f"{why}; numbers {form.label}" if form.label else why


def _per_order(amount: Profile, order: Profile) -> bool:
    """Whether lines of one order always show the same amount: it is then the order's, not the line's."""
    lines: dict[str, list[str]] = {}
    for one, value in zip(order.values, amount.values, strict=True):
        if one is not None and value is not None:
            lines.setdefault(one, []).append(value)
    several = [values for values in lines.values() if len(values) > 1]
    return len(several) >= 5 and sum(len(set(values)) == 1 for values in several) >= 0.95 * len(several)


def _extras(table: _Table) -> Profile | None:
    _returns(table)
    currency = table.best("currency", lambda profile: all(re.match(r"[A-Z]{3}$", value) for value in profile.filled))
    if currency:
        table.claim("currency", *currency, f"codes {', '.join(sorted(set(currency[0].filled))[:3])}")
    products = table.best("product_id", lambda profile: profile.whole)
    if products:
        table.claim("product_id", *products, _counts(products[0], "products"))
    few = table.best("channel", lambda profile: profile.number is None and profile.distinct <= 20 * _FEW)
    if few and few[0].distinct <= _FEW:
        table.claim("channel", *few, _counts(few[0], "values"))
    return currency[0] if currency else None


def _returns(table: _Table) -> None:
    flag = table.best("is_return", lambda profile: profile.distinct <= 20 and _return_values(profile) is not None)
    if flag:
        profile, points = flag
        text = _return_values(profile) or profile.name
        if len(profile.filled) < len(profile.values):
            # A blank flag is no return; left as it is, the row would be rejected for want of an answer.
            text = f"coalesce({identifier(text) if text == profile.name else text}, false)"
        seen = ", ".join(sorted(set(profile.filled))[:6])
        table.claim("is_return", profile, max(points, 0.5), f"values {seen}", text)


def _return_values(profile: Profile) -> str | None:
    """The condition under which a row of a flag or type column is a return; None when it says nothing of the kind."""
    if profile.type_name == "boolean":
        return profile.name
    seen = {value.lower() for value in profile.filled}
    if seen & set(_RETURNS):
        meant = sorted(seen & set(_RETURNS))
    elif score("is_return", profile.name) > 0.3 and seen <= {*_YES, *_NO} and seen & set(_NO):
        meant = sorted(seen & set(_YES)) or ["y"]
    else:
        return None
    values = ", ".join(f"'{value}'" for value in meant)
    return f"lower(cast({identifier(profile.name)} as string)) IN ({values})"


def _counts(profile: Profile, kind: str) -> str:
    return f"{profile.distinct:,} {kind} in the {len(profile.filled):,} rows looked at that have one"
