"""Whether the page can ask its own server for a run: GPURUN_URL may name another one, whose runs that does not know."""

from __future__ import annotations

import os
from contextlib import closing
from typing import Any

from gpurun_jupyter.client import discovery
from gpurun_jupyter.client.http import Connection
from gpurun_jupyter.core.errors import GpurunError, ServerUnreachable


def is_elsewhere(run_id: str) -> bool:
    """Whether the server of this kernel, and so of the page, does not know the run; False where nobody can say."""
    if not os.environ.get("GPURUN_URL"):
        return False
    named, own = discovery.named(None, None), discovery.of_this_kernel()
    if named is None or own is None or named.url == own.url:
        return False
    with closing(Connection(own)) as connection:  # it may be the same one by another name
        try:
            connection.get(f"runs/{run_id}", dict[str, Any])
        except ServerUnreachable:  # which includes a server without gpurun: its page draws no runs
            return False
        except GpurunError:
            return True
    return False
