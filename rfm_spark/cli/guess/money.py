"""Which columns hold the money of a line, or of a whole order, and which of both readings the rows bear out."""

from __future__ import annotations

from dataclasses import replace
from statistics import median

from rfm_spark.cli.guess.amount import form_of, money_of
from rfm_spark.cli.guess.checks import (
    agreement,
    chance_of_equals,
    is_price_of_line,
    numbers_lines,
    of_order,
    products,
)
from rfm_spark.cli.guess.found import Found
from rfm_spark.cli.guess.questions import Open, Reading, exact, total_of
from rfm_spark.cli.guess.table import Table
from rfm_spark.cli.guess.values import NumberForm, Profile
from rfm_spark.cli.guess.words import is_gross, is_net, words

# Words that leave no doubt that a price is that of one piece.
_OF_A_PIECE = frozenset(
    "unit per each single einzel stuck unitaire unitario unitaria stuk eenheids jednostkowa einzelpreis".split()
)
_AGREES = 0.95
_CLEAR = 0.5
_CHANCE = 0.5
# Pieces of a line are hardly more, and a price is several times as large.
_MANY_PIECES, _SMALL = 1000, 4
_OF_ORDERS = frozenset(
    "order orders grand basket invoice bestell bestellung commande pedido ordine encomenda bestelling"
    " zamowienia".split()
)
_DISCOUNTS = frozenset("discount disc rabatt remise descuento sconto desconto korting rabat".split())

Scored = tuple[Profile, float]


def claim_money(table: Table, order: Profile | None) -> tuple[str, ...]:
    """Claim amount, or quantity and unit_price.

    Args:
        table: the free columns; its `where`, `open` and `remarks` get what belongs to the choice.
        order: the order ids, where there are any.

    Returns:
        Expressions that are negative on a refund line; empty where there is no money.
    """
    if table.nameless:
        numbers = [profile for profile in table.free if profile.number]
        decimals = [profile for profile in numbers if not profile.whole] or numbers
        return _claim_amount(table, (decimals[-1], 0), "the last column of decimals") if decimals else ()
    total = _total(table)
    price = table.best("unit_price", _is_number)
    quantity = table.best("quantity", _is_number)
    if total and order:
        shape, orders = of_order(total[0], order)
        if shape is not None and not (shape == "repeated" and _multiplies(total, quantity, price)):
            return _order_total(table, total, order, (shape, orders), quantity, price)
    if total and price and not quantity and price[0] is not total[0] and _counts_pieces(total[0], price[0]):
        return _by_price(table, total, price, asks=True)
    if price and quantity and (total is None or total[1] < 0.5):
        return _by_price(table, quantity, price)
    if total:
        return _line_total(table, total, quantity, price)
    if price:
        return _claim_amount(table, price, "no column of quantities, so each line is taken for one piece")
    return ()


def _total(table: Table) -> Scored | None:
    ranked = table.ranked("amount", _is_number)
    if not ranked:
        return None
    # Plain numbers before the same ones for people to read.
    best = max(ranked, key=lambda pair: (pair[1], not form_of(pair[0]).label))
    gross = [pair for pair in ranked if pair[1] >= _CLEAR and is_gross(pair[0].name)]
    net = [pair for pair in ranked if pair[1] >= _CLEAR and is_net(pair[0].name)]
    if not gross or not net:
        return best
    without, with_tax = form_of(net[0][0]), form_of(gross[0][0])
    table.open.append(
        Open("amount", f"Does money count without tax ({net[0][0].name}) or with it ({gross[0][0].name})?",
             (Reading(f"amount: {without.text}", "without tax: {}", total_of(without.sql)),
              Reading(f"amount: {with_tax.text}", "with tax: {}", total_of(with_tax.sql)))),
    )  # fmt: skip
    return net[0]


