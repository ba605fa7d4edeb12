"""Two hundred agents of other machines, eight GPUs each, that report to one server and claim its queue.

The agents are played by a process of their own (`played_agents.py`), while runs are submitted at a steady rate: first
with most GPUs free, then with all of them at work and a long queue.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import filled
import httpx
import msgspec
import psutil
from figures import Figure, median, shown, times_ms
from played_agents import READY, Cast, Played
from servers import JupyterServer

from gpurun_jupyter.agent.remote.membership import Membership
from gpurun_jupyter.core.devices import Device
from gpurun_jupyter.core.grants import Report
from gpurun_server.queue.agents.syncing import sync
from gpurun_server.queue.ledger.ledger import Ledger

AGENTS, GPUS = 200, 8
RUNS_A_SECOND, SUBMITTERS = 10.0, 8
SETTLED_S, WATCHED_S = 5.0, 30.0


class Submitted(NamedTuple):
    """A run, when it was submitted, and how long that took."""

    at: float
    run_id: str
    took_ms: float


@dataclass(frozen=True)
class Scene:
    """`mean_s` is how long runs last; with `queued` runs in the beginning."""

    name: str
    mean_s: float
    queued: int


#: An eighth of all GPUs is at work; all are, as many runs end as come, and a thousand wait.
SCENES = (Scene("GPUs free", 20.0, 0), Scene("all GPUs at work, 1,000 queued", AGENTS * GPUS / RUNS_A_SECOND, 2_600))


def figures() -> list[Figure]:
    """Milliseconds, most of them at the 99th percentile."""
    gc.freeze()  # as the server does
    return [_in_the_server(), *(figure for scene in SCENES for figure in _over_http(scene))]


def _in_the_server() -> Figure:
    """The transactions alone, while everybody's GPUs are free and the queue is long enough for all of them."""
    with tempfile.TemporaryDirectory() as folder:
        home, database = filled.database_in(Path(folder) / "home", 1_000)
        ledger, names = Ledger(), [f"node{number:03}" for number in range(AGENTS)]

        def report(name: str) -> int:
            with database.write() as writing:
                return len(sync(writing, home, ledger, _report(name)).grants)

        for name in names:
            report(name)
        filled.add(database, "queued", AGENTS * GPUS)
        claimed: list[int] = []
        turns = iter(names)
        took_ms = times_ms(lambda: claimed.append(report(next(turns))), AGENTS, warm_up=0)
        database.close()
    assert sum(claimed) == AGENTS * GPUS
    beside = f"median {shown(median(took_ms), 'ms')} of {AGENTS}, {GPUS} runs each"
    return Figure(f"claim of one of {AGENTS} agents in the server, p99", _p99(took_ms), "ms", 50, 25, beside)


def _report(name: str) -> Report:
    ids = [f"GPU-{name}-{index}" for index in range(GPUS)]
    devices = [Device(one, "gpu", index, "A100", 1.0, 10**9, 8 * 10**10) for index, one in enumerate(ids)]
    return Report(agent_id=name, host=name, version="1", boot="b", devices=devices, holding=[])


def _over_http(scene: Scene) -> Iterator[Figure]:
    with _served(scene) as server, _playing(server, scene) as result:
        time.sleep(SETTLED_S)
        cpu_s, began = _cpu_s(server), time.time()
        submitted = _submit(server)
        ended = time.time()
        busy = f"the server {shown(100 * (_cpu_s(server) - cpu_s) / (ended - began), '%')} of a core"
        played = result()
    told = [one for one in played.reports if began <= one.at <= ended]
    claims = [one.took_ms for one in told if one.granted]
    reports = [one.took_ms for one in told]
    played_s = SETTLED_S + WATCHED_S + 1
    load = f"{shown(played.requests / played_s, '/s')} requests in all, {busy}, who plays the agents "
    load += shown(100 * played.cpu_s / played_s, "%")
    yield _p99_figure("claim", scene, claims, load)
    yield _p99_figure("report", scene, reports, "")
    if not scene.queued:
        granted = {run: one.at + one.took_ms / 1000 for one in played.reports for run in one.granted}
        waits = [1000 * (granted[one.run_id] - one.at) for one in submitted if one.run_id in granted]
        yield Figure("from submission to the agent's grant", median(waits), "ms", beside=_spread(waits))
    submitting_ms = [one.took_ms for one in submitted]
    yield Figure(f"submission, {scene.name}", median(submitting_ms), "ms", beside=_spread(submitting_ms))


def _p99_figure(what: str, scene: Scene, took_ms: list[float], beside: str) -> Figure:
    name = f"{what} of one of {AGENTS} agents over HTTP, {scene.name}, p99"
    more = f"median {shown(median(took_ms), 'ms')} of {len(took_ms)}, slowest {shown(max(took_ms), 'ms')}"
    return Figure(name, _p99(took_ms), "ms", 50, 25, f"{more}; {beside}" if beside else more)


def _spread(values: list[float]) -> str:
    return f"p99 {shown(_p99(values), 'ms')} of {len(values)}"


def _p99(values: list[float]) -> float:
    return sorted(values)[int(0.99 * len(values))]


@contextmanager
def _served(scene: Scene) -> Iterator[JupyterServer]:
    with tempfile.TemporaryDirectory() as folder:
        server = JupyterServer(Path(folder), options=("--GpurunApp.local_agent=False",))
        _, database = filled.database_in(server.home, 1_000)
        filled.add(database, "queued", scene.queued)
        database.close()
        try:
            yield server.start()
        finally:
            server.close()


@contextmanager
def _playing(server: JupyterServer, scene: Scene) -> Iterator[Callable[[], Played]]:
    """The agents at work; what is given waits for their end."""
    members = [_joined(server, number) for number in range(AGENTS)]
    cast = Cast(members, GPUS, scene.mean_s, SETTLED_S + WATCHED_S + 1)
    program = [sys.executable, str(Path(__file__).with_name("played_agents.py"))]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(msgspec.json.encode(cast))
            process.stdin.close()
            assert process.stdout.readline() == READY
            answers = process.stdout
            yield lambda: msgspec.json.decode(answers.read(), type=Played)
        finally:
            process.kill()


def _joined(server: JupyterServer, number: int) -> Membership:
    token = server.http.post("agents/invite").json()["token"]
    body = {"host": f"node{number:03}", "version": "1"}
    answer = httpx.post(f"{server.http.base_url}agents/join", json=body, headers={"Authorization": f"Bearer {token}"})
    return Membership(url=server.url, key=answer.json()["key"], agent_id=answer.json()["agent_id"])


def _submit(server: JupyterServer) -> list[Submitted]:
    """Submit at the rate, whether the server keeps up or not, until the time is over."""

    def submit() -> Submitted:
        at = time.time()
        return Submitted(at, server.submit("1", gpu=1), 1000 * (time.time() - at))

    began, asked = time.monotonic(), []
    with ThreadPoolExecutor(SUBMITTERS) as threads:
        while (due := began + len(asked) / RUNS_A_SECOND) < began + WATCHED_S:
            time.sleep(max(0.0, due - time.monotonic()))
            asked.append(threads.submit(submit))
        threads.shutdown(cancel_futures=True)
    return [one.result() for one in asked if not one.cancelled()]


def _cpu_s(server: JupyterServer) -> float:
    times = psutil.Process(server.pid).cpu_times()
    return float(times.user + times.system)
