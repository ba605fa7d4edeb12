"""A machine joins, or is told why it cannot; its idle sessions end, and it is revoked."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import psutil
import pytest
from machines import Machine, install
from servers import JupyterServer, free_port, wait_until

from gpurun_jupyter.core.home import Home

COUNTING = """
import itertools, os, time
for n in itertools.count():
    print(n, flush=True)
    if os.path.exists("enough"): break
    time.sleep(0.05)
"""
VERSION = metadata.version("gpurun-jupyter")
STAYING = "import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(600)"


@pytest.fixture(scope="module")
def box(far_server: JupyterServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine of its own, which the last test revokes."""
    options = ("--name", "box", "--label", "boxed", "--cpu-slots", "3", "--spares", "0", "--session-idle", "1s")
    made = Machine(tmp_path_factory.mktemp("box"))
    made.env["PYTHONPATH"] = str(install(made.folder, VERSION))
    yield made.join(far_server, *options)
    made.close()
    far_server.http.post("agents/box/revoke")


def sessions_of(server: JupyterServer) -> list[str]:
    return [one["name"] for one in server.http.get("sessions").json()["sessions"]]


WRONG = (
    ("http://127.0.0.1:{closed}/", 3, "Nobody answers at"),
    pytest.param("https://127.0.0.1:{open}/x/y/", 3, "does not speak HTTPS", marks=pytest.mark.long),  # five seconds
    ("http://127.0.0.1:{open}/", 3, "Is it the whole address that a browser shows, with its path"),
    ("http://127.0.0.1:{open}/x/y/", 2, "gpurun agent invite"),
)


@pytest.mark.parametrize(("url", "code", "said"), WRONG)
def test_it_says_what_is_wrong(far_server: JupyterServer, tmp_path: Path, url: str, code: int, said: str) -> None:
    machine = Machine(tmp_path / "machine")
    url = url.format(closed=free_port(), open=far_server.port)
    refused = machine.gpurun("agent", "join", url, "--token", "forged", check=False)
    assert (refused.returncode, said in refused.stderr) == (code, True), refused.stderr
    assert not (machine.folder / "home" / "agents").exists()


def test_it_says_what_it_offers_once_the_server_has_heard_it(far_server: JupyterServer, box: Machine) -> None:
    assert f"box has joined {box.url}; 0 GPUs, 3 CPU slots." in box.said


def test_a_session_that_is_idle_ends(far_server: JupyterServer, box: Machine) -> None:
    far_server.wait(far_server.submit("x = 1", gpu=0, on="box", session="idle"))
    wait_until(lambda: "idle" not in sessions_of(far_server), what="for it to end by itself")


def test_another_gpurun_is_installed_while_a_run_goes_on(far_server: JupyterServer, box: Machine) -> None:
    def version() -> str:
        agents = far_server.http.get("agents").json()["agents"]
        return str(next(one["version"] for one in agents if one["id"] == "box"))

    run_id, before = far_server.submit(COUNTING, gpu=0, on="box"), box.agent()
    wait_until(lambda: far_server.log(run_id).count("\n") > 5)
    assert version() == VERSION
    install(box.folder, f"{VERSION}.post1")
    wait_until(lambda: version() == f"{VERSION}.post1", what="for the agent to begin anew")
    assert box.agent() == before
    (box.home / "runs" / run_id / "attempts" / "1" / "work" / "enough").touch()
    run = far_server.wait(run_id)
    assert (run["outcome"], run["attempt"]) == ("succeeded", 1)
    numbers = far_server.log(run_id).split()
    assert numbers == [str(n) for n in range(len(numbers))]


def test_a_machine_whose_key_the_server_does_not_know_keeps_its_runs(far_server: JupyterServer, tmp_path: Path) -> None:
    """As when the server's database was put back: the key may be known again, so nothing is ended."""
    machine = Machine(tmp_path / "unknown").join(far_server, "--name", "unknown", "--spares", "0")
    try:
        run_id = far_server.submit(COUNTING, gpu=0, on="unknown")
        wait_until(lambda: "3\n" in far_server.log(run_id))
        _change_key(far_server, "unknown", forget=True)
        wait_until(lambda: machine.agent() is None, what="for the agent to give up")
        assert "This key is none of this server's" in machine.log()
        assert "Runs that have begun go on here" in machine.log()
        _change_key(far_server, "unknown", forget=False)
        machine.start()
        (Home(machine.home).attempt(run_id, 1).work / "enough").touch()
        assert far_server.wait(run_id)["outcome"] == "succeeded"
        lines = far_server.log(run_id).splitlines()
        assert lines == [str(n) for n in range(len(lines))]
    finally:
        machine.close()
        far_server.http.post("agents/unknown/revoke")


def _change_key(server: JupyterServer, agent_id: str, *, forget: bool) -> None:
    """Have the server forget the key of an agent, or know it again."""
    change = "'-' || key_hash" if forget else "substr(key_hash, 2)"
    with sqlite3.connect(server.home / "gpurun.db", timeout=30) as database:
        database.execute(f"UPDATE agent_keys SET key_hash = {change} WHERE id = ?", (agent_id,))
    database.close()


def test_a_revoked_machine_ends_what_it_does_and_says_why(far_server: JupyterServer, box: Machine) -> None:
    run_id = far_server.submit(STAYING, gpu=0, on="box")
    again = far_server.submit(STAYING, gpu=0, on="boxed", retries=1)
    in_session = far_server.submit(STAYING, gpu=0, on="box", session="gone")
    pids = [int(wait_until(lambda one=one: far_server.log(one))) for one in (run_id, again, in_session)]
    assert far_server.http.post("agents/box/revoke").is_success
    run = far_server.wait(run_id, timeout_s=2)
    assert (run["outcome"], run["reason"]) == ("failed", "agent_lost")
    assert "removed the machine box" in run["message"]
    assert far_server.run(again)["state"] == "queued"
    assert "gone" not in sessions_of(far_server)
    assert "box" not in [one["id"] for one in far_server.http.get("agents").json()["agents"]]
    wait_until(lambda: box.agent() is None, what="for it to leave")
    assert "This key is revoked" in box.log()
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert not list((box.home / "sessions").glob("*/session.json"))
    box.join(far_server, "--name", "box", "--label", "boxed")  # anew, under its old name
    wait_until(lambda: far_server.log(again).strip() not in ("", str(pids[1])), what="for the second attempt")
    far_server.http.post(f"runs/{again}/cancel", json={"kill": True})
    assert (far_server.wait(again)["outcome"], far_server.run(again)["attempt"]) == ("cancelled", 2)
