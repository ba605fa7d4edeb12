"""Every route there is: below gpurun/api/v1/, and for clients of MLflow below gpurun/mlflow/."""

from __future__ import annotations

from typing import Any

from tornado import web

from gpurun_jupyter.core.errors import RouteMissing
from gpurun_server.http import live, notices, openapi, overview, retention, server, sessions
from gpurun_server.http.agents import agents, attempts, questions
from gpurun_server.http.base import GpurunHandler
from gpurun_server.http.launch import launch
from gpurun_server.http.mlflow import door
from gpurun_server.http.models import files as model_files
from gpurun_server.http.models import models
from gpurun_server.http.runs import (
    comparing,
    comparison,
    files,
    importing,
    logs,
    metrics,
    outputs,
    runs,
    search,
    uploads,
)
from gpurun_server.http.shipping import blobs, data


class RouteMissingHandler(GpurunHandler):
    """Whatever else is asked for below gpurun/api/."""

    async def prepare(self) -> None:
        """Refuse every method, strangers first."""
        await super().prepare()
        if self.current_user is None:
            raise web.HTTPError(403)
        raise RouteMissing(f"There is no {self.request.path}.", "GET gpurun/api/v1/openapi.json lists the routes.")


#: The zip routes come before `runs/{id}` and `blobs/{id}`: the first that fits is taken.
ROUTES = [
    *uploads.default_handlers,
    *blobs.default_handlers,
    *data.default_handlers,
    *search.default_handlers,
    *runs.default_handlers,
    *importing.default_handlers,
    *retention.default_handlers,
    *comparison.default_handlers,
    *outputs.default_handlers,
    *logs.default_handlers,
    *metrics.default_handlers,
    *comparing.default_handlers,
    *files.default_handlers,
    *server.default_handlers,
    *overview.default_handlers,
    *notices.default_handlers,
    *launch.default_handlers,
    *agents.default_handlers,
    *attempts.default_handlers,
    *questions.default_handlers,
    *sessions.default_handlers,
    *models.default_handlers,
    *model_files.default_handlers,
    *live.default_handlers,
    *openapi.default_handlers,
]


def handlers() -> list[tuple[str, type, dict[str, Any]]]:
    """The routes as the extension registers them: pattern, handler, what it is made with."""
    known: list[tuple[str, type, dict[str, Any]]] = [
        (rf"/gpurun/api/v1/{pattern}", handler, {"routes": ROUTES} if handler is openapi.OpenApiHandler else {})
        for pattern, handler in ROUTES
    ]
    tracking = [
        (rf"/gpurun/mlflow/{pattern}", handler, made_with) for pattern, handler, made_with in door.default_handlers
    ]
    return [*known, *tracking, (r"/gpurun/api/.*", RouteMissingHandler, {})]
