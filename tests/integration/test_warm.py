"""Warm kernels: forks and spares that cannot be told from fresh ones, sessions that keep their variables."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from servers import JupyterServer, wait_until

LOOK = """
import json as _json, os as _os, random as _random, signal as _signal, sys as _sys
print(_json.dumps({
    "names": sorted(name for name in globals() if not name.startswith("_")),
    "argv": [_os.path.basename(part) for part in _sys.argv[:2]],
    "path": _sys.path,
    "cwd": _os.path.basename(_os.getcwd()),
    "main": _sys.modules["__main__"].__dict__ is globals(),
    "interrupt": _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler,
    "blocked": sorted(map(int, _signal.pthread_sigmask(_signal.SIG_BLOCK, []))),
    "count": get_ipython().execution_count,
    "variables": dict(_os.environ),
    "seen": open("/proc/self/environ").read().split(chr(0)),
    "random": _random.random(),
    "pids": [_os.getppid(), _os.getpid()],
}))
"""
#: What is different for each run, and what tells where a kernel comes from.
VARIABLES_OF_A_RUN = {
    *("GPURUN_ATTEMPT", "GPURUN_CHECKPOINT_DIR", "GPURUN_OUTPUT_DIR", "GPURUN_REPORT", "GPURUN_RUN_ID"),
    *("GPURUN_RUN_NAME", "PYTHONPATH", "JPY_PARENT_PID", "PYTHONCOLD", "TMPCOLD"),
    *("MLFLOW_TRACKING_URI", "TENSORBOARD_LOGDIR", "WANDB_DIR"),
}
DEAF = """
import time
print("on", flush=True)
while True:
    try: time.sleep(60)
    except KeyboardInterrupt: pass
"""
STRAYS = """
import os, time
for _ in range(2):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            open(f"stray{os.getpid()}", "w").close()
            time.sleep(300)
        os._exit(0)
print(os.getpid(), flush=True)
time.sleep(300)
"""


def family(server: JupyterServer) -> dict[str, list[psutil.Process]]:
    """The agent's fork parent, and the spare: its holder first, then its kernel."""
    agent = server.agent()
    children = agent.children() if agent is not None else []
    parents = [child for child in children if "gpurun_jupyter.agent.warm.fork_parent_process" in words(child)]
    holders = [child for parent in parents for child in parent.children() if "spare" in words(child)]
    return {"parent": parents, "spare": [*holders, *(kernel for one in holders for kernel in one.children())]}


def words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:  # gone meanwhile
        return []


def ready_spare(server: JupyterServer) -> list[psutil.Process]:
    """The spare, when its kernel has come up: its sockets are then taken away."""
    found = wait_until(lambda: spare if len(spare := family(server)["spare"]) == 2 else None, 30, "for a spare")
    wait_until(lambda: found[1].num_threads() > 3, 30, "for its kernel")
    return found


def looked(server: JupyterServer, **fields: Any) -> dict[str, Any]:
    run = server.wait(server.submit(LOOK, **fields))
    assert run["outcome"] == "succeeded", server.log(run["id"])
    found: dict[str, Any] = json.loads(server.log(run["id"]))
    return found


def over(processes: list[psutil.Process]) -> None:
    wait_until(lambda: not any(alive(process) for process in processes), what=f"for the end of {processes}")


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where packages are installed while there are kernels: the agent looks at folders that are named so."""
    made = tmp_path_factory.mktemp("installed") / "more-packages"
    made.mkdir()
    return made


@pytest.fixture(scope="module")
def warm(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A server that keeps kernels warm. A test that kills it starts it again."""
    server = JupyterServer(tmp_path_factory.mktemp("warm"))
    server.env["GPURUN_CPU_SLOTS"] = "16"  # each session keeps one
    server.env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(packages), server.env.get("PYTHONPATH")]))
    server.start()
    yield server
    server.close()


def test_a_run_in_a_spare_or_a_fork_finds_what_a_fresh_kernel_finds(warm: JupyterServer) -> None:
    spare = ready_spare(warm)
    in_spare, forked = looked(warm, env={"LR": "1"}), looked(warm, env={"LR": "1"})
    fresh = looked(warm, env={"LR": "1", "PYTHONCOLD": "1"})
    assert in_spare["pids"] == [process.pid for process in spare]
    assert forked["pids"][0] not in [process.pid for process in spare]
    assert in_spare["random"] != forked["random"]
    for warm_one in (in_spare, forked):
        differing = {
            name
            for name in warm_one["variables"].keys() | fresh["variables"].keys()
            if warm_one["variables"].get(name) != fresh["variables"].get(name)
        }
        assert differing <= VARIABLES_OF_A_RUN
        assert set(warm_one["path"]) | {""} == {entry for entry in fresh["path"] if "/home/report/" not in entry} | {""}
        for same in ("names", "argv", "cwd", "main", "interrupt", "blocked", "count"):
            assert warm_one[same] == fresh[same], same
        mark = f"GPURUN_ATTEMPT={warm_one['variables']['GPURUN_ATTEMPT']}"
        assert mark in warm_one["seen"]


