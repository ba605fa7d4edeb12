"""What may be changed of a run after it was accepted, and when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from gpurun_jupyter.core.errors import InvalidRequest, WrongState
from gpurun_jupyter.core.lifecycle import State
from gpurun_jupyter.core.names import Name, told
from gpurun_jupyter.core.runs import HEARD_OF, RunSpec
from gpurun_jupyter.core.secrets import unmasked, values_missing
from gpurun_server.queue.lifecycle.transitions import move, touch
from gpurun_server.store.database import Writing
from gpurun_server.store.queries import encode, find


class Changes(msgspec.Struct, forbid_unknown_fields=True):
    """New values; what is left out stays as it is. The priority counts only while a run waits."""

    priority: Annotated[int, msgspec.Meta(ge=-1000, le=1000)] | None = None
    project: Name | None = None
    tags: list[Name] | None = None


def changed(spec: RunSpec, changes: Mapping[str, Any]) -> RunSpec:
    """The spec for running it again: some fields changed, None for the default.

    That it waited to be started, or for other runs, is not repeated. Raises InvalidRequest, and WrongState for a run
    that another tool carried out.
    """
    if spec.kind in HEARD_OF:
        how = "It was imported" if spec.logged is None else f"It was logged by a client of {spec.logged}"
        raise WrongState(f"{how}: of another tool's run there is no code.", "Submit the code that made it.")
    fields = msgspec.to_builtins(spec)
    for name in ("hold", "after", *(name for name, value in changes.items() if value is None)):
        fields.pop(name, None)
    given = {name: value for name, value in changes.items() if value is not None}
    if isinstance(given.get("env"), dict):
        # a value that comes back as it was shown means the one that it stands for
        given["env"] = unmasked({**fields.get("env", {}), **given["env"]}, fields.get("env", {}))
    if isinstance(given.get("secrets"), dict) and (left := set(fields.get("secrets", ())) - given["secrets"].keys()):
        raise values_missing(left)
    try:
        return msgspec.convert({**fields, **given}, RunSpec)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"{told(error)}.", "GET openapi.json describes the fields of RunSpec.") from error


def edit(writing: Writing, reference: str, changes: Changes, *, by: str) -> str:
    """Change a run of one's own; returns its id. Raises RunNotFound, AmbiguousRun and WrongState."""
    run = find(writing.conn, reference, by)
    if changes.priority is not None and State(run.state) not in (State.CREATED, State.QUEUED):
        raise WrongState(f"Run {run.name} ({run.id}) is {run.state}.", "Only the priority of a waiting run counts.")
    columns: dict[str, Any] = {"priority": changes.priority, "project": changes.project}
    if changes.tags is not None:
        columns["tags_json"] = encode(changes.tags)
    columns = {name: value for name, value in columns.items() if value is not None}
    if columns:
        touch(writing, run.id, **columns)  # `run.json` stays what was accepted
        writing.rings |= {"queue", "work"}
    return str(run.id)


def start(writing: Writing, reference: str, *, by: str) -> str:
    """Queue a run that was created on hold; returns its id. Raises RunNotFound, AmbiguousRun and WrongState."""
    run = find(writing.conn, reference, by)
    if State(run.state) is not State.CREATED:
        raise WrongState(f"Run {run.name} ({run.id}) is {run.state} already.", "Only a run on hold can be started.")
    move(writing, run.id, State.QUEUED, by=by)
    return str(run.id)
