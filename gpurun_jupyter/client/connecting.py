"""The connection to the server that was named, or to the first that is found."""

from __future__ import annotations

from typing import Any

from gpurun_jupyter.client import discovery
from gpurun_jupyter.client.http import Connection
from gpurun_jupyter.core.errors import GpurunError, ServerUnreachable


def connected(url: str | None, token: str | None) -> Connection:
    """A connection. Raises ServerUnreachable and NotAllowed."""
    address = discovery.named(url, token)
    return Connection(address) if address else _first_that_answers(token)


def _first_that_answers(token: str | None) -> Connection:
    """A connection to the first running server that has gpurun. Raises ServerUnreachable."""
    refused: GpurunError | None = None
    for address in discovery.running(token):
        connection = Connection(address)
        try:
            connection.get("status", dict[str, Any])
        except GpurunError as error:
            refused = refused or error  # of the first, which is the likeliest to be meant
            connection.close()
        else:
            return connection
    raise refused or ServerUnreachable(
        "No Jupyter server of yours is running.",
        "Start one with `jupyter lab`, or name one by GPURUN_URL and GPURUN_TOKEN.",
    )
