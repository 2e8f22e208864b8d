"""Commits that meet another writer, or a place that can't be written."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rfm_spark.core.errors import LakeError
from rfm_spark.lake.location import LakeLocation

# Error conditions and exception names of Delta; a bare "Concurrent" would also match stack traces.
_CONFLICT = re.compile(
    r"DELTA_(CONCURRENT|METADATA_CHANGED|PROTOCOL_CHANGED)"
    # Another process was faster to add the columns that a migration adds.
    r"|FIELDS?_ALREADY_EXISTS"
    # And of deltalake: the next log file was there already, or what was read is there no more.
    r"|Failed to commit transaction|concurrent transaction|changed since last commit"
    r"|(ConcurrentAppend|ConcurrentWrite|ConcurrentTransaction|ConcurrentDeleteRead|ConcurrentDeleteDelete"
    r"|ConcurrentModification|MetadataChanged|ProtocolChanged)Exception"
)
_TRIES = 8
NO_PLACE = re.compile(
    r"No space left on device|Read-only file system|Permission denied|AccessDenied|Disk quota exceeded"
)
Result = TypeVar("Result")


@contextmanager
def translating_write_errors(location: LakeLocation) -> Iterator[None]:
    """Turn a full or read-only disk into one sentence.

    Raises:
        LakeError: the place can't take what was to be written.
    """
    try:
        yield
    except Exception as error:
        found = NO_PLACE.search(str(error))
        if found is None:
            raise
        raise LakeError(
            f"lake {location}: can't be written ({found[0]}); make room or give the right to write there, then start "
            "the run again; what was published before is untouched"
        ) from error


def is_conflict(error: Exception) -> bool:
    """Whether another writer got in between, so that trying again makes sense."""
    return _CONFLICT.search(str(error)) is not None


def with_retries(action: Callable[[], Result]) -> Result:
    """Do something that can be repeated, again after a conflict with another writer, a little later each time."""
    for attempt in range(1, _TRIES + 1):
        try:
            return action()
        except Exception as error:
            if not is_conflict(error) or attempt == _TRIES:
                raise
            # Spread, so that writers who met once don't meet again.
            time.sleep(attempt * (0.1 + secrets.randbelow(200) / 1000))
    raise AssertionError("the last try returns or raises")
