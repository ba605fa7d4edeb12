"""The extension and its composition root: settings, the parts, how they are put together, start and stop."""

from __future__ import annotations

import asyncio
import gc
import getpass
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from jupyter_server.auth import IdentityProvider, PasswordIdentityProvider
from jupyter_server.extension.application import ExtensionApp
from tornado.ioloop import PeriodicCallback
from traitlets import Any as AnyTrait
from traitlets import Bool, Float, Int, List, Unicode, default

from gpurun_jupyter.core.home import Home, default_home
from gpurun_jupyter.core.labels import checked
from gpurun_jupyter.core.processes import boot_id
from gpurun_server import settings
from gpurun_server.agent_process import AgentProcess
from gpurun_server.http import routes
from gpurun_server.http.base import Parts
from gpurun_server.http.prometheus import QueueMetrics
from gpurun_server.notices.notices import Notices
from gpurun_server.queue.deletion import purge, remove_folders
from gpurun_server.queue.importing import QUIET_S, Importer
from gpurun_server.queue.leases import LOOK_S, Judge, Terms, enforce, last_reports
from gpurun_server.queue.ledger import Ledger
from gpurun_server.queue.remote import RemoteAgents
from gpurun_server.store.content.blobs import Blobs
from gpurun_server.store.database import Database
from gpurun_server.store.room import reserve_of, with_reserve
from gpurun_server.stream.hub import Hub
from gpurun_server.watching import Watch

_AGENT_CHECK_MS = 5000
_PURGE_MS = 60_000


