"""Everything that a run started ends with it, whatever its environment and its parents are, however the run ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from integration.test_directory_run import post, zipped
from integration.test_warm import alive, words
from servers import TOKEN, JupyterServer, end_session, session_of, wait_until

from gpurun_jupyter import Client
from gpurun_jupyter.agent.processes.orphans import RunnerRecord
from gpurun_jupyter.core.system.processes import read_identity

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="orphans are inherited on Linux only")

EACH = 10
#: Forty children: with an environment of their own, by `env -i`, in sessions of their own, and forked twice.
FAMILY = f"""
import os, shutil, subprocess, time
sleep = shutil.which("sleep")
def daemon():
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if (pid := os.fork()) == 0:
            os.execve(sleep, ["sleep", "300"], {{}})
        os.write(write, b"%d" % pid)
        os._exit(0)
    os.wait()
    return int(os.read(read, 20))
pids = []
for _ in range({EACH}):
    pids.append(subprocess.Popen([sleep, "300"], env={{"CUDA_VISIBLE_DEVICES": "0"}}).pid)
    pids.append(subprocess.Popen(["env", "-i", sleep, "300"]).pid)
    pids.append(subprocess.Popen([sleep, "300"], env={{}}, start_new_session=True).pid)
    pids.append(daemon())
print("pids", *pids, flush=True)
"""
UNTIL = "while not os.path.exists({flag!r}): time.sleep(0.02)\n"
#: What must be ended while it forks: it leaves nothing that stays, and each process is followed by the next.
RUNAWAY = """
import os, time
os.environ.clear()
if os.fork() == 0:
    os.setsid()
    os.execve("/bin/sh", ["sh", "-c", "for n in $(seq 1500); do /bin/sleep 300 & done; /bin/sleep 300"], {})
CHAIN = "import os, time\\nfor n in range(3000):\\n    if os.fork(): os._exit(0)\\ntime.sleep(300)"
if os.fork() == 0:
    import sys
    os.execve(sys.executable, ["python", "-c", CHAIN], {})
