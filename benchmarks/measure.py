"""Seconds, processor time, memory and bytes of a piece of work, of this process and all those below it."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

PROC = Path("/proc")
HAS_PROC = (PROC / "self" / "status").exists()
MB = 2**20


@dataclasses.dataclass(frozen=True)
class Result:
    """What came out, to compare with what others made of the same rows.

    Attributes:
        of: What was computed; results of the same have to be equal.
        customers: Rows of the result.
        monetary: Their sum of money, as text.
        segments: Customers by segment; None where ties are broken by chance, or customers are scored within markets.
    """

    of: str
    customers: int
    monetary: str
    segments: Mapping[str, int] | None = None


@dataclasses.dataclass(frozen=True)
class Timing:
    """What one piece of work took.

    Attributes:
        name: The work.
        seconds: Wall time.
        cpu_seconds: Processor time of the process and its JVM, which other load on the machine disturbs less.
        others_cpu_seconds: Processor time of the rest of the machine meanwhile: the more, the less `seconds` says.
        peak_mb: Peak resident memory of the process and its JVM since they started; None where there is no /proc.
        read_mb: Bytes read by calls of the system, the page cache's and spilled ones included; not files mapped into
            memory.
        written_mb: Bytes written, shuffles and spills included.
        lake_mb: What the lake takes on disk afterwards.
        lake_files: Files in it.
        steps: Seconds of its parts.
        result: What came out.
    """

    name: str
    seconds: float
    cpu_seconds: float | None = None
    others_cpu_seconds: float | None = None
    peak_mb: float | None = None
    read_mb: float | None = None
    written_mb: float | None = None
    lake_mb: float | None = None
    lake_files: int | None = None
    steps: Mapping[str, float] | None = None
    result: Result | None = None

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Timing:
        """A timing from `dataclasses.asdict`."""
        result = document["result"]
        return cls(**{**document, "result": None if result is None else Result(**result)})


def timed(name: str, work: Callable[[], object]) -> Timing:
    """Does the work once and tells what it took."""
    own, everyone, (read, written) = cpu_seconds(), machine_cpu_seconds(), bytes_moved()
    start = time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    own, everyone = cpu_seconds() - own, machine_cpu_seconds() - everyone
    read_now, written_now = bytes_moved()
    if not HAS_PROC:
        return Timing(name, round(seconds, 3))
    return Timing(
        name=name,
        seconds=round(seconds, 3),
        cpu_seconds=round(own, 2),
        others_cpu_seconds=round(max(0.0, everyone - own), 2),
        peak_mb=round(peak_mb(), 1),
        read_mb=round((read_now - read) / MB, 1),
        written_mb=round((written_now - written) / MB, 1),
    )


class Parts:
    """Seconds of the parts of a piece of work, added up by name."""

    def __init__(self) -> None:
        """Nothing done yet."""
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Takes the time of what is done inside."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - start, 3)


def peak_mb() -> float:
    """Adds up the peak resident memory (VmHWM) of this process and of every living process below it.

    The kernel keeps the mark of each process, so no spike falls between two samples. The JVM under Spark lives as long
    as its session: call this before the session stops. The sum is an upper bound, exact where one process is large.
    """
    return sum(_number(pid, "status", "VmHWM") for pid in _family(os.getpid())) / 1024


def cpu_seconds() -> float:
    """Adds up the processor time of this process, of those living below it, and of those these have waited for."""
    return sum(_ticks(pid) for pid in _family(os.getpid())) / os.sysconf("SC_CLK_TCK")


def bytes_moved() -> tuple[int, int]:
    """Bytes that this process, and those below it, have read and written so far, from the page cache or beyond."""
    family = _family(os.getpid())
    read, written = (sum(_number(pid, "io", key) for pid in family) for key in ("rchar", "wchar"))
    return read, written


def machine_cpu_seconds() -> float:
    """The processor time of the whole machine, what a hypervisor took away included."""
    with contextlib.suppress(OSError):
        fields = (PROC / "stat").read_text(encoding="utf-8").splitlines()[0].split()[1:9]
        user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields)
        return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
    return 0.0


def on_disk(folder: Path) -> tuple[float, int]:
    """Megabytes and number of the files below a folder."""
    sizes = [file.stat().st_size for file in folder.rglob("*") if file.is_file()]
    return round(sum(sizes) / MB, 1), len(sizes)


def _family(root: int) -> set[int]:
    """The process and all its descendants; itself alone where there is no /proc."""
    if not HAS_PROC:
        return {root}
    pids = [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]
    parents = {pid: _number(pid, "status", "PPid") for pid in pids}
    family = {root}
    while found := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= found
    return family


def _number(pid: int, file: str, key: str) -> int:
    """A number from a file of a process; 0 when the process has just ended, or is another user's."""
    with contextlib.suppress(OSError):
        for line in (PROC / str(pid) / file).read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1])
    return 0


def _ticks(pid: int) -> int:
    """The user and system time of a process and of its finished children; 0 when it has just ended."""
    with contextlib.suppress(OSError):
        stat = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        # The name, in brackets, may hold spaces: count from behind it. utime, stime, cutime, cstime are fields 14-17.
        return sum(map(int, stat.rpartition(")")[2].split()[11:15]))
    return 0
