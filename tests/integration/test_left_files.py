"""What runs leave, on another machine behind HTTPS and on the server's own: names of any bytes, many files, pipes."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cable import Cable
from machines import Machine
from servers import BIN, TOKEN, JupyterServer, wait_until
from tls import Authority, Relays

from gpurun_jupyter import Client, Run

MANY = 12_000
LEAVE_MANY = f"""
import os
for i in range({MANY}): open(f"crop{{i:05}}.txt", "w").write(str(i))
open("model.pt", "w").write("weights")
os.makedirs("zz")
open("zz/metrics.json", "w").write("{{}}")
"""
#: As after unzipping what was packed on a Korean Windows.
LEAVE_BYTES = r"""
import os
from gpurun_jupyter import report
open(b"\xb0\xa1.txt", "w").write("x")
open(b"\\xb0\\xa1.txt", "w").write("a name that looks so")
open("result.txt", "w").write("fine")
os.makedirs("m")
open(b"m/\xb0\xa1.pt", "w").write("w")
report.checkpoint("m", step=1, acc=0.5)
report.save_model("m", name="bytes", acc=0.5)
"""
LEAVE_NO_FILES = """
import os, socket
from gpurun_jupyter import report
os.makedirs("m")
for folder in (".", "m", os.environ["GPURUN_CHECKPOINT_DIR"]):
    open(f"{folder}/ok.txt", "w").write("fine")
    os.mkfifo(f"{folder}/pipe")
    os.symlink("/etc/hostname", f"{folder}/leak")
    os.symlink("nowhere", f"{folder}/broken")
    if folder != os.environ["GPURUN_CHECKPOINT_DIR"]: os.symlink(".", f"{folder}/loop")
socket.socket(socket.AF_UNIX).bind("sock")
if os.geteuid() == 0: os.mknod("zero", 0o20600, os.makedev(1, 5))
open("new\\nline", "w").write("x")
report.checkpoint("m", step=1, acc=0.5)
report.save_model("m", name="pipes", acc=0.5)
print(os.path.basename(report.last_checkpoint()))
"""
RETRIED = r"""
import os, pathlib
from gpurun_jupyter import report
last = report.last_checkpoint()
print("from", os.fsencode(last)[-5:] if last else None, pathlib.Path(last).read_text() if last else "")
if not last:
    open(b"\xb0\xa1.pt", "w").write("3")
    report.checkpoint(b"\xb0\xa1.pt", step=3)
    os._exit(1)
