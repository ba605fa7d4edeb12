"""A directory run: its entry point as a process under a pseudo-terminal, so that bars behave as in a terminal."""

from __future__ import annotations

import asyncio
import codecs
import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path

from gpurun_jupyter.agent.kernels.kernelspecs import python_of
from gpurun_jupyter.agent.processes.marked import gone, kill_left_behind
from gpurun_jupyter.agent.run_environment import NO_SECRETS, run_environment
from gpurun_jupyter.agent.runner import ends
from gpurun_jupyter.agent.runner.leaving import left_at_work
from gpurun_jupyter.agent.runner.output import OutputSink
from gpurun_jupyter.core.errors import FileMissing, InvalidRequest
from gpurun_jupyter.core.events import End
from gpurun_jupyter.core.grants import Grant
from gpurun_jupyter.core.home import AttemptFolder
from gpurun_jupyter.core.launch.grid import arguments
from gpurun_jupyter.core.lifecycle import Outcome
from gpurun_jupyter.core.shipped import ShippedDir
from gpurun_jupyter.core.system.processes import Identity

_ROWS, _COLUMNS = 24, 100
_READ_BYTES = 65536
_BEGINNING_BYTES = 256  # of a program; hardly any has no NUL byte among these
_REST_S = 2.0


class ProcessRun:
    """Runs the entry point or module of `spec.dir` with its arguments in the workspace."""

    def __init__(
        self, folder: AttemptFolder, grant: Grant, sink: OutputSink, *, secrets: Mapping[str, str] = NO_SECRETS
    ) -> None:
        self._secrets = secrets
        self._folder = folder
        self._grant = grant
        self._sink = sink
        self._decode = codecs.getincrementaldecoder("utf-8")("replace")
        self._process: subprocess.Popen[bytes] | None = None
        self._unwanted = False

    @property
    def own(self) -> set[int]:
        """The entry point's process."""
        return set() if self._process is None else {self._process.pid}

    async def run(self) -> End:
        """Start the process and wait for it; strays that keep the terminal open are ended before the rest is read."""
        terminal, inner = _open_terminal()
        try:
            self._process = self._start(inner)
        finally:
            os.close(inner)  # open here, it would keep the terminal from ever being at its end
        loop = asyncio.get_running_loop()
        loop.add_reader(terminal, self._read, terminal)
        try:
            await gone(Identity.of(self._process.pid))  # `wait` alone would hold up the loop
            end = ends.of_process(self._process.wait())
            if end.outcome is Outcome.SUCCEEDED and not self._unwanted:
                end = ends.left_behind(end, await left_at_work(self._process.pid))
            kill_left_behind(self._grant.key, self._folder.path)
            self._read_rest(terminal)
        finally:
            loop.remove_reader(terminal)
            os.close(terminal)
        return end

    async def interrupt(self) -> None:
        """SIGINT to the process and its group, as a terminal's Ctrl-C; an interpreter that only starts ends by it."""
        self._unwanted = True
        # once it was waited for, its pid may be another's
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGINT)

    def kill(self) -> None:
        """Nothing is left to do: every process of this run carries its mark."""
        self._unwanted = True

    def _start(self, inner: int) -> subprocess.Popen[bytes]:
        shipped = self._grant.spec.dir
        assert shipped is not None  # RunSpec.check: a run without code has a directory
        command = command_for(self._folder.work, shipped, self._grant.spec.kernel)
        terminal = {"TERM": "xterm-256color", "COLUMNS": str(_COLUMNS), "LINES": str(_ROWS)}
        return subprocess.Popen(
            [*command, *arguments(shipped.args, self._grant.spec)],
            cwd=self._folder.work,
            env=terminal | run_environment(self._folder, self._grant, self._secrets),
            stdin=subprocess.DEVNULL,  # nobody sits there: what asks would wait for ever
            stdout=inner,
            stderr=inner,
            start_new_session=True,  # what it leaves is found by its session
        )

    def _read_rest(self, terminal: int) -> None:
        """What was printed before everything ended. What could not be killed may go on: it is not waited for."""
        give_up = time.monotonic() + _REST_S
        while self._read(terminal) and time.monotonic() < give_up:
            pass

    def _read(self, terminal: int) -> bool:
        """Pass on what the terminal has; False when there is no more."""
        try:
            data = os.read(terminal, _READ_BYTES)
        except BlockingIOError:
            return False
        except OSError:  # EIO: the last process that had it open is gone
            asyncio.get_running_loop().remove_reader(terminal)  # it would be readable for ever
            data = b""
        if text := self._decode.decode(data, final=not data):
            self._sink.text("stdout", text)
        return bool(data)


def command_for(work: Path, shipped: ShippedDir, kernel: str | None) -> list[str]:
    """The command that runs a module, or a file of the workspace: Python, a shell script, or anything executable.

    Raises FileMissing and InvalidRequest.
    """
    entry = shipped.entry
    python = python_of(kernel) if kernel else sys.executable
    if entry is None:
        return [python, *shipped.what]
    path = work / entry
    if not path.is_file():
        raise FileMissing(f"The entry point {entry!r} is not in the shipped directory.", "Name a file that is in it.")
    if path.suffix == ".py":
        return [python, entry]
    is_executable = os.access(path, os.X_OK)
    if path.suffix == ".sh" or (is_executable and _is_bare_script(path)):
        return ["sh", entry]
    if is_executable:
        return [str(path)]
    raise InvalidRequest(f"{entry!r} cannot be run.", "An entry point is a .py or .sh file, or is executable.")


def _is_bare_script(path: Path) -> bool:
    """Whether a file is a text that says not what runs it: a shell script to shells, while the system refuses it."""
    with path.open("rb") as file:
        beginning = file.read(_BEGINNING_BYTES)
    return not beginning.startswith(b"#!") and b"\0" not in beginning


def _open_terminal() -> tuple[int, int]:
    terminal, inner = pty.openpty()
    os.set_blocking(terminal, False)
    modes = termios.tcgetattr(inner)
    modes[1] &= ~termios.OPOST  # a newline stays a newline
    termios.tcsetattr(inner, termios.TCSANOW, modes)
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
    return terminal, inner
