"""Slots are kept by a heartbeat, and taken over when there is none: with a clock and waits of the test's own."""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from rfm_spark.core.errors import SlotHeldError
from rfm_spark.lake import claims
from rfm_spark.lake.claims import HEARTBEAT, LEASE, LEASE_OF_JOBS, WATCH
from tests.lake.machines import World

SECOND = timedelta(seconds=1)
NOBODY = 4194305  # No process has this id.


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def beating() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "rfm-spark claim"]


def test_a_heartbeat_keeps_a_slot_beyond_its_lease_in_one_row(world: World) -> None:
    with ExitStack() as held:
        holder = world.kept(held)
        for _ in range(3 * LEASE // HEARTBEAT):
            world.time.minute()
            with pytest.raises(SlotHeldError, match=r"run-1 \(process \d+ on first\) holds it"):
                world.claim("second").take("run-2", set())
            assert len(world.shelf.table) == 1
        holder.check()
        holder.fence()
    assert world.time.waited == timedelta()
    assert beating() == []


def test_a_holder_on_another_machine_that_is_silent_is_taken_over_after_its_lease_and_not_before(world: World) -> None:
    holder = world.claim("first")
    holder.take("run-1", set())
    world.time.now += LEASE - SECOND
    with pytest.raises(SlotHeldError, match="loses it after 5 minutes"):
        world.claim("second").take("run-2", set())
    world.time.now += SECOND
    other = world.claim("second")
    other.take("run-2", set())
    assert (world.time.waited, other.replaced) == (WATCH, {"run-1"})
    with pytest.raises(SlotHeldError, match="run-2"):
        holder.fence()
    holder.release()
    other.fence()
    assert [row["run_id"] for row in world.shelf.table] == ["run-2"]


def test_where_a_heartbeat_waits_for_tasks_a_lease_outlasts_a_stage(world: World) -> None:
    world.shelf.commits_fast = False
    world.claim("first").take("run-1", set())
    world.time.now += LEASE_OF_JOBS - SECOND
    with pytest.raises(SlotHeldError, match="loses it after 30 minutes"):
        world.claim("second").take("run-2", set())
    world.time.now += SECOND
    world.claim("second").take("run-2", set())


def test_containers_that_share_a_name_are_two_machines(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.claim("shop").take("run-1", set())
    seen = os.stat

    def another(path: Any, **more: Any) -> Any:
        return SimpleNamespace(st_ino=1) if path == "/proc/self/ns/pid" else seen(path, **more)

    monkeypatch.setattr(os, "stat", another)
    monkeypatch.setattr(claims, "_CLAIMS_HERE", set())
    with pytest.raises(SlotHeldError, match="on shop"):
        world.claim("shop").take("run-2", set())


def test_a_machine_whose_clock_is_ahead_finds_a_live_holder_renewing(world: World) -> None:
    with ExitStack() as held:
        holder = world.kept(held)

        with pytest.raises(SlotHeldError, match="run-1"):
            world.claim("second", world.time.watch_beside_a_beat, ahead=timedelta(hours=3)).take("run-2", set())
        assert world.time.waited < WATCH
        holder.fence()


def test_a_holder_that_slept_is_stopped_by_its_heartbeat_and_by_its_look_before_publishing(world: World) -> None:
    with ExitStack() as held:
        holder = world.kept(held)
        world.time.now += LEASE
        world.claim("second").take("run-2", set())
        holder.check()
        assert world.time._idle.acquire(timeout=10)
        world.time._go.release()
        for thread in threading.enumerate():
            if thread.name == "rfm-spark claim":
                thread.join(10)
        assert beating() == []
        for look in (holder.check, holder.fence):
            with pytest.raises(SlotHeldError, match="run-2"):
                look()


@pytest.mark.parametrize("fails", ["refused", "answer lost"])
def test_a_renewal_that_fails_is_tried_again(world: World, fails: str) -> None:
    with ExitStack() as held:
        holder = world.kept(held)
        world.shelf.fails = [fails]
        for _ in range(LEASE // HEARTBEAT + 1):
            world.time.minute()
        holder.check()
        with pytest.raises(SlotHeldError):
            world.claim("second").take("run-2", set())
        holder.fence()


def test_a_look_before_publishing_renews_a_lease_that_is_nearly_over(world: World) -> None:
    holder = world.claim("first")
    holder.take("run-1", set())
    world.time.now += LEASE - SECOND
    holder.fence()
    assert world.shelf.table[0]["expires_at"] == world.time.now + LEASE


def test_a_slot_that_was_released_or_published_is_free_at_once(world: World) -> None:
    first = world.claim("first")
    first.take("run-1", set())
    first.release()
    assert world.shelf.table[0]["token"] == ""
    second = world.claim("second")
    second.take("run-2", set())
    third = world.claim("third")
    third.take("run-3", {"run-2"})
    assert (second.replaced, third.replaced, world.time.waited) == ({"run-1"}, {"run-2"}, timedelta())


def test_on_this_machine_a_process_that_is_gone_loses_its_slot_at_once_and_a_live_one_does_not(world: World) -> None:
    world.claim("here").take("run-1", set())
    for process, claim in ((os.getppid(), "x"), (os.getpid(), world.shelf.table[0]["token"])):
        world.shelf.table[0] |= {"pid": process, "token": claim}
        with pytest.raises(SlotHeldError, match="run-1"):
            world.claim("here").take("run-2", set())
    world.shelf.table[0] |= {"pid": NOBODY}
    world.claim("here").take("run-2", set())
    # A restarted container may have the host name and process id of the one that died.
    world.shelf.table[0] |= {"pid": os.getpid(), "token": "that of another process.7"}
    world.claim("here").take("run-3", set())
    assert world.time.waited == timedelta()


def test_of_two_who_watch_a_silent_holder_one_takes_the_slot(world: World) -> None:
    world.claim("first").take("run-1", set())
    world.time.now += LEASE
    faster = world.claim("second")

    def overtaken(ended: threading.Event, seconds: float) -> bool:
        world.time.watch(ended, seconds)
        if world.time.waited == WATCH:
            faster.take("run-2", set())
        return False

    with pytest.raises(SlotHeldError, match="run-2"):
        world.claim("third", overtaken).take("run-3", set())
    faster.fence()


def test_a_heart_stops_with_its_run_whatever_ends_it(world: World) -> None:
    def interrupted() -> None:
        with ExitStack() as held:
            world.kept(held)
            assert beating() == ["rfm-spark claim"]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert beating() == []
