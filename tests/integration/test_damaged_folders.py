"""Runs that damage their own record: they alone are the worse for it, and can be stopped, deleted and read."""

from __future__ import annotations

import io
import signal
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from machines import Machine
from servers import JupyterServer, end_session, wait_until

STAY = "import os, time\nwhile not os.path.exists({flag!r}): time.sleep(0.05)"

#: What a run does to its log, and whether what is printed after it can be read.
DAMAGES = {
    "no JSON": "log.write(b'broken\\n')",
    "an unknown kind": """log.write(b'{"kind":"novel","t":1,"m":1}\\n')""",
    "no number": """log.write(b'{"kind":"metric","values":{"a":1e999}}\\n')""",
    "half a line": """log.write(b'{"kind":"output","stream":"std')""",
    "no UTF-8": """log.write(b'{"kind":"output","stream":"stdout","text":"\\xff"}\\n')""",
    "no UTF-8 where nobody looks": """log.write(b'{"kind":"clear","else":"\\xff"}\\n')""",
    "zeros": "log.write(bytes(4096))",
    "nested without an end": """log.write(b'{"kind":"meta","values":{"a":' + b'[' * 100_000 + b'\\n')""",
    "cut off": "log.truncate(10)",
    "blown up": "log.truncate(2**33)",
}
REPLACED = {
    "removed": "os.remove(path)",
    "a folder": "os.remove(path); os.mkdir(path)",
    "a FIFO": "os.remove(path); os.mkfifo(path)",
    "a link": "os.remove(path); os.symlink('/dev/zero', path)",
    "a device": "os.remove(path); os.symlink('/dev/full', path)",
}
RECORDS = ("events.jsonl", "runner.json", "exit.json", "grant.json", "stop.json", "report", "lock", "environment.json")


#: It removes its folder, says so, and goes on.
GONE = "import shutil, time\nshutil.rmtree('..', ignore_errors=True)\nopen({flag!r}, 'a').write('x')\ntime.sleep(600)"


def submit(server: JupyterServer, script: str, **fields: str) -> str:
    """A script, run as a process in its folder."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("main.py", script)
    fields = {"entry": "main.py", **fields}
    answer = server.http.post("runs/zip", files={"file": ("main.zip", packed.getvalue())}, data=fields)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def harm(what: str, name: str = "events.jsonl") -> str:
    return f"""
