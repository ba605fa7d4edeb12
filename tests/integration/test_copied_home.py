"""Copies of a state directory, made while runs are at work: each is its own, and the original is left alone."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import psutil
from servers import JupyterServer, session_of, wait_until

UNTIL_TOLD = """
import pathlib, subprocess, time
child = subprocess.Popen(['sleep', '1000'])
print('begun', child.pid, flush=True)
while not pathlib.Path({!r}).exists():
    time.sleep(0.05)
child.kill()
print('ended', flush=True)
"""


def copied(server: JupyterServer, copy: JupyterServer) -> JupyterServer:
    subprocess.run(["cp", "-a", server.home, copy.home], check=True)
    return copy


def begun(server: JupyterServer, run: str) -> int:
    """The pid of the run's child."""
    wait_until(lambda: "begun" in server.log(run), what="for the run to begin")
    return int(server.log(run).split()[1])


def test_copies_are_at_work_at_once_and_the_original_goes_on(
    make_server: Callable[..., JupyterServer], tmp_path: Path
) -> None:
    server = make_server().start()
    code = UNTIL_TOLD.format(str(tmp_path / "go"))
    over = server.submit("print('over')", gpu=0)
    server.wait(over)
    live, warm = server.submit(code, gpu=0), server.submit(code, gpu=0, session="warm")
    waiting = server.submit("import time; time.sleep(0.3); print('waited')", gpu=0)
    children = [psutil.Process(begun(server, run)) for run in (live, warm)]
    agent = server.agent()
    copies = [copied(server, make_server(name, migrated=False)) for name in ("one", "two")]
    for copy in copies:
        copy.start()
    for copy in copies:
        for run in (live, warm):
            ended = copy.wait(run, timeout_s=30)
            assert (ended["outcome"], ended["reason"]) == ("failed", "runner_killed")
            assert "is a copy" in ended["message"]
        assert copy.wait(waiting)["outcome"] == "succeeded"
        assert copy.log(over) == "over\n"
        assert copy.wait(copy.submit("1", gpu=0))["outcome"] == "succeeded"
        assert copy.wait(copy.submit("1", gpu=0, session="warm"))["outcome"] == "succeeded"
    assert len({server.agent(), *(copy.agent() for copy in copies)}) == 3
    assert server.agent() == agent
    assert [server.run(run)["state"] for run in (live, warm, waiting)] == ["running", "running", "queued"]
    assert all(child.is_running() for child in children)
    assert session_of(server, "warm") is not None
    (tmp_path / "go").touch()
    assert {server.wait(run)["outcome"] for run in (live, warm, waiting)} == {"succeeded"}


def test_the_same_attempt_in_a_copy_is_another(make_server: Callable[..., JupyterServer], tmp_path: Path) -> None:
    server = make_server().start()
    run = server.submit(UNTIL_TOLD.format(str(tmp_path / "go")), gpu=0, hold=True)
    server.stop()
    server.end_agent()
    copy = copied(server, make_server("copy", migrated=False))
    for one in (server, copy):
        one.start()
        assert one.http.post(f"runs/{run}/start").is_success
    child, other = psutil.Process(begun(server, run)), psutil.Process(begun(copy, run))
    assert copy.http.post(f"runs/{run}/cancel", json={"kill": True}).is_success
    assert copy.wait(run)["outcome"] == "cancelled"
    wait_until(lambda: not other.is_running() or other.status() == psutil.STATUS_ZOMBIE)
    assert child.is_running()
    (tmp_path / "go").touch()
    assert server.wait(run)["outcome"] == "succeeded"


def test_the_index_of_a_copy_knows_that_its_runs_are_not_at_work(
    make_server: Callable[..., JupyterServer], tmp_path: Path
) -> None:
    server = make_server().start()
    live = server.submit(UNTIL_TOLD.format(str(tmp_path / "go")), gpu=0)
    begun(server, live)
    copy = copied(server, make_server("copy", migrated=False))
    for path in copy.home.glob("gpurun.db*"):
        path.unlink()
    command = [Path(copy.env["PATH"].split(":")[0]) / "gpurun", "reindex", str(copy.home)]
    done = subprocess.run(command, env=copy.env, capture_output=True, text=True, timeout=60)
    assert "1 runs are back, 0 of them at work" in done.stdout, done.stderr
    assert copy.start().run(live)["reason"] == "runner_killed"
    assert server.run(live)["state"] == "running"
    (tmp_path / "go").touch()
    assert server.wait(live)["outcome"] == "succeeded"
