"""Maintenance of tables in a folder of this machine, by `deltalake`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from rfm_spark.lake.native_sql import is_in
from rfm_spark.lake.upkeep import MANY_FILES, Expired, Files

if TYPE_CHECKING:
    from deltalake import DeltaTable

_TARGET_SIZE = 256 * 1024 * 1024


class NativeUpkeep:
    """See `upkeep.TableUpkeep`."""

    def __init__(self, root: Path, opened: Callable[[str], DeltaTable]) -> None:
        """Bind to a folder, and to what opens a table in it at its newest version."""
        self._root, self._opened = root, opened

    def rows_per_run(self, name: str, run_ids: Collection[str]) -> Mapping[str, int]:
        """Counted from the log alone."""
        actions = self._opened(name).get_add_actions(flatten=True)
        found: Counter[str] = Counter()
        runs, counts = actions.column("partition.run_id").to_pylist(), actions.column("num_records").to_pylist()
        for run_id, rows in zip(runs, counts, strict=True):
            if run_id in run_ids:
                found[run_id] += int(rows or 0)
        return found

    def drop_runs(self, name: str, run_ids: Collection[str]) -> None:
        """A commit that names the files of the partitions as removed."""
        if run_ids:
            self._opened(name).delete(is_in("run_id", run_ids))

    def set_where_null(self, name: str, column: str, value: Any, key: str, keys: Collection[str]) -> None:
        """Of a moment, `deltalake` keeps milliseconds."""
        if keys:
            self._opened(name).update(new_values={column: value}, predicate=f"{column} IS NULL AND {is_in(key, keys)}")

    def files(self, name: str) -> Files:
        """As the log has them."""
        table = self._opened(name)
        actions = table.get_add_actions(flatten=True)
        sizes = actions.column("size_bytes").to_pylist()
        columns = [actions.column(f"partition.{one}").to_pylist() for one in table.metadata().partition_columns]
        partitions = len(set(zip(*columns, strict=True))) if columns else 1
        return Files(len(sizes), sum(int(size) for size in sizes), partitions)

    def fold(self, name: str) -> tuple[int, int]:
        """Files of one partition become one, as far as they fit into it."""
        done = self._opened(name).optimize.compact(target_size=_TARGET_SIZE)
        return int(done["numFilesRemoved"]), int(done["numFilesAdded"])

    def clean_log(self, name: str) -> int:
        """Commits expire after `delta.logRetentionDuration`, where a checkpoint came after them."""
        table, log = self._opened(name), self._root / name / "_delta_log"
        if table.version() - _last_checkpoint(log) >= MANY_FILES:
            table.create_checkpoint()
        before = _files_in(log)
        table.cleanup_metadata()
        return before - _files_in(log)

    def expired(self, name: str, hours: int) -> Expired:
        """By age of the file, or of the commit that removed it."""
        paths = self._opened(name).vacuum(hours, enforce_retention_duration=False, full=True)
        # The log names files for a while that are deleted by now.
        sizes = [size for path in paths if (size := _size_of(self._root / name / unquote(path))) is not None]
        return Expired(len(sizes), sum(sizes))

    def vacuum(self, name: str, hours: int) -> None:
        """Folders that are left empty stay: a run may be about to write there."""
        self._opened(name).vacuum(hours, dry_run=False, enforce_retention_duration=False, full=True)


def _last_checkpoint(log: Path) -> int:
    try:
        return int(json.loads((log / "_last_checkpoint").read_text(encoding="utf-8"))["version"])
    except FileNotFoundError:
        return 0


def _files_in(log: Path) -> int:
    return sum(1 for _ in log.iterdir())


def _size_of(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return None
