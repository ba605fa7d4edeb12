"""Runs: submit, list, show, cancel, and read what they left."""

from __future__ import annotations

from typing import Any

import msgspec
from jupyter_server.auth.decorator import authorized
from tornado import web

from gpurun_jupyter.core.lifecycle import Outcome, Reason, State
from gpurun_jupyter.core.runs import Run, RunSpec
from gpurun_server.http.base import AUTH_RESOURCE, GpurunHandler, operation
from gpurun_server.http.runs.accepting import accept_run
from gpurun_server.http.runs.search import RunsList
from gpurun_server.queue.lifecycle.editing import Changes, changed, edit, start
from gpurun_server.queue.lifecycle.set_progress import NewProgress, set_progress
from gpurun_server.queue.lifecycle.stopping import cancel
from gpurun_server.queue.listing import run_of
from gpurun_server.queue.upkeep.deletion import UNDO_S, delete, delete_for_good, remove_folders, restore
from gpurun_server.store.folders.retention import pruned_at
from gpurun_server.store.queries import decode_spec, find, history_of
from gpurun_server.store.room import is_short


class CancelBody(msgspec.Struct, forbid_unknown_fields=True):
    """How to end a run."""

    kill: bool = False


class Change(msgspec.Struct):
    """A change of a run's state: when (seconds since the epoch), from and to what, by whom, why."""

    run_id: str
    at: float
    before: State | None
    after: State
    by: str
    outcome: Outcome | None
    reason: Reason | None
    message: str


class History(msgspec.Struct):
    """The changes of a run's state."""

    history: list[Change]


class Deleted(msgspec.Struct):
    """The id of a run that was deleted, and for how many seconds it can be restored by it."""

    deleted: str
    restorable_s: float


class RunsHandler(RunsList):
    """`runs`."""

    @web.authenticated
    @authorized(action="execute", resource=AUTH_RESOURCE)
    @operation("Submit a cell, or code inside a shipped directory", body=RunSpec, answer=Run, status=201)
    async def post(self) -> None:
        """Submit."""
        await accept_run(self, self.body(RunSpec))


class _RunHandler(GpurunHandler):
    def answer_run(self, reference: str) -> None:
        with self.parts.database.read() as conn:
            run = run_of(conn, self.parts.ledger, reference, self.owner)
        run.pruned_at = pruned_at(self.parts.home.run(run.id))
        self.answer(run)


class RunHandler(_RunHandler):
    """`runs/{id}`."""

    @web.authenticated
    @authorized
    @operation("One run with its spec", answer=Run)
    async def get(self, reference: str) -> None:
        """Show."""
        self.answer_run(reference)

    @web.authenticated
    @authorized(action="execute", resource=AUTH_RESOURCE)
    @operation("Change priority (while it waits), project or tags", body=Changes, answer=Run)
    async def patch(self, reference: str) -> None:
        """Change."""
        changes, owner = self.body(Changes), self.owner
        self.answer_run(await self.write_database(lambda writing: edit(writing, reference, changes, by=owner)))

    @web.authenticated
    @authorized
    @operation(
        "Delete a run that has finished, with its files; it can be restored for ten minutes, unless the disk is full",
        answer=Deleted,
    )
    async def delete(self, reference: str) -> None:
        """Delete."""
        owner, home = self.owner, self.parts.home
        if is_short(home):
            run_id, gone = await self.write_database(
                lambda w: delete_for_good(w, reference, by=owner), on_full_disk=True
            )
            await self.in_thread(lambda: remove_folders(home, gone))
            self.answer(Deleted(run_id, 0.0))
        else:
            run_id = await self.write_database(lambda writing: delete(writing, reference, by=owner))
            self.answer(Deleted(run_id, UNDO_S))


class StartHandler(_RunHandler):
    """`runs/{id}/start`."""

    @web.authenticated
    @authorized(action="execute", resource=AUTH_RESOURCE)
    @operation("Queue a run that was created on hold", answer=Run)
    async def post(self, reference: str) -> None:
        """Start."""
        owner = self.owner
        self.answer_run(await self.write_database(lambda writing: start(writing, reference, by=owner)))


class RerunHandler(_RunHandler):
    """`runs/{id}/rerun`."""

    @web.authenticated
    @authorized(action="execute", resource=AUTH_RESOURCE)
    @operation("Run it again, with the fields of RunSpec that the body changes", body=dict, answer=Run, status=201)
    async def post(self, reference: str) -> None:
        """Run again."""
        changes = self.body(dict[str, Any])
        with self.parts.database.read() as conn:
            run = find(conn, reference, self.owner)
        await accept_run(self, changed(decode_spec(run.spec_json), changes), rerun_of=run.id)


class ProgressHandler(_RunHandler):
    """`runs/{id}/progress`."""

    @web.authenticated
    @authorized(action="execute", resource=AUTH_RESOURCE)
    @operation("Say how far a run is that is at work", body=NewProgress, answer=Run)
    async def put(self, reference: str) -> None:
        """Set."""
        new, owner = self.body(NewProgress), self.owner
        self.answer_run(await self.write_database(lambda writing: set_progress(writing, reference, new, by=owner)))


class RestoreHandler(_RunHandler):
    """`runs/{id}/restore`."""

    @web.authenticated
    @authorized
    @operation("Take back that a run was deleted", answer=Run)
    async def post(self, run_id: str) -> None:
        """Restore."""
        owner = self.owner
        self.answer_run(await self.write_database(lambda writing: restore(writing, run_id, by=owner)))


class HistoryHandler(_RunHandler):
    """`runs/{id}/history`."""

    @web.authenticated
    @authorized
    @operation("Every change of the run's state, oldest first", answer=History)
    async def get(self, reference: str) -> None:
        """List."""
        with self.parts.database.read() as conn:
            changes = history_of(conn, find(conn, reference, self.owner).id)
        self.answer({"history": changes})


class CancelHandler(_RunHandler):
    """`runs/{id}/cancel`."""

    @web.authenticated
    @authorized(action="execute", resource=AUTH_RESOURCE)
    @operation("End a run: interrupt it, or kill it", body=CancelBody, answer=Run)
    async def post(self, reference: str) -> None:
        """Cancel."""
        kill, owner = self.body(CancelBody).kill, self.owner
        self.answer_run(
            await self.write_database(
                lambda writing: cancel(writing, reference, by=owner, kill=kill), on_full_disk=True
            )
        )


default_handlers = [
    (r"runs", RunsHandler),
    (r"runs/([^/]+)", RunHandler),
    (r"runs/([^/]+)/cancel", CancelHandler),
    (r"runs/([^/]+)/start", StartHandler),
    (r"runs/([^/]+)/rerun", RerunHandler),
    (r"runs/([^/]+)/restore", RestoreHandler),
    (r"runs/([^/]+)/progress", ProgressHandler),
    (r"runs/([^/]+)/history", HistoryHandler),
]
