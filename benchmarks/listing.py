"""Lists and submissions over HTTP: a real Jupyter server with 100,000 runs, one connection that is kept alive.

The agent is one that only exists in the database, all of its GPUs held: nothing of what is queued starts.
"""

from __future__ import annotations

import http.client
import json
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import filled
from figures import Figure, median, shown, spread, times_ms
from servers import TOKEN, JupyterServer

GPUS = 8
QUEUES = (0, 1_000, 10_000)
ROUNDS = 60
API = "/gpurun/api/v1"

_BARE = """SELECT id, name, project, owner, state, outcome, reason, tags_json, created_at, started_at, finished_at,
    progress_json, metrics_json, revision FROM runs ORDER BY seq DESC LIMIT 100"""


class Client:
    """A connection that is kept alive, without a library that costs as much as the answer."""

    def __init__(self, port: int) -> None:
        self._conn = http.client.HTTPConnection("127.0.0.1", port)
        self._headers = {"Authorization": f"token {TOKEN}"}

    def ask(self, method: str, path: str, body: Any = None) -> bytes:
        """An answer's body."""
        self._conn.request(method, path, body and json.dumps(body), self._headers)
        answer = self._conn.getresponse()
        data = answer.read()
        assert answer.status < 300, data
        return data

    def first_frame(self, path: str) -> bytes:
        """The first frame of an event stream; the connection is closed after it."""
        self._conn.close()
        self._conn.request("GET", path, headers=self._headers)
        answer = self._conn.getresponse()
        lines = []
        while not (line := answer.readline()).startswith(b"data:"):
            lines.append(line)
        self._conn.close()
        return line


def figures() -> list[Figure]:
    """Newest runs, the first frame and submissions, with queues of several lengths."""
    with tempfile.TemporaryDirectory() as folder:
        server = JupyterServer(Path(folder), options=("--GpurunApp.local_agent=False",))
        home, database = filled.database_in(server.home)
        filled.join(database, GPUS)
        filled.add(database, "running", GPUS)
        server.start()
        try:
            return [one for figures in _measured(server, database, home.database) for one in figures]
        finally:
            server.close()
            database.close()


def _measured(server: JupyterServer, database: filled.Database, file: Path) -> Any:
    client = Client(server.port)
    floor = median(times_ms(lambda: client.ask("GET", "/api/status"), ROUNDS))
    bare = median(_bare_ms(file))
    beside = f"bare SQLite {shown(bare, 'ms')}; Jupyter's own /api/status {shown(floor, 'ms')}"
    queued = 0
    for length in QUEUES:
        filled.add(database, "queued", length - queued)
        queued = length
        asked = {"enough": 15, "goal": 5} if length < QUEUES[-1] else {}
        among = f", {length:,} of them queued" if length else ""
        yield _newest(client, among, asked, beside)
        yield _submitted(client, length)
        queued += ROUNDS + 3


def _newest(client: Client, among: str, asked: dict[str, float], beside: str) -> list[Figure]:
    acts: dict[str, Callable[[], bytes]] = {
        f"newest 100 of 100,000 runs{among}": lambda: client.ask("GET", f"{API}/runs?limit=100"),
        f"first frame of the live connection{among}": lambda: client.first_frame(f"{API}/stream?watch=runs"),
    }
    found = []
    for measure, act in acts.items():
        assert act().count(b'"revision"') >= 100  # the live connection tells of the queue too
        taken = times_ms(act, ROUNDS)
        found.append(Figure(measure, median(taken), "ms", beside=f"{spread(taken, 'ms')}; {beside}", **asked))
        beside = ""
    return found


def _submitted(client: Client, queued: int) -> list[Figure]:
    taken = times_ms(lambda: client.ask("POST", f"{API}/runs", {"code": "print(1)", "gpu": 1}), ROUNDS)
    return [Figure(f"submit a run, {queued:,} queued", median(taken), "ms", beside=spread(taken, "ms"))]


def _bare_ms(file: Path) -> list[float]:
    conn = sqlite3.connect(file)
    taken = times_ms(lambda: conn.execute(_BARE).fetchall(), ROUNDS)
    conn.close()
    return taken
