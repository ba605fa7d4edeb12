"""Every route there is, below gpurun/api/v1/."""

from __future__ import annotations

from gpurun_server.http import live, logs, openapi, runs, server, uploads

#: The zip route comes before `runs/{id}`: the first that fits is taken.
ROUTES = [
    *uploads.default_handlers,
    *runs.default_handlers,
    *logs.default_handlers,
    *server.default_handlers,
    *live.default_handlers,
    *openapi.default_handlers,
]


def handlers() -> list[tuple[str, type]]:
    """The routes as the extension registers them."""
    return [(rf"/gpurun/api/v1/{pattern}", handler) for pattern, handler in ROUTES]
