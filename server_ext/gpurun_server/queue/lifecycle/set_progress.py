"""Progress that somebody sets, beside what is read from a run's output: one more bar of the run."""

from __future__ import annotations

import time
from typing import Annotated

import msgspec

from gpurun_jupyter.core.errors import InvalidRequest, WrongState
from gpurun_jupyter.core.events import Progress
from gpurun_jupyter.core.lifecycle import ACTIVE, State
from gpurun_jupyter.core.names import Text
from gpurun_jupyter.core.runs import RunProgress
from gpurun_jupyter.progress.bars.overall import with_bar
from gpurun_server.queue.lifecycle.transitions import touch
from gpurun_server.store.database import Writing
from gpurun_server.store.queries import encode, find

_BAR = "set"
_LARGEST = 1e15


class NewProgress(msgspec.Struct, forbid_unknown_fields=True):
    """How far a run is: `done` of `total`, which is percent unless it is said, and a label."""

    done: Annotated[float, msgspec.Meta(ge=0, le=_LARGEST)]
    total: Annotated[float, msgspec.Meta(gt=0, le=_LARGEST)] = 100.0
    label: Text = ""


def set_progress(writing: Writing, reference: str, new: NewProgress, *, by: str) -> str:
    """Show it until the run's own output says more; returns the run's id.

    It is no part of the run's log, which only its runner writes. Raises InvalidRequest, RunNotFound, AmbiguousRun, and
    WrongState for a run that is not at work.
    """
    if new.done > new.total:
        raise InvalidRequest(f"{new.done:g} of {new.total:g} cannot be done.", "`total` is 100 unless you say it.")
    run = find(writing.conn, reference, by)
    if State(run.state) not in ACTIVE:
        raise WrongState(f"Run {run.name} ({run.id}) is {run.state}.", "Progress is set while a run is at work.")
    before = msgspec.json.decode(run.progress_json or "{}", type=RunProgress)
    elapsed_s = max(0.0, time.time() - run.started_at) if run.started_at else 0.0
    event = Progress(id=_BAR, label=new.label, done=new.done, total=new.total, m=elapsed_s)
    touch(writing, run.id, progress_json=encode(with_bar(before, event)))
    return str(run.id)
