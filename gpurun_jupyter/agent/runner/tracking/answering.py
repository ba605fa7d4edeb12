"""A request of an attempt's MLflow client and its answer: of the attempt's own runs, or from its server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from gpurun_jupyter.agent.runner.tracking.artifacts import Artifacts, Elsewhere, found_file
from gpurun_jupyter.agent.runner.tracking.attempt_models import AttemptModels
from gpurun_jupyter.agent.runner.tracking.attempt_runs import AttemptRuns
from gpurun_jupyter.agent.runner.tracking.beyond import Beyond
from gpurun_jupyter.agent.runner.tracking.logged_run import Tell
from gpurun_jupyter.core.grants import Grant
from gpurun_jupyter.core.home import AttemptFolder
from gpurun_jupyter.core.questions import Answer, Question
from gpurun_jupyter.tracking.endpoints import endpoint_at
from gpurun_jupyter.tracking.refusals import Refused


class Answering:
    """Answers one attempt's clients. `tell` writes events; `earlier` are ids of the session's attempts before."""

    def __init__(self, folder: AttemptFolder, grant: Grant, tell: Tell, earlier: set[str]) -> None:
        self.artifacts = Artifacts(folder.work, grant.run_id, earlier)
        self._beyond = Beyond(folder, grant.run_id)
        runs = AttemptRuns(folder.events, grant, self.artifacts, tell, earlier)
        models = AttemptModels(runs, self.artifacts, tell, self._beyond.ask, folder.home.blobs)
        self._here = (runs, models)

    async def answer(self, question: Question) -> Answer:
        """The answer to a request whose answer is JSON."""
        try:
            endpoint = endpoint_at(question.method, question.path, question.query, question.body)
            carry_out: Callable[..., Any] | None = next(
                (found for part in self._here if (found := getattr(part, endpoint.name, None))), None
            )
            if carry_out is None:
                raise Elsewhere
            said = carry_out(endpoint.request)
            said = said if isinstance(said, dict) else await said
            return Answer(200, msgspec.json.encode(said))
        except Elsewhere:
            return await self._asked_beyond(question)
        except Refused as refused:
            return refusal(refused)

    async def file(self, question: Question, path: str) -> Answer:
        """The artifact at a path, as a file."""
        try:
            return Answer(200, file=str(found_file(self.artifacts.place(path))))
        except Elsewhere:
            return await self._asked_beyond(question)
        except Refused as refused:
            return refusal(refused)

    async def folder(self, question: Question, path: str) -> Answer:
        """What artifacts are in a folder."""
        try:
            files = self.artifacts.listed(self.artifacts.place(path))
            return Answer(200, msgspec.json.encode({"files": files}))
        except Elsewhere:
            return await self._asked_beyond(question)
        except Refused as refused:
            return refusal(refused)

    async def _asked_beyond(self, question: Question) -> Answer:
        try:
            return await self._beyond.ask(question)
        except Refused as refused:
            return refusal(refused)


def refusal(refused: Refused) -> Answer:
    """The answer that is a refusal."""
    return Answer(refused.status, msgspec.json.encode(refused.body))
