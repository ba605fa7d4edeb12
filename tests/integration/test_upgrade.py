"""Another gpurun is installed while runs go on: the agent begins anew as that one, and no run notices."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from machines import install
from servers import JupyterServer, wait_until

from gpurun_jupyter.agent import upgrade
from gpurun_jupyter.agent.upgrade import Upgrade, installed

COUNTING = """
import itertools, os, time
for n in itertools.count():
    print(n, flush=True)
    if os.path.exists("enough"): break
    time.sleep(0.05)
"""


def version_of_agent(server: JupyterServer) -> str:
    agents = server.http.get("devices").json()["agents"]
    return str(agents[0]["version"]) if agents else ""


def one_slot(server: JupyterServer, packages: Path) -> JupyterServer:
    server.env |= {"PYTHONPATH": str(packages), "GPURUN_CPU_SLOTS": "1"}
    return server.start()


def assert_counted_to_its_end(server: JupyterServer, run_id: str) -> None:
    (server.home / "runs" / run_id / "attempts" / "1" / "work" / "enough").touch()
    assert server.wait(run_id)["outcome"] == "succeeded"
    numbers = server.log(run_id).split()
    assert numbers == [str(n) for n in range(len(numbers))]


def test_an_upgrade_while_a_run_goes_on(make_server: Callable[..., JupyterServer], tmp_path: Path) -> None:
    server = one_slot(make_server(), install(tmp_path, "1.0"))
    run_id, behind = server.submit(COUNTING), server.submit("print('behind')")
    wait_until(lambda: server.log(run_id).count("\n") > 5)
    before = server.agent()
    assert version_of_agent(server) == "1.0"
    install(tmp_path, "1.1")
    wait_until(lambda: version_of_agent(server) == "1.1")
    assert server.agent() == before
    assert server.run(run_id)["state"] == "running"
    assert_counted_to_its_end(server, run_id)
    assert server.wait(behind)["outcome"] == "succeeded"
    assert (server.run(run_id)["attempt"], server.log(behind)) == (1, "behind\n")
    assert server.wait(server.submit("print('afterwards')"))["outcome"] == "succeeded"


def test_a_newer_server_replaces_the_agent_and_an_older_one_does_not(
    make_server: Callable[..., JupyterServer], tmp_path: Path
) -> None:
    server = one_slot(make_server(), install(tmp_path / "old", "1.9"))
    run_id = server.submit(COUNTING)
    wait_until(lambda: server.log(run_id).count("\n") > 5)
    old = server.agent()
    assert old is not None
    server.stop()
    one_slot(server, install(tmp_path / "new", "1.10"))
    wait_until(lambda: version_of_agent(server) == "1.10")
    assert psutil.wait_procs([old], timeout=10)[1] == []
    assert server.run(run_id)["state"] == "running"
    new = wait_until(server.agent)
    server.stop()
    one_slot(server, tmp_path / "old" / "own-packages")
    assert_counted_to_its_end(server, run_id)
    assert server.agent() == new


def test_what_is_installed_is_believed_when_it_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    now = [0.0]
    monkeypatch.setattr(upgrade, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.syspath_prepend(install(tmp_path, "1.0"))
    looking = Upgrade()
    assert not looking.done()
    shutil.rmtree(tmp_path / "own-packages")
    monkeypatch.setattr(upgrade, "installed", lambda: None)  # half way through: the old one is away
    now[0] += 60
    assert not looking.done()
    monkeypatch.setattr(upgrade, "installed", installed)
    install(tmp_path, "1.1")
    assert not looking.done()
    now[0] += upgrade.SETTLE_S
    assert looking.done()
    install(tmp_path, "1.0")
    now[0] += 60
    assert [looking.done(), looking.done()] == [False, False]
