"""What an agent of another machine asks for: it shows its key, and Jupyter's own sign-in and cookies do not count."""

from __future__ import annotations

import os
import re
import zlib
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from jupyter_server.auth.decorator import allow_unauthenticated
from tornado.web import HTTPError

from gpurun_jupyter.core.errors import FileMissing, GpurunError, InvalidRequest, NotJoined, WrongOffset
from gpurun_jupyter.core.remote import OFFSET_HEADER, PIECE_BYTES, TOKEN_HEADER
from gpurun_jupyter.core.system.records import open_plain
from gpurun_server.http.base import GpurunHandler
from gpurun_server.queue.agents.syncing import check_held
from gpurun_server.store.agent_keys import agent_of

#: The route of an attempt, for the agent that holds it.
ATTEMPT = r"agents/attempts/(?P<id>[^/]+)/(?P<number>[1-9]\d{0,8})"
BYTES = "application/octet-stream"

__all__ = ["ATTEMPT", "BYTES", "AgentHandler", "AttemptHandler", "KeyHandler", "allow_unauthenticated"]


class KeyHandler(GpurunHandler):
    """A handler that authenticates by itself, by what follows `Bearer`."""

    _track_activity = False  # an agent is nobody at a screen

    @property
    def bearer(self) -> str:
        """What was shown. Raises NotJoined where nothing was."""
        kind, _, secret = self.request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not secret:
            raise NotJoined("This is for machines that have joined.", "`gpurun agent invite` lets one join.")
        return secret.strip()

    async def prepare(self) -> None:
        """Let nobody in who comes by another name of this host; who comes is asked by the handler."""
        self.current_user = self._jupyter_current_user = None  # both: unset, they are taken for not asked yet
        if not self.check_host():
            raise HTTPError(403)

    def check_xsrf_cookie(self) -> None:
        """Nothing: no cookie lets anybody in here."""

    def log_exception(self, kind: Any, error: Any, traceback: Any) -> None:
        """A refusal is a line in the server's log."""
        if isinstance(error, GpurunError):
            self.log.warning("refused %s %s from %s: %s", self.request.method, self.request.path, self.who, error)
        else:
            super().log_exception(kind, error, traceback)

    @property
    def who(self) -> str:
        """Who asks, for the log."""
        return str(self.request.remote_ip)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """As ever; where the offset was wrong, with the right one."""
        error = kwargs.get("exc_info", (None, None))[1]
        if isinstance(error, WrongOffset):
            self.set_header(OFFSET_HEADER, str(error.offset))
        super().write_error(status_code, **kwargs)


class AgentHandler(KeyHandler):
    """A handler for agents with a key."""

    agent_id = ""

    async def prepare(self) -> None:
        """Find out which agent asks. Raises NotJoined."""
        await super().prepare()
        with self.parts.database.read() as conn:
            self.agent_id = agent_of(conn, self.bearer)
            self.check(conn)

    def check(self, conn: sa.Connection) -> None:
        """Whether the agent may ask this, in the same look at the database."""

    @property
    def who(self) -> str:
        """The agent, or where it comes from."""
        return f"agent {self.agent_id}" if self.agent_id else super().who


class AttemptHandler(AgentHandler):
    """A handler for what the agent that holds an attempt may do with it; it shows the attempt's token, too."""

    async def prepare(self) -> None:
        """Raises NotHeld."""
        # before it is known who asks, for `check` needs them
        self.run_id, self.number = self.path_kwargs["id"], int(self.path_kwargs["number"])
        self.folder = self.parts.home.attempt(self.run_id, self.number)
        await super().prepare()

    def check(self, conn: sa.Connection) -> None:
        """Raises NotHeld."""
        check_held(conn, self.agent_id, self.run_id, self.number, self.request.headers.get(TOKEN_HEADER, ""))

    def bytes_received(self, most: int = 2 * PIECE_BYTES) -> bytes:
        """The body, unpacked. Raises InvalidRequest for one that is bigger than it may be."""
        if self.request.headers.get("Content-Encoding") != "gzip":
            return bytes(self.request.body)
        unpacker = zlib.decompressobj(wbits=31)  # gzip, and not zlib
        try:
            data = unpacker.decompress(self.request.body, most)  # no further: some kilobytes may unpack to gigabytes
        except zlib.error as error:
            raise InvalidRequest(f"The body is no gzip: {error}.") from error
        if not unpacker.eof:
            raise InvalidRequest("The body is cut short or unpacks to too much.", "Send smaller pieces.")
        return data

    async def send_piece(self, path: Path) -> None:
        """The part of a file that Range begins, at most a piece of it. Raises InvalidRequest and FileMissing."""
        first = re.fullmatch(r"bytes=(\d{1,18})-", self.request.headers.get("Range", "bytes=0-"))
        if first is None:
            raise InvalidRequest("Range says bytes=N- here.")
        data, size = await self.in_thread(lambda: _piece(path, int(first[1])))
        self.set_status(206)
        self.set_header("Content-Type", BYTES)
        self.set_header("Content-Range", f"bytes {first[1]}-{int(first[1]) + len(data) - 1}/{size}")
        self.finish(data)


def _piece(path: Path, offset: int) -> tuple[bytes, int]:
    """A piece of a file and the size of all of it."""
    try:
        with open_plain(path) as file:
            file.seek(offset)
            return file.read(PIECE_BYTES), os.fstat(file.fileno()).st_size
    except FileNotFoundError as error:
        raise FileMissing("The file is gone from the server.", "Submit the run again.") from error
