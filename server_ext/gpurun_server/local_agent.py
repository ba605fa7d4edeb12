"""The local agent: gpurun_jupyter's agent, with a link that speaks to the database itself. A detached process."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from gpurun_jupyter.agent.abilities import Abilities
from gpurun_jupyter.agent.agent import Agent
from gpurun_jupyter.agent.agent_lock import begin_anew, lock_within
from gpurun_jupyter.agent.backoff import Hurry
from gpurun_jupyter.agent.processes.descendants import become_subreaper
from gpurun_jupyter.agent.runner_control import give_secrets
from gpurun_jupyter.agent.upgrade import Upgrade
from gpurun_jupyter.core.errors import StorageUnusable
from gpurun_jupyter.core.grants import Grant, Orders, Report
from gpurun_jupyter.core.home import Home, write_json
from gpurun_jupyter.core.labels import PRIVATE
from gpurun_jupyter.core.questions import Answer, Question
from gpurun_jupyter.core.system.locks import is_held
from gpurun_server import __version__
from gpurun_server.agent_process import AgentRecord
from gpurun_server.queue.agents.syncing import sync
from gpurun_server.queue.intake.ingest import ingest, ingest_long
from gpurun_server.queue.ledger.ledger import Ledger
from gpurun_server.queue.tracking.questions import answer_run
from gpurun_server.settings import DATABASE_VARIABLE, DEFAULT_CPU_SLOTS
from gpurun_server.store.content.blobs import Blobs
from gpurun_server.store.database import Database
from gpurun_server.store.folders import secret_files
from gpurun_server.store.folders.columns import put_in_columns
from gpurun_server.store.presence import REINDEX

#: An agent that finds another one at work waits this long for it to leave, then leaves itself.
_TAKE_OVER_S = 2.0


class DatabaseLink:
    """The link of the agent on the server's own machine."""

    pace_s = 1.0
    longest_pause_s = 2.0
    takes_copies = False

    def __init__(self, database: Database, home: Home, agent_id: str) -> None:
        self._database = database
        self._home = home
        self._by = f"agent {agent_id}"
        self._ledger = Ledger()
        self.hurry = Hurry()

    def asked(self, word: str) -> None:
        """Nobody asks here: nothing travels."""

    async def sync(self, report: Report) -> Orders:
        """Take in what has ended, and claim, in one transaction."""
        with _as_os_error(), self._database.write() as writing:
            orders = sync(writing, self._home, self._ledger, report)
        for ended in report.ended:
            folder = self._home.attempt(ended.run_id, ended.attempt)
            # not awaited: a long log takes a while, and no claim shall wait for that
            asyncio.get_running_loop().run_in_executor(None, put_in_columns, folder)
        return orders

    async def fetch(self, grant: Grant) -> None:
        """The values of its secrets; the blobs lie in the same home. Raises GpurunError where they are gone."""
        if grant.spec.secrets:
            give_secrets(self._home.attempt(grant.run_id, grant.attempt), secret_files.read(self._home, grant.run_id))

    async def advance(self, grant: Grant) -> None:
        """Take in what is new of the attempt's log."""
        log = self._home.attempt(grant.run_id, grant.attempt).events
        with _as_os_error(), self._database.write() as writing:
            ingest(writing, grant.run_id, grant.attempt, log, self._by)

    async def answer(self, grant: Grant, question: Question) -> Answer:
        """Ask the database, once it has what was logged so far."""
        await self.advance(grant)
        ask = partial(answer_run, self._home, self._database, Blobs(self._home), grant.owner)
        found = await asyncio.to_thread(ask, question)
        return Answer(found.status, found.body, None if found.file is None else str(found.file))

    async def deliver(self, grant: Grant) -> None:
        """Take in the log before its end is reported; all else lies in the server's folders already."""
        path = self._home.attempt(grant.run_id, grant.attempt).events
        with _as_os_error():
            # in a thread: while a long log is taken in, the reports of all others go on
            await asyncio.to_thread(ingest_long, self._database, grant.run_id, grant.attempt, path, self._by)