import os
print("before", flush=True)
path = os.path.join("..", {name!r})
{what}
print("after", flush=True)
"""


def to_the_log(what: str) -> str:
    return harm(f"with open(path, 'ab') as log: {what}")


def is_well(server: JupyterServer) -> None:
    """Another run is carried out."""
    run = server.wait(server.submit("6 * 7"), timeout_s=30)
    assert run["outcome"] == "succeeded", run


def can_be_read(server: JupyterServer, run_id: str) -> str:
    """No route of a run fails; what it printed."""
    for route in (
        "",
        "/log",
        "/log?tail=5",
        "/log?lines=5",
        "/search?q=a",
        "/metrics",
        "/files",
        "/outputs",
        "/history",
    ):
        answer = server.http.get(f"runs/{run_id}{route}")
        assert answer.status_code == 200, (route, answer.text)
    server.events(run_id)
    assert server.http.get("runs.csv").status_code == 200
    for path in (f"compare?run={run_id}&run={run_id}", f"runs/{run_id}/environment", f"runs/{run_id}/previous"):
        assert server.http.get(path).status_code < 500, path
    return server.log(run_id)


def note(server: JupyterServer, run_id: str) -> list[str]:
    """What its history says of its log."""
    changes = server.http.get(f"runs/{run_id}/history").json()["history"]
    return [change["message"] for change in changes if "cannot be read" in change["message"]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    made = JupyterServer(tmp_path_factory.mktemp("damaged")).start()
    yield made
    made.close()


@pytest.mark.parametrize("what", DAMAGES)
def test_what_a_run_writes_into_its_log_is_passed_over(place: JupyterServer, tmp_path: Path, what: str) -> None:
    other = place.submit(STAY.format(flag=str(tmp_path / "go")))
    run_id = submit(place, to_the_log(DAMAGES[what]))
    run = place.wait(run_id, timeout_s=30)
    assert (run["outcome"], run["reason"]) == ("succeeded", "completed"), run
    printed = can_be_read(place, run_id)
    if what not in ("cut off", "blown up"):
        assert printed.split() == ["before", "after"]
        assert len(note(place, run_id)) == 1
    (tmp_path / "go").touch()
    assert place.wait(other)["outcome"] == "succeeded"
    assert place.http.delete(f"runs/{run_id}").status_code == 200
    is_well(place)


@pytest.mark.parametrize("what", REPLACED)
def test_whatever_stands_in_the_place_of_a_record_its_run_ends(place: JupyterServer, what: str) -> None:
    runs = {}
    for name in RECORDS:
        made = "if not os.path.exists(path): open(path, 'w').close()\n" + REPLACED[what]
        runs[name] = submit(place, harm(made, name), name=name)
    for name, run_id in runs.items():
        run = place.wait(run_id, timeout_s=40)
        assert (run["outcome"], run["reason"]) in (("succeeded", "completed"), ("failed", "damaged")), (name, run)
        can_be_read(place, run_id)
    is_well(place)


@pytest.mark.parametrize("name", RECORDS)
def test_garbage_in_a_record_ends_at_most_its_run(place: JupyterServer, name: str) -> None:
    garbage = "with open(path, 'r+b' if os.path.isfile(path) else 'wb', 0) as file: file.write(b'{\\xff')"
    if name == "report":  # a FIFO
        garbage = "os.remove(path); open(path, 'w').write('{')"
    run_id = submit(place, harm(garbage, name))
    run = place.wait(run_id, timeout_s=40)
    assert (run["outcome"], run["reason"]) in (("succeeded", "completed"), ("failed", "damaged")), run
    can_be_read(place, run_id)
    is_well(place)


@pytest.mark.parametrize("place_of_it", ["..", "../..", "../../..", "."])
def test_a_run_that_removes_its_own_folder_ends(place: JupyterServer, place_of_it: str) -> None:
    run_id = submit(place, f"import os, shutil\nshutil.rmtree(os.path.abspath({place_of_it!r}), ignore_errors=True)")
    run = place.wait(run_id, timeout_s=40)
    if place_of_it != ".":
        assert (run["outcome"], run["reason"]) == ("failed", "damaged"), run
        assert "removed" in run["message"]
    assert place.http.get("runs", params={"q": run_id}).status_code == 200
    is_well(place)


@pytest.mark.parametrize("kill", [False, True])
def test_a_run_without_its_folder_can_be_stopped(place: JupyterServer, tmp_path: Path, kill: bool) -> None:
    run_id = submit(place, GONE.format(flag=str(tmp_path / "gone")))
    wait_until((tmp_path / "gone").exists)
    assert place.http.post(f"runs/{run_id}/cancel", json={"kill": kill}).status_code == 200
    run = place.wait(run_id, timeout_s=40)
    assert run["outcome"] == "cancelled", run
    is_well(place)


def test_a_session_survives_a_cell_that_removes_its_folder(place: JupyterServer) -> None:
    first = place.wait(place.submit("x = 41", session="tough"))
    hurt = place.wait(place.submit("import shutil; shutil.rmtree('..', True)", session="tough"), timeout_s=40)
    last = place.wait(place.submit("print(x + 1)", session="tough"), timeout_s=40)
    assert [run["reason"] for run in (first, hurt, last)] == ["completed", "damaged", "completed"]
    assert place.log(last["id"]) == "42\n"
    end_session(place, "tough")


@pytest.mark.parametrize("kill", [True, pytest.param(False, marks=pytest.mark.long)])
@pytest.mark.parametrize("kind", ["cell", "script", "session"])
def test_a_runner_that_hangs_is_killed(place: JupyterServer, kind: str, kill: bool) -> None:
    stay = "import time; print(1, flush=True); time.sleep(600)"
    fields: dict[str, Any] = {"session": "hanging"} if kind == "session" else {}
    run_id = submit(place, stay) if kind == "script" else place.submit(stay, **fields)
    wait_until(lambda: place.log(run_id) == "1\n")
    runner = place.runner(run_id)
    runner.send_signal(signal.SIGSTOP)
    assert place.http.post(f"runs/{run_id}/cancel", json={"kill": kill}).status_code == 200
    run = place.wait(run_id, timeout_s=60)
    assert (run["outcome"], run["reason"]) == ("cancelled", "cancelled_by"), run
    assert "did not react" in run["message"]
    is_well(place)


@pytest.mark.long
def test_a_runner_that_hangs_is_killed_after_its_time_limit(place: JupyterServer) -> None:
    run_id = place.submit("import time; print(1, flush=True); time.sleep(600)", timeout="1s")
    wait_until(lambda: place.log(run_id) == "1\n")
    place.runner(run_id).send_signal(signal.SIGSTOP)
    run = place.wait(run_id, timeout_s=60)
    assert (run["outcome"], run["reason"]) == ("timed_out", "timeout"), run


def test_an_agent_that_begins_anew_does_not_begin_a_run_again_whose_folder_is_gone(
    place: JupyterServer, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    run_id = submit(place, f"import time; print(1, flush=True); time.sleep(1.5)\n{GONE.format(flag=str(gone))}")
    place.wait(run_id, "running")
    wait_until(gone.exists)
    place.end_agent(signal.SIGKILL)
    run = place.wait(run_id, timeout_s=60)
    assert (run["outcome"], run["reason"], gone.read_text()) == ("failed", "damaged", "x"), run
    is_well(place)


@pytest.mark.parametrize("what", ["no JSON", "an unknown kind", "zeros", "no UTF-8", "cut off"])
def test_a_run_on_another_machine_harms_no_other(far_server: JupyterServer, far_machine: Machine, what: str) -> None:
    other = far_server.submit("import time\nfor n in range(30): print(n); time.sleep(0.05)")
    run_id = submit(far_server, to_the_log(DAMAGES[what]))
    run = far_server.wait(run_id, timeout_s=60)
    assert run["outcome"] == "succeeded", run
    can_be_read(far_server, run_id)
    assert far_server.wait(other)["outcome"] == "succeeded"
    assert far_server.log(other).split() == [str(n) for n in range(30)]
    is_well(far_server)


@pytest.mark.parametrize("name", RECORDS)
def test_records_of_another_machine_may_be_garbage(far_server: JupyterServer, far_machine: Machine, name: str) -> None:
    run_id = submit(far_server, harm("os.path.exists(path) and os.remove(path); os.mkdir(path)", name))
    run = far_server.wait(run_id, timeout_s=60)
    assert (run["outcome"], run["reason"]) in (("succeeded", "completed"), ("failed", "damaged")), run
    can_be_read(far_server, run_id)
    is_well(far_server)


def test_a_run_of_another_machine_without_its_folder_ends(far_server: JupyterServer, far_machine: Machine) -> None:
    run_id = submit(far_server, "import shutil\nshutil.rmtree('..', ignore_errors=True)")
    run = far_server.wait(run_id, timeout_s=60)
    assert (run["outcome"], run["reason"]) == ("failed", "damaged"), run
    is_well(far_server)
