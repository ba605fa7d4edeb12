"""The runner: carries out exactly one attempt in a process of its own, and writes its log and its exit record.

It holds a lock on the folder for its whole life, keeps every descendant of the run within reach (it is their
subreaper), and ends them all before it ends.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from gpurun_jupyter.agent.devices import device_locks
from gpurun_jupyter.agent.processes.descendants import become_subreaper
from gpurun_jupyter.agent.processes.marked import kill_left_behind
from gpurun_jupyter.agent.processes.orphans import RunnerRecord
from gpurun_jupyter.agent.runner import workspace
from gpurun_jupyter.agent.runner.event_log import EventLog
from gpurun_jupyter.agent.runner.execution import Execution
from gpurun_jupyter.agent.runner.faults import Faults, word_left
from gpurun_jupyter.agent.runner.logged_files import LoggedFiles
from gpurun_jupyter.agent.runner.masking import Masking
from gpurun_jupyter.agent.runner.output import OutputSink, reports_into
from gpurun_jupyter.agent.runner.reaping import reaping
from gpurun_jupyter.agent.runner.reasons import Evidence, encodable, judged, of_start_failure, oom_kills
from gpurun_jupyter.agent.runner.samples import Samples
from gpurun_jupyter.agent.runner.stopping import Stopping, hold_terminations_back
from gpurun_jupyter.agent.runner.tracking.door import Door, Tracking
from gpurun_jupyter.core.errors import GpurunError
from gpurun_jupyter.core.events import FORMAT_VERSION, End, Output, Start
from gpurun_jupyter.core.grants import Grant
from gpurun_jupyter.core.home import AttemptFolder, write_json
from gpurun_jupyter.core.launch.grid import environment
from gpurun_jupyter.core.lifecycle import Outcome, Reason
from gpurun_jupyter.core.parameters import parameters_of
from gpurun_jupyter.core.system.locks import locked
from gpurun_jupyter.core.system.records import read_record
from gpurun_jupyter.progress.sources import VARIABLE, Sources

if TYPE_CHECKING:  # at run time it would bring ZMQ, which a process needs not
    from gpurun_jupyter.agent.kernels.kernel import Kernel

#: Exit code of a runner that found another at work on its attempt, or the attempt begun (EX_TEMPFAIL of sysexits.h).
NOT_MINE = 75
#: That of one that failed itself.
FAILED = 1

_NO_GRANT = "What the attempt was granted cannot be read: its folder was damaged before it began."
_FOLDER_REMOVED = "The run's folder was removed while it was at work, and its log with it."


@dataclass
class Taken:
    """An attempt that this process may carry out: the locks are held, on its folder and on its devices."""

    folder: AttemptFolder
    grant: Grant
    lock: int
    devices: device_locks.DeviceLocks
    secrets: dict[str, str] = field(default_factory=dict)
    masking: Masking = field(default_factory=Masking)

    @property
    def own_env(self) -> dict[str, str]:
        """The variables that the run itself names."""
        return {**environment(self.grant.spec), **self.secrets}

    def release(self) -> None:
        """Let the locks go before the process ends."""
        self.devices.close()
        os.close(self.lock)


def take(folder: AttemptFolder, *, devices_held: bool = False) -> Taken | None:
    """Take the attempt's locks and write down who carries it out; None where that is somebody else, or not possible.

    `devices_held`: by this process, since an attempt before.
    """
    lock = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    taken = None
    try:
        # the lock before the look: who had it until now has left a log
        if locked(lock) and not folder.events.exists():
            taken = _taken(folder, lock, devices_held)
    finally:
        if taken is None:
            os.close(lock)
    return taken


def _taken(folder: AttemptFolder, lock: int, devices_held: bool) -> Taken | None:
    """The same once it is locked; why it is not possible is left as its end."""
    grant = read_record(folder.grant, Grant)
    if grant is None:
        write_json(folder.exit, End(outcome=Outcome.FAILED, reason=Reason.DAMAGED, message=_NO_GRANT))
        return None
    try:
        devices = device_locks.DeviceLocks() if devices_held else _take_devices(folder, grant)
        secrets = _take_secrets(folder, grant)
    except GpurunError as error:
        taken = isinstance(error, device_locks.DevicesTaken)
        reason = Reason.DEVICES_TAKEN if taken else Reason.START_FAILED
        write_json(folder.exit, End(outcome=Outcome.FAILED, reason=reason, message=str(error)))
        return None
    hold_terminations_back()  # before the record: who has read that may send one
    become_subreaper()  # before anything is started
    write_json(folder.runner, RunnerRecord.of_this_process())
    return Taken(folder, grant, lock, devices, secrets, Masking(secrets.values()))


def _take_secrets(folder: AttemptFolder, grant: Grant) -> dict[str, str]:
    """The values that the agent has left here; from now on only this process and the run's have them.

    Raises GpurunError where they are not there.
    """
    if not grant.spec.secrets:
        return {}
    values = read_record(folder.secrets, dict[str, str])
    if values is None:
        raise GpurunError("The values of the run's secrets are not here.", "Run it again, and give them anew.")
    folder.secrets.unlink()
    return values


def _take_devices(folder: AttemptFolder, grant: Grant) -> device_locks.DeviceLocks:
    """For the rest of this process's life. Raises GpurunError."""
    holder = device_locks.Holder.this_process(folder.home, grant.name)
    return device_locks.take(grant.devices, holder, shared=grant.spec.gpu_mem is not None)


