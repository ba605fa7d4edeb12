"""Asking beyond the run: the agent carries a question to the server, and may itself come back only later."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from pathlib import Path

from gpurun_jupyter.core.home import AttemptFolder, write_json
from gpurun_jupyter.core.questions import Answer, Question
from gpurun_jupyter.core.system.bells import Bell, ring
from gpurun_jupyter.core.system.records import read_record
from gpurun_jupyter.tracking.refusals import Refused

#: A question waits so long for its answer, seconds: clients of MLflow hang up after 120.
PATIENCE_S = 60.0
#: So often it is rung again: an agent that restarts has missed the ring.
_AGAIN_S = 2.0

_OUT_OF_REACH = (
    "gpurun's server cannot be reached from this machine at the moment, and only it knows what lies beyond this run. "
    "What the run itself logs is kept, and arrives later."
)


class Beyond:
    """What one attempt asks its server."""

    def __init__(self, folder: AttemptFolder, run_id: str) -> None:
        self._folder = folder
        self._run_id = run_id

    async def ask(self, question: Question) -> Answer:
        """The server's answer. Raises Refused where none comes."""
        name = f"{secrets.token_hex(8)}.json"
        self._folder.questions.mkdir(mode=0o700, exist_ok=True)
        try:
            return await asyncio.wait_for(self._answer(question, name), PATIENCE_S)
        except asyncio.TimeoutError:
            raise Refused(_OUT_OF_REACH) from None
        finally:
            for folder in (self._folder.questions, self._folder.answers):
                with contextlib.suppress(OSError):
                    (folder / name).unlink()

    async def _answer(self, question: Question, name: str) -> Answer:
        with _Listening(self._folder.home.bells, f"asks-{name.partition('.')[0]}", f"answer {self._run_id}") as news:
            write_json(self._folder.questions / name, question)
            while (answer := read_record(self._folder.answers / name, Answer)) is None:
                ring(self._folder.home.bells, f"question {self._run_id}")
                await news.within(_AGAIN_S)
            return answer


class _Listening:
    """Hears one ring of a bell, again and again."""

    def __init__(self, bells: Path, name: str, wanted: str) -> None:
        self._bell = Bell(bells, name)
        self._wanted = wanted
        self._heard = asyncio.Event()

    def __enter__(self) -> _Listening:
        asyncio.get_running_loop().add_reader(self._bell.fileno(), self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._bell.fileno())  # before its number may be another file's
        self._bell.close()

    async def within(self, seconds: float) -> None:
        """Wait until it has rung, but no longer."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._heard.wait(), seconds)
        self._heard.clear()

    def _hear(self) -> None:
        if self._wanted in self._bell.read():
            self._heard.set()
