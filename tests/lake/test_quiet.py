"""Maintenance finds every live run by its claim, however clocks differ, and frees slots of those that are gone."""

from __future__ import annotations

import threading
from collections.abc import Collection
from contextlib import ExitStack
from datetime import date, timedelta
from typing import Any

import pytest

from rfm_spark.core.errors import SlotHeldError
from rfm_spark.lake.claims import HEARTBEAT, LEASE, WATCH
from rfm_spark.lake.quiet import must_be_quiet
from tests.lake.machines import DAY, Time, World

SECOND = timedelta(seconds=1)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def look(world: World, *published: str, wait: Any = None, ahead: timedelta = timedelta()) -> list[str]:
    """Look from a machine of its own; which runs were watched."""
    told: list[str] = []
    world.at("maintenance")
    store: Any = world.shelf

    def known(run_ids: Collection[str]) -> set[str]:
        return {*run_ids} & {*published}

    must_be_quiet(store, known, world.time.clock(ahead), wait=wait or world.time.watch, watching=told.append)
    return told


def test_a_lake_without_claims_and_one_whose_runs_are_over_are_quiet_at_once(world: World) -> None:
    assert look(world) == []
    world.claim("first").take("run-1", set())
    with pytest.raises(SlotHeldError, match=r"run-1 \(process \d+ on first\) is at work in the lake"):
        look(world)
    table = list(world.shelf.table)
    assert look(world, "run-1") == []
    assert (world.shelf.table, world.time.waited) == (table, timedelta())
    failed = world.claim("second")
    failed.take("run-2", {"run-1"})
    failed.release()
    assert (look(world), world.time.waited) == ([], timedelta())


def test_a_live_run_is_seen_beyond_its_first_lease_and_by_a_machine_whose_clock_is_ahead(world: World) -> None:
    with ExitStack() as held:
        holder = world.kept(held)
        for _ in range(2 * LEASE // HEARTBEAT):
            world.time.minute()
        with pytest.raises(SlotHeldError, match="run-1"):
            look(world)
        assert world.time.waited == timedelta()

        with pytest.raises(SlotHeldError, match="run-1"):
            look(world, wait=world.time.watch_beside_a_beat, ahead=timedelta(hours=3))
        assert world.time.waited < WATCH
        holder.fence()


def test_a_holder_that_is_gone_is_watched_once_and_one_that_only_slept_can_not_go_on(world: World) -> None:
    sleeper = world.claim("first")
    sleeper.take("run-1", set())
    world.time.now += LEASE - SECOND
    with pytest.raises(SlotHeldError, match="run-1"):
        look(world)
    world.time.now += SECOND
    assert (look(world), world.time.waited) == (["run-1"], WATCH)
    assert (look(world), world.time.waited) == ([], WATCH)
    with pytest.raises(SlotHeldError, match="lost to another run"):
        sleeper.fence()
    # The next run of the slot has it at once, and knows whose rows may be left.
    following = world.claim("second")
    following.take("run-2", set())
    assert (following.replaced, world.time.waited) == ({"run-1"}, WATCH)


@pytest.mark.parametrize("day", [DAY, DAY + timedelta(days=1)])
def test_a_run_that_begins_while_a_silent_holder_is_watched_is_seen(world: World, day: date) -> None:
    world.claim("first").take("run-1", set())
    world.time.now += LEASE

    def watch(ended: threading.Event, seconds: float) -> bool:
        world.time.watch(ended, seconds)
        if world.time.waited == WATCH:
            world.claim("second", Time().watch, day=day).take("run-2", set())
        return False

    with pytest.raises(SlotHeldError, match="run-2"):
        look(world, wait=watch)


def test_a_run_that_ends_while_it_is_watched_is_over(world: World) -> None:
    holder = world.claim("first")
    holder.take("run-1", set())
    world.time.now += LEASE

    def watch(ended: threading.Event, seconds: float) -> bool:
        world.time.watch(ended, seconds)
        if world.time.waited == WATCH:
            holder.release()
        return False

    assert (look(world, wait=watch), look(world)) == (["run-1"], [])
