"""Amounts of a line: numbers however they were written become whole cents, or say why they can't."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, DecimalType, DoubleType, FloatType, StringType

from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.core.money import cents

# White space, quotes used between thousands, currency signs, and a three-letter code before or behind the number.
_ADORNMENT = r"[\s\u0000-\u0020\u00a0\u2007\u2009\u202f'\u2019]|\p{Sc}|^[A-Z]{3}(?=[^A-Za-z])|(?<=[^A-Za-z])[A-Z]{3}$"
_IN_BRACKETS = r"^\((.*)\)$"
_MINUS_BEHIND = r"^([^-]+)-$"
_POINT = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
# Nobody writes a group after a leading zero: in 0,250 the comma is the decimal sign, whatever it is elsewhere.
_POINT_GROUPED = r"^[+-]?[1-9][0-9]{0,2}(?:,[0-9]{2,3})*,[0-9]{3}(?:\.[0-9]+)?$"
_COMMA = r"^[+-]?[0-9]+,[0-9]+$"
_EXACT = "decimal(24,9)"
_PRODUCT = "decimal(38,18)"
_COMMA_GROUPED = r"^[+-]?[1-9][0-9]{0,2}(?:\.[0-9]{3})+(?:,[0-9]+)?$"


@dataclass(frozen=True)
class Number:
    """A mapped number, ready for arithmetic.

    Attributes:
        value: of a numeric type, or plain text such as -1234.50; null where it is no number.
        formatted: BOOLEAN, whether it had to be rewritten.
        finite: BOOLEAN, whether it was meant as a finite number, however large.
    """

    value: Column
    formatted: Column
    finite: Column


def number(column: str, kind: DataType, decimal: str) -> Number:
    """A mapped column as a number; built with ANSI mode off.

    Args:
        column: of ours.
        kind: its type.
        decimal: the sign between whole and fraction in ambiguous texts such as 1,234: "." or ",".
    """
    value = F.col(column)
    if not isinstance(kind, StringType):
        finite = value.isNotNull()
        if isinstance(kind, (DoubleType, FloatType)):
            finite &= ~F.isnan(value) & (F.abs(value) != F.lit(float("inf")))
        return Number(value, F.lit(False), finite)
    plain = value.rlike(_POINT) if decimal == "." else value.rlike(r"^[+-]?[0-9]+(?:,[0-9]+)?$")
    written = F.regexp_replace(value, "−", "-")
    written = F.regexp_replace(written, _ADORNMENT, "")
    written = F.regexp_replace(F.regexp_replace(written, _IN_BRACKETS, "-$1"), _MINUS_BEHIND, "-$1")
    by_point = F.when(written.rlike(_POINT), written).when(
        written.rlike(_POINT_GROUPED), F.regexp_replace(written, ",", "")
    )
    with_comma = F.regexp_replace(F.regexp_replace(written, r"\.", ""), ",", ".")
    by_comma = F.when(written.rlike(_COMMA) | written.rlike(_COMMA_GROUPED), with_comma)
    rewritten = F.coalesce(by_point, by_comma) if decimal == "." else F.coalesce(by_comma, by_point)
    easy = value if decimal == "." else F.regexp_replace(value, ",", ".")
    text = F.when(plain, easy).otherwise(rewritten)
    return Number(text, ~plain & text.isNotNull(), text.isNotNull())


@dataclass(frozen=True)
class Amount:
    """The amount of a line.

    Attributes:
        cents: BIGINT, rounded half-up once; null where it is unusable.
        exact: DECIMAL(24,9), as it was before rounding.
        formatted: BOOLEAN, whether a number in it had to be rewritten.
        finite: BOOLEAN, whether all numbers in it are finite, so that null cents mean an overflow.
    """

    cents: Column
    exact: Column
    formatted: Column
    finite: Column


def line_amount(rows: DataFrame, source: TransactionsSource) -> Amount:
    """The line's amount, less its discount.

    Args:
        rows: mapped rows with `amount`, or `quantity` and `unit_price`; and `discount`, where it is mapped.
        source: the mapping.
    """
    kinds = {column.name: column.dataType for column in rows.schema.fields}
    whole = _whole_amount(rows, kinds, source)
    return whole if "discount" not in kinds else _discounted(whole, kinds["discount"], source)


def _discounted(whole: Amount, kind: DataType, source: TransactionsSource) -> Amount:
    """What is left of an amount, of a sale or a refund; a discount larger than the line can't be that line's."""
    given = number("discount", kind, source.decimal)
    blank = F.trim(F.col("discount").cast("string")) == ""
    none = F.col("discount").isNull() | F.coalesce(blank, F.lit(False))
    size = F.abs(_shortest(given.value, kind).cast(_EXACT))
    # Nothing written is nothing taken off.
    off = F.when(none, F.lit(0).cast(_EXACT)).otherwise(size)
    left = F.abs(whole.exact) - off
    exact = F.when(left >= 0, F.when(whole.exact < 0, -left).otherwise(left))
    # As exact as the discount where there is one; the amount alone stays what it was.
    amount = F.when(off == 0, whole.cents).otherwise(cents(exact, DecimalType(25, 9)))
    unclear = ~none & (~given.finite | (off > F.abs(whole.exact)))
    return Amount(
        amount, exact.cast(_EXACT), whole.formatted | given.formatted, whole.finite & ~F.coalesce(unclear, F.lit(False))
    )


def _whole_amount(rows: DataFrame, kinds: Mapping[str, DataType], source: TransactionsSource) -> Amount:
    if "amount" in kinds:
        kind = kinds["amount"]
        amount = number("amount", kind, source.decimal)
        through = amount.value.cast("string") if isinstance(kind, (DoubleType, FloatType)) else amount.value
        return Amount(cents(amount.value, kind), through.cast(_EXACT), amount.formatted, amount.finite)
    quantity = number("quantity", kinds["quantity"], source.decimal)
    price = number("unit_price", kinds["unit_price"], source.decimal)
    # Decimals before the product: integers would wrap silently. Nine places each make an exact product of eighteen.
    pieces, each = _shortest(quantity.value, kinds["quantity"]), _shortest(price.value, kinds["unit_price"])
    fine = pieces.cast("decimal(19,9)") * each.cast("decimal(18,9)")
    # Prices of a thousand million and more exist in some currencies, and need no nine places.
    coarse = pieces.cast("decimal(16,4)") * each.cast("decimal(21,6)")
    product = F.coalesce(fine.cast(_PRODUCT), coarse.cast(_PRODUCT))
    kind = rows.select(product.alias("p")).schema["p"].dataType
    formatted, finite = quantity.formatted | price.formatted, quantity.finite & price.finite
    return Amount(cents(product, kind), product.cast(_EXACT), formatted, finite)


def _shortest(value: Column, kind: DataType) -> Column:
    # A FLOAT goes by its shortest decimal form, as in `cents`: 2.675 is meant, not 2.67499995.
    return value.cast("string") if isinstance(kind, FloatType) else value


def written_currency(kinds: Mapping[str, DataType]) -> Column:
    """The currency that a text amount brings: its code, or its sign; null where it brings none."""
    texts = [F.col(name) for name in ("amount", "unit_price") if isinstance(kinds.get(name), StringType)]
    if not texts:
        return F.lit(None).cast("string")
    found = F.regexp_extract(texts[0], r"(\p{Sc}|\b[A-Z]{3}\b)", 1)
    code = F.when(found == "€", "EUR").when(found == "£", "GBP").otherwise(found)
    return F.when(~texts[0].rlike(_POINT) & (found != ""), code)


def has_text_amount(kinds: Mapping[str, DataType]) -> bool:
    """Whether a number of the line comes as text."""
    return any(isinstance(kinds.get(name), StringType) for name in ("amount", "quantity", "unit_price", "discount"))
