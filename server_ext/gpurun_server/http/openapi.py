"""GET openapi.json: the interface described from the handlers themselves (OpenAPI 3.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from jupyter_server.auth.decorator import authorized
from tornado import web

from gpurun_jupyter.core.errors import GpurunError
from gpurun_server import __version__
from gpurun_server.http.base import GpurunHandler, Operation, operation

_SCHEMAS = "#/components/schemas/{name}"
#: A part of a route that changes, with its name where it is not the run's.
_GROUP = re.compile(r"\((?:\?P<(\w+)>)?[^)]*\)")
_MEANINGS = {
    "id": "an id, a unique prefix of one, a name, or `last`",
    "digest": "the sha256 of the bytes, in hexadecimal",
    "name": "a variable, or a model",
    "version": "a number, an alias, or `latest`",
    "alias": "an alias, such as `release`",
    "agent": "an agent's id",
    "number": "an attempt, from 1",
    "earlier": "an attempt before it",
    "path": "a file's place, with slashes",
}
_METHODS = ("get", "post", "put", "patch", "delete")


class ErrorBody(msgspec.Struct):
    """What a refusal says."""

    code: str
    message: str
    hint: str


class ErrorAnswer(msgspec.Struct):
    """The body of every answer that is not a success."""

    error: ErrorBody


class OpenApiHandler(GpurunHandler):
    """`openapi.json`. `routes`: all that there are, of which this is one."""

    def initialize(self, routes: Sequence[tuple[str, type]]) -> None:
        """Know what to describe."""
        super().initialize()
        self._routes = routes

    @web.authenticated
    @authorized
    @operation("This description")
    async def get(self) -> None:
        """Describe."""
        self.answer(describe(self._routes))


def describe(routes: Sequence[tuple[str, type]]) -> dict[str, Any]:
    """The OpenAPI document of routes given as (pattern below gpurun/api/v1/, handler)."""
    operations = [
        (_path(pattern), method, getattr(handler, method).operation)
        for pattern, handler in routes
        for method in _METHODS
        if hasattr(getattr(handler, method, None), "operation")
    ]
    types = [kind for _, _, op in operations for kind in (op.body, op.answer, op.query) if kind] + [ErrorAnswer]
    schemas, components = msgspec.json.schema_components(types, ref_template=_SCHEMAS)
    schema_of = dict(zip(types, schemas, strict=True))
    paths: dict[str, Any] = {}
    for path, method, op in operations:
        paths.setdefault(path, {})[method] = _describe_operation(path, op, schema_of, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "gpurun",
            "version": __version__,
            "description": "Runs, devices and logs. See docs/http.md.",
        },
        "servers": [{"url": "gpurun/api/v1"}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "apiKey", "in": "header", "name": "Authorization"}},
        },
        "security": [{"token": []}],
    }


def _path(pattern: str) -> str:
    names = iter(("id", "path"))
    return "/" + _GROUP.sub(lambda group: f"{{{group[1] or next(names)}}}", pattern).replace("\\", "")


def _describe_operation(
    path: str, op: Operation, schema_of: dict[Any, Any], components: dict[str, Any]
) -> dict[str, Any]:
    answer: dict[str, Any] = {"schema": schema_of[op.answer]} if op.answer else {}
    done = {"description": "done", "content": {op.answer_type: answer}}
    described: dict[str, Any] = {
        "summary": op.summary,
        "responses": {
            **{str(status): done for status in (op.status, *op.also)},
            "4XX": _refusals(schema_of),
        },
    }
    parameters = [_parameter(name, path) for name in re.findall(r"{(\w+)}", path)]
    if op.query:
        parameters += _query_parameters(components[op.query.__name__])
    if parameters:
        described["parameters"] = parameters
    if op.body:
        described["requestBody"] = {"content": {op.body_type: {"schema": schema_of[op.body]}}}
    return described


def _refusals(schema_of: dict[Any, Any]) -> dict[str, Any]:
    codes = ", ".join(sorted({cls.code for cls in GpurunError.__subclasses__()}))
    return {
        "description": f"refused: {codes}",
        "content": {"application/json": {"schema": schema_of[ErrorAnswer]}},
    }


def _parameter(name: str, path: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": _MEANINGS["digest" if path.startswith("/blobs") else name],
        "schema": {"type": "string"},
    }


def _query_parameters(schema: dict[str, Any]) -> list[dict[str, Any]]:
    # a list that must not be empty has a default all the same, so that its lack is refused in our own words
    needed = {*schema.get("required", []), *(name for name, kind in schema["properties"].items() if "minItems" in kind)}
    return [
        {"name": name, "in": "query", "required": name in needed, "schema": kind}
        for name, kind in schema["properties"].items()
    ]


default_handlers = [(r"openapi\.json", OpenApiHandler)]
