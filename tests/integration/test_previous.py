"""The run before a run, what differs from it, and the environment that both ran in."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from pathlib import Path
from typing import Any

import pytest
from servers import TOKEN, JupyterServer, wait_until

from gpurun_jupyter.client import Client


def previous(server: JupyterServer, run_id: str) -> str | None:
    found = server.http.get(f"runs/{run_id}/previous").json()["run"]
    return None if found is None else str(found["id"])


def finished(server: JupyterServer, **spec: Any) -> str:
    run_id = server.submit(**spec)
    server.wait(run_id)
    return run_id


def recorded(server: JupyterServer, run_id: str) -> Any:
    return server.http.get(f"runs/{run_id}/environment").json()["environment"]


@pytest.fixture(scope="module")
def pair(server: JupyterServer) -> tuple[str, str]:
    """The same cell, run twice, with another line and another variable the second time."""
    origin = {"notebook": "a.ipynb", "cell": "c1"}
    first = finished(server, code="x = 1\nprint(x)", origin=origin, env={"LR": "0.1", "SAME": "1"})
    finished(server, code="x = 1", origin={"notebook": "b.ipynb", "cell": "c1"})
    return first, finished(server, code="x = 2\nprint(x)", origin=origin, env={"LR": "0.2", "SAME": "1"})


def test_the_run_before_is_that_of_the_same_cell(server: JupyterServer, pair: tuple[str, str]) -> None:
    assert previous(server, pair[1]) == pair[0]
    assert previous(server, pair[0]) is None


def test_a_rerun_comes_after_what_it_reruns(server: JupyterServer, pair: tuple[str, str]) -> None:
    rerun = server.http.post(f"runs/{pair[0]}/rerun", json={}).json()["id"]
    server.wait(rerun)
    assert previous(server, rerun) == pair[0]
    again = finished(server, code="x = 3", origin={"notebook": "a.ipynb", "cell": "c1"})
    assert previous(server, again) == rerun


def test_without_a_cell_a_name_that_was_given_counts(server: JupyterServer) -> None:
    first = finished(server, code="1", name="named-alike", project="p")
    finished(server, code="1", name="named-alike", project="other")
    taken_back = server.submit("1", name="named-alike", project="p", hold=True)
    server.http.post(f"runs/{taken_back}/cancel", json={})
    assert previous(server, finished(server, code="1", name="named-alike", project="p")) == first
    assert previous(server, finished(server, code="1")) is None


def test_the_difference_is_code_and_parameters(server: JupyterServer, pair: tuple[str, str]) -> None:
    told = server.http.get(f"runs/{pair[1]}/diff").json()
    assert (told["before"], told["after"]) == pair
    assert told["code"] == [{"path": "cell", "before": "x = 1\nprint(x)", "after": "x = 2\nprint(x)"}]
    assert told["parameters"] == [{"name": "LR", "before": "0.1", "after": "0.2"}]
    assert told["packages"] == []
    other_way = server.http.get(f"runs/{pair[0]}/diff", params={"with": pair[1]}).json()
    assert other_way["code"][0]["before"] == "x = 2\nprint(x)"
    assert server.http.get(f"runs/{pair[0]}/diff").json()["error"]["code"] == "run_not_found"


def test_of_directories_only_texts_that_differ_are_shown(server: JupyterServer, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "train.py").write_text("print('a')\n")
    (project / "same.py").write_text("same\n")
    (project / "data.bin").write_bytes(b"\0\1")
    git = ["git", "-c", "user.email=a@b.c", "-c", "user.name=a", "-C", str(project)]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *command], check=True)
    client = Client(server.url.rstrip("/"), TOKEN)
    first = client.submit_dir(project, "train.py").wait()
    (project / "train.py").write_text("print('b')\n")
    (project / "new.py").write_text("new\n")
    (project / "data.bin").write_bytes(b"\0\2")
    second = client.submit_dir(project, "train.py", ["--lr", "0.1"]).wait()
    assert previous(server, second.id) == first.id
    told = server.http.get(f"runs/{second.id}/diff").json()
    assert told["code"] == [
        {"path": "new.py", "before": None, "after": "new\n"},
        {"path": "train.py", "before": "print('a')\n", "after": "print('b')\n"},
    ]
    assert [one["path"] for one in told["left_out"]] == ["data.bin"]
    assert told["parameters"] == [{"name": "lr", "before": None, "after": "0.1"}]
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    origins = [server.http.get(f"runs/{run.id}/environment").json()["origin"] for run in (first, second)]
    assert origins[0] == {"directory": "project", "commit": commit, "dirty": False}
    assert origins[1] == {"directory": "project", "commit": commit, "dirty": True}


def test_the_environment_is_written_down(server: JupyterServer, pair: tuple[str, str]) -> None:
    environment = wait_until(lambda: recorded(server, pair[1]), what="for the agent to ask the interpreter")
    assert environment["python"] == platform.python_version()
    assert environment["packages"]["ipykernel"] == importlib.metadata.version("ipykernel")
    assert environment["devices"][0]["label"] in ("cpu0", "cpu1")
    kept = set((server.home / "environments").iterdir())
    again = finished(server, code="1")
    later = wait_until(lambda: recorded(server, again), what="for the agent to write it down")
    assert later["packages"] == environment["packages"]
    assert set((server.home / "environments").iterdir()) == kept  # one for each environment, however many runs
