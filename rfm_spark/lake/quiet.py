"""A lake in which nobody writes a run: what maintenance needs, since it deletes what a run at work may read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from threading import Event
from typing import Any

from rfm_spark.core.errors import SlotHeldError
from rfm_spark.core.schemas import CLAIMS
from rfm_spark.lake.claims import LOOKS, WATCH, Wait, freed, holder_of, is_abandoned, nobody_listens, this_host
from rfm_spark.lake.store import Store

Published = Callable[[Collection[str]], Collection[str]]


def must_be_quiet(
    store: Store, published: Published, clock: Callable[[], datetime], *, wait: Wait = Event.wait,
    watching: Callable[[str], None] = nobody_listens,
) -> None:  # fmt: skip
    """Make sure that nobody writes a run.

    Holders whose lease is over are watched together, as a run watches the one whose slot it takes over. Slots of those
    that give no sign of life are released, so that one that only slept can't go on, and the next time nobody waits.

    Args:
        store: the lake.
        published: which of some run ids are in the ledger, which is looked at after the claims: publishing a run frees
            its slot.
        clock: the present moment with a time zone.
        wait: between two looks at silent holders.
        watching: told which runs' holders are watched, which takes minutes.

    Raises:
        SlotHeldError: a live run holds a slot.
    """
    silent = _held(store, published)
    for holder in silent:
        if holder["expires_at"] > clock():
            raise _at_work(holder)
    if not silent:
        return
    watching(", ".join(sorted(str(holder["run_id"]) for holder in silent)))
    tokens = {holder["token"] for holder in silent}
    for _ in range(LOOKS):
        wait(Event(), WATCH.total_seconds() / LOOKS)
        for holder in _held(store, published):
            if holder["token"] not in tokens:
                raise _at_work(holder)
    if not all([freed(store, holder, clock()) for holder in silent]):
        # One that ended meanwhile has released its slot by itself; another one may have taken it.
        must_be_quiet(store, published, clock, wait=wait, watching=watching)


def _held(store: Store, published: Published) -> list[Mapping[str, Any]]:
    host = this_host()
    held = [holder for holder in store.rows(CLAIMS.name) if not is_abandoned(holder, host)]
    known = published([str(holder["run_id"]) for holder in held]) if held else ()
    return [holder for holder in held if holder["run_id"] not in known]


def _at_work(holder: Mapping[str, Any]) -> SlotHeldError:
    return SlotHeldError(
        f"slot {holder['config_name']} as of {holder['as_of_date']}: {holder_of(holder)} is at work in the lake; wait "
        "until it ends, then start `rfm-spark maintain` again, which goes on where it stopped"
    )
