"""Two hosts and a cable that is cut: runs go on, nothing is lost or doubled, and a cancel arrives when it can."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cable import Cable
from machines import Machine
from mlflow_client import said_in, script
from servers import JupyterServer, wait_until

#: Numbered lines, 20 a second; each start of an attempt leaves a line, too.
CODE = """
import time
open({starts!r}, "a").write("started\\n")
for n in range({lines}):
    print("line", n, flush=True)
    time.sleep(0.05)
"""
CUT_S = 5.0


class Hosts:
    """The server's host and the machine's."""

    def __init__(self, folder: Path, cable: Cable) -> None:
        self.cable = cable
        options = ("--GpurunApp.local_agent=False",)
        self.server = JupyterServer(folder / "server", ip=self.cable.here, options=options).start()
        self.machine = Machine(folder / "machine", before=self.cable.inside).join(self.server, "--name", "far")
        self.starts = folder / "starts.txt"

    def submit(self, lines: int) -> str:
        self.starts.unlink(missing_ok=True)
        return self.server.submit(CODE.format(starts=str(self.starts), lines=lines), gpu=0)

    def here(self, run_id: str) -> int:
        """How many lines the server has."""
        return _lines(self.server.home / "runs" / run_id / "attempts" / "1" / "events.jsonl")

    def over_there(self, run_id: str) -> int:
        """How many lines the machine has."""
        return _lines(self.machine.home / "runs" / run_id / "attempts" / "1" / "events.jsonl")

    def close(self) -> None:
        self.cable.heal()
        self.machine.close()
        self.server.close()


@pytest.fixture(scope="module")
def hosts(cable: Cable, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    made = Hosts(tmp_path_factory.mktemp("hosts"), cable)
    yield made
    made.close()


def test_a_run_survives_a_cut_and_no_line_is_lost_or_doubled(hosts: Hosts) -> None:
    lines = 160
    run_id = hosts.submit(lines)
    wait_until(lambda: hosts.here(run_id) > 5, what="for the first lines")
    hosts.cable.cut()
    before, since = hosts.here(run_id), hosts.over_there(run_id)
    wait_until(lambda: hosts.over_there(run_id) >= since + CUT_S * 20, what="for lines during the cut")
    assert hosts.here(run_id) <= before + 2  # what was on its way
    wait_until(lambda: hosts.server.run(run_id)["behind_s"], what="for the server to know that it is behind")
    hosts.cable.heal()
    run = hosts.server.wait(run_id)
    assert run["outcome"] == "succeeded", run
    assert hosts.server.log(run_id) == "".join(f"line {n}\n" for n in range(lines))
    assert hosts.starts.read_text() == "started\n"
    assert run["attempt"] == 1
    history = hosts.server.http.get(f"runs/{run_id}/history").json()["history"]
    assert [change["after"] for change in history][-3:] == ["starting", "running", "finished"]
    assert hosts.server.http.get("agents").json()["agents"][0]["behind_s"] == 0


def test_a_cancel_during_a_cut_takes_effect_when_it_is_over(hosts: Hosts) -> None:
    run_id = hosts.submit(100_000)
    wait_until(lambda: hosts.here(run_id) > 5, what="for the first lines")
    hosts.cable.cut()
    assert hosts.server.http.post(f"runs/{run_id}/cancel").json()["state"] == "stopping"
    since = hosts.over_there(run_id)
    wait_until(lambda: hosts.over_there(run_id) > since + 20, what="for the run, which knows nothing of it")
    hosts.cable.heal()
    run = hosts.server.wait(run_id)
    assert (run["outcome"], run["reason"]) == ("cancelled", "cancelled_by")


@pytest.mark.long
def test_sync_says_what_is_behind_and_brings_it(hosts: Hosts) -> None:
    run_id = hosts.submit(100_000)
    wait_until(lambda: hosts.here(run_id) > 5, what="for the first lines")
    assert "has everything" in hosts.machine.gpurun("agent", "sync").stdout
    hosts.server.kill()
    since = hosts.over_there(run_id)
    wait_until(lambda: hosts.over_there(run_id) > since + 20, what="for lines that the server has not")
    told = hosts.machine.gpurun("agent", "sync", run_id[:6], "--json", check=False)
    (standing,) = json.loads(told.stdout)
    assert (told.returncode, standing["synced"], standing["trouble"] != "") == (3, False, True)
    assert [(one["run"], one["log_bytes"] > 100) for one in standing["attempts"]] == [(run_id, True)]
    assert "of its log" in hosts.machine.gpurun("agent", "sync", check=False).stdout
    hosts.server.start()
    printed = hosts.over_there(run_id)
    hosts.machine.gpurun("agent", "sync", run_id)
    assert hosts.here(run_id) >= printed
    assert hosts.machine.gpurun("agent", "sync", "nobodys", check=False).returncode == 2
    hosts.server.http.post(f"runs/{run_id}/cancel", json={"kill": True})
    hosts.server.wait(run_id)
    assert hosts.machine.gpurun("agent", "sync", run_id, "--json").returncode == 0


@pytest.mark.long
@pytest.mark.timeout(400)
def test_a_long_cut_in_which_agent_and_server_are_killed(hosts: Hosts) -> None:
    """The server is away for longer than a lease lasts, and so is the cable."""
    lines = 3200
    run_id = hosts.submit(lines)
    wait_until(lambda: hosts.here(run_id) > 5, what="for the first lines")
    hosts.cable.cut()
    since = hosts.over_there(run_id)

    def seconds_later(seconds: int) -> None:
        wait_until(lambda: hosts.over_there(run_id) >= since + seconds * 20, seconds + 60, "for the run to go on")

    seconds_later(15)
    hosts.machine.kill()
    hosts.machine.start()
    seconds_later(30)
    hosts.server.kill()
    seconds_later(100)
    hosts.server.start()
    seconds_later(120)
    assert hosts.server.run(run_id)["state"] in ("running", "lost")
    hosts.cable.heal()
    run = hosts.server.wait(run_id, timeout_s=120)
    assert (run["outcome"], run["attempt"]) == ("succeeded", 1), run
    assert hosts.server.log(run_id) == "".join(f"line {n}\n" for n in range(lines))
    assert hosts.starts.read_text() == "started\n"


def _lines(log: Path) -> int:
    """How many numbered lines a log holds."""
    if not log.exists():
        return 0
    events = [json.loads(line) for line in log.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    return sum(event["text"].count("\n") for event in events if event["kind"] == "output")


def test_what_an_mlflow_client_logs_during_a_cut_is_all_there(hosts: Hosts) -> None:
    run_id = hosts.server.submit(script("of-a-cut", pause_s=0.5), gpu=0)
    wait_until(lambda: hosts.server.run(run_id)["metrics"].get("acc"), 120, "for the first metric")
    hosts.cable.cut()
    time.sleep(CUT_S)
    hosts.cable.heal()
    run = hosts.server.wait(run_id, timeout_s=180)
    assert run["outcome"] == "succeeded", hosts.server.log(run_id)
    said = said_in(hosts.server.log(run_id))
    assert said["itself"] == run_id
    assert hosts.server.run(said["children"][1])["metrics"]["score"]["last"] == 1.5
    told = hosts.server.http.get(f"runs/{run_id}/metrics").json()["metrics"]["acc"]
    assert (told["step"], told["value"]) == ([0, 1, 2, 3, 4], [0, 0.25, 0.5, 0.75, 1])
    model = hosts.server.http.get("models/of-a-cut").json()
    assert (model["aliases"]["release"], model["versions"][0]["run_id"]) == (1, run_id)
    places = (hosts.server.home / "runs" / run_id / "attempts" / "1" / "work" / "mlartifacts" / run_id).rglob("*")
    assert {path.name for path in places if path.is_file()} == {"note.txt", "1", "2", "a.json", "a.txt"}
