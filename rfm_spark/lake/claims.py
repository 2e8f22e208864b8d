"""One run per slot: a claim on (config_name, as_of_date), compared and set, renewed, checked before publishing."""

from __future__ import annotations

import os
import secrets
import socket
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from rfm_spark.core.errors import SlotHeldError
from rfm_spark.core.schemas import CLAIMS
from rfm_spark.lake.commits import is_conflict, with_retries
from rfm_spark.lake.store import Store

LEASE = timedelta(hours=2)
# A claim is looked at and extended when a third of its lease is over.
_MARGIN = LEASE * 2 / 3
_TRIES = 8
# A restarted container often has the host name and process id of the one that died.
_TOKENS_HERE: set[str] = set()


class Claim:
    """The right of one process to write one slot."""

    def __init__(self, store: Store, config_name: str, as_of: date, clock: Callable[[], datetime]) -> None:
        """Describe the slot; `take` claims it."""
        self._store = store
        self._slot = {"config_name": config_name, "as_of_date": as_of}
        self._clock = clock
        self._token = uuid.uuid4().hex
        _TOKENS_HERE.add(self._token)
        self._holds: dict[str, Any] = {}
        # Runs that held the slot before, and may have died.
        self.replaced: set[str] = set()

    def take(self, run_id: str, complete: Collection[str]) -> None:
        """Claim the slot, taking over a claim whose run is complete, whose process is dead or whose lease ran out.

        Args:
            run_id: that will be written.
            complete: run ids in the ledger.

        Raises:
            SlotHeldError: another live run holds it.
        """
        self._store.prepare(CLAIMS)
        for attempt in range(_TRIES):
            holder = self._holder()
            if holder is not None and holder["run_id"] not in complete and self._is_live(holder):
                raise self._held_by(holder)
            if holder is not None:
                self.replaced.add(str(holder["run_id"]))
            try:
                self._put(run_id, holder["token"] if holder is not None else "", self._clock() + LEASE)
            except Exception as error:
                # Another slot's claim conflicts too: look again who holds ours, a little later.
                if not is_conflict(error) or attempt == _TRIES - 1:
                    raise
                time.sleep((attempt + 1) * (0.1 + secrets.randbelow(200) / 1000))
                continue
            holder = self._holder()
            if holder is not None and holder["token"] == self._token:
                return
        raise self._held_by(self._holder())

    def renew(self, *, fence: bool = False) -> None:
        """Make sure the slot is still ours, and stays so for long enough.

        Args:
            fence: look though a third of the lease is not over yet: right before publishing, against a run that was
                taken over.

        Raises:
            SlotHeldError: the claim was lost.
        """
        late = self._holds["expires_at"] - self._clock() < _MARGIN
        if not fence and not late:
            return
        holder = self._holder()
        if holder is None or holder["token"] != self._token:
            raise self._held_by(holder)
        if late and not self._expire_at(self._clock() + LEASE):
            raise self._held_by(self._holder())

    def release(self) -> None:
        """Free the slot after a failed run, if it is still ours; a published run frees it by being published."""
        self._expire_at(self._clock())

    def _expire_at(self, moment: datetime) -> bool:
        """Set when the claim ends; whether it is ours afterwards."""
        with_retries(lambda: self._put(str(self._holds["run_id"]), self._token, moment))
        holder = self._holder()
        return holder is not None and holder["token"] == self._token

    def _holder(self) -> Mapping[str, Any] | None:
        found = self._store.rows(CLAIMS.name, **self._slot)
        return found[0] if found else None

    def _is_live(self, holder: Mapping[str, Any]) -> bool:
        return holder["token"] != self._token and _holds(holder, self._clock())

    def _put(self, run_id: str, replaced_token: str, expires_at: datetime) -> None:
        self._holds = {
            **self._slot, "run_id": run_id, "token": self._token, "host": socket.gethostname(), "pid": os.getpid(),
            "expires_at": expires_at,
        }  # fmt: skip
        self._store.put_if(CLAIMS, self._holds, tuple(self._slot), "token", replaced_token)

    def _held_by(self, holder: Mapping[str, Any] | None) -> SlotHeldError:
        slot = f"{self._slot['config_name']} as of {self._slot['as_of_date']}"
        if holder is None:
            return SlotHeldError(f"slot {slot}: lost to another run; start this one again")
        return SlotHeldError(
            f"slot {slot}: {_holder_of(holder)} holds it; wait until it ends, then start this one again"
        )


def must_be_quiet(store: Store, complete: Callable[[], Collection[str]], now: datetime) -> None:
    """Make sure that nobody writes a run.

    Args:
        store: the lake.
        complete: run ids in the ledger, which is looked at after the claims: publishing a run frees its slot.
        now: the present moment.

    Raises:
        SlotHeldError: a live run holds a slot.
    """
    held = [holder for holder in store.rows(CLAIMS.name) if _holds(holder, now)]
    published = complete() if held else ()
    for holder in held:
        if holder["run_id"] not in published:
            raise SlotHeldError(
                f"slot {holder['config_name']} as of {holder['as_of_date']}: {_holder_of(holder)} is at work in the "
                "lake; wait until it ends, then start `rfm-spark maintain` again, which goes on where it stopped"
            )


def _holds(holder: Mapping[str, Any], now: datetime) -> bool:
    """Whether a claim has not run out, and its process may live."""
    if holder["expires_at"] <= now:
        return False
    if holder["host"] != socket.gethostname():
        return True
    if int(holder["pid"]) == os.getpid():
        return holder["token"] in _TOKENS_HERE
    return _process_runs(int(holder["pid"]))


def _holder_of(holder: Mapping[str, Any]) -> str:
    return f"run {holder['run_id']} (process {holder['pid']} on {holder['host']})"


def _process_runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
