"""What maintenance asks of whoever commits to a lake's tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

# A file this small is worth being folded with others; a table is, once it has so many more of them than it needs.
SMALL_FILE = 64 * 1024 * 1024
MANY_FILES = 10


@dataclass(frozen=True)
class Files:
    """Files of a table as it is now.

    Attributes:
        count: how many.
        size: bytes of all.
        partitions: how many partitions they lie in; one without partitions. A table needs a file for each.
    """

    count: int
    size: int
    partitions: int

    @property
    def are_many_small(self) -> bool:
        """Whether they are worth being folded."""
        return self.count - self.partitions >= MANY_FILES and self.size < self.count * SMALL_FILE


@dataclass(frozen=True)
class Expired:
    """Files that no version needs that is to be kept.

    Attributes:
        count: how many.
        size: bytes of all; None where nobody can tell without asking for each.
        is_part: whether there may be more.
    """

    count: int
    size: int | None = None
    is_part: bool = False


class TableUpkeep(Protocol):
    """Maintains tables that are there; conflicts with other writers are raised."""

    def rows_per_run(self, name: str, run_ids: Collection[str]) -> Mapping[str, int]:
        """How many rows runs have in a run table; those without rows are left out."""

    def drop_runs(self, name: str, run_ids: Collection[str]) -> None:
        """Drop partitions of runs: no file is read or written."""

    def set_where_null(self, name: str, column: str, value: Any, key: str, keys: Collection[str]) -> None:
        """Set an empty column of the rows with one of the keys; nothing is committed where there are none."""

    def files(self, name: str) -> Files:
        """Files of the newest version."""

    def fold(self, name: str) -> tuple[int, int]:
        """Fold small files together: how many became how many."""

    def clean_log(self, name: str) -> int:
        """Delete commits that have expired, and write a checkpoint of many; how many files were deleted."""

    def expired(self, name: str, hours: int) -> Expired:
        """Files that no version of the last hours needs; those of nobody, so old, among them."""

    def vacuum(self, name: str, hours: int) -> None:
        """Delete them."""
