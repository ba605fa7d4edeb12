"""Who holds a lock, as the kernel knows it: what stands in a lock's file anybody may have written.

Linux lists the locks of all users in /proc/locks. It leaves out processes outside this container. POSIX only; where
there is no such list, what a file says is passed on as a claim.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import psutil

from gpurun_jupyter.agent.devices.lock_files import Holder, read_holder, shown, user_name

#: Where Linux lists all locks.
LIST = Path("/proc/locks")
_UNSEEN = "a process that cannot be seen from here, such as one outside this container"


class Process(NamedTuple):
    """A process as the kernel knows it. `uid` is None, and words are empty, where it does not tell us."""

    pid: int
    uid: int | None
    user: str = ""
    command: str = ""


class Held(NamedTuple):
    """Who has a lock: in words, as a process, and the state directory of its run (None where it is not gpurun's).

    `pids` are all that share it, as the kernel names them.
    """

    says: str
    process: Process | None = None
    home: str | None = None
    not_gpurun: bool = False
    pids: tuple[int, ...] = ()

    @property
    def verb(self) -> str:
        """`held` is what runs do."""
        return "locked" if self.not_gpurun else "held"


Locks = dict[str, list[int]]


def all_locks() -> Locks | None:
    """The pids that hold locks on each file, `fe:00:4711`; None where the kernel does not tell."""
    try:
        lines = LIST.read_text().splitlines()
    except OSError:  # not Linux
        return None
    found: Locks = defaultdict(list)
    for line in lines:
        match line.split():
            # one who only waits for a lock has an arrow before FLOCK
            case [_, "FLOCK", _, _, pid, file, *_] if int(pid) > 0 and int(pid) not in found[file]:
                found[file].append(int(pid))
    return found


def file_system(fd: int) -> str:
    """`fe:00`, as /proc/locks names where a file is; stat says something else on btrfs."""
    mount = _field(Path(f"/proc/self/fdinfo/{fd}").read_text(), "mnt_id:")
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        number, _, device, *_ = line.split()
        if number == mount:
            major, minor = device.split(":")
            return f"{int(major):02x}:{int(minor):02x}"
    status = os.fstat(fd)
    return f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}"


def process(pid: int) -> Process | None:
    """What the kernel says of a process; None where it has ended."""
    try:
        found = psutil.Process(pid)
        uid = found.uids().effective
        return Process(pid, uid, user_name(uid), shown(Path(f"/proc/{pid}/comm").read_text().strip()))
    except (psutil.AccessDenied, OSError):
        return Process(pid, None)
    except psutil.NoSuchProcess:
        return Process(pid, None) if _is_hidden(pid) else None  # /proc may show nobody but oneself (hidepid)


def who_holds(fd: int, present: Collection[int] | None) -> Held:
    """Who holds the lock on an opened file. `present`: who says of itself to be a runner; None where nobody can.

    The file's words are believed only where they agree with the kernel's: they add the name of the run.
    """
    claim, locks = read_holder(fd), all_locks()
    if locks is None:
        claimed = f"; its file claims that it is {claim}, but anybody may write there" if claim else ""
        return Held(f"a process that this system does not name{claimed}", home=claim.home if claim else None)
    pids = locks.get(f"{file_system(fd)}:{os.fstat(fd).st_ino}", [])
    return _held(fd, pids, claim, present)._replace(pids=tuple(pids))


def _held(fd: int, pids: list[int], claim: Holder | None, present: Collection[int] | None) -> Held:
    living = [found for pid in pids if (found := process(pid))]
    if not living:
        return _left_behind(fd, pids)
    first, users = living[0], {one.user for one in living}
    if claim is None or users != {claim.user}:
        return _named(first, present)
    runner = next((one for one in living if one.pid == claim.pid), None)
    if runner is not None:
        return Held(str(claim), runner, claim.home)
    if present is None or {*pids} <= {*present, os.getpid()}:  # of several that share it, the first has ended
        return _named(first, pids)._replace(home=claim.home)
    return _named(first, present)


def _named(found: Process, present: Collection[int] | None) -> Held:
    if found.uid is None and found.pid not in (present or ()):
        return Held(f"pid {found.pid}, of which this system hides the rest", found)
    who = ", ".join(filter(None, (found.user or "somebody", found.command)))
    if present is None:
        return Held(f"pid {found.pid} ({who})", found)
    if found.pid in present:
        return Held(f"pid {found.pid} ({who}), a run of gpurun", found)
    return Held(f"pid {found.pid} ({who}), which is not gpurun", found, not_gpurun=True)


def named(pid: int) -> Held:
    """A process that says of itself that it is a runner."""
    return _named(process(pid) or Process(pid, None), {pid})


def _left_behind(fd: int, pids: list[int]) -> Held:
    """A lock whose taker has ended, as in `exec 9>file; flock 9`: whoever still has the file open holds it."""
    path = Path(f"/proc/self/fd/{fd}").readlink()
    for pid in psutil.pids() if pids else ():  # one that is not listed was taken outside this container
        if pid != os.getpid() and _has_open(pid, path) and (found := process(pid)):
            return _named(found, ())
    if not pids:
        return Held(_UNSEEN)
    left = f"what pid {pids[0]}, which has ended, has left; `sudo fuser -v {path}` names it"
    return Held(left, not_gpurun=True)


def _has_open(pid: int, path: Path) -> bool:
    """Also False where we may not look, at processes of other users."""
    try:
        with os.scandir(f"/proc/{pid}/fd") as found:
            return any(Path(one.path).readlink() == path for one in found)
    except OSError:
        return False


def _is_hidden(pid: int) -> bool:
    """Whether it is there, though /proc does not show it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _field(text: str, name: str) -> str:
    return next((line.split()[1] for line in text.splitlines() if line.startswith(name)), "")