print("forking", flush=True)
time.sleep(1)
"""

Submit = Callable[..., str]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    made = JupyterServer(tmp_path_factory.mktemp("left"))
    yield made.start()
    made.close()


@pytest.fixture(params=["cell", "cold", "script"])
def submit(request: pytest.FixtureRequest, here: JupyterServer) -> Submit:
    """How the family is started."""

    def script(code: str, **fields: Any) -> str:
        answer = post(here, zipped({"main.py": code}), entry="main.py", **fields)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def cell(code: str, **fields: Any) -> str:
        return here.submit(code, **fields)

    def cold(code: str, **fields: Any) -> str:
        return here.submit(code, env={"PYTHONCOLD": "1"}, **fields)

    return {"cell": cell, "cold": cold, "script": script}[request.param]


def family(server: JupyterServer, run_id: str) -> list[psutil.Process]:
    """The forty, once all are there."""

    def told() -> str | None:
        lines = server.log(run_id).splitlines(keepends=True)
        return next((line for line in lines if line.startswith("pids ") and line.endswith("\n")), None)

    pids = [int(pid) for pid in wait_until(told, 60, "for the family").split()[1:]]
    assert len(set(pids)) == 4 * EACH
    return [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]


def left(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [process for process in processes if alive(process)]


def runner(server: JupyterServer, run_id: str) -> psutil.Process:
    identity = read_identity(server.home / "runs" / run_id / "attempts" / "1" / "runner.json")
    assert identity is not None
    return psutil.Process(identity.pid)


def fork_parents(server: JupyterServer) -> list[psutil.Process]:
    agent = wait_until(server.agent, 20, "for the agent")
    return [child for child in agent.children() if "gpurun_jupyter.agent.warm.fork_parent_process" in words(child)]


def kill_agent(server: JupyterServer) -> None:
    before = wait_until(server.agent, 20, "for the agent")
    server.end_agent(signal.SIGKILL)
    wait_until(lambda: (agent := server.agent()) is not None and agent.pid != before.pid, 30, "for another agent")


def adopted(server: JupyterServer, run_id: str) -> None:
    """The agent that is there now knows the run."""
    wait_until(
        lambda: f"adopted {run_id}/1" in (server.home / "agent.log").read_text(), 30, "for the run to be adopted"
    )


# Endings


def test_a_natural_end(here: JupyterServer, submit: Submit, tmp_path: Path) -> None:
    run_id = submit(FAMILY + UNTIL.format(flag=str(tmp_path / "go")))
    processes = family(here, run_id)
    assert len(left(processes)) == 4 * EACH
    (tmp_path / "go").touch()
    assert here.wait(run_id)["reason"] == "left_behind"
    assert left(processes) == []


@pytest.mark.parametrize("kill", [False, True])
def test_a_cancel(here: JupyterServer, submit: Submit, kill: bool) -> None:
    run_id = submit(FAMILY + "time.sleep(300)")
    processes = family(here, run_id)
    here.http.post(f"runs/{run_id}/cancel", json={"kill": kill})
    assert here.wait(run_id)["outcome"] == "cancelled"
    assert left(processes) == []


def test_a_time_limit(here: JupyterServer, submit: Submit) -> None:
    run_id = submit(FAMILY + "time.sleep(300)", timeout=12)
    processes = family(here, run_id)
    assert here.wait(run_id)["outcome"] == "timed_out"
    assert left(processes) == []


def test_a_killed_runner(here: JupyterServer, submit: Submit) -> None:
    run_id = submit(FAMILY + "time.sleep(300)")
    processes = family(here, run_id)
    runner(here, run_id).kill()
    assert here.wait(run_id)["reason"] == "runner_killed"
    assert left(processes) == []


def test_a_killed_agent_and_then_a_natural_end(here: JupyterServer, submit: Submit, tmp_path: Path) -> None:
    run_id = submit(FAMILY + UNTIL.format(flag=str(tmp_path / "go")))
    processes = family(here, run_id)
    kill_agent(here)
    (tmp_path / "go").touch()
    assert here.wait(run_id)["reason"] == "left_behind"
    assert left(processes) == []


def test_a_killed_agent_and_then_a_killed_runner(here: JupyterServer, submit: Submit) -> None:
    run_id = submit(FAMILY + "time.sleep(300)")
    processes = family(here, run_id)
    kill_agent(here)
    adopted(here, run_id)
    runner(here, run_id).kill()
    assert here.wait(run_id)["reason"] == "runner_killed"
    assert left(processes) == []


def test_a_killed_fork_parent_and_then_a_killed_runner(here: JupyterServer, submit: Submit) -> None:
    run_id = submit(FAMILY + "time.sleep(300)")
    processes = family(here, run_id)
    parents = fork_parents(here)
    for parent in parents:
        parent.kill()
    killed = runner(here, run_id)
    wait_until(lambda: killed.ppid() not in [parent.pid for parent in parents], what="for the agent to inherit")
    killed.kill()
    assert here.wait(run_id)["reason"] == "runner_killed"
    assert left(processes) == []


def test_agent_and_runner_killed_at_once(here: JupyterServer) -> None:
    """A fork parent outlives its agent as long as it has children."""
    run_id = here.submit(FAMILY + "time.sleep(300)", env={"PYTHONCOLD": "1"})  # it is forked now, not a spare
    processes = family(here, run_id)
    killed, agent = runner(here, run_id), here.agent()
    assert agent is not None
    agent.kill()
    killed.kill()
    wait_until(lambda: left(processes) == [], 10, "for the fork parent to end them")
    assert here.wait(run_id)["reason"] == "runner_killed"


# Sessions


@pytest.fixture
def session(here: JupyterServer, request: pytest.FixtureRequest) -> Iterator[str]:
    name = request.node.name
    yield name
    if session_of(here, name):
        end_session(here, name)


def test_what_a_session_started_ends_with_it(here: JupyterServer, session: str) -> None:
    run_id = here.submit(FAMILY, session=session)
    processes = family(here, run_id)
    assert here.wait(run_id)["outcome"] == "succeeded"
    assert here.wait(here.submit("1", session=session))["outcome"] == "succeeded"
    assert len(left(processes)) == 4 * EACH, "they live on between its runs"
    end_session(here, session)
    assert left(processes) == []


def test_a_restart_of_a_session_ends_what_it_started(here: JupyterServer, session: str) -> None:
    run_id = here.submit(FAMILY, session=session)
    processes = family(here, run_id)
    here.wait(run_id)
    here.http.post(f"sessions/{session}/restart")
    assert here.wait(here.submit("1", session=session))["outcome"] == "succeeded"
    assert left(processes) == []


def test_a_run_of_a_session_that_is_killed_ends_what_its_session_started(here: JupyterServer, session: str) -> None:
    first = here.submit(FAMILY, session=session)
    second = here.submit(FAMILY + "time.sleep(300)", session=session)
    processes = family(here, first) + family(here, second)
    here.http.post(f"runs/{second}/cancel", json={"kill": True})
    assert here.wait(second)["outcome"] == "cancelled"
    assert left(processes) == []


@pytest.mark.parametrize("busy", [False, True])
def test_a_session_whose_holder_is_killed(here: JupyterServer, session: str, busy: bool) -> None:
    run_id = here.submit(FAMILY + ("time.sleep(300)" if busy else ""), session=session)
    processes = family(here, run_id)
    if not busy:
        here.wait(run_id)
    runner(here, run_id).kill()
    if busy:
        assert here.wait(run_id)["reason"] == "runner_killed"
        assert left(processes) == []
    wait_until(lambda: session_of(here, session) is None, 20, "for the session to be gone")
    assert left(processes) == []


# What tries to get away


@pytest.mark.parametrize("ending", ["end", "kill", "runner"])
def test_what_forks_quickly_does_not_outrun_the_end(here: JupyterServer, ending: str) -> None:
    before = psutil.pids()
    run_id = here.submit(RUNAWAY + ("" if ending == "end" else "time.sleep(300)"))
    wait_until(lambda: "forking" in here.log(run_id), what="for the run to fork")
    if ending == "kill":
        here.http.post(f"runs/{run_id}/cancel", json={"kill": True})
    elif ending == "runner":
        runner(here, run_id).kill()
    here.wait(run_id)
    assert [one for one in psutil.process_iter() if one.pid not in before and _runs_away(one)] == []


def _runs_away(process: psutil.Process) -> bool:
    """Whether it is one of RUNAWAY's. Other tests may sleep at the same time, but with an environment."""
    try:
        ours = process.cmdline()[:1] in (["/bin/sleep"], ["sh"], ["python"]) and set(process.environ()) <= {"PWD", "_"}
        return ours and alive(process)
    except psutil.Error:
        return False


