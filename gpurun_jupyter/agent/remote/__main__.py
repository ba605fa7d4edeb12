"""`python -m gpurun_jupyter.agent.remote FOLDER`: be the agent that works for the server of this state directory."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import socket
import sys
from importlib import metadata
from pathlib import Path

from gpurun_jupyter.agent.abilities import Abilities
from gpurun_jupyter.agent.agent import Agent
from gpurun_jupyter.agent.agent_lock import begin_anew, lock_within
from gpurun_jupyter.agent.processes.descendants import become_subreaper
from gpurun_jupyter.agent.remote.connection import ServerConnection
from gpurun_jupyter.agent.remote.link import HttpLink
from gpurun_jupyter.agent.remote.membership import Membership, labels_in, private, read
from gpurun_jupyter.agent.remote.service import not_let_in
from gpurun_jupyter.agent.upgrade import Upgrade
from gpurun_jupyter.core.errors import NotJoined, Revoked
from gpurun_jupyter.core.home import Home, write_json
from gpurun_jupyter.core.labels import PRIVATE
from gpurun_jupyter.core.system.locks import is_held
from gpurun_jupyter.core.system.processes import Identity

#: An agent that finds another one at work waits this long for it to leave, then leaves itself.
_TAKE_OVER_S = 2.0
_END_THEM = "`gpurun agent stop --kill`"


def main(path: str) -> int:
    """Be the agent until it is told to leave; returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it would tell of every request
    home, membership = Home(Path(path)), read(Path(path))
    home.create()
    if (lock := lock_within(home.agent_lock, _TAKE_OVER_S)) is None:
        logging.info("another agent is at work here")
        return 0
    write_json(home.agent_record, Identity.of(os.getpid()))  # after the lock: without that no record counts
    become_subreaper()  # before anything is started: what dead runners leave comes to this process
    upgrade = Upgrade()
    try:
        told_to_leave = asyncio.run(_work(home, membership, upgrade))
    except Revoked as error:
        logging.error("%s says: %s What was at work here for it has been ended.", membership.url, error)
        return not_let_in()
    except NotJoined as error:
        logging.error("%s says: %s Runs that have begun go on here; %s ends them.", membership.url, error, _END_THEM)
        return not_let_in()
    if not is_held(home.agent_lock):  # first: where it has no directory, nothing can begin anew
        logging.info("the state directory was moved or removed: leaving")
        return 0
    if upgrade.done() and not told_to_leave:
        logging.info("another gpurun is installed: beginning anew as that one; runs go on")
        begin_anew(lock, os.environ)
    home.agent_record.unlink(missing_ok=True)
    return 0


async def _work(home: Home, membership: Membership, upgrade: Upgrade) -> bool:
    """Whether it was told to leave."""
    own = [PRIVATE] if private(membership.url) else []
    connection = ServerConnection(membership)
    link = HttpLink(connection, home, membership.sync_s)
    agent = Agent(
        home,
        link,
        agent_id=membership.agent_id,
        host=socket.gethostname(),
        version=metadata.version("gpurun-jupyter"),
        cpu_slots=os.cpu_count() or 1 if membership.cpu_slots is None else membership.cpu_slots,
        idle_s=math.inf,
        spares=membership.spares,
        session_idle_s=membership.session_idle_s,
        heartbeat_s=membership.heartbeat_s,
        labels=Abilities(lambda: [*labels_in(home.path), *own]),
        outdated=lambda: upgrade.done() or not is_held(home.agent_lock),
    )
    listening = asyncio.create_task(link.listening())
    try:
        await agent.run()
    finally:
        listening.cancel()
        await connection.close()
    return agent.told_to_leave


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