def _order_total(
    table: Table,
    total: Scored,
    order: Profile,
    evidence: tuple[str, int],
    quantity: Scored | None,
    price: Scored | None,
) -> tuple[str, ...]:
    shape, orders = evidence
    form = form_of(total[0])
    if shape == "first":
        # The further lines repeat nothing, so the rows with a total are the orders.
        is_text = total[0].type_name == "string"
        table.where.append(f"trim({total[0].sql}) <> ''" if is_text else f"{total[0].sql} IS NOT NULL")
        return _claim_amount(
            table, total, f"the total of the order: of its lines only one has it ({orders:,} orders of several lines)"
        )
    line = _order_as_line(order, form)
    once = Reading(f"amount: {form.text}", "as order totals: {}", "sum(value)", once_per=line, value=exact(form.sql))
    each = Reading(f"amount: {form.text}, without line_id", "as line totals: {}", total_of(form.sql))
    what = f"{total[0].name} is the same on all lines of {orders:,} orders: is it the total of the order?"
    if quantity and price:
        pieces, apiece = form_of(quantity[0]), form_of(price[0])
        product = f"{exact(pieces.sql)} * {exact(apiece.sql)}"
        lines = Reading(
            f"quantity: {pieces.text}, unit_price: {apiece.text}", "as quantity × price: {}", total_of(product)
        )
        table.open.append(Open("quantity", what, (lines, _with_line_id(once, line))))
        return _claim_product(table, quantity, price)
    why = f"the total of the order, which counts once: it is the same on all lines of {orders:,} orders"
    numbered = [profile for profile in table.free if profile is not total[0] and numbers_lines(profile, order)]
    if numbered:
        first = f"{numbered[0].sql} = 1" if numbered[0].type_name != "string" else f"trim({numbered[0].sql}) = '1'"
        table.where.append(first)
        each = Reading(f"amount: {form.text}, without {first} in where", each.gives, each.sql)
        table.open.append(Open("amount", what, (once, each)))
        return _claim_amount(table, total, f"{why}; {numbered[0].name} numbers them")
    if chance_of_equals(total[0]) >= _CHANCE and not _OF_ORDERS & set(words(total[0].name)):
        # Most rows have the same amount anyway, so that lines of an order have it says little.
        each = Reading(f"amount: {form.text}", each.gives, each.sql)
        table.open.append(Open("amount", what, (each, _with_line_id(once, line))))
        return _claim_amount(table, total, "taken for the total of the line")
    table.open.append(Open("amount", what, (once, each)))
    # Lines that share a line id are one line, so an order that is its own line counts once.
    table.found.append(
        Found("line_id", line, f"the order itself, so that {total[0].name} counts once per order", "likely")
    )
    return _claim_amount(table, total, why)


def _multiplies(total: Scored, quantity: Scored | None, price: Scored | None) -> bool:
    """Whether quantity times price is the total, row by row."""
    if not (quantity and price):
        return False
    agreed = agreement(products(form_of(quantity[0]).values, form_of(price[0]).values), form_of(total[0]).values)
    return agreed is not None and agreed >= _AGREES


def _order_as_line(order: Profile, form: NumberForm) -> str:
    """A line id that all lines of an order share; what is paid back later under its id is a line of its own."""
    if not any(value and value < 0 for value in form.values):
        return order.text
    return f"concat({order.sql}, if({exact(form.sql)} < 0, '-', ''))"


def _with_line_id(reading: Reading, line: str) -> Reading:
    return replace(reading, text=f"{reading.text}, line_id: {line}")


def _line_total(table: Table, total: Scored, quantity: Scored | None, price: Scored | None) -> tuple[str, ...]:
    why = "taken for the total of the line"
    if not (quantity and price) or price[0] is total[0]:
        return _claim_amount(table, total, why)
    form, pieces, apiece = (form_of(pair[0]) for pair in (total, quantity, price))
    agreed = agreement(products(pieces.values, apiece.values), form.values)
    if agreed is not None and agreed >= _AGREES:
        agrees = f"{quantity[0].name} × {price[0].name} agrees in {agreed:.0%} of rows"
        return _claim_amount(table, total, f"{why}; {agrees}")
    same = agreement(apiece.values, form.values)
    if agreed is not None and not (same is not None and same >= _AGREES):
        product = f"{exact(pieces.sql)} * {exact(apiece.sql)}"
        table.open.append(
            Open("amount", f"{quantity[0].name} × {price[0].name} is {total[0].name} in {agreed:.0%} of rows only: "
                 "which one is the money of a line?",
                 (Reading(f"amount: {form.text}", "as the column has it: {}", total_of(form.sql)),
                  Reading(f"quantity: {pieces.text}, unit_price: {apiece.text}", "quantity × price: {}",
                          total_of(product)))),
        )  # fmt: skip
    return _claim_amount(table, total, why)


