"""The attempts that are at work, where a round finds those of an agent or of a device without a look at all of them."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection
from typing import Any, NamedTuple, TypeAlias

import msgspec

from gpurun_jupyter.core.lifecycle import State
from gpurun_jupyter.core.runs import RunProgress
from gpurun_server.queue.placement.cells import share
from gpurun_server.queue.placement.offers import Holder
from gpurun_server.queue.placement.shares import GoingOn
from gpurun_server.store.queries import decode_devices, decode_spec

#: A run is asked to stop at its time limit, and killed this much later at the latest.
STOPPING_S = 30.0

#: An agent's id and a device's.
Place: TypeAlias = tuple[str, str]

_progress = msgspec.json.Decoder(RunProgress)


class RunningAttempt(NamedTuple):
    """An attempt that has not ended: what it holds, and what is known of its end."""

    run_id: str
    number: int
    agent_id: str
    devices: tuple[str, ...]  # ids
    cpu: bool  # they are CPU slots
    share: float  # how many they are, shared ones in part
    granted_at: float
    name: str
    owner: str
    session: str | None
    state: State
    stop_by: str | None
    stop_kill: bool
    timeout_s: float | None
    started_at: float | None
    unlimited: Holder  # as placement sees it, but for its time limit

    @property
    def key(self) -> str:
        """`run/attempt`, as agents call it."""
        return f"{self.run_id}/{self.number}"

    @property
    def places(self) -> list[Place]:
        """Where it is."""
        return [(self.agent_id, device) for device in self.devices]

    def holder(self, now: float) -> Holder:
        """The same as placement sees it."""
        if self.timeout_s is None:
            return self.unlimited
        limit_s = max(0.0, (self.started_at or now) + self.timeout_s + STOPPING_S - now)
        return msgspec.structs.replace(self.unlimited, limit_s=limit_s)


class RunningAttempts:
    """All of them."""

    def __init__(self) -> None:
        self._of_runs: dict[str, RunningAttempt] = {}
        self._of_agents: dict[str, dict[str, RunningAttempt]] = defaultdict(dict)
        self._on: dict[Place, tuple[RunningAttempt, ...]] = {}
        self._held: dict[Place, tuple[Holder, ...]] = {}  # as if nobody had a time limit
        self._limited: set[str] = set()  # runs that have one
        self.of_sessions: dict[tuple[str, str], RunningAttempt] = {}  # by owner and name
        self.of_owners: dict[tuple[bool, str], GoingOn] = defaultdict(GoingOn)  # by `cpu` and owner, but in no session

    def values(self) -> Collection[RunningAttempt]:
        """In no order."""
        return self._of_runs.values()

    def of(self, agent_id: str) -> Collection[RunningAttempt]:
        """Those of an agent."""
        # not by the default, which would make an entry: `agents` tells who has any
        return self._of_agents[agent_id].values() if agent_id in self._of_agents else ()

    def agents(self) -> Collection[str]:
        """Who has any."""
        return self._of_agents.keys()

    def places(self) -> Collection[Place]:
        """The devices that somebody has."""
        return self._on.keys()

    def on(self, place: Place) -> RunningAttempt | None:
        """One of those that have a device."""
        return self._on[place][0] if place in self._on else None

    def holders(self) -> dict[Place, tuple[Holder, ...]]:
        """Who has which device now."""
        held, now = dict(self._held), time.time()
        for place in {place for run_id in self._limited for place in self._of_runs[run_id].places}:
            held[place] = tuple(one.holder(now) for one in self._on[place])
        return held

    def holders_on(self, agent_id: str) -> dict[Place, tuple[Holder, ...]]:
        """The same of an agent alone, whatever the limits are."""
        return {place: self._held[place] for one in self.of(agent_id) for place in one.places}

    def add(self, one: RunningAttempt) -> None:
        """One has begun."""
        self._of_runs[one.run_id] = self._of_agents[one.agent_id][one.run_id] = one
        for place in one.places:
            self._put(place, (*self._on.get(place, ()), one))
        if one.timeout_s is not None:
            self._limited.add(one.run_id)
        if one.session is not None:
            self.of_sessions[one.owner, one.session] = one
        else:
            self.of_owners[one.cpu, one.owner].add(one.run_id, one.share, one.granted_at)

    def drop(self, run_id: str) -> None:
        """That of a run is over, if there was one."""
        if (one := self._of_runs.pop(run_id, None)) is None:
            return
        del self._of_agents[one.agent_id][run_id]
        if not self._of_agents[one.agent_id]:
            del self._of_agents[one.agent_id]
        for place in one.places:
            self._put(place, tuple(other for other in self._on[place] if other is not one))
        self._limited.discard(run_id)
        if one.session is None:
            self._drop_of_owner(one)
        elif self.of_sessions.get((one.owner, one.session)) is one:  # else the session's next run is there already
            del self.of_sessions[one.owner, one.session]

    def clear(self) -> None:
        """Forget them."""
        parts = (self._of_runs, self._of_agents, self._on, self._held, self._limited, self.of_sessions, self.of_owners)
        for known in parts:
            known.clear()

    def _drop_of_owner(self, one: RunningAttempt) -> None:
        theirs = self.of_owners[one.cpu, one.owner]
        theirs.drop(one.run_id)
        if not theirs:
            del self.of_owners[one.cpu, one.owner]

    def _put(self, place: Place, ones: tuple[RunningAttempt, ...]) -> None:
        if ones:
            self._on[place], self._held[place] = ones, tuple(one.unlimited for one in ones)
        else:
            del self._on[place], self._held[place]


def running_attempt(row: Any, state: State) -> RunningAttempt:
    """The attempt of a run, by a row of the ledger's."""
    spec, devices = decode_spec(row.spec_json), decode_devices(row.held_json)
    left_s = _progress.decode(row.progress_json).left_s if row.progress_json else None
    return RunningAttempt(
        run_id=row.id,
        number=row.attempt,
        agent_id=row.agent_id,
        devices=tuple(device.id for device in devices),
        cpu=any(device.kind == "cpu" for device in devices),
        share=sum(share(device, spec.gpu_mem_bytes) for device in devices),
        granted_at=row.granted_at,
        name=row.name,
        owner=row.owner,
        session=row.session,
        state=state,
        stop_by=row.stop_by,
        stop_kill=bool(row.stop_kill),
        timeout_s=spec.timeout_s,
        started_at=row.started_at,
        unlimited=Holder(row.id, row.name, row.owner, spec.gpu_mem_bytes, left_s),
    )