class _as_os_error:  # noqa: N801 - reads as a statement where it is used
    """A database that cannot be reached is, to the agent, like any other server that cannot: an OSError."""

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, (sa.exc.OperationalError, StorageUnusable)):
            raise OSError(str(getattr(error, "orig", error))) from error


def main(argv: list[str]) -> int:
    """Be the agent of a state directory until there is nothing left to do; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m gpurun_server agent", description=main.__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("--cpu-slots", type=int, default=DEFAULT_CPU_SLOTS)
    parser.add_argument("--spares", type=int, default=1, help="kernels kept ready for cells")
    parser.add_argument("--session-idle", type=float, default=1800.0, help="seconds after which an idle session ends")
    parser.add_argument("--idle", type=float, default=60.0, help="seconds after which an agent without work leaves")
    parser.add_argument("--label", action="append", default=[], help="what runs may ask for with --on; repeatable")
    options = parser.parse_args(argv)
    database_url = os.environ.pop(DATABASE_VARIABLE, "")  # what this process starts shall not find it
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    home = Home(options.home)
    if (lock := lock_within(home.agent_lock, _TAKE_OVER_S)) is None:
        logging.info("another agent is at work here")
        return 0
    write_json(home.agent_record, AgentRecord.of_this_process())  # only now, by who has the lock
    become_subreaper()  # else orphans of a killed runner would be init's, and go on
    database, upgrade = Database(home, database_url or None), Upgrade()
    if not _is_prepared(database, home):
        return 1
    agent = _agent(home, database, options, lambda: bool(_why_anew(home, database, upgrade)))
    asyncio.run(agent.run())
    database.close()
    if not is_held(home.agent_lock):
        logging.info("the state directory was moved or removed: leaving")
        return 0  # the record that lies at the path now is not of this one
    if (why := _why_anew(home, database, upgrade)) and not agent.told_to_leave:
        logging.info("%s: beginning anew; runs go on", why)
        begin_anew(lock, {**os.environ, DATABASE_VARIABLE: database_url})  # it was taken out of the environment above
    home.agent_record.unlink(missing_ok=True)
    return 0


def _is_prepared(database: Database, home: Home) -> bool:
    """Bring the schema up to date where an upgrade changed it while the server goes on; whether there is a database.

    Secrets of runs that are over are forgotten. No database is made: where it was lost, an empty one would hide that.
    """
    try:
        if database.is_missing():
            raise StorageUnusable("The database is not there.", f"{REINDEX}.")
        database.prepare()
        with database.read() as conn:
            secret_files.tidy(conn, home)
    except sa.exc.OperationalError as error:  # runs are adopted all the same; reports wait for it
        logging.warning("the database does not answer yet: %s", error.orig)
    except OSError as error:
        logging.warning("secrets of runs that are over are still there: %s", error)
    except StorageUnusable as error:
        logging.error("%s", error)
        return False
    return True


def _why_anew(home: Home, database: Database, upgrade: Upgrade) -> str:
    """Why this process cannot go on as it is; empty where it can."""
    if upgrade.done():
        return "another gpurun is installed"
    if not is_held(home.agent_lock):
        return "the state directory is not here any more"
    return "the database is another one" if database.has_successor() else ""


def _agent(home: Home, database: Database, options: argparse.Namespace, outdated: Callable[[], bool]) -> Agent:
    host = socket.gethostname()
    return Agent(
        home,
        DatabaseLink(database, home, host),
        agent_id=host,
        host=host,
        version=__version__,
        cpu_slots=options.cpu_slots,
        idle_s=options.idle,
        spares=options.spares,
        session_idle_s=options.session_idle,
        labels=Abilities(lambda: [*options.label, PRIVATE]),
        outdated=outdated,
    )
