"""The extension and its composition root: settings, the parts, how they are put together, start and stop."""

from __future__ import annotations

import asyncio
import gc
import getpass
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import Any

from jupyter_server.auth import IdentityProvider, PasswordIdentityProvider
from jupyter_server.extension.application import ExtensionApp
from tornado.ioloop import PeriodicCallback
from traitlets import Any as AnyTrait
from traitlets import Bool, Float, Int, List, Unicode, default

from gpurun_jupyter.core.errors import GpurunError
from gpurun_jupyter.core.home import Home, default_home
from gpurun_jupyter.core.labels import checked
from gpurun_jupyter.core.system.processes import boot_id
from gpurun_server import settings
from gpurun_server.agent_process import AgentProcess
from gpurun_server.http import routes
from gpurun_server.http.base import UNUSABLE, Parts, unusable
from gpurun_server.http.prometheus import QueueMetrics
from gpurun_server.notices.notices import Notices
from gpurun_server.queue.agents.leases import LOOK_S, Judge, Terms, enforce, last_reports
from gpurun_server.queue.agents.remote_agents import RemoteAgents
from gpurun_server.queue.intake.importing import QUIET_S, Importer
from gpurun_server.queue.ledger.ledger import Ledger
from gpurun_server.queue.tracking.taking_in import TakingIn
from gpurun_server.queue.upkeep.deletion import purge, remove_folders
from gpurun_server.queue.upkeep.silence import tell_of_silence
from gpurun_server.store.content.blobs import Blobs
from gpurun_server.store.database import Database
from gpurun_server.store.presence import REINDEX
from gpurun_server.store.room import reserve_of, with_reserve
from gpurun_server.stream.hub import Hub
from gpurun_server.watching import Watch

_AGENT_CHECK_MS = 5000
_LOOK_MS = 3000
_PURGE_MS = 60_000


