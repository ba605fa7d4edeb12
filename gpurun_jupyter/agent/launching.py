"""Runners as the agent handles them: start, adopt, ask to stop, read the last word; all through the folder."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass

import msgspec
import psutil

from gpurun_jupyter.core.events import End
from gpurun_jupyter.core.grants import Grant, Stop
from gpurun_jupyter.core.home import AttemptFolder, open_log, write_json
from gpurun_jupyter.core.lifecycle import Outcome, Reason
from gpurun_jupyter.core.processes import Identity, boot_id, read_identity


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
            return bool(await asyncio.get_running_loop().sock_recv(self.channel, 16))
        except OSError:
            return False

    def reap(self) -> None:
        """Collect the exit status of the runner, if it is gone: one may go on to hold a session."""
        if self.process is not None:
            self.process.poll()


def living_runner(folder: AttemptFolder) -> Identity | None:
    """The attempt's runner if it runs."""
    identity = read_identity(folder.runner)
    return identity if identity is not None and identity.alive() else None


def may_start(folder: AttemptFolder, grant: Grant) -> bool:
    """Whether no runner has begun this attempt; one that has may not be followed by a second.

    A runner that found its devices taken has begun nothing, and a later grant may come back to the same attempt.
    """
    if folder.events.exists():
        return False
    if folder.exit.exists() and _given_back(folder, grant):
        folder.exit.unlink()
    return not folder.exit.exists()


def _given_back(folder: AttemptFolder, grant: Grant) -> bool:
    """Whether the exit record is that of an earlier grant, whose devices were taken."""
    before = msgspec.json.decode(folder.grant.read_bytes(), type=Grant)
    return before.token != grant.token and last_word(folder).reason is Reason.DEVICES_TAKEN


def prepare(folder: AttemptFolder, grant: Grant) -> None:
    """Make the attempt's folder, with all that its runner has to know."""
    folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_json(folder.grant, grant)


def give_secrets(folder: AttemptFolder, values: dict[str, str]) -> None:
    """Leave the values of its secrets for the attempt's runner, which takes them away."""
    folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
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


def ask_to_stop(folder: AttemptFolder, stop: Stop) -> None:
    """Leave word who wants the attempt ended, and wake its runner. Also before the attempt has a folder."""
    folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_json(folder.stop, stop)
    identity = living_runner(folder)
    if identity is not None:
        os.kill(identity.pid, signal.SIGTERM)


def last_word(folder: AttemptFolder) -> End:
    """How the attempt ended by its runner's exit record; without one the runner was killed."""
    try:
        return msgspec.json.decode(folder.exit.read_bytes(), type=End)
    except FileNotFoundError:
        message = "The runner was killed from outside; its log ends where it was."
        return End(outcome=Outcome.FAILED, reason=Reason.RUNNER_KILLED, message=message)
