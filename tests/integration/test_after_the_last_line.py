"""What a cell has started goes on when its last line is over: waited for, told of, or no success."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from runs_in_kernels import Kernel, notebook_run
from servers import TOKEN, JupyterServer, end_session, wait_until

from gpurun_jupyter import Client

THREAD = """
import threading, time
def work():
    for number in range({count}):
        time.sleep(0.3)
        print("thread", number)
threading.Thread(target=work, name="loader", daemon={daemon}).start()
print("cell over")
"""


def test_threads_are_waited_for(kernel: Kernel) -> None:
    ended = kernel.run(THREAD.format(count=3, daemon=False))
    assert ended.log == "cell over\nthread 0\nthread 1\nthread 2\n"
    assert ended.outcome == "succeeded"


def test_daemon_threads_are_not(kernel: Kernel) -> None:
    ended = kernel.run(THREAD.format(count=30, daemon=True))
    assert ended.outcome == "succeeded"
    assert "thread 5" not in ended.log


def test_what_is_waited_for_is_said(kernel: Kernel) -> None:
    log = kernel.run(THREAD.format(count=10, daemon=False)).log
    assert "waits for thread loader" in log
    assert log.endswith("thread 9\n")
    task = "import asyncio\nasync def go():\n    await asyncio.sleep(2.5)\n    print('done')\n"
    log = kernel.run(f"{task}later = asyncio.create_task(go(), name='sync')\nprint('cell over')").log
    assert log.startswith("cell over\n")
    assert "waits for task sync" in log
    assert log.endswith("done\n")


def test_outputs_are_what_threads_have_made_of_them(server: JupyterServer) -> None:
    code = "import threading, time\nres = []\ndef work():\n    time.sleep(0.5)\n    res.append(7)\n"
    code += "threading.Thread(target=work).start()"
    with Client(server.url, TOKEN) as client:
        assert client.submit(code, outputs=["res"]).wait().result() == {"res": [7]}
        assert client.submit(code, outputs=["res"], env={"PYTHONHASHSEED": "0"}).wait().result() == {"res": [7]}


def test_exit_handlers_speak_and_have_time(kernel: Kernel) -> None:
    code = (
        "import atexit, time\ndef save():\n    time.sleep(6)\n    print('saved')\natexit.register(save)\nprint('end')"
    )
    begun = time.monotonic()
    ended = kernel.run(code)
    assert (ended.outcome, ended.log) == ("succeeded", "end\nsaved\n")
    assert time.monotonic() - begun > 6


def test_finalizers_speak_in_a_forked_kernel(server: JupyterServer) -> None:
    forked = Kernel(server, "forked")
    assert (
        forked.run("class D:\n    def __del__(self): print('deleted')\nd = D()\nprint('end')").log == "end\ndeleted\n"
    )


def test_a_time_limit_ends_the_waiting(kernel: Kernel) -> None:
    ended = kernel.run(THREAD.format(count=200, daemon=False), timeout=4)
    assert ended.outcome == "timed_out"
    assert "thread 1" in ended.log


def test_a_cancel_ends_the_waiting(kernel: Kernel) -> None:
    run_id = kernel.submit(THREAD.format(count=200, daemon=False))
    wait_until(lambda: "thread 1" in kernel.server.log(run_id))
    kernel.server.http.post(f"runs/{run_id}/cancel", json={"kill": True})
    assert kernel.server.wait(run_id)["outcome"] == "cancelled"


def test_a_notebooks_last_cell_waits_too(server: JupyterServer, tmp_path: Path) -> None:
    run, executed, log = notebook_run(server, tmp_path, "print('first')", THREAD.format(count=2, daemon=False))
    assert run.outcome == "succeeded"
    assert log == "first\ncell over\nthread 0\nthread 1\n"
    assert executed.cells[1].outputs[0].text.endswith("thread 1\n")


def test_in_a_session_a_cell_ends_at_once(kernel: Kernel, session: str) -> None:
    kernel.run("pass", session=session)
    begun = time.monotonic()
    ended = kernel.run(THREAD.format(count=4, daemon=False), session=session)
    assert time.monotonic() - begun < 1
    assert ended.log == "cell over\n"
    log = kernel.server.home / "sessions"
    wait_until(lambda: any("thread 3" in path.read_text() for path in log.rglob("log")), what="in the session's log")


def test_a_cell_that_was_interrupted_and_ended_well_delivers(server: JupyterServer) -> None:
    code = """
import time
model = {"step": 0}
try:
    for step in range(1000):
        model["step"] = step
        print(step, flush=True)
        time.sleep(0.05)
except KeyboardInterrupt:
    model["saved"] = True
"""
    with Client(server.url, TOKEN) as client:
        run = client.submit(code, outputs=["model"])
        wait_until(lambda: "3\n" in server.log(run.id))
        run.cancel()
        assert run.wait().outcome == "cancelled"
        assert run.result()["model"]["saved"] is True


LEAVES = "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {code!r}]{more})\nprint('over')"


def test_children_have_a_moment_to_end(kernel: Kernel) -> None:
    code = "import time\nfor number in range(3):\n    print('child', number)\n    time.sleep(0.3)"
    ended = kernel.run(LEAVES.format(code=code, more=""))
    assert ended.outcome == "succeeded"
    assert sorted(ended.log.splitlines()) == ["child 0", "child 1", "child 2", "over"]


@pytest.mark.parametrize("kind", ["cell", "script"])
def test_a_run_that_had_to_kill_is_no_success(server: JupyterServer, kind: str) -> None:
    code = LEAVES.format(code="import time; time.sleep(100)", more="")
    files = {"file": ("main.py", code.encode())}
    run_id = server.submit(code) if kind == "cell" else server.http.post("runs/zip", files=files).json()["id"]
    run = server.wait(run_id)
    assert (run["outcome"], run["reason"]) == ("failed", "left_behind")
    assert "python" in run["message"]
    apart = LEAVES.format(code="import time; time.sleep(100)", more=", start_new_session=True")
    assert server.wait(server.submit(apart))["outcome"] == "succeeded"


def test_a_session_that_is_left_by_exit_ends_with_its_children(server: JupyterServer) -> None:
    forked = Kernel(server, "forked")
    assert forked.run("x = 1", session="leaving").outcome == "succeeded"
    assert forked.run("exit()", session="leaving").outcome == "succeeded"
    wait_until(lambda: all(one["name"] != "leaving" for one in server.http.get("sessions").json()["sessions"]))
    assert forked.run("print('x' in dir())", session="leaving").log == "False\n"
    end_session(server, "leaving")
