"""The runner: carries out exactly one attempt in a process of its own, and writes its log and its exit record.

`python -m gpurun_jupyter.agent.runner ATTEMPT_FOLDER`. It holds a lock on the folder for its whole life, keeps every
descendant of the run within reach (it is their subreaper), and ends them all before it ends.
"""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import os
import signal
import sys
from collections.abc import Callable

import msgspec

from gpurun_jupyter.agent import workspace
from gpurun_jupyter.agent.event_log import EventLog
from gpurun_jupyter.agent.execution import Execution
from gpurun_jupyter.agent.output import OutputSink, reports_into
from gpurun_jupyter.agent.processes import kill_attempt
from gpurun_jupyter.agent.stopping import Stopping
from gpurun_jupyter.core.errors import GpurunError
from gpurun_jupyter.core.events import FORMAT_VERSION, End, Start
from gpurun_jupyter.core.grants import Grant
from gpurun_jupyter.core.home import AttemptFolder, write_json
from gpurun_jupyter.core.lifecycle import Outcome, Reason
from gpurun_jupyter.core.processes import Identity

#: Exit code of a runner that found another at work on its attempt, or the attempt begun (EX_TEMPFAIL of sysexits.h).
NOT_MINE = 75

_PR_SET_CHILD_SUBREAPER = 36


def main(path: str) -> int:
    """Carry out the attempt in this folder; returns the exit code of the process."""
    folder = AttemptFolder(path)
    lock = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return NOT_MINE
    if folder.events.exists():
        return NOT_MINE
    _become_subreaper()
    write_json(folder.runner, Identity.of(os.getpid()))
    asyncio.run(_attempt(folder, msgspec.json.decode(folder.grant.read_bytes(), type=Grant)))
    return 0


async def _attempt(folder: AttemptFolder, grant: Grant) -> None:
    log = EventLog(folder, grant.run_id)
    log.write(_start(grant))
    with Stopping(folder, grant) as stopping, reports_into(log, folder.report):
        end = await _carried_out(folder, grant, log, stopping)
    kill_attempt(grant.key)
    end = stopping.verdict(end)
    write_json(folder.exit, end)
    log.write(end)
    log.close()


async def _carried_out(folder: AttemptFolder, grant: Grant, log: EventLog, stopping: Stopping) -> End:
    sink = OutputSink(log)
    try:
        workspace.lay_out(folder, grant)
        execution = _execution_for(grant)(folder, grant, sink)
        async with stopping.watching(execution):
            return await execution.run()
    except (GpurunError, OSError) as error:
        return End(outcome=Outcome.FAILED, reason=Reason.START_FAILED, message=str(error))
    finally:
        sink.close()


def _execution_for(grant: Grant) -> Callable[[AttemptFolder, Grant, OutputSink], Execution]:
    """A kernel for a cell, a process for an entry point. Imported here: a process needs no ZMQ."""
    if grant.spec.kind == "cell":
        from gpurun_jupyter.agent.kernel_run import KernelRun

        return KernelRun
    from gpurun_jupyter.agent.process_run import ProcessRun

    return ProcessRun


def _start(grant: Grant) -> Start:
    devices = [device.id for device in grant.devices]
    return Start(v=FORMAT_VERSION, attempt=grant.attempt, pid=os.getpid(), devices=devices)


def _become_subreaper() -> None:
    """On Linux, inherit orphaned descendants, so that none is out of reach."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C at some terminal is not meant for us
    sys.exit(main(sys.argv[1]))
