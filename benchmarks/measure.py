"""Seconds of a piece of work, and the peak memory of this process with all those below it."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Callable
from pathlib import Path

PROC = Path("/proc")
HAS_PROC = (PROC / "self" / "status").exists()


@dataclasses.dataclass(frozen=True)
class Timing:
    """What one piece of work took.

    Attributes:
        name: The work.
        seconds: Wall time.
        cpu_seconds: Processor time of the process and its JVM, which other load on the machine disturbs less.
        others_cpu_seconds: Processor time of the rest of the machine meanwhile: the more, the less `seconds` says.
        peak_mb: Peak resident memory of the process and its JVM since they started; None where there is no /proc.
        customers: Rows of the result, where there is one: shows that competitors did the same work.
    """

    name: str
    seconds: float
    cpu_seconds: float | None
    others_cpu_seconds: float | None
    peak_mb: float | None
    customers: int | None = None


def timed(name: str, work: Callable[[], object]) -> Timing:
    """Does the work once and tells what it took."""
    own, everyone = cpu_seconds(), machine_cpu_seconds()
    start = time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    own, everyone = cpu_seconds() - own, machine_cpu_seconds() - everyone
    return Timing(
        name=name,
        seconds=round(seconds, 3),
        cpu_seconds=round(own, 2) if HAS_PROC else None,
        others_cpu_seconds=round(max(0.0, everyone - own), 2) if HAS_PROC else None,
        peak_mb=round(peak_mb(), 1) if HAS_PROC else None,
    )


def peak_mb() -> float:
    """Adds up the peak resident memory (VmHWM) of this process and of every living process below it.

    The kernel keeps the mark of each process, so no spike falls between two samples. The JVM under Spark lives as long
    as its session: call this before the session stops. The sum is an upper bound, exact where one process is large.
    """
    return sum(_status_number(pid, "VmHWM") for pid in _family(os.getpid())) / 1024


def cpu_seconds() -> float:
    """Adds up the processor time of this process, of those living below it, and of those these have waited for."""
    return sum(_ticks(pid) for pid in _family(os.getpid())) / os.sysconf("SC_CLK_TCK")


def machine_cpu_seconds() -> float:
    """The processor time of the whole machine, what a hypervisor took away included."""
    with contextlib.suppress(OSError):
        fields = (PROC / "stat").read_text(encoding="utf-8").splitlines()[0].split()[1:9]
        user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields)
        return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _family(root: int) -> set[int]:
    """The process and all its descendants; itself alone where there is no /proc."""
    if not HAS_PROC:
        return {root}
    pids = [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]
    parents = {pid: _status_number(pid, "PPid") for pid in pids}
    family = {root}
    while found := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= found
    return family


def _status_number(pid: int, key: str) -> int:
    """A number from a process's status; 0 when the process has just ended."""
    with contextlib.suppress(OSError):
        for line in (PROC / str(pid) / "status").read_text(encoding="utf-8", errors="replace").splitlines():
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
