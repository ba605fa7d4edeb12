"""The processes below a process, whatever their environment says: finding them, ending them, waiting for them.

On Linux a subreaper inherits the orphans among its descendants, so that none gets away. Elsewhere an orphan does.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Container, Iterable, Iterator

import psutil

_PR_SET_CHILD_SUBREAPER, _PR_GET_CHILD_SUBREAPER = 36, 37

PATIENCE_S = 5.0
_LONGEST_PAUSE_S = 0.05


def become_subreaper() -> None:
    """On Linux, inherit orphaned descendants from now on. Children do not inherit this; what is executed keeps it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # Python itself has no such call


def is_subreaper() -> bool:
    """Whether this process inherits orphaned descendants."""
    if sys.platform != "linux":
        return False
    answer = ctypes.c_int()
    ctypes.CDLL(None).prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(answer), 0, 0, 0)
    return bool(answer.value)


def children(pid: int) -> list[int]:
    """The pids of its children, also of those that have ended and were not waited for; none where it is gone."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # a thread has just ended; or the system keeps no such files
            # a child is listed with the thread that forked it
            return [child for thread in _threads(pid) for child in _of_thread(pid, thread)]
    with contextlib.suppress(psutil.Error, OSError):
        return [child.pid for child in psutil.Process(pid).children()]
    return []


def _threads(pid: int) -> list[str]:
    return os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - quicker


def _of_thread(pid: int, thread: str) -> list[int]:
    with open(f"/proc/{pid}/task/{thread}/children", "rb", buffering=0) as file:  # noqa: PTH123 - quicker
        return [int(child) for child in file.read().split()]


def living(pid: int) -> psutil.Process | None:
    """The process unless it has ended. One whose first thread alone has ended has not."""
    with contextlib.suppress(psutil.Error, OSError):
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1:
            return process
    return None


def below(pid: int) -> Iterator[psutil.Process]:
    """Every living process below it. Each is given before its children are looked for: it may be stopped first."""
    return _trees(children(pid))


def _trees(pids: Iterable[int]) -> Iterator[psutil.Process]:
    waiting = list(pids)
    while waiting:
        pid = waiting.pop()
        if (process := living(pid)) is not None:
            yield process
            waiting += children(pid)


def signal_all(processes: Iterable[psutil.Process], number: int) -> None:
    """Send a signal to each; those that are gone, or out of our reach, are passed over."""
    for process in processes:
        with contextlib.suppress(psutil.Error, OSError):
            process.send_signal(number)


def kill_all(find: Callable[[], Iterable[psutil.Process]], patience_s: float = PATIENCE_S) -> None:
    """Kill what is found, also what it starts meanwhile, and return when nothing is found any more.

    What is found is stopped first, and killed when a look finds nothing new: else what forks quickly outruns us. No
    exit status is collected: whoever has started a process wants to know how it ended.
    """
    give_up, pause_s = time.monotonic() + patience_s, 0.001
    frozen: set[psutil.Process] = set()
    while time.monotonic() < give_up:
        before, left = len(frozen), []
        for process in find():
            left.append(process)
            if process not in frozen:
                signal_all([process], signal.SIGSTOP)
                frozen.add(process)
        if not left:
            return
        if len(frozen) == before:
            signal_all(left, signal.SIGKILL)
            time.sleep(pause_s)  # until they are gone: there is nothing that tells for all of them
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
    signal_all(frozen, signal.SIGKILL)  # what was stopped must not stay so


def kill_trees(roots: Callable[[], Iterable[int]], patience_s: float = PATIENCE_S) -> None:
    """The same for these processes and all below them."""
    kill_all(lambda: _trees(roots()), patience_s)


def kill_below(patience_s: float = PATIENCE_S) -> None:
    """Kill everything below this process, and wait for all of its children that have ended."""
    kill_trees(lambda: children(os.getpid()), patience_s)
    reap()


def reap(spared: Container[int] = ()) -> None:
    """Wait for the children that have ended, but for those for which somebody else here waits."""
    for pid in children(os.getpid()):
        if pid not in spared:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
