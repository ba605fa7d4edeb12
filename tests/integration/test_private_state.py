"""What lies in the state directory is for its user alone, whoever made the directory and whatever the umask is."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import JupyterServer

from gpurun_jupyter.core.errors import StorageUnusable
from gpurun_jupyter.core.home import Home
from gpurun_server.store.database import Database

#: What user code writes has the mode that the user's umask gives it.
_OF_THE_USER = ("work", "checkpoints")


@pytest.fixture
def open_server(tmp_path: Path) -> Iterator[JupyterServer]:
    """A server that is started with the widest umask, on a state directory that others may look into."""
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    home.chmod(0o755)
    server = JupyterServer(tmp_path)
    for path in (home / "gpurun.db", home / "agent.log"):
        path.touch()
        path.chmod(0o644)
    before = os.umask(0)
    try:
        server.start()
    finally:
        os.umask(before)
    yield server
    server.close()


def test_others_can_read_nothing_of_it(open_server: JupyterServer) -> None:
    cell = open_server.submit("x = 1\nprint('hello')", outputs=["x"], env={"LR": "0.1"})
    assert open_server.wait(cell)["outcome"] == "succeeded"
    script = open_server.http.post("runs/zip", files={"file": ("main.py", b"open('a.txt', 'w').write('a')")})
    assert open_server.wait(script.json()["id"])["outcome"] == "succeeded"
    open_server.log(cell)
    assert stat.S_IMODE(open_server.home.stat().st_mode) == 0o700
    assert _readable_by_others(open_server.home) == []
    (written,) = open_server.home.glob("runs/*/attempts/1/work/a.txt")
    assert stat.S_IMODE(written.stat().st_mode) == 0o666  # by the umask of who started the server


def _readable_by_others(home: Path) -> list[str]:
    """The files in it, but for what user code wrote, and its folders: what is deeper cannot be reached."""
    paths = [path for path in home.rglob("*") if path.is_file() or path.parent == home]
    paths = [path for path in paths if not set(path.relative_to(home).parts) & set(_OF_THE_USER)]
    return [f"{path.relative_to(home)} {path.lstat().st_mode:o}" for path in paths if _is_open(path)]


def _is_open(path: Path) -> bool:
    mode = path.lstat().st_mode
    return bool(mode & 0o077) and not stat.S_ISLNK(mode)


def test_files_beside_the_database_are_private_from_the_first_moment(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    before = os.umask(0)
    try:
        home.create()
        database = Database(home)
        database.prepare()
        with database.read():
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.path.glob("gpurun.db*")}
        database.close()
    finally:
        os.umask(before)
    assert set(modes) == {"gpurun.db", "gpurun.db-wal", "gpurun.db-shm"}
    assert set(modes.values()) == {0o600}


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be two users")
def test_a_state_directory_of_somebody_else_is_refused_in_a_sentence(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 65534, 65534)
    with pytest.raises(StorageUnusable, match=r"belongs to another user \(uid 65534\)") as refused:
        Home(home).create()
    assert "GPURUN_HOME" in refused.value.hint


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be two users")
def test_another_user_reads_nothing_of_a_directory_that_was_open_before(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(folder.stat().st_mode | 0o011)
    home = Home(tmp_path / "home")
    home.path.mkdir()
    home.path.chmod(0o755)
    home.create()
    database = Database(home)
    database.prepare()
    database.close()
    done = subprocess.run(["cat", home.database], user=65534, group=65534, capture_output=True, text=True, check=False)
    assert "Permission denied" in done.stderr
