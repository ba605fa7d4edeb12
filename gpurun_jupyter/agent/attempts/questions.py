"""Questions that an attempt's code asks its server (core/questions.py), carried there and back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import partial
from pathlib import Path

import msgspec

from gpurun_jupyter.agent.attempts.held_attempt import Held
from gpurun_jupyter.agent.background_tasks import in_background
from gpurun_jupyter.agent.backoff import Pauses
from gpurun_jupyter.agent.link import Link
from gpurun_jupyter.core.errors import GpurunError
from gpurun_jupyter.core.home import write_json
from gpurun_jupyter.core.questions import Answer, Question
from gpurun_jupyter.core.system.bells import ring
from gpurun_jupyter.core.system.records import read_record
from gpurun_jupyter.tracking.refusals import INTERNAL, Refused, refusal_of

log = logging.getLogger("gpurun.agent")


async def answer_questions(held: Held, link: Link) -> None:
    """Answer what is asked, all at once, until this is cancelled. An agent before this one may have left some."""
    under_way: dict[Path, asyncio.Task[None]] = {}
    try:
        while True:
            held.asked.clear()  # before the look: who rings during it wants another one
            for path in held.folder.questions.glob("*.json"):
                if path not in under_way:
                    under_way[path] = in_background(_answer(held, link, path))
                    under_way[path].add_done_callback(partial(_forget, under_way, path))
            await held.asked.wait()
    finally:
        for task in under_way.values():
            task.cancel()


async def _answer(held: Held, link: Link, path: Path) -> None:
    question = read_record(path, Question)
    if question is None:  # the run's own code may put anything there
        return
    try:
        answer = await _until_heard(held, link, path, question)
    except GpurunError as error:
        refused = refusal_of(error)
        answer = Answer(refused.status, msgspec.json.encode(refused.body))
    except Exception as error:
        log.exception("%s: a question was not answered", held.grant.key)
        failed = Refused(f"gpurun failed while it asked its server: {type(error).__name__}: {error}", INTERNAL)
        answer = Answer(failed.status, msgspec.json.encode(failed.body))
    if answer is not None:
        _leave(held, path, answer)


def _leave(held: Held, path: Path, answer: Answer) -> None:
    with contextlib.suppress(OSError):  # the run has removed its folder
        if _is_awaited(path):
            held.folder.answers.mkdir(mode=0o700, exist_ok=True)
            write_json(held.folder.answers / path.name, answer)
            ring(held.folder.home.bells, f"answer {held.grant.run_id}")


def _is_awaited(path: Path) -> bool:
    """Whether the runner has not given up."""
    return path.exists()


def _forget(under_way: dict[Path, asyncio.Task[None]], path: Path, _: asyncio.Task[None]) -> None:
    under_way.pop(path, None)


async def _until_heard(held: Held, link: Link, path: Path, question: Question) -> Answer | None:
    """The server's answer; None where nobody waits for it any more. Raises what is no outage."""
    pauses = Pauses(link.longest_pause_s, link.hurry)
    while _is_awaited(path):
        try:
            return await link.answer(held.grant, question)
        except OSError as error:
            log.warning("%s: a question waits: %s", held.grant.key, error)
        await pauses.pause()
    return None
