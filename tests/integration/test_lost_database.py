"""The database is removed, replaced or damaged under a real server and its agent: it is noticed, said, and mended."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from databases import empty_database
from servers import BIN, JupyterServer, wait_until

from gpurun_jupyter.core.home import Home

ROUTES = ("status", "runs", "devices", "agents", "models", "stats", "runs/abc", "notices", "sessions", "projects")
UNTIL_TOLD = """
import pathlib, time
print('begun', flush=True)
while not pathlib.Path({!r}).exists():
    time.sleep(0.05)
print('ended')
"""


def gpurun(server: JupyterServer, *words: str) -> subprocess.CompletedProcess[str]:
    named = {"GPURUN_URL": server.url, "GPURUN_TOKEN": str(server.http.headers["Authorization"]).split()[-1]}
    command = [BIN / "gpurun", *words]
    return subprocess.run(command, env=server.env | named, capture_output=True, text=True, timeout=60)


def remove(home: Path) -> None:
    for path in home.glob("gpurun.db*"):
        path.unlink()


def replace(home: Path) -> None:
    other = Home(home.parent / "other")
    empty_database(other).close()
    with sqlite3.connect(other.database) as database:
        database.execute("PRAGMA journal_mode=DELETE")
    database.close()
    other.database.replace(home / "gpurun.db")


def lose_the_log(home: Path) -> None:
    (home / "gpurun.db-wal").unlink()


def overwrite(home: Path) -> None:
    with (home / "gpurun.db").open("r+b") as file:
        file.write(os.urandom(2**16))


def truncate(home: Path) -> None:
    os.truncate(home / "gpurun.db", (home / "gpurun.db").stat().st_size // 2)


def garbage(home: Path) -> None:
    (home / "gpurun.db").write_bytes(b"this is no database at all, whatever its name says\n" * 200)


def newer(home: Path) -> None:
    with sqlite3.connect(home / "gpurun.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()


def refusal(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 503, answer.text
    error: dict[str, str] = answer.json()["error"]
    assert error["code"] == "storage_unusable"
    assert "gpurun reindex" in error["hint"]
    return error


def start_in_vain(server: JupyterServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start it where it answers, but cannot be used."""

    def answers() -> bool:
        try:
            return server.http.get("status").status_code == 503
        except httpx.TransportError:
            return False

    with monkeypatch.context() as patch:
        patch.setattr(server, "_answers", answers)
        server.start()


def ends_by_sigterm(server: JupyterServer) -> bool:
    began = time.monotonic()
    server.stop()
    return time.monotonic() - began < 14  # it kills after 15


@pytest.mark.parametrize("lose", [remove, overwrite], ids=["removed", "overwritten"])
def test_it_is_lost_while_a_run_is_at_work(
    make_server: Callable[..., JupyterServer], tmp_path: Path, lose: Callable[[Path], None]
) -> None:
    server = make_server().start()
    over = server.submit("print('over')", gpu=0)
    server.wait(over)
    live = server.submit(UNTIL_TOLD.format(str(tmp_path / "go")), gpu=0)
    wait_until(lambda: "begun" in server.log(live), what="for the run to begin")
    agent = server.agent()
    lose(server.home)
    wait_until(lambda: server.http.get("runs").status_code == 503, what="for it to be noticed")
    refusal(server.http.post("runs", json={"code": "1"}))
    if lose is remove:  # of what is overwritten the agent has copies in memory
        wait_until(lambda: "could not report" in (server.home / "agent.log").read_text(), what="for the agent")
    assert {server.http.get(route).status_code for route in ROUTES} == {503}
    assert server.agent() == agent  # it holds on to its run
    assert not (server.home / "runs" / live / "attempts" / "1" / "exit.json").exists()
    done = gpurun(server, "reindex", str(server.home))
    assert done.returncode == 0, done.stderr
    assert "2 runs are back, 1 of them at work" in done.stdout
    wait_until(lambda: server.http.get("status").status_code == 200, what="for the server to take the new one")
    assert server.run(live)["state"] == "running"
    later = server.submit("print('later')", gpu=0)
    assert server.wait(later)["outcome"] == "succeeded"
    (tmp_path / "go").touch()
    ended = server.wait(live)
    assert (ended["outcome"], ended["attempt"], server.log(live)) == ("succeeded", 1, "begun\nended\n")
    assert server.run(over)["outcome"] == "succeeded"
    assert server.agent() == agent  # the same process, begun anew


@pytest.mark.parametrize("lose", [replace, lose_the_log], ids=["replaced", "log removed"])
def test_whatever_of_it_is_lost_nothing_is_accepted_into_it(
    make_server: Callable[..., JupyterServer], lose: Callable[[Path], None]
) -> None:
    server = make_server().start()
    before = server.submit("print('before')", gpu=0)
    server.wait(before)
    with server.http.stream("GET", "stream", params={"watch": "runs"}) as stream:
        lines = stream.iter_lines()
        next(lines)
        lose(server.home)
        refusal(httpx.post(f"{server.http.base_url}runs", json={"code": "1"}, headers=server.http.headers))
        for _ in lines:  # it ends, for who watches to come again
            pass
    assert ends_by_sigterm(server)


