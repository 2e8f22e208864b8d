"""Whether the rows bear out what a column's name says."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Literal

from rfm_spark.cli.guess.values import Profile

# Rows of one order are a day apart at most: some systems date each line.
_TOGETHER_SECONDS = 86_400
# Returns come later under the id of their order, so not every order keeps together.
_MOST = 0.8
_NEARLY_ALL = 0.95
# A cent, or half a hundredth of the amount: prices are rounded before they are multiplied.
_CENT, _SHARE = 0.011, 0.005


def keeps_together(order: Profile, moments: Sequence[int | None]) -> bool:
    """Whether rows of one order lie within a day, as they do unless it is the number of something that lasts.

    Args:
        order: the order ids.
        moments: seconds since 1970 of the same rows.
    """
    found: dict[str, list[int]] = defaultdict(list)
    for one, moment in zip(order.values, moments, strict=True):
        if one is not None and moment is not None:
            found[one].append(moment)
    several = [times for times in found.values() if len(times) > 1]
    near = sum(max(times) - min(times) <= _TOGETHER_SECONDS for times in several)
    return near >= _MOST * len(several)


def is_unique_within(line: Profile, order: Profile | None) -> bool:
    """Whether a line id comes once in its order; once at all where there are no orders."""
    orders: Sequence[str | None] = order.values if order is not None else [""] * len(line.values)
    pairs = [(one, value) for one, value in zip(orders, line.values, strict=True) if None not in (one, value)]
    return len(set(pairs)) >= 0.99 * len(pairs) and len(pairs) == len(line.filled)


def numbers_lines(line: Profile, order: Profile) -> bool:
    """Whether each order has one line numbered 1, and its others go on from there."""
    firsts = [one for one, value in zip(order.values, line.values, strict=True) if value == "1"]
    numbers: dict[str, set[str]] = defaultdict(set)
    for one, value in zip(order.values, line.values, strict=True):
        if one is not None:
            numbers[one].add(value or "")
    if not len(firsts) == len(set(firsts)) == len(numbers) or line.distinct < 2:
        return False
    # A quantity may be 1 on one line of each order, but it does not count on.
    gapless = sum(found == {str(n + 1) for n in range(len(found))} for found in numbers.values())
    return gapless >= _NEARLY_ALL * len(numbers)


def of_order(amount: Profile, order: Profile) -> tuple[Literal["repeated", "first"] | None, int]:
    """Whether an amount is the order's: the same on all its lines, or on one of them only.

    Returns:
        Which of the two, and how many orders of several lines say so.
    """
    lines: dict[str, list[str | None]] = defaultdict(list)
    for one, value in zip(order.values, amount.values, strict=True):
        if one is not None:
            lines[one].append(value)
    several = [values for values in lines.values() if len(values) > 1]
    once = sum(sum(value is not None for value in values) == 1 for values in several)
    if len(several) >= 2 and once >= _NEARLY_ALL * len(several):
        return "first", once
    filled = [[value for value in values if value is not None] for values in several]
    filled = [values for values in filled if len(values) > 1]
    same = sum(len(set(values)) == 1 for values in filled)
    if len(filled) >= 2 and same >= _NEARLY_ALL * len(filled):
        return "repeated", same
    return None, 0


def chance_of_equals(amount: Profile) -> float:
    """The chance that two rows have the same amount, whatever their orders."""
    rows = len(amount.filled)
    return sum((count / rows) ** 2 for count in Counter(amount.filled).values())


def agreement(left: Sequence[float | None], right: Sequence[float | None]) -> float | None:
    """Share of rows in which two numbers are the same but for rounding; None where no row has both."""
    pairs = [(a, b) for a, b in zip(left, right, strict=True) if a is not None and b is not None]
    return sum(map(_same, *zip(*pairs, strict=True))) / len(pairs) if pairs else None


def products(left: Sequence[float | None], right: Sequence[float | None]) -> list[float | None]:
    """Quantity times price, row by row."""
    return [None if a is None or b is None else a * b for a, b in zip(left, right, strict=True)]


def is_price_of_line(price: Sequence[float | None], quantity: Sequence[float | None], product: Profile) -> bool | None:
    """Whether a price is that of the whole line: it grows with the quantity of the same product.

    Returns:
        None where no product was bought in several quantities, or where prices say neither.
    """
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for one, each, pieces in zip(product.values, price, quantity, strict=True):
        if one is not None and each is not None and pieces:
            found[one].append((each, abs(pieces)))
    several = [rows for rows in found.values() if len({pieces for _, pieces in rows}) > 1]
    grows = sum(_is_steady([each / pieces for each, pieces in rows]) for rows in several)
    stays = sum(_is_steady([each for each, _ in rows]) for rows in several)
    if grows == stays or max(grows, stays) < 0.5 * len(several):
        return None
    return grows > stays


def _is_steady(values: Sequence[float]) -> bool:
    return all(_same(values[0], value) for value in values)


def _same(left: float, right: float) -> bool:
    return abs(left - right) <= max(_CENT, _SHARE * abs(right))
