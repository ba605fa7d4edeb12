"""What the code of a run may ask beyond its run: to read what its owner may, and to change the registry, not to delete.

Its machine may be somebody else's, and the key of that machine is all that is shown.
"""

from __future__ import annotations

from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.questions import Question
from gpurun_jupyter.tracking.endpoints import artifact_in, endpoint_named
from gpurun_jupyter.tracking.refusals import DENIED, Refused
from gpurun_server.queue.tracking.log_writing import LogWriting
from gpurun_server.queue.tracking.tracking import Answered, answer, refusal
from gpurun_server.store.content.blobs import Blobs
from gpurun_server.store.database import Database

_READS = ("get_", "search_", "list_")
_OF_THE_REGISTRY = (
    *("create_model", "update_model", "set_model_tag", "delete_model_tag", "set_alias", "delete_alias"),
    *("create_version", "update_version", "set_version_tag", "delete_version_tag", "transition_stage"),
    *("set_logged_model_tags", "delete_logged_model_tag"),
)


def answer_run(
    home: Home, database: Database, blobs: Blobs, owner: str, question: Question, logs: LogWriting | None = None
) -> Answered:
    """What the code of a run of this owner is answered, errors included. Takes a while: for a thread.

    `logs` is what a server keeps of what clients logged a moment ago.
    """
    try:
        _check(question)
    except Refused as refused:
        return refusal(refused)
    return answer(home, database, blobs, owner, question.method, question.path, question.query, question.body, logs)


def _check(question: Question) -> None:
    is_artifact = artifact_in(question.path) or question.path.endswith("mlflow-artifacts/artifacts")
    if question.method == "GET" and is_artifact:
        return
    name = endpoint_named(question.method, question.path)
    if not name.startswith(_READS) and name not in _OF_THE_REGISTRY:
        raise Refused(
            f"The code of a run logs to its own runs; {name} of others is for a notebook, after `%gpurun mlflow`.",
            DENIED,
        )
