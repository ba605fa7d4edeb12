"""Sessions: named warm kernels that keep variables and devices between runs."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from servers import BIN, TOKEN, JupyterServer, end_session, session_of, wait_until


@pytest.fixture
def session(server: JupyterServer, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a session that the test may use; it is ended afterwards."""
    name = request.node.name
    yield name
    if session_of(server, name):
        end_session(server, name)


def cell(server: JupyterServer, session: str, code: str) -> dict[str, Any]:
    return server.wait(server.submit(code, session=session))


def test_variables_and_devices_stay(server: JupyterServer, session: str) -> None:
    first = cell(server, session, "x = 41; import os; print(os.getpid())")
    second = cell(server, session, "x += 1; print(os.getpid(), x)")
    pid = server.log(first["id"]).strip()
    assert server.log(second["id"]).split() == [pid, "42"]
    assert first["devices"] == second["devices"]
    shown = session_of(server, session)
    assert shown is not None
    assert (shown["busy"], [device["id"] for device in shown["devices"]]) == (None, first["devices"])


def test_a_kernelspecs_kernel_is_left_by_what_an_attempt_had(server: JupyterServer, session: str) -> None:
    def carried_out(code: str, secrets: dict[str, str] | None = None, **env: str) -> str:
        env |= {"PYTHONHASHSEED": "0", "SAME": "1"}  # with the first a run gets no forked kernel
        run = server.wait(server.submit(code, session=session, env=env, secrets=secrets or {}))
        return server.log(run["id"])

    sets = "import os; os.environ |= {'SAME': 'mine', 'MINE': '1', 'KEPT': 'mine'}"
    carried_out(sets, {"KEY": "hush-hush"}, GONE="1", KEPT="1")
    told = carried_out("print(*map(os.environ.get, ('KEY', 'GONE', 'KEPT', 'SAME', 'MINE', 'NEW')))", NEW="2")
    assert told.split() == ["None", "None", "mine", "mine", "1", "2"]
    assert carried_out("print(os.environ['GPURUN_RUN_ID'] in os.getcwd()); os.chdir('/')") == "True\n"
    assert carried_out("print(os.getcwd())") == "/\n", "who went elsewhere stays there"


def test_its_runs_go_one_after_another(server: JupyterServer, session: str) -> None:
    cell(server, session, "order = []")
    slow = server.submit("import time; time.sleep(2); order.append(1)", session=session, name="slow-one")
    server.wait(slow, "running")
    waiting = server.submit("order.append(2); print(order)", session=session)
    assert server.run(waiting)["waiting"]["why"] == f"waits for session «{session}», busy with «slow-one»"
    assert server.wait(waiting)["outcome"] == "succeeded"
    assert server.log(waiting) == "[1, 2]\n"


def test_a_plain_cell_sees_nothing_of_it(server: JupyterServer, session: str) -> None:
    cell(server, session, "secret = 1")
    run = server.wait(server.submit("secret"))
    assert run["message"] == "NameError: name 'secret' is not defined"


def test_an_error_and_an_interrupt_leave_it_alive(server: JupyterServer, session: str) -> None:
    cell(server, session, "kept = 'still here'")
    assert cell(server, session, "1 / 0")["outcome"] == "failed"
    run_id = server.submit("import time\nprint('in', flush=True)\ntime.sleep(60)", session=session)
    wait_until(lambda: "in" in server.log(run_id))
    assert server.http.post(f"sessions/{session}/interrupt").status_code == 200
    assert server.wait(run_id)["outcome"] == "cancelled"
    after = cell(server, session, "print(kept)")
    assert server.log(after["id"]) == "still here\n"


def test_a_restart_forgets_variables_and_keeps_devices(server: JupyterServer, session: str) -> None:
    before = cell(server, session, "gone = 1")
    assert server.http.post(f"sessions/{session}/restart").status_code == 200
    after = cell(server, session, "gone")
    assert after["message"] == "NameError: name 'gone' is not defined"
    assert after["devices"] == before["devices"]


@pytest.fixture(scope="module")
def one_slot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A server with one CPU slot, which the session of a test holds."""
    made = JupyterServer(tmp_path_factory.mktemp("slot"))
    made.env["GPURUN_CPU_SLOTS"] = "1"
    yield made.start()
    made.close()


def test_ending_frees_its_device(one_slot: JupyterServer) -> None:
    cell(one_slot, "only", "1")
    waiting = one_slot.submit("2")
    assert "session only" in one_slot.run(waiting)["waiting"]["why"]
    end_session(one_slot, "only")
    assert one_slot.wait(waiting)["outcome"] == "succeeded"


def test_it_survives_a_killed_agent_and_a_killed_server(one_slot: JupyterServer) -> None:
    cell(one_slot, "tough", "value = 7")
    one_slot.end_agent(signal.SIGKILL)
    wait_until(one_slot.agent)
    one_slot.kill()
    one_slot.start()
    after = cell(one_slot, "tough", "print(value)")
    assert one_slot.log(after["id"]) == "7\n"
    end_session(one_slot, "tough")


def test_what_there_is_not_is_refused(server: JupyterServer) -> None:
    for action in ("interrupt", "restart", "end"):
        refused = server.http.post(f"sessions/nobody/{action}")
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "session_not_found")
    refused = server.http.post("runs/zip", files={"file": ("a.py", b"1")}, data={"session": "s"})
    assert refused.status_code == 400


def test_one_that_was_told_to_end_is_not_listed_as_idle(server: JupyterServer, session: str) -> None:
    cell(server, session, "x = 1")
    named = {"GPURUN_URL": server.url, "GPURUN_TOKEN": TOKEN}
    command = [BIN / "gpurun", "sessions", session]
    told = {}
    for action in ("--restart", "--end"):
        done = subprocess.run([*command, action], env=server.env | named, capture_output=True, text=True, timeout=60)
        told[action] = done.stdout
    assert "restarting" in told["--restart"]
    assert "ending" in told["--end"] or told["--end"].split() == ["SESSIONS", "Session", session, "has", "ended."]
    wait_until(lambda: session_of(server, session) is None, what="for the session to end")