def _counts_pieces(amount: Profile, price: Profile) -> bool:
    """Whether a column that is named like money holds small whole numbers, beside prices that are larger."""
    counted, prices = form_of(amount).values, [value for value in form_of(price).values if value]
    numbers = [value for value in counted if value]
    return bool(numbers and prices) and all(value == int(value) for value in numbers) and (
        max(map(abs, numbers)) <= _MANY_PIECES and median(map(abs, numbers)) * _SMALL < median(map(abs, prices))
    )  # fmt: skip


def _by_price(table: Table, quantity: Scored, price: Scored, *, asks: bool = False) -> tuple[str, ...]:
    pieces, apiece = form_of(quantity[0]), form_of(price[0])
    verdict = _of_line(table, quantity[0], price[0])
    explicit = bool(_OF_A_PIECE & set(words(price[0].name)))
    product = f"{exact(pieces.sql)} * {exact(apiece.sql)}"
    of_piece = Reading(
        f"quantity: {pieces.text}, unit_price: {apiece.text}", "as the price of one piece: {}", total_of(product)
    )
    of_line = Reading(f"amount: {apiece.text}", "as the total of the line: {}", total_of(apiece.sql))
    what = f"Is {price[0].name} the price of one piece, or of the whole line?"
    if verdict:
        table.open.append(Open("amount", what, (of_line, of_piece)))
        return _claim_amount(table, price, "the total of the line: it grows with the quantity of the same product")
    if asks:
        as_named = Reading(f"amount: {pieces.text}", f"{quantity[0].name} as the money: {{}}", total_of(pieces.sql))
        table.open.append(Open("quantity", f"Does {quantity[0].name} count pieces?", (of_piece, as_named)))
    if verdict is None and not explicit:
        table.open.append(Open("quantity", what, (of_piece, of_line)))
    _ask_of_discount(table, of_piece, product)
    return _claim_product(table, quantity, price)


def _ask_of_discount(table: Table, of_piece: Reading, product: str) -> None:
    """Quantity times price is before a discount that stands in a column of its own."""
    for profile in table.free:
        numbers = [value for value in form_of(profile).values if value] if _DISCOUNTS & set(words(profile.name)) else []
        if numbers:
            share = all(0 < value < 1 for value in numbers)
            less = f"{product} * (1 - coalesce({exact(form_of(profile).sql)}, 0))"
            if not share:
                less = f"{product} - abs(coalesce({exact(form_of(profile).sql)}, 0))"
            kind = "as a share" if share else "as an amount"
            table.open.append(
                Open("quantity", f"Is {profile.name} to be taken off the price, {kind}?",
                     (replace(of_piece, gives="not taken off: {}"),
                      Reading(f"amount: {less}", "taken off: {}", total_of(less)))),
            )  # fmt: skip
            return


def _of_line(table: Table, quantity: Profile, price: Profile) -> bool | None:
    """What products bought in several quantities say; those of a vague name are asked too."""
    named = [pair[0] for pair in table.ranked("product_id", lambda profile: profile.repeats)]
    for product in named:
        verdict = is_price_of_line(form_of(price).values, form_of(quantity).values, product)
        if verdict is not None:
            return verdict
    return None


def _claim_amount(table: Table, pair: Scored, why: str) -> tuple[str, ...]:
    form = form_of(pair[0])
    text, more = money_of(table, pair[0])
    table.claim("amount", *pair, _noted(f"{why}{more}", form), text)
    return (form.sql,)


def _claim_product(table: Table, quantity: Scored, price: Scored) -> tuple[str, ...]:
    expressions = []
    for ours, (profile, points), why in (
        ("quantity", quantity, "pieces of a line"), ("unit_price", price, "price of one piece, times quantity"),
    ):  # fmt: skip
        form = form_of(profile)
        table.claim(ours, profile, points, _noted(why, form), form.text)
        expressions.append(form.sql)
    return tuple(expressions)


def _noted(why: str, form: NumberForm) -> str:
    return f"{why}; numbers {form.label}" if form.label else why


def _is_number(profile: Profile) -> bool:
    return profile.number is not None