"""


TWO_LINES = """
import os, time
print("a", flush=True)
while not os.path.exists("b"): time.sleep(0.02)
print("b", flush=True)
while not os.path.exists("c"): time.sleep(0.02)
"""


class Place:
    """One of the two machines that runs are sent to."""

    def __init__(self, client: Client, server: JupyterServer, on: str) -> None:
        self.client, self.server, self.on = client, server, on

    def run(self, code: str, **options: Any) -> Run:
        run = self.client.submit(code, gpu=0, on=self.on, **options).wait(120)
        assert run.outcome is not None
        assert run.outcome.value == "succeeded", (run.record.message, run.logs())
        return run

    def types(self, *words: str) -> str:
        """A command on the server's machine; what it says to stdout."""
        env = {**self.server.env, "GPURUN_URL": self.server.url, "GPURUN_TOKEN": TOKEN}
        command = [str(BIN / "gpurun"), *words]
        done = subprocess.run(command, env=env, cwd=self.server.folder, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def left(self, run: Run) -> set[str]:
        return {file.path for file in run.files()}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """Reached by its address through an end of TLS, as behind a proxy."""
    made = JupyterServer(tmp_path_factory.mktemp("server"), options=("--ServerApp.allow_remote_access=True",)).start()
    yield made
    made.close()


@pytest.fixture(scope="module")
def machine(server: JupyterServer, cable: Cable, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Another host: it reaches the server over HTTPS only, with a certificate of an own authority."""
    folder = tmp_path_factory.mktemp("machine")
    authority, relays = Authority(folder, cable.here), Relays()
    url = f"https://{cable.here}:{relays.tls_end(authority, server.port, cable.here)}/"
    options = ("--name", "far", "--spares", "0", "--ca", str(authority.ca), "--heartbeat", "1s")
    made = Machine(folder, before=cable.inside).join(server, *options, url=url)
    yield made
    made.close()
    relays.close()


@pytest.fixture(scope="module")
def client(server: JupyterServer) -> Iterator[Client]:
    with Client(server.url, TOKEN) as made:
        yield made


@pytest.fixture(scope="module", params=["far", "here"])
def place(request: pytest.FixtureRequest, client: Client, server: JupyterServer) -> Place:
    if request.param == "far":
        request.getfixturevalue("machine")
        return Place(client, server, "far")
    agents = wait_until(lambda: server.http.get("agents").json()["agents"])
    return Place(client, server, next(agent["id"] for agent in agents if agent["sync"] is None))


def test_twelve_thousand_files_and_the_model_are_there(place: Place, tmp_path: Path) -> None:
    run = place.run(LEAVE_MANY)
    left = {f"crop{number:05}.txt" for number in range(MANY)} | {"model.pt", "zz/metrics.json"}
    assert place.left(run) == left
    assert {file["path"] for file in json.loads(place.types("files", run.id, "--json"))} == left
    assert run.download("model.pt", tmp_path).read_text() == "weights"
    assert place.client.models.register("model.pt", "many", run=run.id).size_bytes == 7
    listed = place.server.http.get(f"runs/{run.id}/files").json()
    assert (len(listed["files"]), listed["more"]) == (10_000, True)
    assert place.server.http.get(f"runs/{run.id}/files?limit={MANY + 2}").json()["more"] is False
    run.delete()


def test_names_of_any_bytes(place: Place, tmp_path: Path) -> None:
    run = place.run(LEAVE_BYTES)
    names = {r"\xb0\xa1.txt", r"\x5cxb0\x5cxa1.txt", "result.txt", r"m/\xb0\xa1.pt", r"checkpoints/m/\xb0\xa1.pt"}
    assert place.left(run) == names
    assert all(name in place.types("files", run.id) for name in names)
    for asked in (r"\xb0\xa1.txt", os.fsdecode(b"\xb0\xa1.txt")):
        place.types("files", run.id, asked, "--to", str(tmp_path))
        assert (tmp_path / os.fsdecode(b"\xb0\xa1.txt")).read_text() == "x"
        (tmp_path / os.fsdecode(b"\xb0\xa1.txt")).unlink()
    assert run.download(r"\x5cxb0\x5cxa1.txt", tmp_path).name == r"\xb0\xa1.txt"
    wait_until(lambda: place.client.models.show("bytes").versions[0].run_id == run.id)
    got = place.client.models.download("bytes", tmp_path)
    assert (got.name, got.read_text()) == (os.fsdecode(b"\xb0\xa1.pt"), "w")
    again = place.client.models.register(r"m/\xb0\xa1.pt", "one", run=run.id)
    assert place.client.models.get("one", again.version).files[0].path == r"\xb0\xa1.pt"  # type: ignore[index]


def test_a_second_attempt_finds_a_checkpoint_of_such_a_name(place: Place) -> None:
    run = place.run(RETRIED, retries=1)
    assert run.logs() == "from None \nfrom b'\\xb0\\xa1.pt' 3\n"


def test_what_is_no_file_harms_nobody(place: Place) -> None:
    run = place.run(LEAVE_NO_FILES)
    assert run.logs() == "m\n"
    in_m = {"m/ok.txt", "checkpoints/m/ok.txt"}
    assert place.left(run) == {"ok.txt", "checkpoints/ok.txt", "new\nline", *in_m}
    for path in ("pipe", "sock", "zero", "checkpoints/pipe", "leak", "etcdir/hostname", "m/pipe"):
        assert place.server.http.get(f"runs/{run.id}/files/{path}").status_code == 404, path
    wait_until(lambda: place.client.models.show("pipes").versions[0].run_id == run.id)
    assert {file.path for file in place.client.models.get("pipes").files or []} == {"ok.txt", "leak"}
    assert place.client.models.register("m", "no-files", run=run.id).file_count == 1


def test_the_slot_is_free_and_the_agent_well_afterwards(
    machine: Machine, client: Client, server: JupyterServer
) -> None:
    place = Place(client, server, "far")
    assert place.run("print('hi')").logs() == "hi\n"
    assert "Traceback" not in machine.log()


def test_intervals_are_kept_and_what_waits_for_them_can_be_asked_for(
    server: JupyterServer, client: Client, tmp_path: Path
) -> None:
    slow = Machine(tmp_path / "slow").join(server, "--name", "slow", "--sync", "5m", "--heartbeat", "0.5s")
    try:
        refused = slow.gpurun("agent", "start", "--heartbeat", "9s", check=False)
        assert (refused.returncode, "9s is not between 0.5 and 8 seconds" in refused.stderr) == (2, True)
        assert "is at work here" in slow.gpurun("agent", "start", "--sync", "1s", check=False).stderr
        run = client.submit(TWO_LINES, gpu=0, on="slow")
        there = slow.home / "runs" / run.id / "attempts" / "1"
        wait_until(lambda: _holds(there / "events.jsonl", "a"), what="for the first line over there")
        slow.gpurun("agent", "sync", run.id)
        assert run.logs() == "a\n"
        (there / "work" / "b").touch()
        wait_until(lambda: _holds(there / "events.jsonl", "b"), what="for the second line over there")
        wait_until(lambda: "behind" in str(run.refresh().record), what="for what waits to be told")
        slow.gpurun("agent", "sync", run.id)
        assert run.logs() == "a\nb\n"
        (there / "work" / "c").touch()
        assert (run.wait().outcome or "").value == "succeeded"
        slow.gpurun("agent", "stop")
        slow.gpurun("agent", "start", "--sync", "1s")
        assert (slow.membership.sync_s, slow.membership.heartbeat_s) == (1.0, 0.5)
    finally:
        slow.close()


def _holds(log: Path, line: str) -> bool:
    return log.exists() and f'"{line}\\n"'.encode() in log.read_bytes()