class GpurunApp(ExtensionApp):
    """Queues runs across GPUs, local or remote, and streams what they print."""

    name = "gpurun_server"
    description = __doc__
    extension_url = "/gpurun/api/v1/status"
    load_other_extensions = False

    home = Unicode(help="The state directory. Default: GPURUN_HOME, else `gpurun` in the Jupyter data directory.").tag(
        config=True
    )
    database_url = Unicode(help="A database URL. Default: GPURUN_DB, else SQLite in the state directory.").tag(
        config=True
    )
    cpu_slots = Int(settings.DEFAULT_CPU_SLOTS, min=0, help="Runs without a GPU that go at the same time here.").tag(
        config=True
    )
    spares = Int(1, min=0, help="Kernels that are kept ready, so that a cell starts at once.").tag(config=True)
    session_idle_s = Float(1800.0, help="Seconds after which a session that nobody uses is ended.").tag(config=True)
    notices = AnyTrait(  # checked by notices/entries.py: a TraitError would show what is secret
        [],
        help="""Whom to tell what, by mail, chat or webhook: [{"url": "mailto://...", "on": ["failed", "lost_agent"],
        "projects": ["digits"], "owners": ["anna"]}]. Only `url`, apprise's, is needed; it may hold secrets.
        `on`: succeeded, failed, cancelled, timed_out, lost_agent. Default of `owners`: the server's OS user.""",
    ).tag(config=True)
    watched_folders = List(
        Unicode(), help="Folders in which other tools write PROJECT/RUN.csv, .yaml and .pt: each RUN is shown as a run."
    ).tag(config=True)
    watched_quiet_s = Float(
        QUIET_S, min=0, help="Seconds after which such a run, whose files nobody has written to, has finished."
    ).tag(config=True)
    lease_s = Float(60.0, min=1, help="Seconds of an agent's silence after which its runs are called lost.").tag(
        config=True
    )
    retry_after_lost_s = Float(
        600.0, min=1, help="Seconds of silence after which a lost run is tried again elsewhere, if it has retries left."
    ).tag(config=True)
    lost_after_s = Float(86_400.0, min=1, help="Seconds of silence after which a lost run has failed.").tag(config=True)
    labels = List(
        Unicode(), help="What runs may ask this machine for with --on: words, or `model:NAME` for models that it keeps."
    ).tag(config=True)
    local_agent = Bool(True, help="Whether this machine's own devices are offered.").tag(config=True)

    @default("home")
    def _default_home(self) -> str:
        return str(default_home())

    @default("database_url")
    def _default_database_url(self) -> str:
        return os.environ.get("GPURUN_DB", "")

    @default("cpu_slots")
    def _default_cpu_slots(self) -> int:
        return int(os.environ.get("GPURUN_CPU_SLOTS", settings.DEFAULT_CPU_SLOTS))

    def initialize_settings(self) -> None:
        """Put the parts together."""
        home = Home(self.home)
        home.create()
        reserve_of(home).keep()
        database = Database(home, self.database_url or None)
        database.prepare()
        self._judge, self._terms = Judge(), Terms(self.lease_s, self.retry_after_lost_s, self.lost_after_s)
        self._agent = AgentProcess(
            home,
            database.url,
            cpu_slots=self.cpu_slots,
            spares=self.spares,
            session_idle_s=self.session_idle_s,
            labels=checked(self.labels),
        )
        ledger = Ledger()
        self._parts = Parts(
            home=home,
            database=database,
            ledger=ledger,
            blobs=Blobs(home),
            hub=Hub(home, database, ledger),
            remote=RemoteAgents(home, database),
            notices=Notices(database, self.notices, getpass.getuser(), self.log),
            threads=ThreadPoolExecutor(4, "gpurun"),
            owner=_owner_of(self.serverapp.identity_provider),
            ensure_agent=self._agent.ensure if self.local_agent else lambda: None,
        )
        self._parts.blobs.tidy()
        self.settings["gpurun"] = self._parts

    def initialize_handlers(self) -> None:
        """Answer the routes."""
        self.handlers.extend(routes.handlers())

    async def _start_jupyter_server_extension(self, _serverapp: Any) -> None:
        self._parts.hub.start()
        self._parts.remote.start()
        self._metrics = QueueMetrics(self._parts.database)
        if not self._metrics.register():
            self.log.info("/metrics tells of another gpurun in this process")
        self._parts.notices.start()
        self._judging = PeriodicCallback(self._judge_leases, LOOK_S * 1000)
        self._judging.start()
        self._purging = PeriodicCallback(self._purge_deleted, _PURGE_MS)
        self._purging.start()
        self._watch = self._watch_folders()
        if self.local_agent:
            self._keeping = PeriodicCallback(self._agent.ensure, _AGENT_CHECK_MS)
            self._keeping.start()
            await asyncio.get_running_loop().run_in_executor(self._parts.threads, self._agent.ensure)
        _keep_pauses_short()

    def _watch_folders(self) -> Watch | None:
        if not self.watched_folders:
            return None
        parts, tell = self._parts, self.log.warning
        importer = Importer(parts.home, parts.database, getpass.getuser(), tell, self.watched_quiet_s)
        watch = Watch(parts.home, self.watched_folders, importer, parts.threads)
        watch.start()
        return watch

    async def _judge_leases(self) -> None:
        """Look which agents are silent, and let go of the runs of those that have been for long."""
        with self._parts.database.read() as conn:
            silence_s = self._judge.look(last_reports(conn, boot_id()))
        if any(silent_s >= self._terms.lost_s for silent_s in silence_s.values()):
            await asyncio.get_running_loop().run_in_executor(self._parts.threads, self._enforce, silence_s)

    def _enforce(self, silence_s: dict[str, float]) -> None:
        with self._parts.database.write() as writing:
            enforce(writing, silence_s, self._terms)

    async def _purge_deleted(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._parts.threads, self._purge)

    def _purge(self) -> None:
        home = self._parts.home
        remove_folders(home, with_reserve(home, self._purge_rows))

    def _purge_rows(self) -> list[str]:
        with self._parts.database.write() as writing:
            return purge(writing)

    async def stop_extension(self) -> None:
        """Close connections and files; runs and the local agent go on."""
        self._judging.stop()
        self._purging.stop()
        if self._watch is not None:
            await self._watch.close()
        if self.local_agent:
            self._keeping.stop()
        self._metrics.unregister()
        self._parts.notices.stop()
        self._parts.hub.close()
        self._parts.remote.close()
        self._parts.threads.shutdown()
        self._parts.database.close()


def _keep_pauses_short() -> None:
    """Of this whole process, for claims that shall not wait (docs/decisions/0055)."""
    gc.freeze()  # what has been imported stays: the collector need not look through it again and again
    gc.set_threshold(10_000, 10, 10)  # else what a request needs seems to last, and all is looked through every 3 s


def _owner_of(identity: IdentityProvider) -> Any:
    """Who owns what a request makes: the signed-in person, or the server's OS user where nobody signs in by name."""
    if type(identity) in (IdentityProvider, PasswordIdentityProvider):
        user = getpass.getuser()
        return lambda _handler: user
    return lambda handler: handler.current_user.username
