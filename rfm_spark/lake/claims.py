"""One run per slot: a claim on (config_name, as_of_date), taken by MERGE, renewed, and checked before publishing."""

from __future__ import annotations

import os
import secrets
import socket
import time
import uuid
from collections.abc import Callable, Collection
from datetime import date, datetime, timedelta

from pyspark.sql import Row
from pyspark.sql import functions as F

from rfm_spark.core.errors import SlotHeldError
from rfm_spark.core.schemas import CLAIMS
from rfm_spark.lake.commits import is_conflict, patiently, writable
from rfm_spark.lake.store import Store

LEASE = timedelta(hours=2)
# A claim is extended when less than this is left of it; a stage is expected to be shorter.
_MARGIN = timedelta(minutes=90)
_LOOK_AGAIN = timedelta(minutes=5)
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
        self._looked = clock()

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
            try:
                with writable(self._store.place):
                    self._merge(run_id, holder["token"] if holder is not None else "")
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
            fence: look even if there was a look a moment ago: right before publishing, against a run that was taken
                over.

        Raises:
            SlotHeldError: the claim was lost.
        """
        if not fence and self._clock() - self._looked < _LOOK_AGAIN:
            return
        self._looked = self._clock()
        holder = self._holder()
        if holder is None or holder["token"] != self._token:
            raise self._held_by(holder)
        left = holder["expires"] - self._clock().timestamp()
        if left < _MARGIN.total_seconds() and not self._expire_at(self._clock() + LEASE):
            raise self._held_by(self._holder())

    def release(self) -> None:
        """Free the slot after a failed run, if it is still ours; a published run frees it by being published."""
        self._expire_at(self._clock())

    def _expire_at(self, moment: datetime) -> bool:
        # Delta's UPDATE takes no parameters; both values are of our own making.
        statement = (
            f"UPDATE {self._store.place.table(CLAIMS.name)} "
            f"SET expires_at = timestamp_micros({int(moment.timestamp() * 1_000_000)}) WHERE token = '{self._token}'"
        )
        with writable(self._store.place):
            changed = patiently(lambda: self._store.spark.sql(statement).collect())
        return int(changed[0]["num_affected_rows"]) == 1

    def _holder(self) -> Row | None:
        rows = self._store.read(CLAIMS.name)
        for key, value in self._slot.items():
            rows = rows.where(F.col(key) == F.lit(value))
        # The expiry is compared as seconds since 1970: a collected timestamp would lose its time zone.
        found = rows.withColumn("expires", F.unix_timestamp("expires_at")).collect()
        return found[0] if found else None

    def _is_live(self, holder: Row) -> bool:
        if holder["token"] == self._token or holder["expires"] <= self._clock().timestamp():
            return False
        if holder["host"] != socket.gethostname():
            return True
        if int(holder["pid"]) == os.getpid():
            return holder["token"] in _TOKENS_HERE
        return _process_runs(int(holder["pid"]))

    def _merge(self, run_id: str, replaced_token: str) -> None:
        moment = self._clock() + LEASE
        row = (*self._slot.values(), run_id, self._token, socket.gethostname(), os.getpid(), moment)
        by_name = dict(
            zip(("config_name", "as_of_date", "run_id", "token", "host", "pid", "expires_at"), row, strict=True)
        )
        source = self._store.spark.createDataFrame([tuple(by_name[name] for name in CLAIMS.names)], CLAIMS.ddl)
        with self._store.view(source.withColumn("replaced", F.lit(replaced_token))) as view:
            assignments = ", ".join(f"t.{name} = s.{name}" for name in CLAIMS.names)
            names, values = ", ".join(CLAIMS.names), ", ".join(f"s.{name}" for name in CLAIMS.names)
            self._store.spark.sql(
                f"MERGE INTO {self._store.place.table(CLAIMS.name)} t USING {view} s "
                "ON t.config_name = s.config_name AND t.as_of_date = s.as_of_date "
                f"WHEN MATCHED AND t.token = s.replaced THEN UPDATE SET {assignments} "
                f"WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({values})"
            ).collect()

    def _held_by(self, holder: Row | None) -> SlotHeldError:
        slot = f"{self._slot['config_name']} as of {self._slot['as_of_date']}"
        if holder is None:
            return SlotHeldError(f"slot {slot}: lost to another run; start this one again")
        return SlotHeldError(
            f"slot {slot}: run {holder['run_id']} (process {holder['pid']} on {holder['host']}) holds it; "
            "wait until it ends, then start this one again"
        )


def _process_runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
