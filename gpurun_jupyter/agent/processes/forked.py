"""Forking a process with one thread: a child leaves its parent's frames behind and is something else. Linux only."""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

#: The longest message to a forked process, or from one; each is a packet.
MESSAGE_BYTES = 16384

Target = Callable[[], object]


class Become(BaseException):
    """Raised in a forked child to leave every frame of its parent behind, and to be something else."""

    def __init__(self, target: Target) -> None:
        self.target = target


def fork(target: Target) -> int:
    """Fork a child that leaves all of this behind and becomes `target`; returns its pid. Only with a single thread."""
    if (pid := os.fork()) == 0:
        raise Become(target)  # a BaseException: nobody on the way takes it for an error
    return pid


def settle(log: Path | None = None) -> None:
    """What a forked child owes to itself: a session, signals as at a start, its own randomness, its own output."""
    os.setsid()
    signal.set_wakeup_fd(-1)  # the fork parent's: signals of this process would wake that one
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the fork parent ignores it, and that is inherited
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
    random.seed()
    if log is not None:
        redirect(log)


def redirect(log: Path) -> None:
    """Nothing to read, and a file for what this process itself has to say."""
    for fd, path, flags in ((0, os.devnull, os.O_RDONLY), (1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)):
        opened = os.open(path, flags | os.O_CLOEXEC, 0o600)
        os.dup2(opened, fd)
        os.close(opened)
    os.dup2(1, 2)


def leave(code: int) -> NoReturn:
    """End a forked process that holds nothing of a user's: without taking a whole interpreter apart."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
