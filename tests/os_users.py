"""A second user of this machine, for tests that run as root."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import traceback
from collections.abc import Callable
from types import TracebackType

OTHER = pwd.getpwnam("nobody")


def other_user(command: list[str]) -> subprocess.Popen[str]:
    """Start a program as the second user."""
    as_them = {"user": OTHER.pw_uid, "group": OTHER.pw_gid, "extra_groups": [], "start_new_session": True}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd="/", **as_them)  # type: ignore[call-overload,no-any-return]


def end(process: subprocess.Popen[str]) -> None:
    """End a program, and what it has started."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class AsOtherUser:
    """Python code that runs as the second user, and stays until the block ends. `said` is what it returned.

    `before` is done as root.
    """

    def __init__(self, act: Callable[[], str], before: Callable[[], object] = int) -> None:
        read, write = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            before()
            os.setgroups([])
            os.setgid(OTHER.pw_gid)
            os.setuid(OTHER.pw_uid)
            try:
                said = act()
            except BaseException:  # noqa: BLE001 - whatever it is, the test shall see it
                said = traceback.format_exc()
            os.write(write, said.encode())
            os.close(write)
            signal.pause()
        os.close(write)
        with os.fdopen(read) as pipe:
            self.said = pipe.read()

    def __enter__(self) -> AsOtherUser:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None
    ) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
