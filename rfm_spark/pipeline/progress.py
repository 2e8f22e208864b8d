"""Whoever follows a run while it goes on."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told about each step as it starts and ends."""

    def started(self, title: str, waits_for: str) -> None:
        """A step begins; what takes its time, in words."""

    def finished(self, title: str, rows: int | None, seconds: float) -> None:
        """A step is done; rows is what it wrote or looked at, None when nothing was to do.

        A step that goes on beside others is done after later ones have begun, and says so from a thread of its own.
        """
