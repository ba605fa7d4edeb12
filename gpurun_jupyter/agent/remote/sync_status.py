"""What the server has not got yet, for who asks on this machine: a person rings the agent, and it writes the answer."""

from __future__ import annotations

import secrets
import time
from pathlib import Path

import msgspec

from gpurun_jupyter.agent.remote.process import living
from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.grants import Grant
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.system.bells import ring
from gpurun_jupyter.core.system.records import read_record

#: The ring that asks; a word that the answer repeats follows.
SYNC = "sync"
#: A try that hangs in a dead connection takes so long at most. Seconds.
_ANSWERS_S = 30.0
_LOOK_S = 0.05
#: After a connection was cut, the first try may find out just that.
_TRIES = 2


class AttemptSync(msgspec.Struct):
    """What of an attempt the server has not got: bytes of the log, checkpoints that are complete, what it left."""

    run: str
    name: str
    attempt: int
    log_bytes: int = 0
    checkpoints: list[str] = []
    files: bool = False

    @property
    def synced(self) -> bool:
        """Whether the server has everything."""
        return not (self.log_bytes or self.checkpoints or self.files)

    def is_called(self, ref: str) -> bool:
        """Whether somebody means this run by an id, the beginning of one, or a name."""
        return self.name == ref or self.run.startswith(ref)


class SyncStatus(msgspec.Struct):
    """The answer: what the last try to reach the server came to (empty: it was reached), and each attempt held here."""

    asked: str
    trouble: str = ""
    attempts: list[AttemptSync] = []

    @property
    def synced(self) -> bool:
        """Whether the server was reached and has everything."""
        return not (self.trouble or self.behind)

    @property
    def behind(self) -> list[AttemptSync]:
        """Those of which something is missing over there."""
        return [one for one in self.attempts if not one.synced]


def ask(folder: Path, ref: str | None, timeout_s: float) -> SyncStatus:
    """Have the agent try now, until the server has everything (of one run), cannot be reached, or time is over.

    Raises InvalidRequest where no agent is at work, or no such run was ever here.
    """
    home, word = Home(folder), secrets.token_hex(4)
    give_up, failed = time.monotonic() + timeout_s, 0
    while True:
        found = _answer(home, word)
        if ref is not None:
            found.attempts = [one for one in found.attempts if one.is_called(ref)]
            if not found.attempts and not _was_here(home, ref):
                raise InvalidRequest(f"No run {ref!r} has been here.", "`gpurun runs` on the server's side lists runs.")
        failed = failed + 1 if found.trouble else 0
        if failed == _TRIES or time.monotonic() > give_up or found.synced:
            return found


def _answer(home: Home, word: str) -> SyncStatus:
    home.sync_status.unlink(missing_ok=True)
    ring(home.bells, f"{SYNC} {word}")
    give_up = time.monotonic() + _ANSWERS_S
    while time.monotonic() < give_up and living(home.path) is not None:
        time.sleep(_LOOK_S)
        found = read_record(home.sync_status, SyncStatus)
        if found is not None and found.asked == word:
            return found
    raise InvalidRequest("The agent is not at work, or does not answer.", "`gpurun agent start` starts it.")


def _was_here(home: Home, ref: str) -> bool:
    if any(path.name.startswith(ref) for path in home.runs.iterdir()):
        return True
    grants = (read_record(path, Grant) for path in home.runs.glob("*/attempts/*/grant.json"))
    return any(grant is not None and grant.name == ref for grant in grants)
