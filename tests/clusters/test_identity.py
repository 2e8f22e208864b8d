"""Ids that last: survivors keep theirs; a split, a merge, a new and a vanished cluster are named."""

from __future__ import annotations

import numpy as np
import pytest

from rfm_spark.capabilities.clusters.driver import Points
from rfm_spark.capabilities.clusters.features import Feature, FeatureSpace
from rfm_spark.capabilities.clusters.identity import Event, Overlap, inherited_ids, lineage, overlap_of
from rfm_spark.capabilities.clusters.names import cluster_names, insight


def overlap(common: list[list[float]], kept: list[float] | None = None) -> Overlap:
    table: Points = np.array(common, dtype=float)
    old = tuple(range(1, len(common) + 1))
    return Overlap(old, table, np.ones(len(old)) if kept is None else np.array(kept))


def told(found: tuple[Event, ...]) -> list[tuple[str, tuple[int, ...], tuple[int, ...]]]:
    return [(event.event, event.old_ids, event.new_ids) for event in found]


def test_ids_follow_the_customers_whatever_the_order_of_the_new_clusters() -> None:
    same = overlap([[0, 0, 90], [5, 80, 0], [70, 0, 3]])
    ids, last = inherited_ids(same, 7)
    assert (ids, last) == ((3, 2, 1), 7)
    assert told(lineage(same, ids)) == [("survived", (1,), (1,)), ("survived", (2,), (2,)), ("survived", (3,), (3,))]


def test_an_id_is_inherited_at_a_jaccard_of_one_half_and_not_below() -> None:
    half = overlap([[50, 50]])
    assert inherited_ids(half, 1)[0] in ((1, 2), (2, 1))
    below = overlap([[49, 51, 0], [0, 0, 10]])
    assert sorted(inherited_ids(below, 2)[0]) == [1, 2, 3]
    third = overlap([[34, 33, 33]])
    assert inherited_ids(third, 1)[0] == (2, 3, 4)


def test_an_id_once_given_is_never_given_to_another_cluster() -> None:
    assert inherited_ids(overlap([[0, 100], [0, 10]]), last_id=9)[0] == (10, 1)


def test_a_split_is_named_whether_or_not_a_part_keeps_the_id() -> None:
    even = overlap([[45, 0, 55], [0, 100, 0]])
    ids, _ = inherited_ids(even, 2)
    assert ids == (3, 2, 1)
    assert told(lineage(even, ids)) == [("survived", (1,), (1,)), ("split", (1,), (1, 3)), ("survived", (2,), (2,))]
    thirds = overlap([[35, 33, 32, 0], [0, 0, 0, 100]])
    ids, _ = inherited_ids(thirds, 2)
    assert told(lineage(thirds, ids)) == [("split", (1,), (3, 4, 5)), ("survived", (2,), (2,))]


def test_customers_who_migrate_to_a_cluster_that_was_there_are_no_split() -> None:
    moved = overlap([[65, 35], [0, 300]])
    ids, _ = inherited_ids(moved, 2)
    assert told(lineage(moved, ids)) == [("survived", (1,), (1,)), ("survived", (2,), (2,))]


def test_a_merge_absorbs_the_smaller_one_or_both() -> None:
    uneven = overlap([[100, 0], [40, 0], [0, 80]])
    ids, _ = inherited_ids(uneven, 3)
    assert told(lineage(uneven, ids)) == [("survived", (1,), (1,)), ("absorbed", (2,), (1,)), ("survived", (3,), (3,))]
    three = overlap([[40], [40], [40]])
    ids, _ = inherited_ids(three, 3)
    assert told(lineage(three, ids)) == [("absorbed", (i,), (4,)) for i in (1, 2, 3)]


def test_a_new_and_a_vanished_cluster_are_named() -> None:
    # Cluster 2's customers are gone but for three; the last new cluster has customers nobody knew.
    changed = overlap([[100, 0], [3, 0], [0, 0]], kept=[1.0, 3 / 90, 0.0])
    ids, _ = inherited_ids(changed, 3)
    assert ids == (1, 4)
    assert told(lineage(changed, ids)) == [
        ("survived", (1,), (1,)), ("disappeared", (2,), ()), ("disappeared", (3,), ()), ("emerged", (), (4,)),
    ]  # fmt: skip


def test_a_cluster_most_of_whose_customers_are_gone_hands_nothing_on() -> None:
    """The few who are left lie together; but who else is in their cluster now may be anyone."""
    few = overlap([[100, 0], [0, 40]], kept=[1.0, 0.4])
    ids, _ = inherited_ids(few, 2)
    assert ids == (1, 3)
    events = lineage(few, ids)
    assert told(events) == [("survived", (1,), (1,)), ("disappeared", (2,), ()), ("emerged", (), (3,))]
    assert events[1].overlap == pytest.approx(0.4)
    half = overlap([[100, 0], [0, 40]], kept=[1.0, 0.5])
    assert inherited_ids(half, 2)[0] == (1, 2)


def test_counts_become_an_overlap_with_those_who_are_gone() -> None:
    made = overlap_of((5, 2), {(2, 0): 7, (5, 1): 4}, 2, {2: 0.7})
    assert made.old_ids == (2, 5)
    assert made.common.tolist() == [[7, 0], [0, 4]]
    assert made.kept.tolist() == [0.7, 1.0]
    assert made.shares.tolist() == [[0.7, 0.0], [0.0, 1.0]]


SPACE = FeatureSpace(
    tuple(Feature(c, "log1p", None, None, 0, 0, 1) for c in ("recency_days", "frequency", "monetary", "r_pct"))
)


def test_names_are_plain_unique_and_stay_with_their_ids() -> None:
    centres = [
        (-2.0, 1.0, 1.0, 0.0),
        (-1.9, 1.1, 0.6, 0.0),
        (0.0, 0.0, 0.0, 0.0),
        (0.1, 0.0, 0.0, 0.0),
        (0.0, 0.0, 0.0, 2.0),
    ]
    names = cluster_names(centres, SPACE)
    assert names[:2] == (
        "very recent, frequent, high spend (higher spend)", "very recent, frequent, high spend (lower spend)",
    )  # fmt: skip
    assert names[4] == "very high r pct"
    assert len(set(names)) == len(names)
    kept = cluster_names(centres, SPACE, {2: "the regulars", 3: "average"})
    assert kept[2:4] == ("the regulars", "average")
    alike = cluster_names([(0.0,) * 4] * 4, SPACE, {1: "average"})
    assert alike == ("average (1)", "average", "average (2)", "average (3)")


def test_a_weight_does_not_make_a_cluster_extreme() -> None:
    heavy = FeatureSpace((Feature("monetary", "log1p", None, None, 0, 0, 1, weight=9.0),))
    assert cluster_names([(3.0,)], heavy) == ("high spend",)


@pytest.mark.parametrize(
    ("z", "message"),
    [
        ((-1.0, 1.0, -1.0), "high recency and frequency, low spend: room to upsell"),
        ((1.0, 1.0, 1.0), "win them back first"),
        ((0.0, 0.0, 0.0), "close to the average"),
        ((1.0, 0.0, 0.0), "silent for longer than most"),
    ],
)
def test_an_insight_is_drawn_from_the_numbers(z: tuple[float, float, float], message: str) -> None:
    sentence = insight(dict(zip(("recency_days", "frequency", "monetary"), z, strict=True)), 0.2, 0.61)
    assert sentence.startswith("20% of customers, 61% of revenue: ")
    assert message in sentence