def test_every_plain_run_has_a_kernel_of_its_own(warm: JupyterServer) -> None:
    kernels = [looked(warm)["pids"][1] for _ in range(4)]
    assert len(set(kernels)) == 4
    over([psutil.Process(pid) for pid in kernels if psutil.pid_exists(pid)])


def test_what_a_run_leaves_open_is_written_and_exit_handlers_run(warm: JupyterServer) -> None:
    ready_spare(warm)
    code = "import atexit\nleft = open('left.txt', 'w'); left.write('all of it')\n"
    run = warm.wait(warm.submit(code + "atexit.register(lambda: open('handler.txt', 'w').close())"))
    work = warm.home / "runs" / run["id"] / "attempts" / "1" / "work"
    assert (work / "left.txt").read_text() == "all of it"
    assert (work / "handler.txt").exists()


def test_interrupts_reach_a_spare(warm: JupyterServer) -> None:
    ready_spare(warm)
    run_id = warm.submit(
        "import time\nprint('on', flush=True)\ntry:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('off')"
    )
    wait_until(lambda: "on" in warm.log(run_id))
    warm.http.post(f"runs/{run_id}/cancel")
    assert warm.wait(run_id, timeout_s=8)["outcome"] == "cancelled"
    assert "off" in warm.log(run_id)


def test_strays_that_were_only_forked_are_found_when_the_runner_was_killed(warm: JupyterServer) -> None:
    ready_spare(warm)
    run_id = warm.submit(STRAYS)
    kernel = psutil.Process(int(wait_until(lambda: warm.log(run_id).strip())))
    work = warm.home / "runs" / run_id / "attempts" / "1" / "work"
    wait_until(lambda: len(list(work.glob("stray*"))) == 2)
    strays = [psutil.Process(int(path.name.removeprefix("stray"))) for path in work.glob("stray*")]
    kernel.parent().kill()
    run = warm.wait(run_id, timeout_s=20)
    assert (run["outcome"], run["reason"]) == ("failed", "runner_killed")
    over([kernel, *strays])


def test_a_spare_and_a_fork_parent_that_were_killed_are_replaced(warm: JupyterServer) -> None:
    for process in ready_spare(warm):
        process.kill()
    assert looked(warm)["names"]
    for process in family(warm)["parent"]:
        process.kill()
    assert looked(warm)["names"]
    wait_until(lambda: family(warm)["parent"], what="for another fork parent")
    ready_spare(warm)


def test_what_is_installed_meanwhile_is_there(warm: JupyterServer, packages: Path) -> None:
    spare = ready_spare(warm)
    (packages / "brand_new.py").write_text("answer = 42")
    run = warm.wait(warm.submit("import brand_new, os; print(os.getpid())"))
    assert run["outcome"] == "succeeded"
    assert int(warm.log(run["id"])) not in [process.pid for process in spare]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_spares_end_with_their_agent(warm: JupyterServer, number: int) -> None:
    spare = ready_spare(warm)
    parent = family(warm)["parent"]
    assert parent
    warm.end_agent(number)
    over([*spare, *parent])
    assert looked(warm)["names"]  # of another agent


# Sessions


def in_session(server: JupyterServer, code: str, session: str, **fields: Any) -> dict[str, Any]:
    return server.wait(server.submit(code, session=session, **fields))


def sessions(server: JupyterServer) -> list[str]:
    return [session["name"] for session in server.http.get("sessions").json()["sessions"]]


@pytest.mark.parametrize("kernel", [None, "python3"])
def test_a_session_keeps_its_variables_and_each_run_has_its_own_environment(
    warm: JupyterServer, kernel: str | None
) -> None:
    name = f"keeps-{kernel}"
    first = in_session(warm, "import os\nx = 41\nprint(os.getpid())", name, env={"LR": "1"}, kernel=kernel)
    look = "x += 1\nprint(os.getpid(), x, os.environ.get('LR'), os.environ['GPURUN_ATTEMPT'], os.getcwd())"
    second = in_session(warm, look, name, kernel=kernel)
    pid, x, rate, mark, cwd = warm.log(second["id"]).split()
    assert (pid, x, rate) == (warm.log(first["id"]).strip(), "42", "None")
    assert mark == f"{second['id']}/1"
    assert f"/{second['id']}/" in cwd
    assert second["devices"] == first["devices"]


def test_a_session_of_a_fresh_kernel(warm: JupyterServer) -> None:
    first = in_session(warm, "import os\nx = 1\nprint(os.getpid())", "fresh", env={"PYTHONCOLD": "1"})
    second = in_session(warm, "print(os.getpid(), x, os.environ['GPURUN_RUN_ID'])", "fresh")
    assert warm.log(second["id"]).split() == [warm.log(first["id"]).strip(), "1", second["id"]]
    third = warm.submit(
        DEAF,
        session="fresh",
    )
    wait_until(lambda: "on" in warm.log(third))
    for body in ({}, {"kill": True}):
        warm.http.post(f"runs/{third}/cancel", json=body)
    run = warm.wait(third, timeout_s=8)
    assert run["outcome"] == "cancelled"
    assert "The session «fresh» has ended" in run["message"]


