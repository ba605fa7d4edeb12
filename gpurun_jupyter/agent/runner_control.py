"""Runners as the agent handles them: start, adopt, ask to stop, read the last word; all through the folder."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass

import psutil

from gpurun_jupyter.agent.processes.descendants import signal_all
from gpurun_jupyter.core.events import End
from gpurun_jupyter.core.grants import Grant, Stop
from gpurun_jupyter.core.home import AttemptFolder, open_log, write_json
from gpurun_jupyter.core.lifecycle import Outcome, Reason
from gpurun_jupyter.core.system.locks import holder, is_held
from gpurun_jupyter.core.system.processes import Identity, boot_id, read_identity
from gpurun_jupyter.core.system.records import read_record

log = logging.getLogger("gpurun.agent")


@dataclass
class Child:
    """A runner that was started for this process; `process` is None where it is a child of the fork parent.

    `channel`: one that says when the attempt is over, and then waits for another. `waited`: it was there before its
    attempt, which it may have missed by ending at that moment.
    """

    process: subprocess.Popen[bytes] | None
    identity: Identity
    channel: socket.socket | None = None
    waited: bool = False

    async def over(self) -> bool:
        """Wait for the attempt's end; whether the runner waits for another."""
        assert self.channel is not None
        try:
            # nothing is the end of file: the runner is gone
            return bool(await asyncio.get_running_loop().sock_recv(self.channel, 16))
        except OSError:
            return False

    def reap(self) -> None:
        """Collect the exit status of the runner, if it is gone: one may go on to hold a session."""
        if self.process is not None:
            self.process.poll()


def living_runner(folder: AttemptFolder) -> Identity | None:
    """The attempt's runner if it runs."""
    return holder(folder.runner, folder.lock)


def may_start(folder: AttemptFolder, grant: Grant) -> bool:
    """Whether no runner has begun this attempt; one that has may not be followed by a second.

    A runner that found its devices taken has begun nothing, and a later grant may come back to the same attempt.
    """
    # not `exists`: a run may have put a link that leads nowhere in the place of its record
    if grant.begun or os.path.lexists(folder.runner) or os.path.lexists(folder.events):
        return False
    if _given_back(folder, grant):
        folder.exit.unlink()
    return not has_left_word(folder)


def _given_back(folder: AttemptFolder, grant: Grant) -> bool:
    """Whether the exit record is that of an earlier grant, whose devices were taken."""
    before, end = read_record(folder.grant, Grant), exit_record(folder)
    if before is None or end is None:
        return False
    return before.token != grant.token and end.reason is Reason.DEVICES_TAKEN


def prepare(folder: AttemptFolder, grant: Grant) -> None:
    """Make the attempt's folder, with all that its runner has to know."""
    folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_json(folder.grant, grant)  # where it is missing later, the run has removed its folder


def give_secrets(folder: AttemptFolder, values: dict[str, str]) -> None:
    """Leave the values of its secrets for the attempt's runner, which takes them away."""
    folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)  # they come with what is fetched, before `prepare`
    write_json(folder.secrets, values)


def give_up(folder: AttemptFolder, grant: Grant, end: End) -> None:
    """Leave word that the attempt is over before it could begin."""
    prepare(folder, grant)
    write_json(folder.exit, end)


def start_runner(folder: AttemptFolder) -> Child:
    """Start the runner of a prepared attempt, detached: it outlives this process and its terminal."""
    with open_log(folder.runner_log) as own_words:
        process = subprocess.Popen(
            [sys.executable, "-m", "gpurun_jupyter.agent.runner", str(folder.path)],
            cwd=folder.path,
            stdin=subprocess.DEVNULL,
            stdout=own_words,
            stderr=own_words,
            start_new_session=True,
        )
    try:
        return Child(process, Identity.of(process.pid))
    except psutil.NoSuchProcess:  # gone already
        return Child(process, Identity(process.pid, 0.0, boot_id()))


def runner_to_tell(folder: AttemptFolder, started: Identity | None) -> Identity | None:
    """The attempt's runner once it takes signals, which its record says; also where the run has damaged that since."""
    if os.path.lexists(folder.grant) and not os.path.lexists(folder.runner):
        return None
    return living_runner(folder) or started


def ask_to_stop(folder: AttemptFolder, stop: Stop, started: Identity | None = None) -> None:
    """Leave word who wants the attempt ended, and wake its runner. Also before the attempt has a folder.

    Where no word can be left, on a full disk or in a folder that the run has damaged, the runner is woken all the same.
    """
    try:
        folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_json(folder.stop, stop)  # before the signal: upon that the runner reads it
    except OSError as error:
        log.warning("no word can be left for %s/%d: %s", stop.run_id, stop.attempt, error)
    signal_runner(runner_to_tell(folder, started), signal.SIGTERM)


def signal_runner(runner: Identity | None, number: int) -> None:
    """Send a signal to a runner, if it is alive."""
    process = None if runner is None else runner.process()  # looked up anew: its pid may be another's by now
    if process is not None:
        signal_all([process], number)


def has_left_word(folder: AttemptFolder) -> bool:
    """Whether the runner has said how the attempt ended, legibly or not."""
    return os.path.lexists(folder.exit)


def exit_record(folder: AttemptFolder) -> End | None:
    """How the attempt ended by its runner's word; None where that cannot be read."""
    return read_record(folder.exit, End)


def without_a_word(folder: AttemptFolder) -> End:
    """How an attempt ended of which the runner is gone and has left no record that can be read."""
    reason, message = Reason.RUNNER_KILLED, "The runner was killed from outside; its log ends where it was."
    if not os.path.lexists(folder.grant):
        reason, message = Reason.DAMAGED, "The run's folder was removed while it was at work, and its log with it."
    elif has_left_word(folder):
        reason, message = Reason.DAMAGED, "The record of how it ended cannot be read."
    elif _is_a_copy(folder):
        message = "This state directory is a copy, made while the run was at work; in the other one it goes on."
    return End(outcome=Outcome.FAILED, reason=reason, message=message)


def _is_a_copy(folder: AttemptFolder) -> bool:
    """Whether the runner that is written down here is at work in another state directory."""
    identity = read_identity(folder.runner)
    return identity is not None and identity.alive() and not is_held(folder.lock)