def test_nothing_of_gpurun_is_taken_for_an_orphan(here: JupyterServer, tmp_path: Path) -> None:
    """Other runs, sessions and spares go on while a killed runner's orphans are ended, whoever ends them."""
    kept = here.wait(here.submit("x = 7", session="kept"))
    assert kept["outcome"] == "succeeded"
    for of_the_agent in (False, True):
        victim = here.submit(FAMILY + "time.sleep(300)")
        processes = family(here, victim)
        if of_the_agent:
            for parent in fork_parents(here):
                parent.kill()
        runner(here, victim).kill()
        assert here.wait(victim)["reason"] == "runner_killed"
        assert left(processes) == []
        again = here.wait(here.submit("print(x)", session="kept"))
        assert here.log(again["id"]) == "7\n"
    end_session(here, "kept")


def test_a_runner_waits_for_the_daemons_of_its_run(here: JupyterServer, submit: Submit, tmp_path: Path) -> None:
    """A subreaper has to: else a run that goes on for days fills the machine with what has ended."""
    ended = "import os, time\nfor n in range(20):\n    if os.fork() == 0:\n        if os.fork(): os._exit(0)\n"
    ended += "        os._exit(0)\n    os.wait()\nprint('on', flush=True)\n"
    run_id = submit(ended + UNTIL.format(flag=str(tmp_path / "go")))
    wait_until(lambda: "on" in here.log(run_id), what="for the daemons")
    process = runner(here, run_id)
    wait_until(lambda: len(process.children()) == 1, 20, "for the runner to wait for them")
    (tmp_path / "go").touch()
    assert here.wait(run_id)["outcome"] == "succeeded"


def test_the_end_of_a_notebook(here: JupyterServer, tmp_path: Path) -> None:
    cells = [nbformat.v4.new_code_cell(FAMILY), nbformat.v4.new_code_cell("print('last')")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "family.ipynb")
    with Client(here.url, TOKEN) as client:
        run = client.submit_notebook(tmp_path / "family.ipynb")
        processes = family(here, run.id)
        assert run.wait().record.reason == "left_behind"
    assert left(processes) == []


def test_the_agent_leaves_no_zombies(here: JupyterServer) -> None:
    run_id = here.submit(FAMILY + "time.sleep(300)")
    family(here, run_id)
    for parent in fork_parents(here):
        parent.kill()
    runner(here, run_id).kill()
    here.wait(run_id)
    agent = here.agent()
    assert agent is not None

    def zombies() -> list[psutil.Process]:
        return [child for child in agent.children(recursive=True) if child.is_running() and not alive(child)]

    wait_until(lambda: not zombies(), 40, "for the agent to wait for its children")


def test_a_runner_says_who_inherits_from_it(here: JupyterServer) -> None:
    run_id = here.submit("1")
    here.wait(run_id)
    record = (here.home / "runs" / run_id / "attempts" / "1" / "runner.json").read_bytes()
    assert '"parent":' in record.decode()
    assert RunnerRecord.__struct_fields__[-1] == "parent"
