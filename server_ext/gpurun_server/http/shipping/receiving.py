"""Bodies that are too big for memory: taken piece by piece, refused only when they are through."""

from __future__ import annotations

import re
from typing import Any, Protocol

from tornado import web

from gpurun_jupyter.core.errors import GpurunError, InvalidRequest, TooLarge
from gpurun_jupyter.core.units import format_size
from gpurun_server.http.base import GpurunHandler


class Receiver(Protocol):
    """Where the pieces of a body go."""

    def feed(self, data: bytes) -> None:
        """The next piece. Raises GpurunError."""

    def close(self) -> None:
        """Throw away what was not kept."""


class ReceivingHandler(GpurunHandler):
    """A handler of such bodies; a subclass says to what `method` and makes the receiver."""

    method = "POST"
    max_body_bytes: int
    _receiver: Receiver | None = None
    _refusal: GpurunError | OSError | None = None

    def make_receiver(self) -> Receiver:
        """What takes the body. Raises GpurunError."""
        raise NotImplementedError

    @property
    def received(self) -> Receiver:
        """What took the whole body. Raises the error that it met."""
        if self._refusal is not None:
            raise self._refusal
        assert self._receiver is not None  # prepare has made it
        return self._receiver

    async def prepare(self) -> None:
        """Refuse strangers before their bytes are taken, then get ready for the bytes."""
        await super().prepare()
        if self._finished or self.request.method != self.method:  # or a method that takes no body of this kind
            return
        if self.current_user is None:  # `authenticated` would look only when the body is through
            raise web.HTTPError(403)
        # at once, unlike other refusals: nobody waits until so much has gone by
        if self._announced_bytes() > self.max_body_bytes:
            raise TooLarge(f"The body is bigger than {format_size(self.max_body_bytes)}.", "Send less at once.")
        self.request.connection.set_max_body_size(self.max_body_bytes)  # Jupyter's is for bodies in memory
        try:
            self._receiver = self.make_receiver()
        except (
            GpurunError,
            OSError,
        ) as error:  # told when the body is through: a client that is still sending would not hear it
            self._refusal = error

    def _announced_bytes(self) -> int:
        """How big the body is said to be. Raises InvalidRequest."""
        length = self.request.headers.get("Content-Length", "0")
        if not re.fullmatch(r"[0-9]{1,1000}", length):  # `int` takes more, and refuses thousands of digits
            raise InvalidRequest(f"Content-Length is no number: {length[:50]!r}.", "Send the count of bytes.")
        return int(length)

    def data_received(self, chunk: bytes) -> None:
        """Take a piece; after a refusal the rest is let go by, so that the client hears why."""
        if self._receiver is not None and self._refusal is None:
            try:
                self._receiver.feed(chunk)
            except (GpurunError, OSError) as error:
                self._refusal = error

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Say that the connection ends with a refusal that came before the body was read."""
        self.say_whether_it_ends()
        super().write_error(status_code, **kwargs)

    def say_whether_it_ends(self) -> None:
        """What a body that is not read is followed by cannot be read either."""
        if self._receiver is None and self._refusal is None:
            self.set_header("Connection", "close")

    def on_finish(self) -> None:
        """Leave nothing behind that was not kept."""
        if self._receiver is not None:
            self._receiver.close()

    def on_connection_close(self) -> None:
        """The client went away in the middle."""
        super().on_connection_close()  # else whoever awaits the body would wait for ever
        self.on_finish()
