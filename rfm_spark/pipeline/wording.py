"""What became of the rows of each source, for people."""

from __future__ import annotations

from collections.abc import Iterable

from rfm_spark.core.reading.balance import account_line, money_line
from rfm_spark.pipeline.account import Total


def account_lines(total: Total, sources: Iterable[str]) -> list[str]:
    """A line for the rows of each source that has money, and one for the money."""
    found = []
    for source in sources:
        money = money_line(source, total.money)
        if money is not None:
            found += [account_line(source, total.rows), money]
    return found
