"""Accepting a run over HTTP, whatever form it came in."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gpurun_jupyter.core.data_sets import DATA_LIMITS
from gpurun_jupyter.core.errors import FileMissing, InvalidRequest, NotShipped
from gpurun_jupyter.core.launch.grid import environment
from gpurun_jupyter.core.manifests import Manifest
from gpurun_jupyter.core.run_checks import check_run
from gpurun_jupyter.core.runs import Run, RunSpec
from gpurun_jupyter.tracking.endpoints import TRACKING_URI
from gpurun_server.http.base import GpurunHandler, Parts
from gpurun_server.http.sse import follow_accepted, wants_stream
from gpurun_server.queue.ledger.known_agents import offers
from gpurun_server.queue.lifecycle.accept import accept
from gpurun_server.queue.lifecycle.devices_wanted import gpus_wanted
from gpurun_server.queue.lifecycle.sweeps import TAG, accept_sweep, ahead_of, specs_of
from gpurun_server.queue.listing import run_of, shown
from gpurun_server.queue.placement.offers import Offer
from gpurun_server.store.content.blobs import Blobs
from gpurun_server.store.content.data_sets import manifest_of
from gpurun_server.store.database import Writing
from gpurun_server.store.queries import find, to_run

_LONGEST_KEY = 200


class Launched(msgspec.Struct):
    """The runs that a launch file or a sweep became, and what the sweep is called; null where it is one run."""

    sweep: str | None
    runs: list[Run]


async def accept_run(
    handler: GpurunHandler, spec: RunSpec, rerun_of: str | None = None, notes: Sequence[str] = ()
) -> None:
    """Queue a run for whoever sent the request, and answer. Its history tells the `notes` on what was shipped.

    Raises InvalidRequest, NoSuchDevices, and for what it should find NotShipped, BadArchive, FileMissing, DataNotFound.
    Who takes an event stream gets the run's at once, and need not ask for it.
    """
    parts, owner = handler.parts, handler.owner
    key = key_of(handler)
    await make_ready(parts, spec, owner)
    everybody = _everybody(parts)  # here: `act` is for a thread, and the ledger is not

    def act(writing: Writing) -> Run:
        note = "; ".join(notes)
        run_id = accept(writing, parts.home, spec, owner=owner, key=key, offers=everybody, rerun_of=rerun_of, note=note)
        return to_run(find(writing.conn, run_id, owner))  # as it was accepted: it may begin at once

    run = await handler.write_database(act)
    handler.set_status(201)
    if wants_stream(handler):
        await follow_accepted(handler, run)
    else:
        with parts.database.read() as conn:
            handler.answer(run_of(conn, parts.ledger, run.id, owner), 201)


async def accept_all(
    handler: GpurunHandler,
    spec: RunSpec,
    grid: Mapping[str, Any],
    *,
    first: bool = False,
    rerun_of: str | None = None,
    notes: Sequence[str] = (),
) -> None:
    """The same for a run of each combination, in one transaction; `first`: ahead of what waits of the same owner."""
    parts, owner = handler.parts, handler.owner
    key = key_of(handler)
    for one in specs_of(spec, grid):
        check_run(one)
    await make_ready(parts, spec, owner)
    everybody = _everybody(parts)

    def act(writing: Writing) -> list[str]:
        if first:
            spec.priority = ahead_of(writing.conn, owner, spec.priority)
        return accept_sweep(
            writing,
            parts.home,
            spec,
            grid,
            owner=owner,
            everybody=everybody,
            key=key,
            rerun_of=rerun_of,
            note="; ".join(notes),
        )

    ids = await handler.write_database(act)
    with parts.database.read() as conn:
        runs = shown(conn, parts.ledger, [find(conn, run_id, owner) for run_id in ids], owner)
    for run in runs:
        run.spec = None  # the same for each of up to a thousand
    handler.answer(Launched(sweep_of(runs[0]), runs), 201)


def sweep_of(run: Run) -> str | None:
    """The name of the sweep that a run is of."""
    return next((tag.removeprefix(TAG) for tag in run.tags if tag.startswith(TAG)), None)


def key_of(handler: GpurunHandler) -> str | None:
    """The request's idempotency key. Raises InvalidRequest."""
    key = handler.request.headers.get("Idempotency-Key")
    if key is not None and not 0 < len(key) <= _LONGEST_KEY:
        raise InvalidRequest(f"An Idempotency-Key has 1 to {_LONGEST_KEY} characters.", "A random UUID does well.")
    return key


async def make_ready(parts: Parts, spec: RunSpec, owner: str) -> None:
    """See to it that a run is right, everything that it will find is here, and an agent is on its way.

    Raises InvalidRequest, NoSuchDevices, NotShipped, BadArchive, FileMissing and DataNotFound.
    """
    check_run(spec)
    if parts.mlflow and TRACKING_URI not in (*environment(spec), *spec.secrets):
        spec.env[TRACKING_URI] = parts.mlflow
    if spec.notebook is not None and not parts.home.blob(spec.notebook.digest).exists():
        raise NotShipped("The server lacks the notebook.", "Send it with PUT blobs/DIGEST.")
    if lacking := [name for name, digest in spec.inputs.items() if not parts.home.blob(digest).exists()]:
        raise NotShipped(f"The server lacks the value of {lacking[0]!r}.", "Send it with PUT blobs/DIGEST.")
    parts.ensure_agent()
    await parts.hub.first_agent()  # else a fresh server would refuse for want of devices
    try:
        await _check_shipped(parts, spec, owner)
    except NotShipped:
        gpus_wanted(spec, _everybody(parts))  # what could never run is not sent in vain
        raise


def _everybody(parts: Parts) -> list[Offer]:
    with parts.database.read() as conn:
        return offers(conn, parts.ledger)


async def _check_shipped(parts: Parts, spec: RunSpec, owner: str) -> None:
    """Whether everything that the run will find is here; its data sets get their manifests.

    Raises NotShipped, BadArchive, FileMissing and DataNotFound.
    """
    if spec.data:
        with parts.database.read() as conn:
            for use in [use for use in spec.data if use.manifest is None]:  # a rerun has the data of its first run
                use.manifest = manifest_of(conn, owner, use.name)
    if spec.dir is None and not spec.data:
        return
    manifest = await asyncio.get_running_loop().run_in_executor(parts.threads, _shipped, parts.blobs, spec)
    if manifest is None or spec.dir is None:
        return
    entry, paths = spec.dir.entry, {file.path for file in manifest.files}
    if entry is not None and entry not in paths:
        raise FileMissing(f"The directory holds no file {entry!r}.", "Name one by its path in there.")
    if hidden := next((use.place for use in spec.data if _is_taken(use.place, paths)), None):
        raise InvalidRequest(f"The directory holds something at {hidden!r}.", "Write --data NAME:PATH with another.")


def _shipped(blobs: Blobs, spec: RunSpec) -> Manifest | None:
    for use in spec.data:
        assert use.manifest is not None  # given above
        blobs.whole_manifest(use.manifest, DATA_LIMITS)
    return None if spec.dir is None else blobs.whole_manifest(spec.dir.manifest)


def _is_taken(place: str, paths: set[str]) -> bool:
    return any(path == place or path.startswith(f"{place}/") or place.startswith(f"{path}/") for path in paths)
