"""Where notices arrive in tests: a webhook and a mail server, real ones, on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as AsMessage
from servers import free_port


class Webhook:
    """Takes what is posted; `statuses` are the answers to the next requests, then 200. By path what arrived."""

    def __init__(self) -> None:
        self.arrived: dict[str, list[dict[str, Any]]] = {}
        self.statuses: list[int] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status = hook.statuses.pop(0) if hook.statuses else 200
                if status == 200:
                    hook.arrived.setdefault(self.path, []).append(body)
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def url(self, path: str) -> str:
        """As apprise writes it."""
        return f"json://127.0.0.1:{self.server.server_port}{path}"

    def titles(self, path: str) -> list[str]:
        return [one["title"] for one in self.arrived.get(path, [])]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class _Letters(AsMessage):
    def __init__(self) -> None:
        super().__init__()
        self.arrived: list[Message] = []

    def handle_message(self, message: Message) -> None:
        self.arrived.append(message)


@contextmanager
def mail_server() -> Iterator[tuple[str, list[Message]]]:
    """An SMTP server: apprise's URL of a mailbox on it, and the letters that have arrived."""
    letters, port = _Letters(), free_port()
    controller = Controller(letters, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield f"mailto://127.0.0.1:{port}?from=gpurun@example.com&to=anna@example.com&mode=insecure", letters.arrived
    finally:
        controller.stop()
