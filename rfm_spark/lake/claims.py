"""One run per slot: a claim on (config_name, as_of_date), compared and set, kept by a heartbeat, checked at the end.

A slot has one row. Whoever holds it puts that row anew every `HEARTBEAT`, from a thread of the driver, under another
token each time. Tokens are compared and set: of two who change the row one wins, and a row that has the token it had is
of a holder that has done nothing since. A run that comes takes the slot over from a holder

- whose run is published, or that released it;
- that was a process of this machine, and is gone: at once;
- that gives no sign of life: its lease is over by this machine's clock, and the row then stays as it is for `WATCH`, in
  which a live holder renews it twice.

So no clock is trusted to say that a holder is gone, only when to begin to watch: a machine whose clock is ahead watches
a live holder and finds it renewing, one whose clock is behind begins that much later. A holder that was given up while
it only slept does no harm: its heartbeat finds another's token, and it looks at the row before it publishes.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from threading import Event, RLock, Thread
from typing import Any

from rfm_spark.core.digests import digest
from rfm_spark.core.errors import SlotHeldError
from rfm_spark.core.schemas import CLAIMS
from rfm_spark.lake.commits import is_conflict, with_retries
from rfm_spark.lake.store import Store

SLOT = ("config_name", "as_of_date")
LEASE = timedelta(minutes=5)
HEARTBEAT = timedelta(minutes=1)
WATCH = HEARTBEAT * 2.5
LOOKS = 5
# What a holder must have left of its lease when it publishes.
_MARGIN = LEASE / 2
# Where Spark commits a heartbeat is a job, which waits for tasks of the run's own stages.
LEASE_OF_JOBS = timedelta(minutes=30)
_TRIES = 8
_PATIENCE = 30.0
# A restarted container often has the host name and process id of the one that died.
_CLAIMS_HERE: set[str] = set()
# Waits until an event, or for some seconds; whether the event came.
Wait = Callable[[Event, float], bool]


def nobody_listens(run_id: str) -> None:
    """Of a holder that is watched nothing is said."""
    del run_id


class Claim:
    """The right of one process to write one slot."""

    def __init__(
        self, store: Store, config_name: str, as_of: date, clock: Callable[[], datetime], *,
        wait: Wait = Event.wait, watching: Callable[[str], None] = nobody_listens,
    ) -> None:  # fmt: skip
        """Describe the slot; `take` claims it.

        Args:
            store: the lake.
            config_name: the segmentation.
            as_of: the date.
            clock: the present moment with a time zone.
            wait: between two heartbeats, and between two looks at a silent holder.
            watching: told which run's holder is watched before its slot is taken over, which takes minutes.
        """
        self._store, self._clock, self._wait, self._watching = store, clock, wait, watching
        self._slot: dict[str, Any] = dict(zip(SLOT, (config_name, as_of), strict=True))
        self._id, self._renewals = uuid.uuid4().hex, 0
        _CLAIMS_HERE.add(self._id)
        self._host, self._run_id, self._token = this_host(), "", ""
        self._lease = LEASE if store.commits_fast else LEASE_OF_JOBS
        self._lock, self._lost = RLock(), False
        # Runs that held the slot before, and may have died.
        self.replaced: set[str] = set()

    def take(self, run_id: str, complete: Collection[str]) -> None:
        """Claim the slot, or take it over from a holder that is done or gone.

        Args:
            run_id: that will be written.
            complete: run ids in the ledger.

        Raises:
            SlotHeldError: another live run holds it.
        """
        self._store.prepare(CLAIMS)
        self._run_id, silent = run_id, ""
        for attempt in range(_TRIES):
            holder = self._holder()
            if holder is not None and not self._is_free(holder, complete) and holder["token"] != silent:
                silent, holder = holder["token"], self._watched(holder)
                if holder is None or (holder["token"] != silent and not self._is_free(holder, complete)):
                    raise self._held_by(holder)
            if holder is not None:
                self.replaced.add(str(holder["run_id"]))
            try:
                if self._put(holder["token"] if holder is not None else ""):
                    return
            except Exception as error:
                # Another slot's claim conflicts too: look again who holds ours, a little later.
                if not is_conflict(error) or attempt == _TRIES - 1:
                    raise
                time.sleep((attempt + 1) * (0.1 + secrets.randbelow(200) / 1000))
        raise self._held_by(self._holder())

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep the slot by a heartbeat meanwhile."""
        ended = Event()
        # A daemon, so that a driver that can't go on ends all the same.
        thread = Thread(target=self._beat, args=(ended,), name="rfm-spark claim", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            # One that is stuck in a commit must not hold up a run that is over.
            thread.join(_PATIENCE)

    def check(self) -> None:
        """Stop a run whose slot the heartbeat found taken over; looks at nothing.

        Raises:
            SlotHeldError: the claim was lost.
        """
        if self._lost:
            raise self._held_by(self._holder())

    def fence(self) -> None:
        """Look whether the slot is still ours, right before publishing, and have enough of it left.

        Raises:
            SlotHeldError: the claim was lost.
        """
        with self._lock:
            holder = self._holder()
            if holder is None or not self._is_mine(holder):
                raise self._held_by(holder)
            self._token = holder["token"]
            if holder["expires_at"] - self._clock() < _MARGIN and not self._renewed():
                raise self._held_by(self._holder())

    def release(self) -> None:
        """Free the slot after a failed run, if it is still ours; a published run frees it by being published."""
        _CLAIMS_HERE.discard(self._id)
        with self._lock:
            holder = self._holder()
            if holder is not None and self._is_mine(holder):
                freed(self._store, holder, self._clock())

    def _beat(self, ended: Event) -> None:
        while not self._lost and not self._wait(ended, HEARTBEAT.total_seconds()):
            # One that fails is tried again at the next beat; the look before publishing tells what came of it.
            with suppress(Exception), self._lock:
                self._lost = not self._renewed()

    def _renewed(self) -> bool:
        """Put the row anew; whether the slot is ours."""
        if with_retries(lambda: self._put(self._token)):
            return True
        holder = self._holder()
        if holder is None or not self._is_mine(holder):
            return False
        # An earlier renewal came through though its answer was lost.
        self._token = holder["token"]
        return with_retries(lambda: self._put(self._token))

    def _put(self, replaced_token: str) -> bool:
        self._renewals += 1
        row = {
            **self._slot, "run_id": self._run_id, "token": f"{self._id}.{self._renewals}",
            "host": self._host, "pid": os.getpid(), "expires_at": self._clock() + self._lease,
        }  # fmt: skip
        put = self._store.put_if(CLAIMS, row, SLOT, "token", replaced_token)
        if put:
            self._token = str(row["token"])
        return put

    def _watched(self, holder: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The row after a holder whose lease is over had time to renew it; at once when it changes.

        Raises:
            SlotHeldError: the lease is not over.
        """
        if holder["expires_at"] > self._clock():
            raise self._held_by(holder)
        self._watching(str(holder["run_id"]))
        found: Mapping[str, Any] | None = holder
        for _ in range(LOOKS):
            self._wait(Event(), WATCH.total_seconds() / LOOKS)
            found = self._holder()
            if found is None or found["token"] != holder["token"]:
                break
        return found

    def _holder(self) -> Mapping[str, Any] | None:
        found = self._store.rows(CLAIMS.name, **self._slot)
        return found[0] if found else None

    def _is_mine(self, holder: Mapping[str, Any]) -> bool:
        return _claim_of(holder) == self._id

    def _is_free(self, holder: Mapping[str, Any], complete: Collection[str]) -> bool:
        return holder["run_id"] in complete or self._is_mine(holder) or is_abandoned(holder, self._host)

    def _held_by(self, holder: Mapping[str, Any] | None) -> SlotHeldError:
        slot = f"{self._slot['config_name']} as of {self._slot['as_of_date']}"
        if holder is None or not holder["token"]:
            return SlotHeldError(f"slot {slot}: lost to another run; start this one again")
        minutes = self._lease // timedelta(minutes=1)
        return SlotHeldError(
            f"slot {slot}: {holder_of(holder)} holds it; wait until it ends, then start this one again (a process that "
            f"is gone loses it after {minutes} minutes)"
        )


def this_host() -> str:
    """This machine as processes see each other: containers that share a name share neither processes nor slots."""
    name = socket.gethostname()
    try:
        started = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        seen = f"{started} {os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        # No Linux: there are no such containers.
        return name
    return f"{name}/{digest(seen)[:8]}"


def is_abandoned(holder: Mapping[str, Any], host: str) -> bool:
    """Whether a slot was released, or was held by a process of this machine that is gone."""
    if not holder["token"]:
        return True
    if holder["host"] != host:
        return False
    if int(holder["pid"]) == os.getpid():
        return _claim_of(holder) not in _CLAIMS_HERE
    return not _process_runs(int(holder["pid"]))


def holder_of(holder: Mapping[str, Any]) -> str:
    """Who holds a slot, in words."""
    return f"run {holder['run_id']} (process {holder['pid']} on {str(holder['host']).partition('/')[0]})"


def freed(store: Store, holder: Mapping[str, Any], now: datetime) -> bool:
    """Release the slot of a holder if its row is still the one seen; whether it was.

    Args:
        store: the lake.
        holder: its row.
        now: the present moment.
    """
    free = {**holder, "token": "", "expires_at": now}
    return with_retries(lambda: store.put_if(CLAIMS, free, SLOT, "token", holder["token"]))


def _claim_of(holder: Mapping[str, Any]) -> str:
    return str(holder["token"]).partition(".")[0]


def _process_runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
