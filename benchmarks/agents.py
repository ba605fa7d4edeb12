"""Two hundred agents of other machines, eight GPUs each, that report to one server over HTTP and claim its queue."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from pathlib import Path

import filled
import httpx
import msgspec
from figures import Figure, median, shown, times_ms
from servers import JupyterServer

from gpurun_jupyter.core.devices import Device
from gpurun_jupyter.core.events import End
from gpurun_jupyter.core.grants import Ended, Orders, Report
from gpurun_jupyter.core.lifecycle import Outcome, Reason
from gpurun_server.queue.ledger import Ledger
from gpurun_server.queue.syncing import sync

AGENTS, GPUS, RUNS = 200, 8, 300
HEARTBEAT_S, WATCHED_S = 2.0, 20.0
_SUCCEEDED = End(outcome=Outcome.SUCCEEDED, reason=Reason.COMPLETED)


def figures() -> list[Figure]:
    """Milliseconds at the 99th percentile: in the server, and as an agent sees it that has to share the machine."""
    return [_in_the_server(), _over_http()]


def _in_the_server() -> Figure:
    """The transactions alone, while everybody's GPUs are free and the queue is long enough for all of them."""
    with tempfile.TemporaryDirectory() as folder:
        home, database = filled.database_in(Path(folder) / "home", 1_000)
        ledger, names = Ledger(), [f"node{number:03}" for number in range(AGENTS)]

        def report(name: str) -> int:
            with database.write() as writing:
                return len(sync(writing, home, ledger, _report(name, [])).grants)

        for name in names:
            report(name)
        filled.add(database, "queued", AGENTS * GPUS)
        claimed: list[int] = []
        turns = iter(names)
        took_ms = times_ms(lambda: claimed.append(report(next(turns))), AGENTS, warm_up=0)
        database.close()
    assert sum(claimed) == AGENTS * GPUS
    beside = f"median {shown(median(took_ms), 'ms')} of {AGENTS}, {GPUS} runs each"
    return Figure(
        f"claim of one of {AGENTS} agents in the server, 99th percentile", _p99(took_ms), "ms", 50, 25, beside
    )


def _over_http() -> Figure:
    with tempfile.TemporaryDirectory() as folder:
        server = JupyterServer(Path(folder), options=("--GpurunApp.local_agent=False",)).start()
        try:
            took_ms, claims = asyncio.run(_reports(server))
        finally:
            server.close()
    rate = shown(len(took_ms) / WATCHED_S, "/s")
    beside = f"median {shown(median(took_ms), 'ms')} of {len(took_ms)}, {rate}; {claims} runs claimed"
    return Figure(f"report of one of {AGENTS} agents, over HTTP, p99", _p99(took_ms), "ms", 50, 25, beside)


def _p99(values: list[float]) -> float:
    return sorted(values)[int(0.99 * len(values))]


def _report(name: str, ended: list[Ended]) -> Report:
    ids = [f"GPU-{name}-{index}" for index in range(GPUS)]
    devices = [Device(one, "gpu", index, "A100", 1.0, 10**9, 8 * 10**10) for index, one in enumerate(ids)]
    return Report(agent_id=name, host=name, version="1", boot="b", devices=devices, holding=[], ended=ended)


async def _reports(server: JupyterServer) -> tuple[list[float], int]:
    limits = httpx.Limits(max_connections=AGENTS)
    async with httpx.AsyncClient(base_url=str(server.http.base_url), timeout=60, limits=limits) as http:
        agents = [PlayedAgent(http, *await _joined(server, http, number)) for number in range(AGENTS)]
        for agent in agents:
            await agent.report()
        submitting = asyncio.to_thread(lambda: [server.submit("1", gpu=1) for _ in range(RUNS)])
        _, *found = await asyncio.gather(submitting, *(agent.live(WATCHED_S) for agent in agents))
    return [took for one in found for took in one], sum(agent.claimed for agent in agents)


async def _joined(server: JupyterServer, http: httpx.AsyncClient, number: int) -> tuple[str, str]:
    token = server.http.post("agents/invite").json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    body = {"host": f"node{number:03}", "version": "1"}
    answer = (await http.post("agents/join", json=body, headers=headers)).json()
    return answer["agent_id"], answer["key"]


class PlayedAgent:
    """Reports as agents do; what it is granted has ended by its next report."""

    def __init__(self, http: httpx.AsyncClient, agent_id: str, key: str) -> None:
        self._http = http
        self._id = agent_id
        self._headers = {"Authorization": f"Bearer {key}"}
        self._ended: list[Ended] = []
        self.claimed = 0

    async def live(self, seconds: float) -> list[float]:
        """How long each report took, in milliseconds."""
        took_ms, give_up = [], time.monotonic() + seconds
        await asyncio.sleep(random.uniform(0, HEARTBEAT_S))
        while time.monotonic() < give_up:
            took_ms.append(await self.report())
            await asyncio.sleep(HEARTBEAT_S)
        return took_ms

    async def report(self) -> float:
        body = msgspec.json.encode(_report(self._id, self._ended))
        start = time.perf_counter()
        answer = await self._http.post("agents/sync", content=body, headers=self._headers)
        took_ms = 1000 * (time.perf_counter() - start)
        orders = msgspec.json.decode(answer.content, type=Orders)
        self._ended = [Ended(grant.run_id, grant.attempt, _SUCCEEDED) for grant in orders.grants]
        self.claimed += len(orders.grants)
        return took_ms
