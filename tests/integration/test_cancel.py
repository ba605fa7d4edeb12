"""Ending runs, whatever state they are in and whatever they started."""

from __future__ import annotations

import psutil
import pytest
from servers import JupyterServer, wait_until

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


def test_a_cancelled_run_leaves_no_process_behind(server: JupyterServer) -> None:
    run_id = server.submit(FAMILY)
    pids = [int(pid) for pid in wait_until(lambda: server.log(run_id).strip()).split()]
    assert len(pids) == 3
    assert server.http.post(f"runs/{run_id}/cancel").json()["state"] == "stopping"
    run = server.wait(run_id)
    assert (run["outcome"], run["reason"]) == ("cancelled", "cancelled_by")
    assert run["message"].startswith("stopped by ")
    assert [pid for pid in pids if alive(pid)] == []


def test_a_finished_run_leaves_no_daemon_behind(server: JupyterServer) -> None:
    run_id = server.submit(FAMILY.replace("\ntime.sleep(300)\n", "\n"))
    run = server.wait(run_id)
    assert run["outcome"] == "succeeded", server.log(run_id)
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