def test_an_interrupt_leaves_the_session_and_a_kill_ends_it(warm: JupyterServer) -> None:
    in_session(warm, "import time\nx = 5", "stopped")
    for stop, ends in (({}, False), ({"kill": True}, True)):
        run_id = warm.submit("print(x, flush=True)\ntime.sleep(60)", session="stopped")
        wait_until(lambda run_id=run_id: "5" in warm.log(run_id))
        warm.http.post(f"runs/{run_id}/cancel", json=stop)
        run = warm.wait(run_id, timeout_s=10)
        assert run["outcome"] == "cancelled"
        assert ("The session «stopped» has ended" in run["message"]) == ends
    wait_until(lambda: "stopped" not in sessions(warm))


def test_what_a_session_started_stays_until_the_session_ends(warm: JupyterServer) -> None:
    start = "import subprocess\nchild = subprocess.Popen(['sleep', '300'])\nprint(child.pid)"
    child = psutil.Process(int(warm.log(in_session(warm, start, "family")["id"])))
    run = in_session(warm, "print(child.poll())", "family")
    assert warm.log(run["id"]).strip() == "None"
    assert alive(child)
    run = in_session(warm, "import os; os._exit(3)", "family")
    assert (run["reason"], run["message"]) == (
        "kernel_died",
        "The kernel died while it ran the cell (exit code 3). The session «family» has ended.",
    )
    over([child])


def test_a_session_survives_its_agent_and_the_jupyter_server(warm: JupyterServer) -> None:
    first = in_session(warm, "import os, time\nx = 7\nprint(os.getpid())", "stays")
    going_on = warm.submit(
        "for n in range(40):\n    print('line', n, flush=True)\n    time.sleep(0.1)", session="stays"
    )
    wait_until(lambda: "line 3" in warm.log(going_on))
    warm.end_agent(signal.SIGKILL)
    warm.kill()
    warm.start()
    run = warm.wait(going_on)
    assert run["outcome"] == "succeeded"
    assert warm.log(going_on).split() == [word for n in range(40) for word in ("line", str(n))]
    last = in_session(warm, "print(os.getpid(), x)", "stays")
    assert warm.log(last["id"]).split() == [warm.log(first["id"]).strip(), "7"]


def test_a_session_whose_holder_was_killed_is_gone_with_all_it_had(warm: JupyterServer) -> None:
    start = "import os, subprocess\nx = subprocess.Popen(['sleep', '300'])\nprint(os.getppid(), os.getpid(), x.pid)"
    pids = warm.log(in_session(warm, start, "killed")["id"]).split()
    holder, kernel, child = (psutil.Process(int(pid)) for pid in pids)
    holder.kill()
    over([kernel, child])
    wait_until(lambda: "killed" not in sessions(warm))
    run = in_session(warm, "print(x)", "killed")
    assert run["message"].startswith("NameError")


def test_output_after_an_attempts_end_goes_to_the_sessions_log(warm: JupyterServer) -> None:
    code = "import threading\nthreading.Timer(1.0, lambda: print('too late')).start()\nprint('in time')"
    run = in_session(warm, code, "late")
    assert warm.log(run["id"]) == "in time\n"
    assert wait_until(lambda: [log for log in (warm.home / "sessions").glob("*/log") if "too late" in log.read_text()])
    time.sleep(0.1)
    assert warm.log(run["id"]) == "in time\n"


@pytest.mark.parametrize("busy", [False, True])
def test_a_restart_keeps_the_session_and_its_devices_but_no_variables(warm: JupyterServer, busy: bool) -> None:
    name = f"restarted-{busy}"
    first = in_session(warm, "x = 1\nprint('on')", name)
    if busy:
        run_id = warm.submit("import time\nprint('on', flush=True)\ntime.sleep(60)", session=name)
        wait_until(lambda: "on" in warm.log(run_id))
    assert warm.http.post(f"sessions/{name}/restart").status_code == 200
    if busy:
        assert f"The session «{name}» begins anew." in warm.wait(run_id, timeout_s=10)["message"]
    wait_until(lambda: in_session(warm, "print('x' in globals())", name) and name in sessions(warm))
    last = in_session(warm, "print('x' in globals())", name)
    assert warm.log(last["id"]) == "False\n"
    assert last["devices"] == first["devices"]


@pytest.mark.parametrize("busy", [False, True])
def test_a_session_that_is_ended_frees_its_devices(warm: JupyterServer, busy: bool) -> None:
    name = f"ended-{busy}"
    kernel = psutil.Process(int(warm.log(in_session(warm, "import os; print(os.getpid())", name)["id"])))
    if busy:
        run_id = warm.submit("import time\nprint('on', flush=True)\ntime.sleep(60)", session=name)
        wait_until(lambda: "on" in warm.log(run_id))
    assert warm.http.post(f"sessions/{name}/end").status_code == 200
    if busy:
        assert warm.wait(run_id, timeout_s=10)["outcome"] == "cancelled"
    wait_until(lambda: name not in sessions(warm))
    over([kernel])
