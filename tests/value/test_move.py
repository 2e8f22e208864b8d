"""What a move between segments would bring, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from rfm_spark.capabilities.movement.tables import CAUSES
from rfm_spark.capabilities.value.move import move_of, sentences
from rfm_spark.core.errors import ConfigError
from rfm_spark.core.table import ALL


def row(segment: str, customers: int, clv: float | None, stage: str = ALL) -> dict[str, Any]:
    return {"segment": segment, "lifecycle_stage": stage, "customers": customers, "clv": clv}


VALUES = [row("risky", 200, 2000.0), row("loyal", 50, 5000.0), row("loyal", 3, 9.0, "new"), row(ALL, 3, 9.0, "new")]


def went(target: str, customers: int, **causes: int) -> dict[str, Any]:
    return {"from_segment": "risky", "to_segment": target, "customers": customers, **dict.fromkeys(CAUSES, 0), **causes}


# Of 200, 4 by what they did or did not do; 5 by corrected rows.
WENT = [went("risky", 191), went("loyal", 9, behaviour=3, inactivity=1, correction=5)]


def test_customers_become_like_the_average_of_where_they_come_to() -> None:
    found = move_of(VALUES, WENT, ("risky", "loyal"), 0.1)
    # 20 of 200 customers, from 10 to 100 each.
    assert (found.moved, found.worth_before, found.worth_after, found.gain) == (20, 10.0, 100.0, 1800.0)
    told = sentences(found, ("risky", "loyal"))
    assert told[0] == "20 of 200 customers, each worth +90.00 (10.00 in risky, 100.00 in loyal): +1,800.00"
    # Wilson's interval of 4 in 200 (E. Wilson, JASA 22, 1927).
    assert "2.0% went this way by themselves (95 % interval 0.8% to 5.0%)" in told[-1]
    for known in ([], [*WENT, went("new", 3, definition=3)], [*WENT, went("new", 3, masked=3)]):
        other = move_of(VALUES, known, ("risky", "loyal"), 0.1)
        assert "No run before tells who goes this way" in sentences(other, ("risky", "loyal"))[-1]


@pytest.mark.parametrize(
    ("values", "ends", "said"),
    [
        (VALUES, ("risky", "unknown"), "no customer is in unknown; there are loyal, risky"),
        (VALUES, ("risky", "risky"), "risky is where they are already"),
        ([], ("risky", "loyal"), "no customer is in risky; there are none"),
        (
            [row("risky", 4, 2.0), row("loyal", 1, 3.0)],
            ("risky", "loyal"),
            "10 % of 4 customers is nobody; give a larger",
        ),
        ([row("risky", 2, None), row("loyal", 1, None)], ("risky", "loyal"), "the run knows no CLV"),
    ],
)
def test_what_can_not_be_told_is_said(values: list[dict[str, Any]], ends: tuple[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        move_of(values, WENT, ends, 0.1)
