"""Two Jupyter servers with one state directory: one queue, one agent; either may die."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from servers import JupyterServer, wait_until

from gpurun_jupyter.core.home import Home
from gpurun_server.store.database import SCHEMA, Database

NUMBERED = "import time\nfor n in range({lines}):\n    print(n, flush=True)\n    time.sleep(0.05)"
Pair = tuple[JupyterServer, JupyterServer]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two servers, started at the same moment on one empty state directory. A test that kills one starts it again."""
    folder = tmp_path_factory.mktemp("pair")
    first, second = (JupyterServer(folder / name, migrated=False) for name in ("first", "second"))
    second.home = first.home
    second.env["GPURUN_HOME"] = str(first.home)
    with ThreadPoolExecutor(2) as starting:
        list(starting.map(JupyterServer.start, (first, second)))
    yield first, second
    second.stop()
    first.close()
    second.close()


def agents_of(home: Path) -> list[psutil.Process]:
    """Every process that is, or tries to be, the agent of a state directory."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if (process.info["cmdline"] or [])[1:5] == ["-m", "gpurun_server", "agent", str(home)]
    ]


def the_agent(home: Path) -> psutil.Process:
    """The only one, once any other has found that there is one and left."""
    wait_until(lambda: len(agents_of(home)) == 1, what="for one agent to be left")
    return agents_of(home)[0]


def numbers(server: JupyterServer, run_id: str) -> list[int]:
    return [int(line) for line in server.log(run_id).split()]


def test_both_have_one_queue_and_one_agent(pair: Pair) -> None:
    ids = [server.submit(f"print({number})") for number in range(3) for server in pair]
    for server in pair:
        assert [server.wait(run_id)["outcome"] for run_id in ids] == ["succeeded"] * 6
        assert {run["id"] for run in server.http.get("runs").json()["runs"]} == set(ids)
        assert len(server.http.get("devices").json()["agents"]) == 1
    assert the_agent(pair[0].home).pid == (pair[1].agent() or psutil.Process()).pid


@pytest.mark.parametrize("victim", [0, 1])
def test_either_may_be_killed_while_the_other_goes_on_and_sees_everything(pair: Pair, victim: int) -> None:
    killed, other = pair[victim], pair[1 - victim]
    agent = the_agent(killed.home)
    running = killed.submit(NUMBERED.format(lines=80))
    queued = [server.submit(f"print({n})", name=f"n{n}") for n, server in enumerate((killed, other) * 2)]
    wait_until(lambda: len(numbers(killed, running)) > 5, what="for the run's first lines")
    killed.kill()

    assert other.submit("1")
    assert other.wait(running)["outcome"] == "succeeded"
    assert numbers(other, running) == list(range(80))
    assert [other.wait(run_id)["outcome"] for run_id in queued] == ["succeeded"] * 4
    assert the_agent(other.home).pid == agent.pid

    killed.start()
    assert killed.run(running) == other.run(running)
    assert killed.wait(killed.submit("2"))["outcome"] == "succeeded"
    assert the_agent(other.home).pid == agent.pid


def test_an_agent_that_is_killed_is_replaced_by_one(pair: Pair) -> None:
    run_id = pair[0].submit(NUMBERED.format(lines=120))
    wait_until(lambda: numbers(pair[1], run_id), what="for the run's first line")
    before = the_agent(pair[0].home)
    before.kill()
    wait_until(lambda: before.pid not in [agent.pid for agent in agents_of(pair[0].home)])
    wait_until(lambda: agents_of(pair[0].home), what="for another agent")
    assert pair[0].wait(run_id)["outcome"] == pair[1].run(run_id)["outcome"] == "succeeded"
    assert numbers(pair[1], run_id) == list(range(120))
    assert the_agent(pair[0].home).pid != before.pid


def test_a_run_is_cancelled_on_one_server_and_gone_on_the_other(pair: Pair) -> None:
    run_id = pair[0].submit("import time; time.sleep(300)")
    pair[1].wait(run_id, "running")
    assert pair[1].http.post(f"runs/{run_id}/cancel").json()["state"] == "stopping"
    assert pair[0].wait(run_id)["outcome"] == "cancelled"


def test_many_may_bring_an_empty_database_up_to_date_at_once(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.create()
    database = Database(home)
    command, env = [sys.executable, "-m", "gpurun_server", "migrate"], {**os.environ, "GPURUN_DB": database.url}
    started = [subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) for _ in range(6)]
    said = [process.communicate(timeout=60)[1] for process in started]
    assert [process.returncode for process in started] == [0] * 6, said
    assert database.version() == SCHEMA
    database.close()