async def carry_out(
    taken: Taken, kernel: Kernel | None = None, after_death: Callable[[], str] = str, door: Door | None = None
) -> None:
    """Carry out an attempt and write its log and its exit record. A session's kernel is left, and all it started.

    `after_death` says, where that kernel died, what it means for the session; `door` is that of its MLflow clients. A
    fault of ours ends the attempt, too.
    """
    folder, grant = taken.folder, taken.grant
    faults = Faults(folder.runner_log)
    with word_left(folder), faults.heard():
        own = taken.own_env
        sources, tracking = Sources(own.get(VARIABLE, "")), Tracking({**os.environ, **own}, own, grant, door)
        if sources.reads("mlflow"):
            tracking.open()
            taken.masking = Masking({*taken.masking.values, *tracking.secrets})
        log, stopping = EventLog(folder, grant.run_id, taken.masking, sources), Stopping(folder, grant)
        log.on_failure = faults.on_first = stopping.give_up
        end = End(outcome=Outcome.FAILED, reason=Reason.INTERNAL_ERROR)  # should nothing else be found out
        with faults.caught(), stopping, reports_into(log, folder.report):
            log.write(_start(grant))
            async with tracking.answered(folder, log.write_all):
                end = await _carried_out(taken, log, stopping, faults, sources, kernel, tracking.variables)
        kept = grant.session is not None and kernel is not None and kernel.alive
        with faults.caught():
            if not kept:
                kill_left_behind(grant.key, folder.path)  # before the record: the agent ends nothing where that is
        end = stopping.verdict(faults.verdict(end))
        if not kept:
            end.message = f"{end.message} {after_death()}".strip()
        _say_last(taken, log, faults, end)


def _say_last(taken: Taken, log: EventLog, faults: Faults, end: End) -> None:
    """Write the exit record and the end of the log, without the values of secrets."""
    log.spend_reserve()
    end.message = encodable(taken.masking.text(end.message))
    if faults.first is not None:
        with faults.caught():
            log.write(Output(stream="stderr", text=taken.masking.text(faults.note())))
    with faults.caught():
        log.flush()
    with contextlib.suppress(OSError):
        taken.masking.file(taken.folder.runner_log)
    try:
        _leave_word(taken.folder, end)  # before the log's end: upon its ring the agent looks for the record
    except OSError:  # the disk is full, or read-only by now: what is open may take its end all the same
        log.close(end)
        raise
    log.close(end)


def _leave_word(folder: AttemptFolder, end: End) -> None:
    """Write the exit record, also where the run has removed its own folder or put something in the record's place."""
    if not folder.grant.exists():
        folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        end.message = f"{_FOLDER_REMOVED} {end.message}".strip()
        if end.outcome in (Outcome.SUCCEEDED, Outcome.FAILED):
            end.outcome, end.reason = Outcome.FAILED, Reason.DAMAGED
    if folder.exit.is_dir() and not folder.exit.is_symlink():
        shutil.rmtree(folder.exit)
    write_json(folder.exit, end)


async def _carried_out(
    taken: Taken,
    log: EventLog,
    stopping: Stopping,
    faults: Faults,
    sources: Sources,
    kernel: Kernel | None,
    variables: Mapping[str, str],
) -> End:
    """How the execution ended, or why it could not begin. What else is raised is a fault of ours."""
    folder, grant = taken.folder, taken.grant
    sink, samples = OutputSink(log, taken.masking, faults.caught), Samples(grant.devices, log.write)
    oom_kills_before = oom_kills()
    try:
        if log.failure is not None:
            raise log.failure  # not even the first line could be written
        for note in workspace.lay_out(folder, grant):
            log.write(Output(stream="stderr", text=f"[{note}]\n"))
        sink.expect(parameters_of(grant.spec))
        execution = _execution_for(grant, kernel)(folder, grant, sink, secrets={**taken.secrets, **variables})
        async with samples.going_on(), _files(folder, log, sources), reaping(execution):
            end = await stopping.ended(execution)
    except (GpurunError, OSError) as error:
        if sink.has_begun and isinstance(error, OSError):  # the run is under way: that is no failure to start
            raise
        end = of_start_failure(error)
    finally:
        sink.close()
    await log.settle()  # before the judgement: a log that is not whole is a failure
    return judged(end, Evidence(sink.tail, oom_kills() - oom_kills_before, log.failure, samples.peak))


def _files(folder: AttemptFolder, log: EventLog, sources: Sources) -> contextlib.AbstractAsyncContextManager[None]:
    """Follows what loggers write into the workspace, from what is there now on."""
    return LoggedFiles(folder.work, log.write).followed() if sources.reads("files") else contextlib.nullcontext()


def _execution_for(grant: Grant, kernel: Kernel | None) -> Callable[..., Execution]:
    """A kernel for a cell or a notebook, a process for an entry point. Imported here: a process needs no ZMQ."""
    if grant.spec.kind == "notebook":
        from gpurun_jupyter.agent.runner.notebook_run import NotebookRun

        return partial(NotebookRun, kernel=kernel)
    if grant.spec.kind == "cell":
        from gpurun_jupyter.agent.runner.kernel_run import KernelRun

        return partial(KernelRun, kernel=kernel)
    from gpurun_jupyter.agent.runner.process_run import ProcessRun

    return ProcessRun


def _start(grant: Grant) -> Start:
    devices = [device.id for device in grant.devices]
    return Start(v=FORMAT_VERSION, attempt=grant.attempt, pid=os.getpid(), devices=devices)
