"""The gap expected between two orders, against a textbook's example and its formulas on single gaps."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfm_spark.capabilities.lifecycle.rhythm import Gaps, rhythm_of
from tests.lifecycle.oracle import credibility


def gaps_of(groups: list[list[int]]) -> list[Gaps]:
    """Single gaps added up by how many a customer has."""
    by_count: dict[int, list[list[int]]] = defaultdict(list)
    for group in groups:
        by_count[len(group)].append(group)
    return [
        Gaps(
            count,
            len(mine),
            sum(map(sum, mine)),
            sum(sum(group) ** 2 for group in mine),
            sum(gap * gap for group in mine for gap in group),
        )
        for count, mine in by_count.items()
    ]


def test_the_example_of_loss_models() -> None:
    """Klugman, Panjer, Willmot, Loss Models: X1 = (3, 5, 7), X2 = (6, 12, 9) give v 6.5, a 35/6, Z 0.729."""
    found = rhythm_of(gaps_of([[3, 5, 7], [6, 12, 9]]))
    assert found is not None
    assert found.within == 6.5
    assert found.between == pytest.approx(35 / 6, rel=1e-15)
    assert found.weight is not None
    assert 3 / (3 + found.weight) == pytest.approx(0.7292, abs=5e-5)
    assert found.mean_gap == 7
    assert (found.customers, found.gaps) == (2, 6)


@given(st.lists(st.lists(st.integers(1, 400), min_size=1, max_size=12), min_size=2, max_size=30))
def test_sums_by_number_of_gaps_tell_what_single_gaps_tell(groups: list[list[int]]) -> None:
    found = rhythm_of(gaps_of(groups))
    assert found is not None
    if not any(len(group) > 1 for group in groups):
        assert found.within is None
        assert found.weight is None
        return
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = credibility([np.array(group, dtype=float) for group in groups])
    assert found.within == pytest.approx(expected.within, rel=1e-9, abs=1e-9)
    assert found.between == pytest.approx(expected.between, rel=1e-7, abs=1e-6)
    # A variance that comes out as rounding's noise is none; which side of 0 it is on only exact numbers tell.
    if found.between is not None and found.between > 1e-6:
        assert found.weight == pytest.approx(expected.weight, rel=1e-6)
        assert found.mean_gap == pytest.approx(expected.mean, rel=1e-9)
    elif found.between is not None and found.between <= 0:
        assert found.weight is None
        assert found.mean_gap == pytest.approx(np.concatenate(groups).mean())


def test_customers_who_do_not_differ_have_the_gap_of_all() -> None:
    found = rhythm_of(gaps_of([[10, 20], [20, 10], [15, 15]]))
    assert found is not None
    assert found.weight is None
    assert found.mean_gap == 15


def test_of_one_order_each_nothing_is_known() -> None:
    assert rhythm_of([]) is None


def test_planted_customers_are_found_again() -> None:
    random = np.random.default_rng(7)
    means = random.gamma(4, 10, 4000)
    groups = [random.exponential(mean, size).round().astype(int).tolist()
              for mean, size in zip(means, random.integers(1, 20, 4000), strict=True)]  # fmt: skip
    found = rhythm_of(gaps_of(groups))
    assert found is not None
    assert found.weight is not None
    assert found.mean_gap == pytest.approx(40, rel=0.05)
    # Of exponential gaps the variance within is the mean of the squared means, 40² + 400; between it is 400.
    assert found.weight == pytest.approx(2000 / 400, rel=0.2)