@pytest.mark.parametrize("damage", [garbage, truncate, newer])
def test_one_that_cannot_be_used_from_the_start_is_said_everywhere(
    make_server: Callable[..., JupyterServer], damage: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = make_server().start()
    run = server.submit("print('kept')", gpu=0)
    server.wait(run)
    server.stop()
    server.end_agent()
    whole = (server.home / "gpurun.db").read_bytes()
    damage(server.home)
    start_in_vain(server, monkeypatch)
    said = {refusal(server.http.get(route))["message"] for route in ROUTES}
    assert len(said) == 1
    refusal(server.http.post("runs", json={"code": "1"}))
    listed, doctor = gpurun(server, "runs"), gpurun(server, "doctor")
    assert (listed.returncode, doctor.returncode) == (1, 1)
    assert "gpurun reindex" in listed.stderr
    assert "gpurun reindex" in doctor.stdout
    assert server.agent() is None
    if damage is newer:
        assert "newer gpurun" in gpurun(server, "reindex", str(server.home)).stderr
        assert ends_by_sigterm(server)
        return
    done = gpurun(server, "reindex", str(server.home))
    assert done.returncode == 0, done.stderr
    (aside,) = server.home.glob("gpurun.db.damaged-*")
    assert aside.read_bytes() != whole
    wait_until(lambda: server.http.get("status").status_code == 200, what="for the server to begin")
    assert server.log(run) == "kept\n"
    assert server.wait(server.submit("1", gpu=0))["outcome"] == "succeeded"
    assert ends_by_sigterm(server)


def test_a_page_that_is_damaged_is_found_later(make_server: Callable[..., JupyterServer]) -> None:
    server = make_server()
    with sqlite3.connect(server.home / "gpurun.db") as database:
        roots = database.execute("SELECT rootpage FROM sqlite_master WHERE tbl_name = 'data_sets'").fetchall()
        ((size,),) = database.execute("PRAGMA page_size")
    database.close()
    with (server.home / "gpurun.db").open("r+b") as file:
        for (root,) in roots:
            file.seek((root - 1) * size)
            file.write(b"\xff" * size)
    server.start()
    error = refusal(server.http.get("data"))
    assert "damaged" in error["message"]
    wait_until(lambda: server.http.get("runs").status_code == 503, what="for nothing else to be written to it")
    assert gpurun(server, "reindex", str(server.home)).returncode == 0
    wait_until(lambda: server.http.get("data").status_code == 200, what="for the server to take the new one")


def test_a_lost_table_is_a_sentence(make_server: Callable[..., JupyterServer]) -> None:
    server = make_server().start()
    with sqlite3.connect(server.home / "gpurun.db", timeout=30) as database:
        database.execute("DROP TABLE models")
    database.close()
    assert "lost tables" in refusal(server.http.get("models"))["message"]
    done = gpurun(server, "reindex", str(server.home))
    assert "The database is damaged; it is gpurun.db.damaged-" in done.stdout
    wait_until(lambda: server.http.get("models").status_code == 200, what="for the server to take the new one")


def test_an_agent_makes_no_database(tmp_path: Path, make_server: Callable[..., JupyterServer]) -> None:
    server = make_server(migrated=False)
    home = Home(tmp_path / "home")
    home.create()
    command: list[Any] = [BIN / "python", "-m", "gpurun_server", "agent", str(home.path)]
    done = subprocess.run(command, env=server.env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "The database is not there." in done.stderr
    assert not home.database.exists()


def test_an_agent_leaves_a_directory_that_was_moved(make_server: Callable[..., JupyterServer], tmp_path: Path) -> None:
    server = make_server().start()
    run = server.submit("print('kept')", gpu=0)
    server.wait(run)
    server.stop()
    agent = server.agent()
    assert agent is not None
    moved = make_server("moved", migrated=False)
    shutil.move(server.home, moved.home)
    moved.start()
    wait_until(lambda: not agent.is_running() or agent.status() == "zombie", what="for the agent to leave")
    assert moved.log(run) == "kept\n"
    assert moved.wait(moved.submit("1", gpu=0))["outcome"] == "succeeded"


def test_a_new_one_beside_folders_of_runs_is_said(make_server: Callable[..., JupyterServer]) -> None:
    server = make_server().start()
    run = server.submit("print('kept')", gpu=0)
    server.wait(run)
    assert "folders of runs" not in gpurun(server, "doctor").stdout
    server.stop()
    server.end_agent()
    remove(server.home)
    server.start()
    assert "folders of runs" in (server.folder / "server.log").read_text()
    assert "gpurun reindex" in gpurun(server, "doctor").stdout
    assert gpurun(server, "reindex", str(server.home)).returncode == 0
    assert server.log(run) == "kept\n"


def test_jupyter_is_restarted_before_the_index_is_built(
    make_server: Callable[..., JupyterServer], tmp_path: Path
) -> None:
    server = make_server().start()
    live = server.submit(UNTIL_TOLD.format(str(tmp_path / "go")), gpu=0)
    wait_until(lambda: "begun" in server.log(live), what="for the run to begin")
    agent = server.agent()
    remove(server.home)
    server.stop()
    server.start()
    assert server.http.get(f"runs/{live}").status_code == 404
    done = gpurun(server, "reindex", str(server.home))
    assert "1 runs are back, 1 of them at work" in done.stdout, done.stderr
    assert server.run(live)["state"] == "running"
    (tmp_path / "go").touch()
    ended = server.wait(live)
    assert (ended["outcome"], ended["attempt"], server.log(live)) == ("succeeded", 1, "begun\nended\n")
    assert server.agent() == agent


def test_a_killed_agent_does_not_come_back_for_a_lost_database(make_server: Callable[..., JupyterServer]) -> None:
    server = make_server().start()
    wait_until(server.agent)
    remove(server.home)
    server.end_agent(signal.SIGKILL)
    wait_until(lambda: server.http.get("status").status_code == 503)
    assert not (server.home / "gpurun.db").exists()
