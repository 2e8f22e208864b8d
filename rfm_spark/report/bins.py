"""Bins of histograms that every run shares, so that two reports can be laid side by side."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

LAST_BIN = 38


def doubling_bin(whole: Column) -> Column:
    """The doubling bin of a whole number: b for 2^b - 1 <= value < 2^(b+1) - 1, and -1 for a negative one.

    Args:
        whole: BIGINT; null stays null.
    """
    # The length of the binary number is an exact floor(log2) + 1; logarithms of doubles miss at powers of two.
    return F.when(whole < 0, F.lit(-1)).otherwise(
        F.least(F.length(F.bin(whole + F.lit(1))) - F.lit(1), F.lit(LAST_BIN))
    )
