"""The link of an agent on another machine: reports, logs and files go to its server over HTTPS."""

from __future__ import annotations

import contextlib
import logging
import time
from dataclasses import dataclass

from gpurun_jupyter.agent.backoff import Hurry, Pauses
from gpurun_jupyter.agent.link import ServerFault
from gpurun_jupyter.agent.remote.checkpoint_upload import CheckpointUpload
from gpurun_jupyter.agent.remote.connection import ServerConnection, of_attempt
from gpurun_jupyter.agent.remote.download import Download
from gpurun_jupyter.agent.remote.environment_upload import EnvironmentUpload
from gpurun_jupyter.agent.remote.final_upload import FinalUpload
from gpurun_jupyter.agent.remote.log_upload import LogUpload, Samples
from gpurun_jupyter.agent.remote.server_contact import ContactFile
from gpurun_jupyter.agent.remote.sync_status import AttemptSync, SyncStatus
from gpurun_jupyter.agent.runner_control import give_secrets
from gpurun_jupyter.core.errors import GpurunError, NotHeld, NotJoined
from gpurun_jupyter.core.grants import Grant, Orders, Report
from gpurun_jupyter.core.home import Home, write_json
from gpurun_jupyter.core.questions import Answer, Question
from gpurun_jupyter.core.remote import Rung
from gpurun_jupyter.core.system.bells import ring
from gpurun_jupyter.tracking.endpoints import artifact_in

log = logging.getLogger("gpurun.agent")

_WAIT_S = 25.0


@dataclass
class _Delivering:
    """What an attempt left, on its way; and how far reports, files and the log had come when it was cut last."""

    files: FinalUpload
    reports: int
    arrived: int = 0
    log_bytes: int | None = None

    def is_stuck(self, reports: int, log_bytes: int | None) -> bool:
        """After a cut: whether the server was reached since the one before, and nothing of this has arrived."""
        came = self.files.arrived != self.arrived or log_bytes != self.log_bytes
        heard = reports != self.reports
        self.reports, self.arrived, self.log_bytes = reports, self.files.arrived, log_bytes
        return heard and not came


