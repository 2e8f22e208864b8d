"""Money is exact: amounts become whole cents once per line, sums are of whole numbers."""

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, DecimalType, DoubleType, IntegralType

MONEY = DecimalType(18, 2)
# Ten thousand billion: a line above it is an error, and the sum of nine hundred of them still fits a BIGINT.
MAX_AMOUNT = 10**13
# Nearer than this to half a cent, a double is rounded by its shortest decimal form instead of by arithmetic. Below the
# limit the error of x · 100 is under 2e-5 cents, so nothing that matters is missed.
_TIE_MARGIN = 1e-4
_FAST_LIMIT = 10**9


def cents(amount: Column, data_type: DataType) -> Column:
    """Amount as BIGINT cents, rounded half-up; NULL where it is no number or beyond ±10¹³.

    Built with ANSI mode off, so that text that is no number gives NULL.

    Args:
        amount: any numeric or text column.
        data_type: its type.
    """
    if isinstance(data_type, DoubleType):
        return _double_cents(amount)
    if isinstance(data_type, DecimalType) and data_type.precision - data_type.scale <= 13 and data_type.scale <= 2:
        # Below 10¹⁵ cents the error of x · 100 is under a quarter of one: the nearest whole number is exact, and found
        # several times faster than by decimal arithmetic.
        return F.rint(amount.cast("double") * F.lit(100.0)).cast("bigint")
    if isinstance(data_type, IntegralType):
        # Not by abs(): that of the smallest BIGINT is negative.
        return F.when(amount.between(-MAX_AMOUNT, MAX_AMOUNT), amount.cast("bigint") * F.lit(100))
    if isinstance(data_type, DecimalType):
        return _decimal_cents(amount)
    # FLOAT goes by its shortest decimal form too: 2.675 is meant, not 2.67499995.
    return _decimal_cents(amount.cast("string"))


def money(cents_column: Column) -> Column:
    """BIGINT cents as DECIMAL(18,2)."""
    return (cents_column.cast("decimal(20,0)") / F.lit(100)).cast(MONEY)


def _decimal_cents(amount: Column) -> Column:
    # One cast rounds half-up, once; two would round 0.00499… up to a whole cent.
    exact = amount.cast("decimal(20,2)")
    return F.when(F.abs(exact) <= MAX_AMOUNT, (exact * F.lit(100)).cast("bigint"))


def _double_cents(amount: Column) -> Column:
    size = F.abs(amount) * F.lit(100.0)
    whole = F.floor(size + F.lit(0.5))
    off_tie = F.abs(size - F.floor(size) - F.lit(0.5)) > F.lit(_TIE_MARGIN)
    fast = F.when(amount < 0, -whole).otherwise(whole)
    return F.when((F.abs(amount) < F.lit(float(_FAST_LIMIT))) & off_tie, fast).otherwise(
        F.when(~F.isnan(amount), _decimal_cents(amount.cast("string")))
    )
