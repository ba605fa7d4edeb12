"""Commands of cells, `!command`: a run has nobody to answer what they ask, so they get the end of input at once."""

from __future__ import annotations

import codecs
import errno
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
from typing import Any

_ROWS, _COLUMNS = 24, 100
_READ_BYTES = 65536
#: How often it is looked whether the command is over though something that it started holds the terminal, seconds.
_LOOK_S = 0.05
#: An interrupted command may take so long to end, seconds.
_GRACE_S = 2.0


def have_nobody_to_ask(shell: Any) -> None:
    """Replace the function by which the shell runs commands, wherever its modules have it."""
    for one in type(shell).__mro__:
        module: Any = sys.modules.get(one.__module__)
        if getattr(getattr(module, "system", None), "__module__", "").startswith("IPython."):
            module.system = system


def system(command: str) -> int:
    """Run a command as in a terminal that nobody sits at; what it prints goes to sys.stdout. Returns its exit code."""
    terminal, inner = _terminal()
    try:
        process = _started(command, inner)
    finally:
        os.close(inner)  # while it is open here, the command's end is not seen
    try:
        _pass_on(terminal, process)
    except BaseException:
        _interrupt(process, terminal)
        raise
    finally:
        os.close(terminal)
    return process.wait()  # it may have closed its output and go on


def _shell(command: str) -> list[str]:
    return [os.environ.get("SHELL") or "/bin/sh", "-c", command]  # as IPython does


def _terminal() -> tuple[int, int]:
    terminal, inner = pty.openpty()
    modes = termios.tcgetattr(inner)
    modes[1] &= ~termios.OPOST  # a newline stays a newline
    termios.tcsetattr(inner, termios.TCSANOW, modes)
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
    return terminal, inner


def _started(command: str, inner: int) -> subprocess.Popen[bytes]:
    """In a session of its own, which has no controlling terminal: what asks at /dev/tty finds none."""
    return subprocess.Popen(
        _shell(command), stdin=subprocess.DEVNULL, stdout=inner, stderr=inner, start_new_session=True
    )


def _pass_on(terminal: int, process: subprocess.Popen[bytes]) -> None:
    """Until the command is over and all that it printed is passed on."""
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    over = False
    while True:
        if select.select([terminal], [], [], 0 if over else _LOOK_S)[0]:
            data = _read(terminal)
            sys.stdout.write(decode(data, not data))
            sys.stdout.flush()
            if not data:
                return
        elif over:
            return
        else:
            over = process.poll() is not None  # what it printed last may still be on its way: look again


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, _READ_BYTES)
    except OSError as error:
        if error.errno != errno.EIO:  # nobody has it open any more
            raise
        return b""


def _interrupt(process: "subprocess.Popen[bytes]", terminal: int) -> None:
    """As Ctrl-C does; what it says then is passed on, too. One that does not end is killed."""
    kill = threading.Timer(_GRACE_S, _signal, (process, signal.SIGKILL))
    kill.start()
    try:
        _signal(process, signal.SIGINT)
        _pass_on(terminal, process)
    finally:
        kill.cancel()
        _signal(process, signal.SIGKILL)


def _signal(process: "subprocess.Popen[bytes]", number: int) -> None:
    # Once it was waited for, its number may be another group's.
    if process.poll() is None:
        os.killpg(process.pid, number)
