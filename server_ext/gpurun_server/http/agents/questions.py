"""What the code of a run on another machine asks beyond its run: MLflow's REST, with the rights of the run's owner."""

from __future__ import annotations

from pathlib import Path

import msgspec

from gpurun_jupyter.core.errors import FileMissing
from gpurun_jupyter.core.questions import Answer, Question
from gpurun_server.http.agents.handler import ATTEMPT, BYTES, AttemptHandler, allow_unauthenticated
from gpurun_server.http.base import checked, operation
from gpurun_server.queue.tracking.questions import answer_run
from gpurun_server.queue.tracking.tracking import Answered
from gpurun_server.store.queries import by_id

_ARTIFACTS = "api/2.0/mlflow-artifacts/artifacts"


class _Handler(AttemptHandler):
    async def asked(self, question: Question) -> Answered:
        """The answer, by all that the run has logged."""
        await self.parts.remote.take_in(self.run_id, self.number)
        parts, run = self.parts, await self.read_database(lambda conn: by_id(conn, self.run_id))
        assert run is not None  # its agent holds it
        return await self.in_thread(
            lambda: answer_run(parts.home, parts.database, parts.blobs, run.owner, question, parts.logs)
        )


class QuestionsHandler(_Handler):
    """`agents/attempts/{id}/{number}/questions`."""

    @allow_unauthenticated
    @operation("For agents: what the run's code asks of MLflow's interface", body=Question, answer=Answer)
    async def post(self, **_: str) -> None:
        """Ask."""
        question = checked(lambda: msgspec.json.decode(self.bytes_received(), type=Question))
        found = await self.asked(question)
        self.answer(Answer(found.status, found.body))


class ArtifactHandler(_Handler):
    """`agents/attempts/{id}/{number}/artifacts/{path}`."""

    @allow_unauthenticated
    @operation(
        "For agents: a piece of an artifact that the run's code asks for, from where Range says",
        answer_type=BYTES,
        status=206,
    )
    async def get(self, path: str, **_: str) -> None:
        """Fetch one."""
        found = await self.asked(Question("GET", f"{_ARTIFACTS}/{path}"))
        if found.file is None:
            raise FileMissing(f"There is no artifact {path}.", "MlflowClient().list_artifacts lists those of a run.")
        await self.send_piece(Path(found.file))


default_handlers = [
    (rf"{ATTEMPT}/questions", QuestionsHandler),
    (rf"{ATTEMPT}/artifacts/(?P<path>.+)", ArtifactHandler),
]
