"""Which batches become one, and that it says what they said: by hand, and of any batches, folds and corrections."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rfm_spark.capabilities.purchases.counts import CURRENCIES, line_counts
from rfm_spark.capabilities.purchases.folding import foldable, folded
from rfm_spark.capabilities.purchases.gates import usual_reads
from rfm_spark.core.batches import EPOCH, FOLD, Batch, Batches, Day, Taken, in_order, number_of

READ = "transactions.read"


def a_batch(number: int, kind: str = "append", read: int = 1, **changes: Any) -> Batch:
    currencies = json.dumps({"EUR": number % 4, "USD": 9 - number % 4})
    known = Batch("r", number, f"{number:05d}-{number:08x}", "transactions", None, f"v{number}", kind,
                  rows={READ: read}, money={"transactions.read": Decimal(read)}, days={number: Day(read, 5, 0, 7, 9)},
                  files=(f"f{number}",), facts={CURRENCIES: currencies})  # fmt: skip
    return replace(known, **changes)


def batches(*kinds: str) -> Batches:
    return Batches(tuple(a_batch(number, kind, number) for number, kind in enumerate(kinds, 1)))


def through_the_ledger(*known: Batch) -> Batches:
    return in_order([one.as_row() for one in known])


def ids(found: Sequence[Batch]) -> list[int]:
    return [one.number for one in found]


def last(known: Batches, *numbers: int) -> list[str]:
    return [known.known[number - 1].batch_id for number in numbers]


def test_up_to_the_last_one_that_every_recent_run_had() -> None:
    known = batches("rebuild", "append", "correction", "append", "append")
    assert ids(foldable(known, last(known, 5, 4), 4)) == [1, 2, 3, 4]
    assert ids(foldable(known, [*last(known, 5, 4), "of another reading"], 4)) == [1, 2, 3, 4]
    # Too few, or a recent run that stopped early; nobody who had any.
    assert foldable(known, last(known, 5, 4), 5) == ()
    assert foldable(known, last(known, 5, 2), 3) == ()
    assert foldable(known, [], 2) == ()
    assert foldable(batches("rebuild"), last(known, 1), 1) == ()


def test_what_a_rebuild_took_the_place_of_goes_when_no_recent_run_was_made_of_it() -> None:
    known = batches("rebuild", "append", "rebuild", "append", "append")
    assert ids(foldable(known, last(known, 5, 4), 30)) == [1, 2, 3, 4]
    # The run before may be carried from what was there then.
    assert foldable(known, last(known, 5, 2), 30) == ()
    assert ids(foldable(known, last(known, 5, 2), 5)) == [1, 2, 3, 4, 5]


def test_a_fold_stands_where_the_last_one_in_it_stood() -> None:
    known = batches("rebuild", "append", "rebuild", "append", "append")
    fold = folded(known.known[:4], known.next_number, "x")
    assert (fold.kind, fold.number, fold.place, fold.to_version, fold.files) == (FOLD, 6, 4, "v4", ("f4",))
    assert fold.batch_id.startswith("00004-00006-")
    assert (number_of(fold.batch_id), number_of(fold.batch_id, first=True)) == (6, 4)
    # Killed before their rows were removed, or not: the ledger says the same.
    for there in ((*known.known, fold), (known.known[4], fold)):
        now = through_the_ledger(*there)
        assert [one.batch_id for one in now.known] == [fold.batch_id, known.known[4].batch_id]
        assert (now.next_number, now.last, now.before) == (7, known.known[4], ())
    assert now.taken == known.taken == tuple(Taken(one.batch_id, one.kind) for one in known.known)
    assert now.held == known.held == known.taken[2:]
    # Who had all of it knows what they had; who had a part of it does not.
    seen = now.until(known.known[3].batch_id)
    assert seen is not None
    assert seen.ids == [fold.batch_id]
    assert [now.until(one.batch_id) for one in known.known[:3]] == [None] * 3
    # But rejected rows are found under the ids that a run had, even of before the rebuild.
    for one in known.known:
        assert now.held_at(one.batch_id) == known.held_at(one.batch_id)
    assert [one.batch_id for one in now.held_at(known.known[1].batch_id)] == last(known, 1, 2)
    assert now.held_at("nobody's") == ()


def test_a_batch_that_comes_too_late_counts_for_nothing() -> None:
    known = batches("rebuild", "append", "append")
    fold = folded(known.known, known.next_number, "x")
    late = a_batch(2, read=99, batch_id="00002-ffffffff")
    assert through_the_ledger(fold, late).known == (fold,)
    # And folds are folded.
    more = folded((fold, a_batch(5)), 6, "x")
    assert through_the_ledger(fold, a_batch(5), more).known == (more,)
    assert more.taken == (*known.taken, Taken(a_batch(5).batch_id, "append"))


@dataclass
class Twins:
    """The same batches, folded now and then and never."""

    plain: list[Batch] = field(default_factory=list)
    rows: list[Batch] = field(default_factory=list)
    number: int = 0

    def take(self, kind: str, read: int) -> None:
        self.plain.append(a_batch(len(self.plain) + 1, kind, read))
        now = through_the_ledger(*self.rows)
        one = self.plain[-1]
        self.rows.append(replace(one, number=now.next_number, batch_id=f"{now.next_number:05d}-{one.number:08x}"))

    def fold(self, upto: int, remove: bool) -> None:
        now = through_the_ledger(*self.rows)
        found = foldable(now, [one.taken[-1].batch_id for one in now.live[upto % len(now.live) :]], 2)
        if found:
            fold = folded(found, now.next_number, "x")
            gone = {one.batch_id for one in found} if remove else set()
            self.rows = [*(one for one in self.rows if one.batch_id not in gone), fold]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["append", "append", "append", "correction", "rebuild"]), st.integers(-3, 9)),
        st.tuples(st.integers(0, 6), st.booleans()),
    ),
    max_size=14,
)


@given(STEPS)
def test_folds_change_nothing_that_anybody_asks(steps: list[tuple[Any, Any]]) -> None:
    twins = Twins()
    twins.take("rebuild", 3)
    for one in steps:
        (twins.take if isinstance(one[0], str) else twins.fold)(*one)
    plain, now = Batches(tuple(twins.plain)), through_the_ledger(*twins.rows)
    assert (now.days(), now.rows(), now.money()) == (plain.days(), plain.rows(), plain.money())
    for day in (EPOCH + timedelta(days=number) for number in range(-1, 12)):
        assert line_counts(now, "transactions", day) == line_counts(plain, "transactions", day)
    assert usual_reads(now) == usual_reads(plain)
    assert [number_of(one.batch_id) for one in now.held] == sorted(number_of(one.batch_id) for one in now.held)
    assert [one.batch_id[-8:] for one in now.taken] == [one.batch_id[-8:] for one in plain.taken]
    assert [one.batch_id[-8:] for one in now.held] == [one.batch_id[-8:] for one in plain.held]
    assert now.last is not None
    assert (now.last.to_version, now.last.files) == (twins.plain[-1].to_version, twins.plain[-1].files)
    assert now.ids == sorted(now.ids)
