"""One small site for several servers of Python."""

from __future__ import annotations

import logging
import sys
from typing import Any


def wsgi(environ: dict, start_response: Any) -> list[bytes]:
    """For gunicorn."""
    found = environ["PATH_INFO"] in ("/", "/health")
    start_response("200 OK" if found else "404 Not Found", [("Content-Type", "text/plain")])
    return [b"ok\n"]


async def asgi(scope: dict, receive: Any, send: Any) -> None:
    """For uvicorn."""
    if scope["type"] == "http":
        found = scope["path"] in ("/", "/health")
        await send({"type": "http.response.start", "status": 200 if found else 404, "headers": []})
        await send({"type": "http.response.body", "body": b"ok\n"})


def flask_app() -> Any:
    from flask import Flask, request

    app = Flask("shop")

    @app.get("/")
    def index() -> str:
        app.logger.info("handling step=%s page: %s", request.args.get("step"), request.args.get("page"))
        return "ok\n"

    return app


def aiohttp(port: int) -> None:
    from aiohttp import web

    async def index(request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    logging.basicConfig(level=logging.DEBUG)
    app = web.Application()
    app.router.add_get("/", index)
    web.run_app(app, host="127.0.0.1", port=port, access_log_format="%a %t %r %s bytes=%b took=%Tf us: %D")


def tornado(port: int) -> None:
    import asyncio

    from tornado.options import parse_command_line
    from tornado.web import Application, RequestHandler

    class Index(RequestHandler):
        def get(self) -> None:
            self.write("ok\n")

    async def serve() -> None:
        Application([("/", Index)]).listen(port, "127.0.0.1")
        await asyncio.Event().wait()

    parse_command_line(["tornado"])
    asyncio.run(serve())


if __name__ == "__main__":
    {"aiohttp": aiohttp, "tornado": tornado}[sys.argv[1]](int(sys.argv[2]))