class GpurunApp(ExtensionApp):
    """Queues runs across GPUs, local or remote, and streams what they print."""

    name = "gpurun_server"
    description = __doc__
    extension_url = "/gpurun/api/v1/status"
    load_other_extensions = False  # by `gpurun server`, which is this extension alone

    home = Unicode(help="The state directory. Default: GPURUN_HOME, else `gpurun` in the Jupyter data directory.").tag(
        config=True
    )
    database_url = Unicode(help="A database URL. Default: GPURUN_DB, else SQLite in the state directory.").tag(
        config=True
    )
    cpu_slots = Int(settings.DEFAULT_CPU_SLOTS, min=0, help="Runs without a GPU that go at once.").tag(config=True)
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
    mlflow = Unicode("", help="MLflow's tracking server for runs that name none; default: gpurun.").tag(config=True)
    local_agent = Bool(True, help="Whether this machine's own devices are offered.").tag(config=True)

    _parts: Parts | None = None
    _lost: Database | None = None  # the one that was in use
    _undo: AsyncExitStack | None = None  # what was started
    _threads: ThreadPoolExecutor | None = None
    _looking: PeriodicCallback | None = None

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
        self._home = Home(self.home)
        self._threads = ThreadPoolExecutor(4, "gpurun")  # stays when a database is lost and another taken
        try:
            self._put_together(self._opened())
        except UNUSABLE as error:
            self._do_without(error)

    def _opened(self) -> Database:
        """The database, brought up to date. Raises what is in UNUSABLE."""
        self._home.create()
        reserve_of(self._home).keep()  # while there is room: it is for when there is none
        database = Database(self._home, self.database_url or None)
        try:
            is_new = database.prepare()
        except UNUSABLE:
            database.close()  # another try follows every few seconds
            raise
        if is_new and any(self._home.runs.iterdir()):
            self.log.warning("The database is a new one, and there are folders of runs in %s: %s.", self.home, REINDEX)
        return database

    def _do_without(self, error: BaseException) -> None:
        """Have what is wrong with the database in the place of the parts: whoever asks for anything is told."""
        fault = unusable(error)
        if str(fault) != str(self.settings.get("gpurun")):
            self.log.error("gpurun cannot be used: %s", fault)
        self._show(fault)
        self._parts = None

    def _put_together(self, database: Database) -> None:
        assert self._threads is not None
        home, ledger = self._home, Ledger()
        self._judge, self._terms = Judge(), Terms(self.lease_s, self.retry_after_lost_s, self.lost_after_s)
        self._agent = AgentProcess(
            home,
            database.url,
            cpu_slots=self.cpu_slots,
            spares=self.spares,
            session_idle_s=self.session_idle_s,
            labels=checked(self.labels),
        )
        parts = Parts(
            home=home,
            database=database,
            ledger=ledger,
            blobs=Blobs(home),
            hub=Hub(home, database, ledger),
            remote=RemoteAgents(home, database),
            logs=TakingIn(home, database, self._threads),
            notices=Notices(database, self.notices, getpass.getuser(), self.log),
            threads=self._threads,
            owner=_owner_of(self.serverapp.identity_provider),
            ensure_agent=self._agent.ensure if self.local_agent else lambda: None,
            mlflow=self.mlflow,
        )
        parts.blobs.tidy()
        self._show(parts)
        self._parts = parts

    def _show(self, found: Parts | GpurunError) -> None:
        """To the handlers."""
        self.settings["gpurun"] = found  # these are copied once
        assert self.serverapp.web_app is not None
        self.serverapp.web_app.settings["gpurun"] = found

    def initialize_handlers(self) -> None:
        """Answer the routes."""
        self.handlers.extend(routes.handlers())

    async def _start_jupyter_server_extension(self, _serverapp: Any) -> None:
        await self._begin()
        self._looking = PeriodicCallback(self._look_after_database, _LOOK_MS)
        self._looking.start()
        _keep_pauses_short()  # last: what was imported until now is what is frozen

    async def _begin(self) -> None:
        """Have the parts at work, if there are some."""
        try:
            if self._parts is not None:
                await self._start(self._parts)
        except UNUSABLE as error:
            await self._end(error)

    async def _start(self, parts: Parts) -> None:
        undo = self._undo = AsyncExitStack()  # from its end
        undo.callback(parts.database.close)
        undo.callback(parts.remote.close)
        undo.callback(parts.hub.close)  # before it starts: a start that fails half way is undone, too
        parts.hub.start()
        parts.remote.start()
        undo.callback(parts.logs.start())
        metrics = QueueMetrics(parts.database)
        undo.callback(metrics.unregister)
        if not metrics.register():
            self.log.info("/metrics tells of another gpurun in this process")
        undo.callback(parts.notices.stop)
        parts.notices.start()
        _regularly(undo, self._judge_leases, LOOK_S * 1000)
        _regularly(undo, self._purge_deleted, _PURGE_MS)
        if (watch := self._watch_folders(parts)) is not None:
            undo.push_async_callback(watch.close)
        if self.local_agent:
            _regularly(undo, self._agent.ensure, _AGENT_CHECK_MS)
            await asyncio.get_running_loop().run_in_executor(self._threads, self._agent.ensure)

    async def _end(self, error: BaseException) -> None:
        """Let go of the parts, because they cannot be used any more."""
        assert self._parts is not None
        assert self._undo is not None
        self._lost = self._parts.database if self._parts.database.lost() else None
        self._do_without(error)  # first: no request shall meet what is about to be closed
        await self._undo.aclose()

    async def _look_after_database(self) -> None:
        """Do without a database that was lost, and begin again with another once there is one."""
        if self._parts is not None:
            if (lost := self._parts.database.lost()) is not None:
                await self._end(lost)
        elif self._lost is None or self._lost.has_successor():  # never lost: it may be of use by now
            try:
                self._put_together(await asyncio.get_running_loop().run_in_executor(self._threads, self._opened))
            except UNUSABLE as error:
                self._do_without(error)
            else:
                self.log.info("The database can be used: gpurun is at work.")
                await self._begin()

    def _watch_folders(self, parts: Parts) -> Watch | None:
        if not self.watched_folders:
            return None
        importer = Importer(parts.home, parts.database, getpass.getuser(), self.log.warning, self.watched_quiet_s)
        watch = Watch(parts.home, self.watched_folders, importer, parts.threads)
        watch.start()
        return watch

    async def _judge_leases(self) -> None:
        """Look which agents are silent, and let go of the runs of those that have been for long."""
        if self._parts is None:
            return
        with self._parts.database.read() as conn:
            silence_s = self._judge.look(last_reports(conn, boot_id()))
        if any(silent_s >= self._terms.lost_s for silent_s in silence_s.values()):
            await asyncio.get_running_loop().run_in_executor(self._threads, self._enforce, self._parts, silence_s)

    def _enforce(self, parts: Parts, silence_s: dict[str, float]) -> None:
        with parts.database.write() as writing:
            enforce(writing, silence_s, self._terms)

    async def _purge_deleted(self) -> None:
        if self._parts is not None:
            await asyncio.get_running_loop().run_in_executor(self._threads, self._purge, self._parts)

    def _purge(self, parts: Parts) -> None:
        tell_of_silence(parts.database, parts.home)

        def act() -> list[str]:
            with parts.database.write() as writing:
                return purge(writing)

        remove_folders(parts.home, with_reserve(parts.home, act))  # after the commit, which may still fail

    async def stop_extension(self) -> None:
        """Close connections and files; runs and the local agent go on."""
        if self._looking is not None:
            self._looking.stop()
        if self._undo is not None:
            await self._undo.aclose()
        if self._threads is not None:
            self._threads.shutdown()  # last: what was undone has used them


def _regularly(undo: AsyncExitStack, what: Callable[[], Any], every_ms: float) -> None:
    callback = PeriodicCallback(what, every_ms)
    callback.start()
    undo.callback(callback.stop)


def _keep_pauses_short() -> None:
    """Of this whole process, for claims that shall not wait (docs/decisions/0055)."""
    gc.freeze()  # what has been imported stays: the collector need not look through it again and again
    gc.set_threshold(10_000, 10, 10)  # else what a request needs seems to last, and all is looked through every 3 s


def _owner_of(identity: IdentityProvider) -> Any:
    """Who owns what a request makes: the signed-in person, or the server's OS user where nobody signs in by name."""
    if type(identity) in (IdentityProvider, PasswordIdentityProvider):  # what derives from them may sign people in
        user = getpass.getuser()
        return lambda _handler: user
    return lambda handler: handler.current_user.username