class HttpLink:
    """One for each agent; `listening` must go on beside it, so that it hears at once what there is to do.

    What a run prints is sent every `pace_s`, checkpoints at most so often.
    """

    longest_pause_s = 5.0
    takes_copies = True

    def __init__(self, connection: ServerConnection, home: Home, pace_s: float) -> None:
        self.pace_s = pace_s
        self._connection = connection
        self._home = home
        self._logs: dict[str, LogUpload] = {}
        self._checkpoints: dict[str, CheckpointUpload] = {}
        self._fetching = Download(connection, home)
        self._delivering: dict[str, _Delivering] = {}
        self._reports = 0  # that were answered
        self._asked = ("", 0.0)  # the word of who asked for a try last, and since when
        self._due: str | None = None  # the word of who has not been answered yet
        self.hurry = Hurry()
        self._describing = EnvironmentUpload(connection, home)
        self._contact = ContactFile(home)

    async def sync(self, report: Report) -> Orders:
        """Report. Raises OSError, and NotJoined where the key is revoked."""
        asked, self._due = self._due, None  # who asks from now on is answered by the next try
        try:
            orders = await self._sync(report)
        except OSError as error:
            self._tell(asked, str(error))
            raise
        self._tell(asked, "")
        return orders

    async def _sync(self, report: Report) -> Orders:
        held = {key: log for key, log in self._logs.items() if key in report.holding}
        async with Samples(held.values()) as samples:
            report.samples = list(samples)
            report.unsent = [log.unsent() for key, log in held.items() if key not in samples and log.behind()]
            orders = await self._ask(report)
            samples.reached(orders.lengths)
        self._reports += 1
        self._contact.keep(report.devices)
        for ended in report.ended:
            self._forget(f"{ended.run_id}/{ended.attempt}")
        return orders

    async def _ask(self, report: Report) -> Orders:
        try:
            return await self._connection.ask("POST", "agents/sync", Orders, report)
        except NotJoined:
            raise
        except GpurunError as error:
            self._contact.keep(report.devices, f"it refused the report: {error}")
            raise ConnectionError(f"the report was refused: {error}") from error
        except OSError as error:
            self._contact.keep(report.devices, str(error))
            raise

    async def fetch(self, grant: Grant) -> None:
        """Everything that the run was shipped with, unless it is here from a run before. Raises GpurunError."""
        self._log_of(grant).known_bytes = 0  # it has not begun: the server need not be asked for that
        if grant.spec.secrets:
            values = await self._connection.ask("GET", of_attempt(grant, "secrets"), dict[str, str], grant=grant)
            give_secrets(self._home.attempt(grant.run_id, grant.attempt), values)
        await self._fetching.fetch(grant)

    async def advance(self, grant: Grant) -> None:
        """Send what is new of the log; checkpoints and models that it announces follow on their own way.

        What its devices did travels with the next report, or with what is printed next.
        """
        log = self._log_of(grant)
        self._checkpoints_of(grant).grown()
        with contextlib.suppress(NotHeld, NotJoined):  # it is over for the server: the next report is told so
            await log.send(samples_too=False)
            log.models.soon()
            await self._describing.describe(grant)

    async def deliver(self, grant: Grant) -> None:
        """The rest of the log, then the files. An attempt that is over for the server leaves nothing there.

        Raises OSError, ServerFault where reports arrive meanwhile and nothing of this does, and Undelivered.
        """
        log = self._log_of(grant)
        delivering = self._delivering_of(grant)
        await self._checkpoints_of(grant).close()  # first: what follows sends these, too
        try:
            await log.send(samples_too=True)
            await log.models.send()
            await self._describing.describe(grant)
            await delivering.files.send()
            log.models.check()  # last: a refused model keeps no file from arriving
        except (NotHeld, NotJoined):
            pass
        except ServerFault:  # which is a ConnectionError, too
            raise
        except ConnectionError as error:
            if delivering.is_stuck(self._reports, log.known_bytes):
                raise ServerFault(f"reports arrive, but this does not: {error}") from error
            raise
        self._delivering.pop(grant.key, None)

    async def answer(self, grant: Grant, question: Question) -> Answer:
        """Ask the server, once it has what was logged and saved so far. Bytes of a file come in pieces."""
        log = self._log_of(grant)
        await log.send(samples_too=False)
        await log.models.send()
        if question.method == "GET" and (artifact := artifact_in(question.path)):
            return await self._fetching.artifact(grant, artifact)
        return await self._connection.ask("POST", of_attempt(grant, "questions"), Answer, question, grant=grant)

    async def listening(self) -> None:
        """Pass the server's doorbell on to this machine's. Ends when it is cancelled."""
        seen, pauses = 0, Pauses(self.longest_pause_s, self.hurry)
        while True:
            try:
                path = f"agents/work?wait={_WAIT_S:g}&seen={seen}"
                answer = await self._connection.ask("GET", path, Rung, timeout=_WAIT_S + 10)
            except Exception as error:  # without rings all goes on, only later; what is wrong the reports say
                if not isinstance(error, (OSError, GpurunError)):
                    log.exception("the server's doorbell is not heard for a while")
                await pauses.pause()
                continue
            pauses.over()
            if answer.rung != seen:
                seen = answer.rung
                ring(self._home.bells, "work")

    def asked(self, word: str) -> None:
        """Somebody on this machine wants all that waits to be tried now; the next report that begins answers."""
        if self._asked[0] != word:  # what was there when it was asked for the first time is what counts
            self._asked = (word, time.monotonic())
        self._due = word
        self.hurry.up()

    def _tell(self, word: str | None, trouble: str) -> None:
        """Answer who had asked when the try began."""
        if word is not None:
            attempts = [self._sync_of(log, self._asked[1]) for log in self._logs.values()]
            write_json(self._home.sync_status, SyncStatus(word, trouble, attempts))

    def _sync_of(self, log: LogUpload, since: float) -> AttemptSync:
        grant = log.grant
        checkpoints = self._checkpoints[grant.key].behind() if grant.key in self._checkpoints else []
        return AttemptSync(
            *(grant.run_id, grant.name, grant.attempt, log.behind(since), checkpoints, grant.key in self._delivering)
        )

    def _forget(self, key: str) -> None:
        self._describing.forget(key)
        self._delivering.pop(key, None)
        self._checkpoints.pop(key, None)
        if (log := self._logs.pop(key, None)) is not None:
            log.models.close()

    def _log_of(self, grant: Grant) -> LogUpload:
        if grant.key not in self._logs:
            self._logs[grant.key] = LogUpload(self._connection, self._home, grant)
        return self._logs[grant.key]

    def _delivering_of(self, grant: Grant) -> _Delivering:
        if grant.key not in self._delivering:
            folder = self._home.attempt(grant.run_id, grant.attempt)
            self._delivering[grant.key] = _Delivering(FinalUpload(self._connection, folder, grant), self._reports)
        return self._delivering[grant.key]

    def _checkpoints_of(self, grant: Grant) -> CheckpointUpload:
        if grant.key not in self._checkpoints:
            folder = self._home.attempt(grant.run_id, grant.attempt)
            self._checkpoints[grant.key] = CheckpointUpload(self._connection, folder, grant, self.hurry, self.pace_s)
        return self._checkpoints[grant.key]
