"""Models that a run saves, sent while it goes on: what its log names and the server has not got, then word of it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

from gpurun_jupyter.agent.background_tasks import in_background
from gpurun_jupyter.agent.remote.connection import LONG, ServerConnection, of_attempt
from gpurun_jupyter.agent.remote.upload import Upload, as_blob, parts
from gpurun_jupyter.core.errors import GpurunError, NotHeld, NotJoined, Undelivered
from gpurun_jupyter.core.events import LONGEST_LINE_BYTES, Model, event_on
from gpurun_jupyter.core.grants import Grant
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.manifests import decode
from gpurun_jupyter.core.models import MODEL_LIMITS
from gpurun_jupyter.core.remote import LeftFile
from gpurun_jupyter.core.system.records import open_plain

log = logging.getLogger("gpurun.agent")

_MODEL = b'{"kind":"model"'


class ModelUpload:
    """The models of one attempt on their way. The log does not wait for them."""

    def __init__(self, connection: ServerConnection, home: Home, grant: Grant) -> None:
        self._connection = connection
        self._home = home
        self._grant = grant
        self._path = home.attempt(grant.run_id, grant.attempt).events
        self._offset = 0  # up to which the log has been looked through
        self._due = True  # an agent before this one may have left some
        self._begun = b""  # a line of it that has not come to its end
        self._one_at_a_time = asyncio.Lock()
        self._going_on: asyncio.Task[None] | None = None
        self._refused: dict[str, str] = {}  # why it was not registered, by name

    def look_at(self, data: bytes) -> None:
        """What comes next in the log: does it name a model?"""
        data = self._begun + data
        self._due |= _MODEL in data
        self._begun = data[data.rfind(b"\n") + 1 :]

    def soon(self) -> None:
        """Send in the background what is due."""
        if self._due and (self._going_on is None or self._going_on.done()):
            self._going_on = in_background(self._try_to_send())

    def close(self) -> None:
        """Send no more."""
        if self._going_on is not None:
            self._going_on.cancel()

    def check(self) -> None:
        """Raises Undelivered where a model was not registered."""
        if self._refused:
            said = "; ".join(f"the model {name} was not registered: {why}" for name, why in self._refused.items())
            raise Undelivered(said)

    async def send(self) -> None:
        """Send all that the log names so far. Raises OSError and NotHeld."""
        async with self._one_at_a_time:
            if not self._due:
                return
            self._due = False  # before the look: what is named during it is due again
            try:
                for offset, model in await asyncio.to_thread(lambda: list(_models_in(self._path, self._offset))):
                    await self._send(offset, model)
                    self._offset = offset + 1
            except BaseException:  # cancelled as well
                self._due = True
                raise

    async def _try_to_send(self) -> None:
        with contextlib.suppress(NotHeld, NotJoined):
            try:
                await self.send()
            except OSError as error:
                log.warning("%s: a model waits: %s", self._grant.key, error)

    async def _send(self, offset: int, model: Model) -> None:
        """Its files, their list, and that they are there. One that is refused does not keep others from being sent."""
        try:
            files = await asyncio.to_thread(lambda: list(self._files_of(model)))
            delivery = Upload(self._connection, self._home.path, self._grant)
            for left in parts(files, {}, []):
                await delivery.send(left)
            path = of_attempt(self._grant, f"models?offset={offset}")
            await self._connection.send("POST", path, grant=self._grant, timeout=LONG)
        except (NotHeld, NotJoined):
            raise
        except (GpurunError, FileNotFoundError) as error:
            log.warning("%s: the model %s was not registered: %s", self._grant.key, model.name, error)
            self._refused[model.name] = str(error)

    def _files_of(self, model: Model) -> Iterator[LeftFile]:
        """Each once; the list comes last, so that it is never there without them."""
        listed = decode(self._home.blob(model.manifest).read_bytes(), MODEL_LIMITS)
        for digest in (*listed.blobs(), model.manifest):
            yield as_blob(self._home, digest)


def _models_in(path: Path, offset: int) -> Iterator[tuple[int, Model]]:
    """Those that a log names from an offset on, each with its own."""
    with contextlib.suppress(FileNotFoundError), open_plain(path) as file:
        file.seek(offset)
        if offset:
            file.readline(LONGEST_LINE_BYTES)  # the rest of the line of the one before
        while (line := file.readline(LONGEST_LINE_BYTES)).endswith(b"\n"):
            if line.startswith(_MODEL):
                event = event_on(line)
                if isinstance(event, Model):
                    yield file.tell() - len(line), event
