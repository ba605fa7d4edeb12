"""Accepting a run over HTTP, whatever form it came in."""

from __future__ import annotations

from gpurun_jupyter.core.errors import InvalidRequest, NotShipped
from gpurun_jupyter.core.runs import Run, RunSpec
from gpurun_server.http.base import GpurunHandler
from gpurun_server.http.sse import follow_accepted, wants_stream
from gpurun_server.queue.accept import accept
from gpurun_server.queue.agents import offers
from gpurun_server.queue.listing import run_of
from gpurun_server.store.database import Writing
from gpurun_server.store.queries import find, to_run

_LONGEST_KEY = 200


async def accept_run(handler: GpurunHandler, spec: RunSpec, rerun_of: str | None = None) -> None:
    """Queue a run for whoever sent the request, and answer. Raises InvalidRequest and NoSuchDevices.

    Who takes an event stream gets the run's at once, and need not ask for it.
    """
    parts, owner = handler.parts, handler.parts.owner(handler)
    key = handler.request.headers.get("Idempotency-Key")
    if key is not None and not 0 < len(key) <= _LONGEST_KEY:
        raise InvalidRequest(f"An Idempotency-Key has 1 to {_LONGEST_KEY} characters.", "A random UUID does well.")
    if spec.dir is not None and not parts.home.blob(spec.dir.zip).exists():
        raise InvalidRequest("The server does not have that zip.", "Send it with POST runs/zip.")
    spec.check()
    if spec.notebook is not None and not parts.home.blob(spec.notebook.digest).exists():
        raise NotShipped("The server lacks the notebook.", "Send it with PUT blobs/DIGEST.")
    if lacking := [name for name, digest in spec.inputs.items() if not parts.home.blob(digest).exists()]:
        raise NotShipped(f"The server lacks the value of {lacking[0]!r}.", "Send it with PUT blobs/DIGEST.")
    parts.ensure_agent()
    await parts.hub.first_agent()

    def act(writing: Writing) -> Run:
        run_id = accept(writing, parts.home, spec, owner=owner, key=key, offers=offers(writing.conn), rerun_of=rerun_of)
        return to_run(find(writing.conn, run_id))

    run = await handler.write_database(act)
    handler.set_status(201)
    if wants_stream(handler):
        await follow_accepted(handler, run)
    else:
        with parts.database.read() as conn:
            handler.answer(run_of(conn, parts.ledger, run.id), 201)
