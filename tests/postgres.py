"""A PostgreSQL for tests: a cluster of its own, in a folder."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import sqlalchemy as sa


def _programs() -> Path | None:
    """Where the newest PostgreSQL has its programs."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    on_path = shutil.which("initdb")
    return installed[-1].parent if installed else Path(on_path).resolve().parent if on_path else None


PROGRAMS = _programs()


class Cluster:
    """A PostgreSQL that can be reached by a socket in its folder only. It refuses to run as root."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._as: dict[str, Any] = {}
        if os.getuid() == 0:
            user = pwd.getpwnam("nobody")
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(folder, user.pw_uid, user.pw_gid)
        self.url = f"postgresql+psycopg://gpurun@/postgres?host={folder}"
        self._run("initdb", "--no-sync", "--auth=trust", "--username=gpurun", "--encoding=UTF8", "--locale=C")

    def start(self) -> None:
        options = f"-c listen_addresses='' -c unix_socket_directories={self._folder} -c fsync=off"
        self._run("pg_ctl", "start", "--wait", f"--options={options}", f"--log={self._folder}/log")

    def stop(self) -> None:
        self._run("pg_ctl", "stop", "--mode=immediate", "--wait")

    def database(self, name: str) -> str:
        """The URL of a new database: a server whose files are elsewhere needs one of its own."""
        with sa.create_engine(self.url, isolation_level="AUTOCOMMIT").connect() as conn:
            conn.exec_driver_sql(f"CREATE DATABASE {name}")
        return self.url.replace("/postgres?", f"/{name}?")

    def _run(self, program: str, *arguments: str) -> None:
        assert PROGRAMS is not None
        command = [str(PROGRAMS / program), f"--pgdata={self._folder}/data", *arguments]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        done = subprocess.run(command, cwd=self._folder, text=True, timeout=60, **quiet, **self._as)
        assert done.returncode == 0, done.stderr


def lacking() -> str:
    """What is not here; tests of it are skipped at home, and fail where they have to run."""
    if PROGRAMS is None:
        return "PostgreSQL is not installed: there is no initdb"
    if find_spec("psycopg") is None:
        return "there is no driver for PostgreSQL: install gpurun-jupyter[postgres]"
    return ""
