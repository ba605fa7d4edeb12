"""The fork parent without a server: what its children are seen as, what they inherit, and what happens when it dies."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest
from servers import wait_until

from gpurun_jupyter.agent.kernels.kernelspecs import is_own, own_kernels
from gpurun_jupyter.agent.processes import title
from gpurun_jupyter.agent.processes.marked import of_attempt
from gpurun_jupyter.agent.run_environment import may_be_forked
from gpurun_jupyter.agent.warm import fork_parent
from gpurun_jupyter.agent.warm.fork_parent import ForkParent
from gpurun_jupyter.agent.warm.sessions import Sessions
from gpurun_jupyter.agent.warm.spares import Starter
from gpurun_jupyter.core.devices import Device
from gpurun_jupyter.core.grants import Grant
from gpurun_jupyter.core.home import AttemptFolder, Home
from gpurun_jupyter.core.runs import RunSpec

pytestmark = pytest.mark.skipif(not title.POSSIBLE, reason="forks without exec are for Linux")

MARK = f"run/{os.getpid()}"
SHOW = """
import os, sys, time
from gpurun_jupyter.agent.processes import title
title.move_environment()
env = {"HOME": os.environ["HOME"], "GPURUN_ATTEMPT": sys.argv[1], "LONG": "x" * 200_000}
title.show(["a", "name", "of its own"], env)
if os.fork():
    os.wait()
else:
    print(os.environ["HOME"] == os.popen("echo $HOME").read().strip(), flush=True)
    time.sleep(60)
"""


def grant(name: str, **spec: object) -> Grant:
    return Grant(
        run_id=name,
        name=name,
        project="default",
        attempt=1,
        token="t",
        devices=[Device(id="cpu0", kind="cpu", index=0)],
        spec=RunSpec(**{"code": "import os; print(os.getppid())", **spec}),  # type: ignore[arg-type]
        owner="me",
    )


def with_starter(home: Home, use: Callable[[Starter], Awaitable[None]], spares: int = 0) -> None:
    async def go() -> None:
        starter = Starter(Sessions(home, 1800.0), spares)
        starter.open()
        try:
            await use(starter)
        finally:
            starter.close()

    asyncio.run(asyncio.wait_for(go(), 100))


async def carried_out(starter: Starter, home: Home, one: Grant) -> tuple[int, AttemptFolder]:
    """Start an attempt and wait for its end; the runner's pid."""
    folder = home.attempt(one.run_id, one.attempt)
    child = await starter.start(folder, one)
    while child.identity.alive():
        await asyncio.sleep(0.02)
    child.reap()
    return child.identity.pid, folder


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    made.create()
    return made


def test_a_process_is_seen_with_what_it_shows_and_so_are_its_forks() -> None:
    command, env = title.with_room([sys.executable, "-c", SHOW, MARK], os.environ)
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"True\n", "the C library finds the environment where it was moved to"
        marked = of_attempt(MARK)
        assert {one.pid for one in marked} == {
            process.pid,
            *(child.pid for child in psutil.Process(process.pid).children()),
        }
        for one in marked:
            assert one.cmdline()[:3] == ["a", "name", "of its own"]
            assert "LONG" not in one.environ(), "what does not fit whole is left out"
            assert one.environ()["HOME"] == os.environ["HOME"]
            one.kill()
    wait_until(lambda: of_attempt(MARK) == [], what="for the killed to be gone")


def test_runners_are_forked_and_leave_an_exit_record(home: Home) -> None:
    async def use(starter: Starter) -> None:
        pid, folder = await carried_out(starter, home, grant("one"))
        assert '"succeeded"' in folder.exit.read_text()
        assert f'"text":"{pid}\\n"' in folder.events.read_text(), "the kernel is the runner's own child"
        assert folder.runner_log.read_text() == ""

    with_starter(home, use)


def test_many_at_once(home: Home) -> None:
    async def use(starter: Starter) -> None:
        ends = await asyncio.gather(*(carried_out(starter, home, grant(f"run{n}")) for n in range(8)))
        assert len({pid for pid, _ in ends}) == 8
        assert all('"succeeded"' in folder.exit.read_text() for _, folder in ends)

    with_starter(home, use)


def test_without_a_fork_parent_runners_start_all_the_same(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(title, "POSSIBLE", False)

    async def use(starter: Starter) -> None:
        _, folder = await carried_out(starter, home, grant("alone"))
        assert '"succeeded"' in folder.exit.read_text()

    with_starter(home, use)


def test_children_outlive_the_fork_parent(home: Home) -> None:
    async def use(starter: Starter) -> None:
        await carried_out(starter, home, grant("first"))
        folder = home.attempt("slow", 1)
        child = await starter.start(folder, grant("slow", code="import time; time.sleep(1.5); print('on')"))
        parent = child.identity.process()
        assert parent is not None
        os.kill(parent.ppid(), signal.SIGKILL)
        while child.identity.alive():
            await asyncio.sleep(0.02)
        assert '"on\\n"' in folder.events.read_text()
        assert '"succeeded"' in folder.exit.read_text()

    with_starter(home, use)


def test_a_fork_parent_forks_no_child_of_a_parent_that_was_closed() -> None:
    async def go() -> None:
        one = ForkParent()
        one.start()
        await one.fork("runner", "/nowhere/at/all")  # ends by itself
        process = psutil.Process(one._process.pid)  # type: ignore[union-attr]
        one.close()
        give_up = time.monotonic() + 10
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE and time.monotonic() < give_up:
            await asyncio.sleep(0.05)
        assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE

    asyncio.run(go())


def test_one_that_did_not_start_is_tried_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    program = fork_parent._PROGRAM

    async def go() -> None:
        one = ForkParent()
        monkeypatch.setattr(fork_parent, "_PROGRAM", "")
        assert await one.fork("runner", "/nowhere/at/all") is None
        monkeypatch.setattr(fork_parent, "_PROGRAM", program)
        assert await one.fork("runner", "/nowhere/at/all") is None, "not at once"
        one._not_before = 0.0
        assert await one.fork("runner", "/nowhere/at/all") is not None
        one.close()

    asyncio.run(go())


def test_which_kernels_and_runs_may_be_forked() -> None:
    assert "python3" in own_kernels()
    assert not is_own("fortran-77")
    assert may_be_forked(grant("plain", env={"LR": "1", "OMP_NUM_THREADS": "2"}))
    for name in ("PYTHONHASHSEED", "LD_PRELOAD", "LANG", "TZ", "PYTHONPATH"):
        assert not may_be_forked(grant("special", env={name: "1"}))
