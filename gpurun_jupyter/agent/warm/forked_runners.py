"""Forked processes that carry out attempts: a runner, and a ready spare, which has its kernel before its attempt."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

from gpurun_jupyter.agent.kernels.kernelspecs import is_own
from gpurun_jupyter.agent.kernels.own_kernel import OwnKernel, fork_kernel
from gpurun_jupyter.agent.processes import forked, title
from gpurun_jupyter.agent.processes.forked import MESSAGE_BYTES
from gpurun_jupyter.agent.run_environment import may_be_forked
from gpurun_jupyter.agent.runner import attempt
from gpurun_jupyter.agent.runner.faults import word_left
from gpurun_jupyter.agent.runner.kernel_run import DEFAULT_KERNEL
from gpurun_jupyter.agent.runner.main import carry_on
from gpurun_jupyter.agent.runner.main import main as runner_main
from gpurun_jupyter.core.grants import Grant
from gpurun_jupyter.core.home import AttemptFolder
from gpurun_jupyter.core.system.records import read_record

#: A runner that nobody gives another attempt leaves after so long, seconds.
WAITING_S = 10.0

_MODULE = "gpurun_jupyter.agent.runner"


def run_runner(path: str, fd: int | None = None) -> None:
    """Be the runner of one attempt. Its kernel is forked first, while this process has one thread and nothing open.

    With a socket, which is for attempts at entry points, wait for others after it.
    """
    folder = AttemptFolder(path)
    with word_left(folder):
        _be_seen_as([path])  # first: by this an agent tells a runner from an orphan
        forked.settle(folder.runner_log)
        _ignore_interrupts()
        if fd is not None:
            _leave_after(lambda: asyncio.run(_one_after_another(path, socket.socket(fileno=fd))), folder)
        grant = read_record(folder.grant, Grant)
        kernel = fork_kernel() if grant is not None and _wants_fork(grant) else None
        _leave_after(lambda: runner_main(path, kernel), folder)
    forked.leave(attempt.FAILED)  # after a fault, of which word was left


def run_spare(fd: int) -> None:
    """Have a kernel ready, and be the runner of the attempt whose folder comes through the socket."""
    _be_seen_as(["spare"])
    forked.settle()
    _ignore_interrupts()
    kernel = fork_kernel()  # before there is an event loop
    _leave_after(lambda: asyncio.run(_spare(socket.socket(fileno=fd), kernel)))


async def _one_after_another(path: str, channel: socket.socket) -> int:
    """What they run is a process of its own each time: nothing of it is left in this one."""
    channel.setblocking(False)
    while path:
        folder = AttemptFolder(path)
        with word_left(folder):
            _be_seen_as([path])
            forked.redirect(folder.runner_log)
            if (taken := attempt.take(folder)) is None:
                return attempt.NOT_MINE
            await attempt.carry_out(taken)
            taken.release()  # before it says `over`: the agent may then give the devices away
            path = await _next(channel)
            continue
        return attempt.FAILED
    return 0


async def _next(channel: socket.socket) -> str:
    """Say that an attempt is over, and wait for another; nothing where none comes."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError, asyncio.TimeoutError):
        await loop.sock_sendall(channel, b"over")
        return (await asyncio.wait_for(loop.sock_recv(channel, MESSAGE_BYTES), WAITING_S)).decode()
    return ""


async def _spare(channel: socket.socket, kernel: OwnKernel) -> int:
    channel.setblocking(False)
    await kernel.connect(warm=True)
    receiving = asyncio.get_running_loop().sock_recv(channel, MESSAGE_BYTES)
    # a spare without its kernel is of no use: it leaves
    waiting, died = asyncio.create_task(receiving), asyncio.create_task(kernel.dead())
    await asyncio.wait({waiting, died}, return_when=asyncio.FIRST_COMPLETED)
    path = waiting.result().decode() if waiting.done() else ""
    died.cancel()
    channel.close()
    if not path:  # the agent is gone or wants it no more
        await kernel.end()
        return 0
    return await _carry_out(AttemptFolder(path), kernel)


async def _carry_out(folder: AttemptFolder, kernel: OwnKernel) -> int:
    with word_left(folder):
        _be_seen_as([str(folder.path)])
        forked.redirect(folder.runner_log)
        taken = attempt.take(folder)
        if taken is None or not _wants_fork(taken.grant):
            await kernel.end()
        if taken is None:
            return attempt.NOT_MINE
        await carry_on(taken, kernel if _wants_fork(taken.grant) else None)
        return 0
    return attempt.FAILED


def _wants_fork(grant: Grant) -> bool:
    """Whether a fork of this process is what the run asks for."""
    own = grant.spec.kernel is None or is_own(grant.spec.kernel or DEFAULT_KERNEL)
    return grant.spec.in_kernel and own and may_be_forked(grant)


def _be_seen_as(arguments: list[str]) -> None:
    title.show([sys.executable, "-m", _MODULE, *arguments], os.environ)


def _ignore_interrupts() -> None:
    """A Ctrl-C at some terminal is not meant for us. Not SIG_IGN: the run would inherit that."""
    signal.signal(signal.SIGINT, lambda *_: None)


def _leave_after(main: Callable[[], int], folder: AttemptFolder | None = None) -> NoReturn:
    """Carry out and end; what goes wrong is in the runner's own log, and in the record of an attempt in `folder`."""
    code = attempt.FAILED
    try:
        with contextlib.nullcontext() if folder is None else word_left(folder):
            code = main()
    except Exception:  # noqa: BLE001 - as an interpreter would
        traceback.print_exc()
    finally:
        forked.leave(code)
