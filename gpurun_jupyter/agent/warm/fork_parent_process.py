"""The fork parent: a process with one thread that has imported what runners and kernels need, and forks them.

Started by the agent (`fork_parent.py`), it ends when the agent closes the other end of its socket, but not before its
last child: it inherits what a runner that was killed has left, and ends that. Its children are detached and outlive it.
A fork costs 5 ms where starting an interpreter and importing costs 200 ms for a runner and 2 s for a kernel. Linux
only: elsewhere a fork without exec is not safe.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import sys
from collections.abc import Iterator

import msgspec

from gpurun_jupyter.agent.processes import title
from gpurun_jupyter.agent.processes.forked import MESSAGE_BYTES, Become, Target, fork
from gpurun_jupyter.agent.processes.orphans import Brood
from gpurun_jupyter.agent.run_environment import environment_state
from gpurun_jupyter.agent.warm.fork_messages import Forked, Ready, Request

_MODULE = "gpurun_jupyter.agent.warm.fork_parent_process"

_PRELOADED = (
    "faulthandler",
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.core.oinspect",
    "IPython.extensions.storemagic",
    "IPython.utils.wildcard",
    "ipykernel.debugger",
    "ipykernel.kernelapp",
    "ipykernel_launcher",
    "tornado.platform.asyncio",
    "gpurun_jupyter.agent.warm.forked_runners",
    "gpurun_jupyter.agent.runner.kernel_run",
    "gpurun_jupyter.agent.runner.process_run",
)

#: What could not be killed is tried again after so long, seconds.
_AGAIN_S = 1.0

#: The debugger warns, when it is imported, that breakpoints in Python's own frozen modules may be missed.
_NO_WARNING = "PYDEVD_DISABLE_FILE_VALIDATION"


def main(fd: int) -> None:
    """Serve requests until the socket is closed. In a child, be what was asked for."""
    if not getattr(sys.flags, "safe_path", False):
        del sys.path[0]  # where the agent happened to be is not where a run finds its modules
    title.move_environment()
    title.show([sys.executable, "-m", _MODULE], os.environ)
    target: Target | None = _serve_until_closed(fd)
    while target is not None:
        try:
            target()
            target = None
        except Become as other:
            target = other.target


def _serve_until_closed(fd: int) -> Target | None:
    """Answer requests; returns None at the end, and in each child what it is to be."""
    channel = socket.socket(fileno=fd)
    kernels = _preload()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C at some terminal is not meant for us
    brood = Brood()
    gc.collect()
    gc.freeze()  # a collection in a child would copy every page that it looks at
    try:
        with _ended_children() as ended:
            with channel, contextlib.suppress(OSError):  # the agent is gone
                _serve(channel, ended, brood, kernels)
            while not brood.empty:
                _wait([], ended, brood)
    except Become as child:  # outside of the blocks: leaving them has closed what is the parent's
        return child.target
    return None


def _serve(channel: socket.socket, ended: socket.socket, brood: Brood, kernels: list[str]) -> None:
    """Answer requests until nobody asks any more, or what was imported is not what is installed."""
    before = environment_state()
    channel.send(msgspec.json.encode(Ready(kernels)))
    while True:
        if channel not in _wait([channel], ended, brood):
            continue
        if (request := _receive(channel)) is None:
            return
        if environment_state() != before:
            channel.send(msgspec.json.encode(Forked(None)))
            return
        pid = fork(_target(*request))
        brood.add(pid)
        channel.send(msgspec.json.encode(Forked(pid)))
        _close(request[1])


def _wait(sockets: list[socket.socket], ended: socket.socket, brood: Brood) -> list[socket.socket]:
    """Wait for something to read; meanwhile look after what has ended, and again after what could not be killed."""
    ready = select.select([*sockets, ended], [], [], None if brood.in_order else _AGAIN_S)[0]
    if ended in ready:
        ended.recv(MESSAGE_BYTES)
    if ended in ready or not ready:
        brood.look()
    return ready


@contextlib.contextmanager
def _ended_children() -> Iterator[socket.socket]:
    """A socket that has something to read when a child has ended."""
    woken, wakes = socket.socketpair()
    for one in (woken, wakes):
        one.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # a signal without a handler does not reach the wakeup socket
    signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)  # one byte is enough to wake it
    with woken, wakes:
        try:
            yield woken
        finally:
            signal.set_wakeup_fd(-1)


def _receive(channel: socket.socket) -> tuple[Request, list[int]] | None:
    message, fds, _, _ = socket.recv_fds(channel, MESSAGE_BYTES, 1)
    return (msgspec.json.decode(message, type=Request), fds) if message else None


def _target(request: Request, fds: list[int]) -> Target:
    """What a child is to be for this request; what is its parent's alone was closed on the way to it."""

    from gpurun_jupyter.agent.warm import forked_runners

    def be() -> None:
        if request.kind == "runner":
            forked_runners.run_runner(request.folder, *fds)
        else:
            forked_runners.run_spare(fds[0])

    return be


def _preload() -> list[str]:
    """Import what children need, none of which starts a thread; returns the kernelspecs of this interpreter."""
    os.environ[_NO_WARNING] = "1"
    for name in _PRELOADED:
        importlib.import_module(name)
    del os.environ[_NO_WARNING]  # children inherit the environment
    from gpurun_jupyter.agent.kernels.kernelspecs import own_kernels

    return own_kernels()


def _close(fds: list[int]) -> None:
    for fd in fds:
        os.close(fd)
