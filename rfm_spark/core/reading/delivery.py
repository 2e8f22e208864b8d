"""What is new in a source since it was last read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pyspark.sql import DataFrame

DeliveryKind = Literal["nothing", "append", "correction", "rebuild"]


@dataclass(frozen=True)
class Seen:
    """How far a source was read.

    Attributes:
        version: of the source, as `PinnedSource.version` has it.
        files: entries of the files that were read, where it is a folder of files.
    """

    version: str
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Delivery:
    """What is new.

    Attributes:
        kind: nothing; rows that were added; rows that were added, changed or removed; or everything again, which takes
            the place of what was read before.
        frame: the rows to be read; no part of it for `nothing`; of a correction those that are there now.
        version: of the source with them.
        files: entries of the files that are read.
        written: when that version was written; None where nobody knows.
        why: in words, why everything is read again though rows were read before; empty where that is always so.
        gone: of a correction, the rows that are no longer there; those that changed as they were.
    """

    kind: DeliveryKind
    frame: DataFrame
    version: str
    files: tuple[str, ...] = ()
    written: datetime | None = None
    why: str = ""
    gone: DataFrame | None = None


Since = Callable[[Seen | None], Delivery]


def whole_or_nothing(frame: DataFrame, version: str, written: datetime | None) -> Since:
    """Deliveries of a source that can't tell what is new: everything, unless it is the same version."""

    def since(seen: Seen | None) -> Delivery:
        kind: DeliveryKind = "nothing" if seen is not None and seen.version == version else "rebuild"
        return Delivery(kind, frame, version, (), written)

    return since


def new_files(seen: Sequence[str], listed: Sequence[str]) -> tuple[list[str], str]:
    """Entries of a listing that are new, and why that can't be told.

    Args:
        seen: entries that were read, as `path|length|time`.
        listed: entries of now.

    Returns:
        The new ones; and, where a file that was read is another one by now or is gone, a sentence that says so.
    """
    gone = sorted(set(seen) - set(listed))
    if not gone:
        return [entry for entry in listed if entry not in set(seen)], ""
    name = gone[0].partition("|")[0]
    still = any(entry.partition("|")[0] == name for entry in listed)
    return [], f"the file {name.rpartition('/')[2]} {'was written again' if still else 'is gone'}"
