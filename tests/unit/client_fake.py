"""A server for unit tests: answers the client's requests from memory, over httpx.MockTransport."""

from __future__ import annotations

import hashlib
import io
import json
import time
import zipfile
from typing import Any

import httpx
import msgspec

from gpurun_jupyter.client import Client
from gpurun_jupyter.client.discovery import Address
from gpurun_jupyter.client.http import API, Connection
from gpurun_jupyter.core.events import Event, encode_line
from gpurun_jupyter.core.runs import Run

DATA_SET = {"name": "digits", "manifest": "0" * 64, "files": 2, "size_bytes": 10, "uploaded_at": 0.0}
URL = "http://fake:1/base/"


def run_record(**changes: Any) -> Run:
    now = time.time()
    fields: dict[str, Any] = {
        **dict.fromkeys(
            ("outcome", "reason", "agent", "queued_at", "started_at", "finished_at", "progress", "waiting")
        ),
        "id": "k3f9x2ab",
        "name": "digits",
        "project": "default",
        "owner": "anna",
        "kind": "cell",
        "message": "",
        "state": "queued",
        "tags": [],
        "priority": 0,
        "gpu": 0,
        "attempt": 1,
        "devices": [],
        "metrics": {},
        "created_at": now,
        "revision": 1,
    }
    return msgspec.convert({**fields, **changes}, Run)


def ended(outcome: str = "succeeded", reason: str = "completed", **changes: Any) -> Run:
    times = {"started_at": 100.0, "finished_at": 148.0}
    return run_record(state="finished", outcome=outcome, reason=reason, revision=9, **times, **changes)


class FakeServer:
    """One run that is queued when submitted, has `events` and ends as `end`; every request is kept in `seen`."""

    def __init__(self, end: Run | None = None, events: list[Event] | None = None, cuts: int = 0) -> None:
        self.end = end or ended()
        self.events = events or []
        self.cuts = cuts  # so many live connections break before their last frame
        self.refusals: list[httpx.Response | Exception] = []
        self.seen: list[httpx.Request] = []
        self.blobs: dict[str, bytes] = {}

    @property
    def client(self) -> Client:
        return Client(connection=self.connection)

    @property
    def connection(self) -> Connection:
        return Connection(Address(URL, "secret"), httpx.MockTransport(self._answer))

    def paths(self) -> list[str]:
        return [f"{request.method} {request.url.path.partition(API)[2]}" for request in self.seen]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.seen.append(request)
        if self.refusals:
            refusal = self.refusals.pop(0)
            if isinstance(refusal, Exception):
                raise refusal
            return refusal
        path = request.url.path.partition(API)[2]
        if not path:
            return httpx.Response(200, json={"name": "python3"})  # a route of Jupyter itself
        if path.startswith("blobs/"):
            return self._answer_blobs(request, path)
        if path in ("runs", "data") and request.method == "POST" and (lacking := self._lacking(request)):
            return lacking
        if path == "stream":
            return httpx.Response(200, content=self._stream(request))
        if path == "runs" and "text/event-stream" in request.headers.get("Accept", ""):
            accepted = _sse({"type": "run", "run": run_record(name=self.end.name)})
            return httpx.Response(201, content=accepted + self._frames(0))
        if path.endswith("/events"):
            return httpx.Response(200, content=b"".join(encode_line(event) for event in self.events))
        if path.endswith("/log"):
            return httpx.Response(200, text="printed\n")
        return self._answer_json(request.method, path)

    def _lacking(self, request: httpx.Request) -> httpx.Response | None:
        asked = json.loads(request.content)
        manifest = asked.get("manifest") or asked.get("dir", {}).get("manifest")
        return None if manifest in {None, *self.blobs} else refused("not_shipped", "The server lacks that.", 409)

    def _answer_blobs(self, request: httpx.Request, path: str) -> httpx.Response:
        if path == "blobs/missing":
            return _json({"missing": [one for one in json.loads(request.content)["blobs"] if one not in self.blobs]})
        if path == "blobs/zip":
            with zipfile.ZipFile(io.BytesIO(request.content)) as packed:
                self.blobs |= {name: packed.read(name) for name in packed.namelist()}
        elif hashlib.sha256(request.content).hexdigest() != path.partition("/")[2]:
            return refused("wrong_digest", "The bytes have another sha256.", 422)
        else:
            self.blobs[path.partition("/")[2]] = request.content
        return _json({"kept": 1}, 201)

    def _answer_json(self, method: str, path: str) -> httpx.Response:
        if method == "POST" and path in ("runs", "runs/zip"):
            return _json(run_record(name=self.end.name), 201)
        if path == "data":
            return _json({"data": []}) if method == "GET" else _json(DATA_SET, 201)
        if path == "runs":
            return _json({"runs": [self.end], "next": None})
        if path in ("devices", "agents"):
            return _json({"agents": []})
        if path == "status":
            return _json({"version": "1"})
        known = path.split("/")[1:2] in ([self.end.id], [self.end.name], ["last"])
        return _json(self.end) if known else refused("run_not_found", f"There is no run {path.split('/')[1]!r}.", 404)

    def _stream(self, request: httpx.Request) -> bytes:
        if "run" not in request.url.params:
            return _sse({"type": "runs", "runs": [self.end]})
        return self._frames(int(request.url.params["run"].partition(":")[2]))

    def _frames(self, place: int) -> bytes:
        lines = [encode_line(event) for event in self.events]
        offset = place
        while offset:
            offset -= len(lines.pop(0))
        shown = lines[:1] if self.cuts else lines
        place += sum(map(len, shown))
        body = b'{"type":"events","run":"x","cursor":"1:%d","events":[%s]}' % (
            place,
            b",".join(shown).replace(b"\n", b""),
        )
        frames = b"retry: 1\n\n" + (b"id: x\nevent: events\ndata: " + body + b"\n\n" if shown else b"")
        if self.cuts:
            self.cuts -= 1
            return frames + b'data: {"type":"ru'
        return frames + _sse({"type": "run", "run": self.end})


def refused(code: str, message: str, status: int) -> httpx.Response:
    return httpx.Response(status, json={"error": {"code": code, "message": message, "hint": "Do this."}})


def _json(value: Any, status: int = 200) -> httpx.Response:
    return httpx.Response(status, content=msgspec.json.encode(value))


def _sse(frame: Any) -> bytes:
    return b"data: " + json.dumps(msgspec.to_builtins(frame)).encode() + b"\n\n"
