"""Sessions on another machine: variables stay there between cells; they are interrupted, restarted, ended from here."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from machines import Machine
from servers import JupyterServer, end_session, session_of, wait_until


@pytest.fixture
def session(far_server: JupyterServer, far_machine: Machine, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a session that the test may use; it is ended afterwards."""
    name = request.node.name
    yield name
    if session_of(far_server, name):
        end_session(far_server, name)


def cell(server: JupyterServer, session: str, code: str, **options: Any) -> dict[str, Any]:
    return server.wait(server.submit(code, session=session, gpu=0, **options))


def test_variables_and_devices_stay_on_its_machine(far_server: JupyterServer, session: str) -> None:
    first = cell(far_server, session, "x = 41; import os; print(os.getpid())", on="lab")
    second = cell(far_server, session, "x += 1; print(os.getpid(), x)", outputs=["x"])
    assert (first["agent"], second["agent"]) == ("lab", "lab")
    assert far_server.log(second["id"]).split() == [far_server.log(first["id"]).strip(), "42"]
    assert far_server.http.get(f"runs/{second['id']}/outputs/x").json() == 42
    assert first["devices"] == second["devices"]
    shown = session_of(far_server, session)
    assert shown is not None
    assert (shown["busy"], shown["agent"], [one["id"] for one in shown["devices"]]) == (None, "lab", first["devices"])


def test_its_runs_go_one_after_another(far_server: JupyterServer, session: str) -> None:
    cell(far_server, session, "order = []", on="lab")
    code = "import os, time\nprint('up', flush=True)\ntime.sleep(1)\norder.append(1)"
    slow = far_server.submit(code, session=session, name="slow-one", gpu=0)
    wait_until(lambda: far_server.log(slow) == "up\n")
    waiting = far_server.submit("order.append(2); print(order)", session=session, gpu=0)
    assert far_server.run(waiting)["waiting"]["why"] == f"waits for session «{session}», busy with «slow-one»"
    assert far_server.wait(waiting)["outcome"] == "succeeded"
    assert far_server.log(waiting) == "[1, 2]\n"


def test_an_error_and_an_interrupt_leave_it_a_restart_forgets(far_server: JupyterServer, session: str) -> None:
    before = cell(far_server, session, "kept = 'still here'", on="lab")
    assert cell(far_server, session, "1 / 0")["outcome"] == "failed"
    run_id = far_server.submit("import time\nprint('in', flush=True)\ntime.sleep(60)", session=session, gpu=0)
    wait_until(lambda: "in" in far_server.log(run_id))
    assert far_server.http.post(f"sessions/{session}/interrupt").status_code == 200
    assert far_server.wait(run_id)["outcome"] == "cancelled"
    assert far_server.log(cell(far_server, session, "print(kept)")["id"]) == "still here\n"
    assert far_server.http.post(f"sessions/{session}/restart").status_code == 200
    after = cell(far_server, session, "kept")
    assert after["message"] == "NameError: name 'kept' is not defined"
    assert after["devices"] == before["devices"]


def test_a_kill_ends_it(far_server: JupyterServer, session: str) -> None:
    cell(far_server, session, "x = 1", on="lab")
    run_id = far_server.submit("import time\nprint('in', flush=True)\ntime.sleep(60)", session=session, gpu=0)
    wait_until(lambda: "in" in far_server.log(run_id))
    assert far_server.http.post(f"runs/{run_id}/cancel", json={"kill": True}).is_success
    run = far_server.wait(run_id)
    assert (run["outcome"], f"The session «{session}» has ended." in run["message"]) == ("cancelled", True)
    wait_until(lambda: session_of(far_server, session) is None, what="for the session to be gone")


def test_a_run_for_one_whose_machine_is_silent_says_so_and_starts_there(
    far_server: JupyterServer, far_machine: Machine, session: str
) -> None:
    cell(far_server, session, "x = 41", on="lab")
    far_machine.kill()
    with sqlite3.connect(far_server.home / "gpurun.db") as database:
        database.execute("UPDATE agents SET heard_at = heard_at - 30 WHERE id = 'lab'")
    waiting = far_server.submit("print(x + 1)", session=session, gpu=0, wait_for_device=True)
    why = far_server.run(waiting)["waiting"]["why"]
    assert why.startswith(f"waits for session «{session}»: lab has not been heard for 3")
    far_machine.gpurun("agent", "start")
    assert far_server.wait(waiting)["agent"] == "lab"
    assert far_server.log(waiting) == "42\n"
