"""Fixtures of what stands in a notebook."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from notebooks import ServerKernel
from servers import JupyterServer


@pytest.fixture(scope="module")
def notebook(server: JupyterServer) -> Iterator[ServerKernel]:
    """A kernel of the shared server with the magics loaded."""
    made = ServerKernel(server)
    assert made.execute("%load_ext gpurun_jupyter").failed == ""
    yield made
    made.close()
