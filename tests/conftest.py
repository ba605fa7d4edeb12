"""Fixtures: a server shared by the tests that leave it as it was, and fresh ones for those that kill."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cable import Cable
from foreign.environments import build_wheel
from machines import Machine
from nvml.machine import machine, nvml_library  # noqa: F401 - fixtures
from runs_in_kernels import Kernel
from servers import JupyterServer, end_session, session_of


def pytest_configure() -> None:
    """Tests speak to servers on this machine, and read what is printed; test_terminals.py is for what people have."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name == "PYTHONIOENCODING":
            del os.environ[name]


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is remembered of files that were shipped stays apart from the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What people install."""
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A running server; tests only add runs to it."""
    shared = JupyterServer(tmp_path_factory.mktemp("server")).start()
    yield shared
    shared.close()


@pytest.fixture(scope="session")
def far_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A server that offers no devices itself, below a base URL: machines join it."""
    options = ("--GpurunApp.local_agent=False", "--ServerApp.local_hostnames=['localhost', 'lab.example']")
    shared = JupyterServer(tmp_path_factory.mktemp("far"), base_url="/x/y/", options=options).start()
    yield shared
    shared.close()


@pytest.fixture(scope="session")
def far_machine(far_server: JupyterServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine that has joined it, called `lab` and labelled `fast`; tests leave its agent at work."""
    options = ("--name", "lab", "--label", "fast", "--cpu-slots", "3")
    made = Machine(tmp_path_factory.mktemp("lab")).join(far_server, *options)
    yield made
    made.close()


@pytest.fixture(scope="module")
def cable() -> Iterator[Cable]:
    """A second host, and the cable to it."""
    if not Cable.can_be_laid() and not os.environ.get("CI"):
        pytest.skip("a second host needs root and iproute2")
    laid = Cable().lay()
    yield laid
    laid.remove()


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Callable[..., JupyterServer]]:
    """Makes fresh servers, not started yet."""
    made: list[JupyterServer] = []

    def make(name: str = "server", **options: Any) -> JupyterServer:
        made.append(JupyterServer(tmp_path / name, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of three megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"cannot mount a small disk: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


@pytest.fixture(params=["forked", "started"])
def kernel(request: pytest.FixtureRequest, server: JupyterServer) -> Kernel:
    """Runs cells, in either kind of kernel."""
    return Kernel(server, request.param)


@pytest.fixture
def session(kernel: Kernel) -> Iterator[str]:
    """The name of a session of such a kernel, which is ended."""
    name = f"of-{kernel.kind}"
    yield name
    if session_of(kernel.server, name) is not None:
        end_session(kernel.server, name)
