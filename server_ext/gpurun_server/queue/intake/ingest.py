"""Logs into the database: what an attempt's log says becomes its run's state, progress and metric summaries.

Several processes may take in the same log: each advances `ingested_offset` by compare-and-swap in the transaction that
holds what it read.
"""

from __future__ import annotations

import logging
from pathlib import Path

from gpurun_jupyter.core import events
from gpurun_jupyter.core.errors import StorageUnusable
from gpurun_jupyter.core.home import AttemptFolder
from gpurun_jupyter.core.system.records import size_of
from gpurun_server.queue.intake.children import take_children
from gpurun_server.queue.intake.stretches import CHUNK_BYTES, keep, next_stretch
from gpurun_server.store.database import OUTAGE, Database, Writing

log = logging.getLogger("gpurun.queue")

_QUIET = (events.opening("output"), events.opening("sample"))  # most lines are these, and say nothing to the database


def ingest(
    writing: Writing, run_id: str, attempt: int, path: Path, by: str, *, ends: bool = True, replayed: bool = False
) -> bool:
    """Take in what is new of an attempt's log, some megabytes at most; returns whether there was anything new.

    An attempt that has ended is left as it is. `ends`: the log's end is the attempt's; on another machine it is not,
    because its files come after it. `replayed`: the log is an old one, whose own times count. A model is registered
    only where its files are there: those of another machine come later, and are registered then.
    """
    stretch = next_stretch(writing, run_id, attempt, path, by, replayed=replayed)
    if stretch is None:
        return False
    if not ends:
        stretch.digest.end = None
    take_children(writing, stretch)  # before the run's own end, with which theirs comes
    keep(writing, stretch)
    return True


def ingest_long(database: Database, run_id: str, attempt: int, path: Path, by: str) -> None:
    """Take in most of a long log, or one with children, in transactions of its own: that of the end holds up others.

    Whatever is wrong with it is found again, and said, when the attempt ends.
    """
    try:
        more = size_of(path) > CHUNK_BYTES or AttemptFolder(path.parent).children.exists()
        while more:
            with database.write() as writing:
                more = ingest(writing, run_id, attempt, path, by, ends=False)
    except FileNotFoundError:
        return
    except (*OUTAGE, StorageUnusable):
        raise
    except Exception:  # its run may have been deleted
        log.exception("%s/%d: its log is not taken in before its end", run_id, attempt)


def is_quiet(lines: bytes) -> bool:
    """Whether this stretch of a log says nothing to the database."""
    return all(line.startswith(_QUIET) for line in lines.splitlines())
