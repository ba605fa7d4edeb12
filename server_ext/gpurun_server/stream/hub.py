"""The hub: hears the doorbell and wakes the live connections that it concerns."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import time

from tornado.ioloop import IOLoop, PeriodicCallback

from gpurun_jupyter.core.devices import HEALTHY_S
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.system.bells import Bell
from gpurun_server.queue.ledger.known_agents import some_agent_is_healthy
from gpurun_server.queue.ledger.ledger import Ledger
from gpurun_server.store.database import Database
from gpurun_server.stream.connection import LiveConnection

#: A ring may be lost; so often every connection looks round by itself.
_LOOK_ROUND_MS = 2000
#: A local agent that was just started needs to import and to read its devices.
FIRST_AGENT_S = 15.0


class Hub:
    """One for each server; every live connection is opened through it."""

    def __init__(self, home: Home, database: Database, ledger: Ledger) -> None:
        self._home = home
        self._database = database
        self._ledger = ledger
        self._connections: set[LiveConnection] = set()
        self._look_round = PeriodicCallback(
            lambda: self._wake({"run", "log", "agents", "models"}, None), _LOOK_ROUND_MS
        )
        self._bell: Bell | None = None
        self._agent_heard = asyncio.Event()
        self._agent_heard_at = float("-inf")  # by the clock of time.monotonic

    def start(self) -> None:
        """Listen to the doorbell."""
        # `gpurun reindex` knows by this beginning of the name that a server is at work
        self._bell = Bell(self._home.bells, f"server-{os.getpid()}-{secrets.token_hex(4)}")
        IOLoop.current().add_handler(self._bell.fileno(), self._rung, IOLoop.READ)
        self._look_round.start()

    def close(self) -> None:
        """Stop listening and end every connection."""
        self._look_round.stop()
        for connection in list(self._connections):  # a copy: each takes itself out
            connection.close()
        if self._bell is not None:
            IOLoop.current().remove_handler(self._bell.fileno())  # while the number is still of this file
            self._bell.close()

    def connect(self, owner: str) -> LiveConnection:
        """A new live connection of a person; close it when its client has gone."""
        connection = LiveConnection(self._home, self._database, self._ledger, owner, self._connections.discard)
        self._connections.add(connection)
        return connection

    async def first_agent(self) -> None:
        """Wait until some agent is healthy, a fresh server's own usually within a second; give up after some."""
        give_up = time.monotonic() + FIRST_AGENT_S
        if time.monotonic() - self._agent_heard_at < HEALTHY_S:  # heard so lately that the database need not be asked
            return
        while time.monotonic() < give_up and not self._some_agent_healthy():
            self._agent_heard.clear()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._agent_heard.wait(), 1.0)  # not for ever: a ring may be lost

    def _some_agent_healthy(self) -> bool:
        with self._database.read() as conn:
            return some_agent_is_healthy(conn)

    def _rung(self, _fd: int, _events: int) -> None:
        assert self._bell is not None
        by_kind: dict[str, set[str]] = {}
        for ring in self._bell.read():
            kind, _, run_id = ring.partition(" ")
            by_kind.setdefault(kind, set()).add(run_id)
        if "agents" in by_kind:
            self._agent_heard_at = time.monotonic()
        for kind, run_ids in by_kind.items():
            self._wake({kind}, run_ids)  # one by one: the ids belong to their kind

    def _wake(self, kinds: set[str], run_ids: set[str] | None) -> None:
        if "agents" in kinds:
            self._agent_heard.set()
        for connection in self._connections:
            connection.wake(kinds, run_ids)
