"""What steps of earlier attempts and of the published run of a date gave, so that it need not be computed again."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from rfm_spark.core.schemas import RUN_STEPS, tables
from rfm_spark.lake.store import Store


@dataclass(frozen=True)
class SliceNote:
    """Rows that a step wrote.

    Attributes:
        table: its name.
        part: which of the run's rows; empty for all.
        rows: how many.
        version: Delta version of the table that holds them.
        run_id: under which they are.
    """

    table: str
    part: str
    rows: int
    version: int
    run_id: str


@dataclass(frozen=True)
class Record:
    """One step of one run.

    Attributes:
        run_id: of the run.
        step: its name.
        fingerprint: of all that shapes its result.
        parts: what the fingerprint is made of, to say why a step is due.
        artefact: of `artefact.as_text`.
        slices: what it wrote.
    """

    run_id: str
    step: str
    fingerprint: str
    parts: Mapping[str, Any]
    artefact: str
    slices: tuple[SliceNote, ...]


class Records:
    """Records of one slot."""

    def __init__(self, store: Store, config_name: str, as_of: date) -> None:
        """Bind to a slot; the table may not exist yet."""
        self._store, self._config_name, self._as_of = store, config_name, as_of
        # One writer, so that records come in the order of the steps, each after the rows it speaks of.
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._waiting: list[Record] = []
        self._noting: list[Future[None]] = []

    def known(self, published: Collection[str], wanted: Collection[str]) -> list[Record]:
        """Records of the slot's runs that died, and of published ones.

        Args:
            published: complete runs of the segmentation.
            wanted: those of them whose records are asked for.
        """
        runs = self._store.runs_of_date(RUN_STEPS.name, self._as_of)
        asked = sorted(run_id for run_id in runs if run_id in wanted or run_id not in published)
        rows = self._store.rows(RUN_STEPS.name, run_id=asked, config_name=self._config_name)
        return [_record(row) for row in rows]

    def usable(self, record: Record) -> bool:
        """Whether what the step wrote is still there."""
        return all(self._is_there(one) for one in record.slices)

    def note(self, written: Sequence[Future[None]], record: Callable[[], Record], *, at_once: bool) -> None:
        """Write the record of a step once its rows are written, while the run goes on.

        Where a commit takes seconds, records of several steps share one.

        Args:
            written: what the step writes.
            record: makes the record, then.
            at_once: whether the step took long, so that its record does not wait for others.
        """
        self._noting.append(self._pool.submit(self._noted, written, record, at_once or self._store.commits_fast))

    def settle(self) -> None:
        """Wait until all are written.

        Raises:
            LakeError: the lake could not be written.
        """
        for future in (*self._noting, self._pool.submit(self._flush)):
            future.result()

    def close(self) -> None:
        """Write what waits, and nothing more."""
        self._pool.submit(self._flush)
        self._pool.shutdown(wait=True)

    def delete_rows(self, run_id: str) -> None:
        """Remove what a run that died left in all tables."""
        for table in tables().values():
            column = "run_id" if table.kind == "run" else table.run_key
            if column:
                self._store.delete_rows(table, {column: run_id})

    def _is_there(self, one: SliceNote) -> bool:
        if tables()[one.table].kind != "run":
            return True
        there = self._store.rows_of_run(one.table, one.run_id) if self._store.exists(one.table) else 0
        return there >= one.rows if one.part else there == one.rows

    def _noted(self, written: Sequence[Future[None]], record: Callable[[], Record], at_once: bool) -> None:
        if any(future.exception() is not None for future in written):
            return
        self._waiting.append(record())
        if at_once:
            self._flush()

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        by_run: dict[str, list[dict[str, Any]]] = {}
        for one in waiting:
            by_run.setdefault(one.run_id, []).append({**_row(one), "config_name": self._config_name})
        for run_id, rows in by_run.items():
            self._store.add_rows(RUN_STEPS, rows, run_id, self._as_of)


def _row(record: Record) -> dict[str, Any]:
    return {
        "step": record.step,
        "fingerprint": record.fingerprint,
        "parts": json.dumps(record.parts, sort_keys=True),
        "artefact": record.artefact,
        "slices": json.dumps([asdict(one) for one in record.slices]),
    }


def _record(row: Mapping[str, Any]) -> Record:
    slices = tuple(SliceNote(**one) for one in json.loads(row["slices"]))
    parts = json.loads(row["parts"])
    return Record(row["run_id"], row["step"], row["fingerprint"], parts, row["artefact"], slices)
