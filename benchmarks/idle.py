"""What it costs to be there: the agent with nothing to do, and the extension on top of Jupyter Server."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import httpx
import psutil
from figures import Figure, median, shown
from servers import PAGES, TOKEN, JupyterServer, wait_until

SETTLED_S, WATCHED_S = 8.0, 30.0
SERVERS = 3
MB = 1e6


def figures() -> list[Figure]:
    """Memory in MB (10^6 bytes), CPU time in percent of one core."""
    return [*_agent(), _extension()]


def _agent() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        server = JupyterServer(Path(folder)).start()
        try:
            agent = wait_until(server.agent, what="for the agent")
            time.sleep(SETTLED_S)
            family = agent.children(recursive=True)
            cpu, with_family = _cpu_s([agent]), _cpu_s([agent, *family])
            time.sleep(WATCHED_S)
            alone = 100 * (_cpu_s([agent]) - cpu) / WATCHED_S
            together = 100 * (_cpu_s([agent, *family]) - with_family) / WATCHED_S
            memory = agent.memory_full_info()
            ready = sum(process.memory_full_info().pss for process in family) / MB
        finally:
            server.close()
    beside = (
        f"PSS {shown(memory.pss / MB, 'MB')}; {len(family)} ready-made processes beside it, PSS {shown(ready, 'MB')}"
    )
    return [
        Figure("idle agent, resident memory", memory.rss / MB, "MB", 70, 50, beside),
        Figure("idle agent, CPU", alone, "%", 1.0, 1.0, f"with the processes beside it {shown(together, '%')}"),
    ]


def _cpu_s(processes: list[psutil.Process]) -> float:
    return sum(times.user + times.system for times in (process.cpu_times() for process in processes))


def _extension() -> Figure:
    """Servers with and without the extension in turn, each after it has answered some requests."""
    with_it, without = [], []
    for _ in range(SERVERS):
        with_it.append(_server_mb())
        without.append(_server_mb("gpurun_server"))
    beside = f"Jupyter Server alone {shown(median(without), 'MB')}, with gpurun {shown(median(with_it), 'MB')}"
    return Figure("extension, on top of Jupyter Server", median(with_it) - median(without), "MB", 40, 25, beside)


def _server_mb(*disabled: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        server = _Server(Path(folder), options=("--GpurunApp.local_agent=False",), disabled=(*PAGES, *disabled))
        try:
            server.start()
            for _ in range(20):
                server.ask("/api/status")
                if not disabled:
                    server.ask("/gpurun/api/v1/runs")
            time.sleep(2.0)
            return psutil.Process(server.pid).memory_info().rss / MB
        finally:
            server.close()


class _Server(JupyterServer):
    """One that may lack the extension."""

    def ask(self, path: str) -> int:
        return self.http.get(f"http://127.0.0.1:{self.port}{path}", params={"token": TOKEN}).status_code

    def _answers(self) -> bool:
        try:
            return self.ask("/api/status") == 200
        except httpx.TransportError:
            return False
