"""Whom to wake: the agents for which there is something to do, and not all of them for every run that comes."""

from __future__ import annotations

import sqlalchemy as sa

from gpurun_server.queue.ledger.known_agents import offers
from gpurun_server.queue.ledger.ledger import Ledger
from gpurun_server.queue.ledger.recent_use import lately
from gpurun_server.queue.ledger.sessions import all_sessions, split, with_wishes
from gpurun_server.queue.ledger.situation import holders, next_runs
from gpurun_server.queue.placement.plan import plan


class Calling:
    """Remembers who was told to end what. For one thread at a time, as its ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._stops: set[tuple[str, bool]] = set()

    def look(self, conn: sa.Connection) -> set[str]:
        """The agents that the queue has something for now, or somebody wants to end something on.

        A claim has the last word. It may leave less to the others than was seen here, or something else: look again
        once all have claimed, if there still are runs that wait.
        """
        # the first one brings the ledger up to date
        return self._new_stops(conn) | with_wishes(conn) | self._claimers(conn)

    def _new_stops(self, conn: sa.Connection) -> set[str]:
        """Once for each attempt, and again if it is to be killed: it may take a while to end."""
        asked = [one for one in self._ledger.look(conn).running.values() if one.stop_by]
        known, self._stops = self._stops, {(one.key, one.stop_kill) for one in asked}  # what has ended is forgotten
        return {one.agent_id for one in asked if (one.key, one.stop_kill) not in known}

    def _claimers(self, conn: sa.Connection) -> set[str]:
        ledger = self._ledger
        if not ledger.queue:
            return set()
        everybody, sessions = offers(conn, ledger), all_sessions(conn, ledger)
        held = holders(ledger, sessions)
        queue, warm = split(next_runs(conn, ledger, everybody, held), sessions)
        decided = plan(queue, everybody, held, kept=ledger.reserved, lately=lately(conn, ledger, sessions))
        return {one.agent_id for one in decided.placements} | {session.agent for session in warm.values()}
