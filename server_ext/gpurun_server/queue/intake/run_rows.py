"""Rows of runs that are there already: in their folders, or because somebody else carries them out."""

from __future__ import annotations

import secrets
from typing import Any

from gpurun_jupyter.core.lifecycle import State
from gpurun_jupyter.core.runs import LOGGED_KIND
from gpurun_server.queue.lifecycle.transitions import next_revision, record
from gpurun_server.store.database import Writing
from gpurun_server.store.folders.records import RunRecord
from gpurun_server.store.queries import encode
from gpurun_server.store.statements import insert_into
from gpurun_server.store.summaries import keep_parameters
from gpurun_server.store.tables import attempts, runs

_AS_RECORDED = ("id", "name", "project", "owner", "gpu", "created_at", "rerun_of", "idempotency_key")


def insert(writing: Writing, one: RunRecord, state: State, by: str, **columns: Any) -> None:
    """The row of a run, its parameters, and the first line of its history."""
    spec = one.spec
    row = {
        **{name: getattr(one, name) for name in _AS_RECORDED},
        "kind": spec.kind,
        "state": state.value,
        "spec_json": encode(spec),
        "tags_json": encode(spec.tags),
        "priority": spec.priority,
        "session": spec.session,
        "queued_at": None if state is State.CREATED else one.created_at,
        "origin": spec.origin_key,
        "parent": spec.parent,
        "revision": next_revision(writing),
        **columns,
    }
    (seq,) = writing.conn.execute(insert_into(runs), row).inserted_primary_key or (0,)
    keep_parameters(writing.conn, seq, spec)
    record(writing, one.id, None, state, by=by, at=one.created_at)
    writing.rings |= {f"run {one.id}", "queue"}


def insert_logged(writing: Writing, one: RunRecord, by: str) -> None:
    """That of a run which somebody else carries out, and its one attempt, of whose log nothing is taken in yet."""
    insert(writing, one, State.RUNNING, by, attempt=1, agent_id=LOGGED_KIND)
    attempt = {"run_id": one.id, "number": 1, "agent_id": LOGGED_KIND, "token": secrets.token_hex(16)}
    writing.conn.execute(insert_into(attempts), {**attempt, "devices_json": "[]", "granted_at": one.created_at})
