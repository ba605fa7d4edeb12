"""Processes known again: a pid alone may be another process by now. POSIX only."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec
import psutil

from gpurun_jupyter.core.system.records import read_record


@cache
def boot_id() -> str:
    """What tells one boot of this machine from the next."""
    linux = Path("/proc/sys/kernel/random/boot_id")
    return linux.read_text().strip() if linux.exists() else f"{psutil.boot_time():.0f}"


class Identity(msgspec.Struct, frozen=True):
    """A process for good: pid, when it was created (seconds, by a clock that no one sets) and boot."""

    pid: int
    created: float
    boot: str

    @classmethod
    def of(cls, pid: int) -> Identity:
        """The identity of a living process. Raises psutil.NoSuchProcess."""
        return cls(pid, _created(psutil.Process(pid)), boot_id())

    def process(self) -> psutil.Process | None:
        """The process if it still is the same one and not a zombie, else None."""
        if self.boot != boot_id():
            return None
        try:
            process = psutil.Process(self.pid)
            # The kernel counts in hundredths of a second: what is less comes of rounding.
            same = abs(_created(process) - self.created) < 0.01 and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return None
        return process if same else None

    def alive(self) -> bool:
        """Whether the process still runs."""
        return self.process() is not None


def _created(process: psutil.Process) -> float:
    """Seconds since boot on Linux, where psutil adds the boot's time, and that moves when the clock is set."""
    if not psutil.LINUX:
        return float(process.create_time())
    while True:
        booted, created = psutil.boot_time(), process.create_time()
        if psutil.boot_time() == booted:  # else the clock was set in between
            return float(created - booted)


def read_identity(path: Path) -> Identity | None:
    """The identity written in a file, or None where there is none."""
    return read_record(path, Identity)
