"""Fixtures of what stands in a notebook, and a PostgreSQL."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from notebooks import ServerKernel
from postgres import Cluster, lacking
from servers import JupyterServer


@pytest.fixture(scope="module")
def notebook(server: JupyterServer) -> Iterator[ServerKernel]:
    """A kernel of the shared server with the magics loaded."""
    made = ServerKernel(server)
    assert made.execute("%load_ext gpurun_jupyter").failed == ""
    yield made
    made.close()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    if problem := lacking():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(problem)
    folder = Path(tempfile.mkdtemp(prefix="gpurun-pg-", dir="/tmp"))  # the path of a socket must be short
    made = Cluster(folder)
    made.start()
    yield made
    made.stop()
    shutil.rmtree(folder)
