"""Ending runs, whatever state they are in and whatever they started."""

from __future__ import annotations

import io
import random
import time
import zipfile
from collections.abc import Callable, Iterator

import psutil
import pytest
from servers import JupyterServer, wait_until

from gpurun_jupyter.agent.runner.stopping import GRACE_S

FAMILY = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
daemon = subprocess.Popen([sys.executable, "-c", '''
import os, sys, time
if os.fork(): sys.exit()
os.setsid()
if os.fork(): os._exit(0)
open("daemon.pid", "w").write(str(os.getpid()))
time.sleep(300)
'''])
while not os.path.exists("daemon.pid") or not open("daemon.pid").read(): time.sleep(0.01)
print(os.getpid(), child.pid, open("daemon.pid").read(), flush=True)
time.sleep(300)
"""

DEAF = """
import time
print("deaf", flush=True)
while True:
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        print("no", flush=True)
"""

LONG = "print('begun', flush=True)\nimport time\ntime.sleep(300)\nprint('nev' + 'er')"
AWAITING = "print('begun', flush=True)\nimport asyncio\nawait asyncio.sleep(300)\nprint('nev' + 'er')"
#: A run that sets one of PYTHON's own variables gets a kernel that is started, not forked.
COLD = {"PYTHONCOLD": "1"}


def submit_directory(server: JupyterServer, script: str) -> str:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("main.py", script)
    answer = server.http.post("runs/zip", files={"file": ("d.zip", packed.getvalue())}, data={"entry": "main.py"})
    return str(answer.json()["id"])


def test_a_cancelled_run_leaves_no_process_behind(server: JupyterServer) -> None:
    run_id = server.submit(FAMILY)
    pids = [int(pid) for pid in wait_until(lambda: server.log(run_id).strip()).split()]
    assert len(pids) == 3
    assert server.http.post(f"runs/{run_id}/cancel").json()["state"] == "stopping"
    run = server.wait(run_id)
    assert (run["outcome"], run["reason"]) == ("cancelled", "cancelled_by")
    assert run["message"].startswith("stopped by ")
    assert [pid for pid in pids if alive(pid)] == []


@pytest.fixture
def session(server: JupyterServer) -> Iterator[str]:
    yield "cancelled"
    server.http.post("sessions/cancelled/end")
    wait_until(lambda: not server.http.get("sessions").json()["sessions"])


@pytest.mark.parametrize("kind", ["cell", "awaiting", "session", "cold", "directory"])
def test_a_cancel_in_the_first_moments_is_not_lost(server: JupyterServer, session: str, kind: str) -> None:
    moments = random.Random(kind)
    for _ in range(6):
        run_id = {
            "cell": lambda: server.submit(LONG),
            "awaiting": lambda: server.submit(AWAITING),
            "session": lambda: server.submit(LONG, session=session),
            "cold": lambda: server.submit(LONG, env=COLD),
            "directory": lambda: submit_directory(server, LONG),
        }[kind]()
        time.sleep(moments.uniform(0, 0.3))  # not to wait for anything: any moment is as good
        server.http.post(f"runs/{run_id}/cancel")
        run = server.wait(run_id, timeout_s=GRACE_S[0] / 2)
        assert run["outcome"] == "cancelled"
        assert_cancelled_log(server, run)


def assert_cancelled_log(server: JupyterServer, run: dict) -> None:
    if run["attempt"] == 0:  # it never left the queue
        return
    events = server.events(run["id"])
    assert [events[0]["kind"], events[-1]["kind"]] == ["start", "end"]
    assert events[-1]["outcome"] == "cancelled"
    assert "never" not in server.log(run["id"]).splitlines()  # a traceback may quote a line with this word


def test_a_kill_before_there_is_a_kernel_is_not_lost(make_server: Callable[..., JupyterServer]) -> None:
    server = make_server().start()  # nothing is warm yet: the kernel has to be started
    run_id = server.submit("import time; time.sleep(60)")
    server.http.post(f"runs/{run_id}/cancel", json={"kill": True})
    assert server.wait(run_id, timeout_s=30)["outcome"] == "cancelled"


def test_a_session_survives_a_cancel_in_the_first_moments(server: JupyterServer, session: str) -> None:
    assert server.wait(server.submit("kept = 1", session=session))["outcome"] == "succeeded"
    for _ in range(3):
        run_id = server.submit(LONG, session=session)
        server.http.post(f"runs/{run_id}/cancel")
        assert server.wait(run_id)["outcome"] == "cancelled"
    run = server.wait(server.submit("print(kept)", session=session))
    assert server.log(run["id"]) == "1\n"


def test_a_finished_run_leaves_no_daemon_behind(server: JupyterServer) -> None:
    run_id = server.submit(FAMILY.replace("\ntime.sleep(300)\n", "\n"))
    run = server.wait(run_id)
    assert run["reason"] == "left_behind", server.log(run_id)
    assert "python" in run["message"]
    assert [pid for pid in map(int, server.log(run_id).split()) if alive(pid)] == []


def test_a_run_that_will_not_stop_is_killed_when_asked_again(server: JupyterServer) -> None:
    run_id = server.submit(DEAF)
    wait_until(lambda: "deaf" in server.log(run_id))
    server.http.post(f"runs/{run_id}/cancel")
    wait_until(lambda: "no" in server.log(run_id))
    server.http.post(f"runs/{run_id}/cancel")
    assert server.wait(run_id, timeout_s=8)["outcome"] == "cancelled"


def test_a_queued_run_ends_at_once_and_never_starts(server: JupyterServer) -> None:
    run_id = server.submit("print('never')", gpu=8, wait_for_device=True)
    run = server.run(run_id)
    assert run["state"] == "queued"
    assert "no agent that is here has them" in run["waiting"]["why"]
    ended = server.http.post(f"runs/{run_id}/cancel").json()
    assert (ended["state"], ended["outcome"], ended["attempt"]) == ("finished", "cancelled", 0)


def test_a_finished_run_cannot_be_cancelled(server: JupyterServer) -> None:
    run_id = server.wait(server.submit("1"))["id"]
    refused = server.http.post(f"runs/{run_id}/cancel")
    assert refused.status_code == 409
    assert refused.json()["error"]["code"] == "wrong_state"


@pytest.mark.parametrize("body", [b"{", b'{"kill": 1}', b'{"hard": true}'])
def test_a_malformed_cancel_is_refused(server: JupyterServer, body: bytes) -> None:
    assert server.http.post("runs/last/cancel", content=body).status_code == 400


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
