"""Who asks, and where what they ask for is kept: what all that answers clients of MLflow is made with."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa

from gpurun_jupyter.core.home import Home
from gpurun_jupyter.tracking.refusals import NOT_FOUND, Refused
from gpurun_server.queue.tracking.log_writing import LogWriting
from gpurun_server.store.content.blobs import Blobs
from gpurun_server.store.database import Database, Writing
from gpurun_server.store.queries import by_id

T = TypeVar("T")

_DIGITS = 12


class Asking(NamedTuple):
    """A person's view: what they own is read, and written with their rights. `logs` is how logged runs are written."""

    home: Home
    database: Database
    blobs: Blobs
    owner: str
    logs: LogWriting

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that sees all that was logged through this server until now."""
        self.logs.take_in()
        with self.database.read() as conn:
            yield conn

    @contextlib.contextmanager
    def write(self) -> Iterator[Writing]:
        """A transaction that may change things, and sees the same."""
        self.logs.take_in()
        with self.database.write() as writing:
            yield writing

    def run(self, conn: sa.Connection, run_id: str) -> sa.Row[Any]:
        """The run with this id, also one that was deleted and may be restored. Raises Refused."""
        row = by_id(conn, run_id)
        if row is None or row.owner != self.owner:  # nobody learns that there is such a run
            raise no_run(run_id)
        return row


def no_run(run_id: str) -> Refused:
    """There is none, or it is somebody else's."""
    return Refused(f"You have no run with the id {run_id!r}; `gpurun runs` lists yours.", NOT_FOUND)


def page_of(token: str) -> int:
    """The place at which a page begins. Raises Refused."""
    if not token:
        return 0
    if not (token.isascii() and token.isdecimal() and len(token) <= _DIGITS):
        raise Refused(f"{token!r} is no page token; send the next_page_token of the page before.")
    return int(token)


def paged(name: str, things: Sequence[T], at: int, most: int) -> dict[str, Any]:
    """A page of things, of which one more than fits was looked for, and the token of the next page if there is one."""
    following = {"next_page_token": str(at + most)} if len(things) > most else {}
    return {name: list(things[:most]), **following}
