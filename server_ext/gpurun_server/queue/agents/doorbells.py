"""The doorbell for agents of other machines: each waits for an answer, and is answered when it is called."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Iterable


class Doorbells:
    """One for each agent. Lives in an event loop."""

    def __init__(self) -> None:
        begun = time.time_ns()  # an agent that heard another server before hears this one at once
        self._rung: dict[str, int] = defaultdict(lambda: begun)
        self._ringing: dict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def rung(self, agent_id: str, seen: int, wait_s: float) -> int:
        """How often the agent was called: as soon as that is not `seen`, or when the time is over."""
        if self._rung[agent_id] == seen:  # else it was called between two polls
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._ringing[agent_id].wait(), wait_s)
        return self._rung[agent_id]

    def call(self, agents: Iterable[str]) -> None:
        """Answer these agents, those that do not wait now as soon as they do."""
        for agent_id in agents:
            self._rung[agent_id] += 1
            self._wake(agent_id)

    def close(self) -> None:
        """Answer everybody who waits."""
        for agent_id in list(self._ringing):
            self._wake(agent_id)

    def _wake(self, agent_id: str) -> None:
        """Everybody who waits now, and nobody who comes later."""
        if (ringing := self._ringing.pop(agent_id, None)) is not None:
            ringing.set()
