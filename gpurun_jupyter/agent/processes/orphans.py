"""What a runner leaves when it is killed: its orphans become children of the nearest subreaper above it.

That is the fork parent, which knows its own children, for it has forked them, and stays for as long as it has some.
Where it is gone, or has never been, it is the agent, which knows its own by what they are seen as.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Iterator

import psutil

from gpurun_jupyter.agent.processes.descendants import (
    PATIENCE_S,
    become_subreaper,
    children,
    is_subreaper,
    kill_trees,
    living,
)
from gpurun_jupyter.agent.processes.marked import kill_attempt
from gpurun_jupyter.core.home import AttemptFolder
from gpurun_jupyter.core.system.processes import Identity
from gpurun_jupyter.core.system.records import read_record

#: The end of an attempt waits so long for a fork parent to end what a dead runner has left, seconds.
_WAIT_S = 10.0
_LOOK_S = 0.005
#: A process that is just being executed has no command line for a moment, seconds.
_EXECUTING_S = 0.05
#: What every version of a fork parent shows: those of an earlier one may be there still after an upgrade.
_FORK_PARENT = "gpurun_jupyter.agent.warm.fork"
_OURS = ("-m gpurun_jupyter.agent", "-m gpurun_server", f"-c from {_FORK_PARENT}")


class RunnerRecord(Identity, frozen=True):
    """What a runner writes down of itself. `parent`: who will inherit what it leaves, if that is a fork parent."""

    parent: int = 0

    @classmethod
    def of_this_process(cls) -> RunnerRecord:
        """That of the process that asks."""
        this = Identity.of(os.getpid())
        return cls(this.pid, this.created, this.boot, os.getppid())


class Brood:
    """The children of a fork parent. Whoever is a child of this process and was not forked by it is an orphan."""

    def __init__(self) -> None:
        self._own: set[int] = set()
        self.in_order = True  # there are no orphans
        become_subreaper()

    def add(self, pid: int) -> None:
        """This one was forked here. It stays known until it was waited for: its pid is nobody else's before."""
        self._own.add(pid)

    @property
    def empty(self) -> bool:
        """Whether there are no children."""
        return not children(os.getpid())

    def look(self) -> None:
        """Wait for those that have ended, and kill what dead runners have left."""
        self._gather()
        if not self.in_order:
            # not all of it: an agent that wants a fork meanwhile gives up after five seconds
            kill_trees(lambda: set(children(os.getpid())) - self._own, PATIENCE_S / 2)
            self._gather()

    def _gather(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while pid := os.waitpid(-1, os.WNOHANG)[0]:  # any child: nobody else in this process waits for one
                self._own.discard(pid)
        self.in_order = self._own.issuperset(children(os.getpid()))


async def end_left_of(folder: AttemptFolder, key: str) -> None:
    """End what an attempt has left whose runner was killed; returns when it is gone, or after a while."""
    await asyncio.to_thread(_end_left_of, folder, key)


def _end_left_of(folder: AttemptFolder, key: str) -> None:
    above, give_up = _fork_parents(folder), time.monotonic() + _WAIT_S
    while any(_strays(parent) for parent in above) and time.monotonic() < give_up:
        time.sleep(_LOOK_S)  # it is at it
    end_orphans()
    kill_attempt(key, folder.path)  # where there is no subreaper, as on macOS, marks are all there is


def end_orphans() -> None:
    """Kill what has become a child of this agent because its own parents are dead, and wait for it."""
    if not is_subreaper() or not (found := set(_agents_strays())):
        return

    def strays() -> set[int]:
        found.update(_agents_strays())
        return found & set(children(os.getpid()))  # one that has ended is no stray any more, but is to be waited for

    kill_trees(strays)
    for pid in strays():
        _wait_for(pid)


class Adopted:
    """Children of the agent that it has not started: runners whose fork parent died, and orphans."""

    def __init__(self) -> None:
        self._ended: set[int] = set()

    def look(self) -> None:
        """End orphans; wait for those that have ended before the last look, which was time enough for anybody else."""
        if is_subreaper():
            end_orphans()
            ended = {pid for pid in children(os.getpid()) if living(pid) is None}
            for pid in ended & self._ended:
                _wait_for(pid)
            self._ended = ended


def _fork_parents(folder: AttemptFolder) -> set[int]:
    """Those that may have inherited from the attempt's runner: the agent's own, and an earlier agent's."""
    found = {pid for pid in children(os.getpid()) if _FORK_PARENT in " ".join(_words(pid))}
    record = read_record(folder.runner, RunnerRecord)
    if record is not None and _FORK_PARENT in " ".join(_words(record.parent)):
        found.add(record.parent)
    return found


def _agents_strays() -> Iterator[int]:
    """What the agent has started itself for its own needs is in its session, which nobody else can enter."""
    for pid in _strays(os.getpid()):
        with contextlib.suppress(ProcessLookupError):
            if os.getsid(pid) != os.getsid(0):
                yield pid


def _strays(parent: int) -> list[int]:
    """The living children of a process that are none of gpurun's own processes."""
    return [pid for pid in children(parent) if living(pid) is not None and not _is_ours(pid)]


def _is_ours(pid: int) -> bool:
    """By the command line that it shows. A kernel shows ipykernel's, and so does all that was forked from it."""
    words = _words(pid)
    if not any(words):
        time.sleep(_EXECUTING_S)
        words = _words(pid)
    return " ".join(words[1:3]).startswith(_OURS)


def _words(pid: int) -> list[str]:
    try:
        return psutil.Process(pid).cmdline() if pid else []
    except (psutil.Error, OSError):
        return []


def _wait_for(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
