"""In which environment an attempt runs, told to the server once; the packages of an interpreter only the first time."""

from __future__ import annotations

import msgspec

from gpurun_jupyter.agent.remote.connection import ServerConnection, of_attempt
from gpurun_jupyter.core.environments import Interpreter, Recorded
from gpurun_jupyter.core.grants import Grant
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.remote import Described, Lacking
from gpurun_jupyter.core.system.records import read_record


class EnvironmentUpload:
    """Tells of the attempts of one home. What the agent has not written down yet is told later."""

    def __init__(self, connection: ServerConnection, home: Home) -> None:
        self._connection = connection
        self._home = home
        self._told: set[str] = set()  # attempts
        self._known: set[str] = set()  # interpreters, by sha256

    async def describe(self, grant: Grant) -> None:
        """Tell where this attempt runs, unless that was told. Raises OSError and NotHeld."""
        path = self._home.attempt(grant.run_id, grant.attempt).environment
        if grant.key in self._told or (recorded := read_record(path, Recorded)) is None:
            return
        known = recorded.interpreter is None or recorded.interpreter in self._known
        if await self._tell(grant, recorded, along=not known) and known:  # the server has lost it
            await self._tell(grant, recorded, along=True)
        self._told.add(grant.key)

    def forget(self, key: str) -> None:
        """The attempt is over."""
        self._told.discard(key)

    async def _tell(self, grant: Grant, recorded: Recorded, *, along: bool) -> bool:
        """Whether the server lacks the interpreter."""
        described = Described(recorded)
        if along and recorded.interpreter is not None:
            described.interpreter = read_record(self._home.environment(recorded.interpreter), Interpreter)
        path, body = of_attempt(grant, "environment"), msgspec.json.encode(described)
        answer = await self._connection.send("PUT", path, body, grant=grant, pack=True)
        if recorded.interpreter is not None:
            self._known.add(recorded.interpreter)
        return msgspec.json.decode(answer.content, type=Lacking).lacking
