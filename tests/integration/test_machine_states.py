"""What is said of machines elsewhere and of their runs: how their logs stand, wrong clocks, removal."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
from played_agent import PlayedAgent
from servers import BIN, JupyterServer, wait_until

from gpurun_jupyter.core.events import End, Output, Start, encode_line
from gpurun_jupyter.core.grants import Ended, Grant, Unsent
from gpurun_jupyter.core.lifecycle import Outcome, Reason


@pytest.fixture
def played(far_server: JupyterServer, request: pytest.FixtureRequest) -> Iterator[PlayedAgent]:
    agent = PlayedAgent(far_server, f"played-{request.node.name[5:25].strip('_')}")
    agent.take(name=agent.id)
    yield agent
    far_server.http.post(f"agents/{agent.id}/revoke")
    agent.http.close()


def begins(agent: PlayedAgent, *, clock_s: float = 0.0) -> Grant:
    """Have its run started, by a clock that is so many seconds ahead."""
    grant = agent.grant
    assert grant is not None
    line = encode_line(Start(v=1, attempt=grant.attempt, pid=1, devices=["cpu0"], t=time.time() + clock_s))
    assert agent.ask("POST", "log?offset=0", content=line).is_success
    agent.server.wait(grant.run_id, "running")
    return grant


def reports(agent: PlayedAgent, grant: Grant, **unsent: Any) -> dict[str, Any]:
    """Report, with what has not been sent; returns the run as the server shows it then."""
    told = [Unsent(grant.key, **unsent)] if unsent else []
    assert agent.sync(holding=[grant.key], unsent=told).is_success
    return agent.server.run(grant.run_id)


def unheard(server: JupyterServer, agent_id: str, seconds: float) -> None:
    """So long ago this agent was heard last."""
    with sqlite3.connect(server.home / "gpurun.db", timeout=30) as database:
        database.execute("UPDATE agents SET heard_at = ? WHERE id = ?", (time.time() - seconds, agent_id))
    database.close()


def agent_of(server: JupyterServer, agent_id: str) -> dict[str, Any]:
    (found,) = [one for one in server.http.get("agents").json()["agents"] if one["id"] == agent_id]
    return dict(found)


def test_a_log_is_whole_on_its_way_or_behind(far_server: JupyterServer, played: PlayedAgent) -> None:
    grant = begins(played)
    whole = reports(played, grant)
    assert (whole["sync"], whole["behind_s"]) == ("synced", 0)
    little = reports(played, grant, bytes=100, since_s=1.0, moved_s=0.1)
    assert (little["sync"], little["behind_s"]) == ("synced", 0)
    moving = reports(played, grant, bytes=10**8, since_s=30.0, moved_s=0.1)
    assert (moving["sync"], round(moving["behind_s"], -1)) == ("syncing", 30)
    stuck = reports(played, grant, bytes=10**8, since_s=30.0, moved_s=20.0)
    assert (stuck["sync"], round(stuck["behind_s"], -1)) == ("behind", 30)
    reports(played, grant)
    unheard(far_server, played.id, 3600)
    gone = far_server.run(grant.run_id)
    assert (gone["state"], gone["sync"], round(gone["behind_s"], -2)) == ("running", "behind", 3600)
    agent = agent_of(far_server, played.id)
    assert (agent["health"], agent["sync"]) == ("disconnected", "behind")


def test_a_machine_without_runs_is_behind_in_nothing(far_server: JupyterServer) -> None:
    agent = PlayedAgent(far_server, "resting")
    agent.sync()
    unheard(far_server, agent.id, 30)
    assert [agent_of(far_server, agent.id)[key] for key in ("health", "sync", "behind_s")] == ["stale", "synced", 0]
    far_server.http.post("agents/resting/revoke")
    agent.http.close()


def test_who_watches_the_runs_is_told_how_logs_stand(far_server: JupyterServer, played: PlayedAgent) -> None:
    grant = begins(played)
    reports(played, grant)
    with far_server.http.stream("GET", "stream", params={"watch": "runs"}) as stream:
        frames = (json.loads(line[5:]) for line in stream.iter_lines() if line.startswith("data:"))
        told = (run for frame in frames if frame["type"] == "runs" for run in frame["runs"])
        mine = (run["sync"] for run in told if run["id"] == grant.run_id)
        assert next(mine) == "synced"
        unheard(far_server, played.id, 8)
        assert next(one for one in mine if one != "synced") == "behind"
        reports(played, grant)
        assert next(one for one in mine if one != "behind") == "synced"


@pytest.mark.parametrize("clock_s", [-600, 600])
def test_times_are_the_servers_whatever_the_machine_thinks(
    far_server: JupyterServer, played: PlayedAgent, clock_s: float
) -> None:
    run = far_server.run(begins(played, clock_s=clock_s).run_id)
    assert run["queued_at"] <= run["started_at"] <= time.time()
    assert time.time() - run["started_at"] < 60


@pytest.mark.parametrize(("end_s_ago", "finished_s_ago"), [(50.0, 70.0), (-600.0, 70.0), (600.0, 70.0)])
def test_a_run_that_ended_in_a_cut_took_as_long_as_it_took(
    far_server: JupyterServer, played: PlayedAgent, end_s_ago: float, finished_s_ago: float
) -> None:
    grant = begins(played)
    with sqlite3.connect(far_server.home / "gpurun.db", timeout=30) as database:
        database.execute("UPDATE runs SET started_at = ? WHERE id = ?", (time.time() - 100, grant.run_id))
    database.close()
    end = End(outcome=Outcome.SUCCEEDED, reason=Reason.COMPLETED, t=time.time() - end_s_ago, m=30.0)
    assert played.sync(holding=[grant.key], ended=[Ended(grant.run_id, grant.attempt, end)]).is_success
    run = far_server.run(grant.run_id)
    assert run["outcome"] == "succeeded"
    assert time.time() - run["finished_at"] == pytest.approx(finished_s_ago, abs=10)


def test_the_words_of_the_command_line(far_server: JupyterServer, played: PlayedAgent) -> None:
    grant = begins(played)
    reports(played, grant, bytes=10**8, since_s=30.0, moved_s=0.1)
    unheard(far_server, played.id, -60)  # however long the command line takes
    env = {"GPURUN_URL": far_server.url, "GPURUN_TOKEN": "test-token", "COLUMNS": "200"}

    def gpurun(*words: str) -> str:
        done = subprocess.run([BIN / "gpurun", *words], env=far_server.env | env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "healthy, syncing, behind by 0:3" in gpurun("agents")
    assert f"{played.id} (syncing, behind by 0:3" in gpurun("devices")
    unheard(far_server, played.id, 300)
    assert "behind by 5:3" in gpurun("runs")
    assert "output continues on the machine" in gpurun("status", grant.run_id)
    assert f"{played.id} (disconnected, last heard 5 min ago)" in gpurun("devices")
    (shown,) = [one for one in json.loads(gpurun("agents", "--json")) if one["id"] == played.id]
    assert (shown["sync"], shown["removable"]) == ("behind", True)


def test_two_machines_of_one_host_name_are_told_apart(far_server: JupyterServer) -> None:
    twins = [PlayedAgent(far_server, "", host="twin") for _ in range(2)]
    for twin in twins:
        twin.sync()
    assert [twin.id for twin in twins] == ["twin", "twin-2"]
    run_id = far_server.submit("1", gpu=0, on="twin-2")
    assert far_server.run(run_id)["state"] == "queued"
    assert run_id in twins[1].sync().text
    assert far_server.run(run_id)["agent"] == "twin-2"
    for twin in twins:
        far_server.http.post(f"agents/{twin.id}/revoke")
        twin.http.close()


def test_the_runs_of_a_machine_that_is_removed_are_over(far_server: JupyterServer) -> None:
    agent = PlayedAgent(far_server, "scrapped")
    agent.take(session="kept", retries=1)
    first = begins(agent)
    assert agent_of(far_server, "scrapped")["sync"] == "synced"
    assert far_server.http.post("agents/scrapped/revoke").is_success
    assert "scrapped" not in far_server.http.get("devices").text
    assert far_server.http.get("sessions").json()["sessions"] == []
    again = far_server.run(first.run_id)
    assert (again["state"], again["attempt"]) == ("queued", 1)  # it has another try
    far_server.http.post(f"runs/{first.run_id}/cancel")

    other = PlayedAgent(far_server, "scrapped-too")
    grant = other.take()
    far_server.http.post("agents/scrapped-too/revoke")
    run = far_server.wait(grant.run_id)
    assert (run["outcome"], run["reason"]) == ("failed", "agent_lost")
    assert "removed the machine scrapped-too" in run["message"]
    late = encode_line(Output(stream="stdout", text="late"))
    assert other.ask("POST", "log?offset=0", content=late).status_code == 401
    wait_until(lambda: "scrapped" not in far_server.http.get("agents").text)
    agent.http.close()
    other.http.close()
