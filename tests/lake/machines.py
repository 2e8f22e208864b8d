"""Machines that share the claims of a lake: the table in memory, with a clock and waits of the test's own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

from rfm_spark.core.table import Table
from rfm_spark.lake.claims import HEARTBEAT, Claim

DAY = date(2024, 6, 30)


class Shelf:
    """The table of claims, in memory; `fails` says what becomes of the next commits."""

    def __init__(self) -> None:
        self.table: list[dict[str, Any]] = []
        self.fails: list[str] = []
        self.commits_fast = True
        self._turn = threading.Lock()

    def prepare(self, table: Table) -> None:
        assert table.name == "claims"

    def rows(self, name: str, **where: Any) -> list[dict[str, Any]]:
        assert name == "claims"
        return [dict(row) for row in self.table if all(row[key] == value for key, value in where.items())]

    def put_if(
        self, table: Table, row: Mapping[str, Any], keys: Sequence[str], column: str, expected: str
    ) -> bool:  # fmt: skip
        with self._turn:
            fails = self.fails.pop(0) if self.fails else ""
            if fails == "refused":
                raise OSError("the network is gone")
            there = [one for one in self.table if all(one[key] == row[key] for key in keys)]
            if any(one[column] != expected for one in there):
                return False
            self.table = [*(one for one in self.table if one not in there), dict(row)]
            if fails == "answer lost":
                raise OSError("the network is gone")
            return True


class Time:
    """A clock that stands still until the test moves it, seen `ahead` by a machine whose clock is wrong."""

    def __init__(self) -> None:
        self.now = datetime(2024, 7, 1, tzinfo=timezone.utc)
        self.waited = timedelta()
        self._idle, self._go = threading.Semaphore(0), threading.Semaphore(0)

    def clock(self, ahead: timedelta = timedelta()) -> Callable[[], datetime]:
        return lambda: self.now + ahead

    def beat(self, ended: threading.Event, seconds: float) -> bool:
        """The heartbeat's wait: until the test lets a minute pass."""
        assert seconds == HEARTBEAT.total_seconds()
        self._idle.release()
        while not self._go.acquire(timeout=0.005):
            if ended.is_set():
                return True
        return ended.is_set()

    def minute(self) -> None:
        """Let a minute pass for a holder whose heart beats, until it has beaten."""
        assert self._idle.acquire(timeout=10)
        self.now += HEARTBEAT
        self._go.release()
        assert self._idle.acquire(timeout=10)
        self._idle.release()

    def watch(self, ended: threading.Event, seconds: float) -> bool:
        """The wait of whoever watches."""
        assert not ended.is_set()
        self.now += timedelta(seconds=seconds)
        self.waited += timedelta(seconds=seconds)
        return False

    def watch_beside_a_beat(self, ended: threading.Event, seconds: float) -> bool:
        """The same, while the holder's heart beats once."""
        self.watch(ended, seconds)
        if self.waited == HEARTBEAT:
            self.minute()
        return False


class World:
    """Machines that share a table."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.shelf, self.time, self._patch = Shelf(), Time(), patch

    def at(self, host: str) -> None:
        """From here on, this process is on a machine of that name."""
        self._patch.setattr(socket, "gethostname", lambda: host)

    def claim(self, host: str, wait: Any = None, ahead: timedelta = timedelta(), day: date = DAY) -> Claim:
        self.at(host)
        store: Any = self.shelf
        return Claim(store, "tiny", day, self.time.clock(ahead), wait=wait or self.time.watch)

    def kept(self, held: ExitStack, host: str = "first") -> Claim:
        """A holder whose heart beats when the test says so."""
        claim = self.claim(host, self.time.beat)
        claim.take("run-1", set())
        held.enter_context(claim.kept())
        return claim
