"""A process that plays agents of other machines: as far as their server can tell, they do what real ones do.

Each reports every two seconds, and at once when the server calls it (by a long poll) or a run of its has ended, over
kept-alive connections of its own. What it is granted begins at once and lasts as chance wills (exponentially
distributed); it sends its log as a GPU's runner writes it: the start, a sample every five seconds (with the next
report), the end. Standard
input says who is played (`Cast`). Standard output has a line once all have been heard, and in the end `Played`.
"""

from __future__ import annotations

import asyncio
import gc
import random
import sys
import time

import msgspec

from gpurun_jupyter.agent.agent import HEARTBEAT_S
from gpurun_jupyter.agent.remote.connection import ServerConnection, of_attempt
from gpurun_jupyter.agent.remote.membership import Membership
from gpurun_jupyter.agent.runner.samples import EVERY_S
from gpurun_jupyter.core.devices import Device, DeviceProcess
from gpurun_jupyter.core.errors import WrongOffset
from gpurun_jupyter.core.events import DeviceSample, End, Event, Sample, Start, encode_line
from gpurun_jupyter.core.grants import Ended, Grant, LogPiece, Orders, Report
from gpurun_jupyter.core.lifecycle import Outcome, Reason
from gpurun_jupyter.core.remote import Rung

READY = b"ready\n"
GIB = 2**30
_WAIT_S = 25.0


class Cast(msgspec.Struct):
    """Who is played, with how many GPUs each, how long runs last on average, and for how long it all goes on."""

    members: list[Membership]
    gpus: int
    mean_s: float
    seconds: float


class Told(msgspec.Struct):
    """A report: when, how long until its answer, and the runs that it was granted."""

    at: float
    took_ms: float
    granted: list[str]


class Played(msgspec.Struct):
    """All reports, how many requests there were in all, and how many seconds of a CPU it took to play them."""

    reports: list[Told]
    requests: int
    cpu_s: float


