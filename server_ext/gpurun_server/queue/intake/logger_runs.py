"""Runs that loggers left on the disk, imported once: the folders of TensorBoard's event files, W&B's offline runs.

Each becomes a run that has finished, with a log of its own. It is known by its place; one that has grown since is
another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.core import events
from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.lifecycle import Outcome, Reason
from gpurun_jupyter.core.names import new_run_id, told
from gpurun_jupyter.core.numbers import all_in_json
from gpurun_jupyter.core.runs import RunSpec
from gpurun_jupyter.core.system.records import open_plain
from gpurun_jupyter.progress.readers.files.formats import reader_for
from gpurun_jupyter.progress.readers.files.found import Found, Points
from gpurun_jupyter.progress.readers.files.names import Names
from gpurun_server.queue.intake.new_run import new_run
from gpurun_server.store.database import OUTAGE, Database
from gpurun_server.store.folders.own_logs import append
from gpurun_server.store.folders.records import RunRecord
from gpurun_server.store.queries import decode_meta
from gpurun_server.store.tables import runs

_PIECE_BYTES = 4 * 2**20
#: Of how many bytes of files a run was made, as the facts about it have it: it tells whether they have grown.
_BYTES = "imported_bytes"
#: More is not looked through.
_MAX_FILES = 100_000


class LoggedRun(NamedTuple):
    """A run that a logger left: `place` is its folder or file, `files` are what is read of it."""

    place: Path
    name: str
    files: tuple[Path, ...]

    @property
    def size_bytes(self) -> int:
        """The sizes of its files together."""
        return sum(path.stat().st_size for path in self.files)


def import_logged(
    home: Home, database: Database, owner: str, kind: str, folder: Path, tell: Callable[[str], None]
) -> list[str]:
    """Import the runs below a folder; returns the ids of those that are new. `tell` hears what cannot be read.

    Raises InvalidRequest where there is no such folder, or nothing of this kind in it.
    """
    found = [*_runs_below(folder, kind)]
    if not found:
        wanted = "event files of TensorBoard" if kind == "tensorboard" else "offline runs of W&B (run-*.wandb)"
        raise InvalidRequest(f"There are no {wanted} in {folder}.", "Name a folder of the server's machine with some.")
    ids = []
    for run in found:
        try:
            new = _imported(home, database, owner, folder, run)
        except (InvalidRequest, OSError, *OUTAGE) as error:
            tell(f"{run.place}: {error}".encode(errors="backslashreplace").decode())
        else:
            ids += [new] if new else []
    return ids


def _runs_below(folder: Path, kind: str) -> Iterator[LoggedRun]:
    pattern = "**/*.tfevents.*" if kind == "tensorboard" else "**/run-*.wandb"
    if not folder.is_dir():
        raise InvalidRequest(f"The server's machine has no folder {folder}.", "Name one that holds what was logged.")
    paths = (path for path, _ in zip(folder.glob(pattern), range(_MAX_FILES), strict=False))
    files = sorted(path for path in paths if path.is_file() and not path.is_symlink())
    if kind == "wandb":
        yield from (LoggedRun(path, path.stem, (path,)) for path in files)
        return
    for place, group in groupby(files, key=lambda path: path.parent):  # as TensorBoard itself tells runs apart
        name = "-".join(place.relative_to(folder).parts)  # a slash would stand before the number of a sweep
        yield LoggedRun(place, name or folder.resolve().name, tuple(group))


def _imported(home: Home, database: Database, owner: str, folder: Path, run: LoggedRun) -> str | None:
    """The id of the run that was made of it; None where it is there already, or nothing can be read."""
    size, place = run.size_bytes, str(run.place.resolve())
    is_known = partial(_is_known, owner, place, size)
    with database.read() as conn:
        if is_known(conn):
            return None
    found = [*_found(run)]
    points = [one for one in found if isinstance(one, Points)]
    values = {name: value for one in found if not isinstance(one, Points) for name, value in one.values.items()}
    if not (points or values):
        return None
    changed = max(path.stat().st_mtime for path in run.files)
    times = [one.time for one in points if one.time is not None] or [changed]
    project = folder.resolve().name
    spec = _spec(place, run.name, project, values)
    record = RunRecord(
        id=new_run_id(), name=run.name, project=project, owner=owner, gpu=0, created_at=max(0.0, min(times)), spec=spec
    )
    with new_run(home, database, record, is_known) as attempt:
        append(attempt, _log(points, min(times), max(times), size))
    return record.id


def _spec(place: str, name: str, project: str, values: dict[str, str | int | float | bool]) -> RunSpec:
    try:
        return msgspec.convert({"files": place, "name": name, "project": project, "values": values}, RunSpec)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"It cannot be a run: {told(error)}.", "Rename its folder.") from error


def _is_known(owner: str, place: str, size: int, conn: sa.Connection) -> bool:
    mine = sa.select(runs.c.meta_json).where(
        runs.c.owner == owner, runs.c.origin == RunSpec(files=place).origin_key, runs.c.deleted_at.is_(None)
    )
    return any(decode_meta(meta).get(_BYTES) == size for meta in conn.scalars(mine))


def _found(run: LoggedRun) -> Iterator[Found]:
    names = Names()
    for path in run.files:
        reader = reader_for(PurePosixPath(path.name), b"")
        if reader is None:
            continue
        with open_plain(path) as file:
            while piece := file.read(_PIECE_BYTES):
                yield from _named(reader.read(piece), names, reader.by, path)
        yield from _named(reader.end(), names, reader.by, path)


def _named(found: Iterable[Found], names: Names, by: str, path: Path) -> Iterator[Found]:
    """Under the names that they would have in a run, whatever other files say."""
    for one in found:
        if isinstance(one, Points):
            called = {names.called(name, by, PurePosixPath(path.name), one.run): name for name in one.values}
            yield one._replace(values={new: one.values[name] for new, name in called.items() if new is not None})
        else:
            yield one


def _log(points: list[Points], began: float, ended: float, size: int) -> list[events.Event]:
    last, metrics = began, list[events.Event]()
    for one in sorted(points, key=lambda one: began if one.time is None else one.time):
        last = last if one.time is None else one.time
        metrics.append(events.Metric(values=all_in_json(one.values), step=one.step, t=last, m=last - began))
    return [
        events.Start(v=events.FORMAT_VERSION, attempt=1, pid=0, devices=[], t=began),
        *metrics,
        events.Meta(values={_BYTES: size}, t=ended, m=ended - began),
        events.End(outcome=Outcome.SUCCEEDED, reason=Reason.COMPLETED, t=ended, m=ended - began),
    ]