class PlayedAgent:
    """One of them."""

    def __init__(self, membership: Membership, gpus: int, mean_s: float) -> None:
        self._id = membership.agent_id
        self._connection = ServerConnection(membership)
        ids = [f"GPU-{self._id}-{number}" for number in range(gpus)]
        self._devices = [Device(one, "gpu", n, "H100", memory_total_bytes=80 * GIB) for n, one in enumerate(ids)]
        self._mean_s = mean_s
        self._at_work: dict[str, Grant] = {}
        self._ended: list[Ended] = []
        self._samples: dict[str, LogPiece] = {}
        self._offsets: dict[str, int] = {}
        self._wake = asyncio.Event()
        self._runs: set[asyncio.Task[None]] = set()
        self.reports: list[Told] = []
        self.requests = 0

    async def live(self) -> None:
        """Report, take, wait; until it is cancelled."""
        listening = asyncio.create_task(self._listen())
        try:
            await asyncio.sleep(random.uniform(0, HEARTBEAT_S))
            while True:
                await self.report()
                await self._woken()
        finally:
            for task in (listening, *self._runs):
                task.cancel()

    async def report(self) -> None:
        ended, self._ended = self._ended, []
        report = Report(
            agent_id=self._id,
            host=self._id,
            version="1",
            boot="b",
            devices=self._read_devices(),
            holding=list(self._at_work),
            ended=ended,
            samples=list(self._samples.values()),
        )
        self._samples.clear()
        at, start = time.time(), time.perf_counter()
        self.requests += 1
        orders = await self._connection.ask("POST", "agents/sync", Orders, report, timeout=60)
        self._offsets |= orders.lengths
        took_ms = 1000 * (time.perf_counter() - start)
        self.reports.append(Told(at, took_ms, [grant.run_id for grant in orders.grants]))
        for grant in orders.grants:
            self._at_work[grant.key] = grant
            task = asyncio.create_task(self._carry_out(grant))
            self._runs.add(task)
            task.add_done_callback(self._runs.discard)

    def _read_devices(self) -> list[Device]:
        """As they are now: no two reports are alike where something is at work."""
        busy = {device.id for grant in self._at_work.values() for device in grant.devices}
        for device in self._devices:
            works = device.id in busy
            device.util = float(random.randint(80, 100)) if works else 0.0
            device.temperature = float(random.randint(60, 80)) if works else 30.0
            device.memory_used_bytes = 40 * GIB + random.randint(0, GIB) if works else 0
            device.processes = [DeviceProcess(4242, "anna", 40 * GIB, ours=True)] if works else []
        return self._devices

    async def _woken(self) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), HEARTBEAT_S)
        except asyncio.TimeoutError:
            return
        self._wake.clear()

    async def _listen(self) -> None:
        seen = 0
        while True:
            self.requests += 1
            path = f"agents/work?wait={_WAIT_S:g}&seen={seen}"
            answer = await self._connection.ask("GET", path, Rung, timeout=_WAIT_S + 60)
            if answer.rung != seen:
                seen = answer.rung
                self._wake.set()

    async def _carry_out(self, grant: Grant) -> None:
        begun, lasts_s = time.monotonic(), random.expovariate(1 / self._mean_s)
        ids = [device.id for device in grant.devices]
        end = End(outcome=Outcome.SUCCEEDED, reason=Reason.COMPLETED)
        await self._send(grant, Start(v=1, attempt=grant.attempt, pid=4242, devices=ids))
        while (left_s := begun + lasts_s - time.monotonic()) > EVERY_S:
            await asyncio.sleep(EVERY_S)
            sample = Sample(devices=[DeviceSample(one, 90.0, 40 * GIB, 80 * GIB, "gpu0") for one in ids], rss=GIB)
            line, offset = _line(sample).decode(), self._offsets[grant.key]
            self._samples[grant.key] = LogPiece(grant.run_id, grant.attempt, grant.token, offset, line)
        await asyncio.sleep(max(0.0, left_s))
        if last := self._samples.pop(grant.key, None):
            await self._send_lines(grant, last.lines.encode() + _line(end))
        else:
            await self._send(grant, end)
        del self._at_work[grant.key]
        self._ended.append(Ended(grant.run_id, grant.attempt, end))
        self._wake.set()

    async def _send(self, grant: Grant, event: Event) -> None:
        await self._send_lines(grant, _line(event))

    async def _send_lines(self, grant: Grant, lines: bytes) -> None:
        while True:
            offset = self._offsets.get(grant.key, 0)
            self.requests += 1
            try:
                path = of_attempt(grant, f"log?offset={offset}")
                await self._connection.send("POST", path, lines, grant=grant, pack=True, timeout=60)
            except WrongOffset as error:  # a report that took a sample along was on its way
                self._offsets[grant.key] = error.offset
            else:
                self._offsets[grant.key] = offset + len(lines)
                return


def _line(event: Event) -> bytes:
    event.t = time.time()
    return encode_line(event)


async def play(cast: Cast) -> Played:
    gc.disable()  # two hundred real agents would not all pause at once to collect garbage
    agents = [PlayedAgent(member, cast.gpus, cast.mean_s) for member in cast.members]
    for agent in agents:
        await agent.report()
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    before_s, before = time.process_time(), sum(agent.requests for agent in agents)
    lives = [asyncio.create_task(agent.live()) for agent in agents]
    done, _ = await asyncio.wait(lives, timeout=cast.seconds, return_when=asyncio.FIRST_COMPLETED)
    for life in lives:
        life.cancel()
    for life in done:
        life.result()  # none should have come to its end; this says why
    requests = sum(agent.requests for agent in agents) - before
    reports = [told for agent in agents for told in agent.reports]
    return Played(reports, requests, time.process_time() - before_s)


if __name__ == "__main__":
    played = asyncio.run(play(msgspec.json.decode(sys.stdin.buffer.read(), type=Cast)))
    sys.stdout.buffer.write(msgspec.json.encode(played))
