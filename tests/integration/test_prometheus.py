"""Jupyter's own /metrics tells of the queue: read as Prometheus reads it, from real servers with real runs."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from databases import empty_database
from prometheus_client import REGISTRY, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from servers import TOKEN, JupyterServer

from gpurun_jupyter.core.devices import Device
from gpurun_jupyter.core.grants import Report
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.system.processes import boot_id
from gpurun_server.http.prometheus import QueueMetrics
from gpurun_server.queue.ledger.known_agents import remember
from gpurun_server.store.database import Database

Samples = dict[tuple[str, ...], float]
HOST = socket.gethostname()


def samples(text: str) -> Samples:
    """Our samples: the name, then the labels as `name=value`; each only once."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            key = (one.name, *(f"{name}={value}" for name, value in sorted(one.labels.items())))
            if one.name.startswith("gpurun_"):
                assert key not in found, key
                found[key] = one.value
    return found


def scraped(server: JupyterServer) -> Samples:
    answer = httpx.get(f"{server.url}metrics", headers={"Authorization": f"token {TOKEN}"}, timeout=30)
    assert answer.status_code == 200, answer.text
    return samples(answer.text)


def test_numbers_follow_the_runs_and_name_nobody(make_server: Callable[..., JupyterServer]) -> None:
    server = make_server().start()
    assert httpx.get(f"{server.url}metrics").status_code == 403
    server.wait(server.submit("1", name="secret-name", project="secret-project"))
    server.wait(server.submit("1 / 0"))
    stop = server.folder / "stop"
    stay = f"import time, pathlib\nwhile not pathlib.Path({str(stop)!r}).exists(): time.sleep(.05)"
    for run_id in [server.submit(stay) for _ in range(2)]:
        server.wait(run_id, "running")
    waiting = [server.submit("2"), server.submit("3")]
    server.submit("4", hold=True)

    now = scraped(server)
    assert now[("gpurun_database_up",)] == 1
    assert now[("gpurun_queue_length", "kind=cpu")] == 2
    assert now[("gpurun_queue_length", "kind=gpu")] == 0
    by_state = {key[1].removeprefix("state="): value for key, value in now.items() if key[0] == "gpurun_runs"}
    assert by_state == {"created": 1, "queued": 2, "starting": 0, "running": 2, "stopping": 0, "lost": 0}
    finished = {key[1]: value for key, value in now.items() if key[0] == "gpurun_runs_finished_total"}
    assert finished == {"outcome=succeeded": 1, "outcome=failed": 1, "outcome=cancelled": 0, "outcome=timed_out": 0}
    assert now[("gpurun_run_wait_seconds_count", "kind=cpu")] == 4
    assert now[("gpurun_run_duration_seconds_count", "kind=cpu")] == 2
    assert now[("gpurun_run_duration_seconds_bucket", "kind=cpu", "le=60.0")] == 2
    assert 0 < now[("gpurun_run_duration_seconds_sum", "kind=cpu")] < 60
    assert now[("gpurun_devices", f"agent={HOST}", "kind=cpu", "state=busy")] == 2
    assert now[("gpurun_devices", f"agent={HOST}", "kind=cpu", "state=idle")] == 0
    assert now[("gpurun_agents", "health=healthy")] == 1
    assert 0 <= now[("gpurun_agent_silence_seconds", f"agent={HOST}")] < 10
    assert "secret" not in repr(now)

    stop.touch()
    for run_id in waiting:
        server.wait(run_id)
    later = scraped(server)
    assert later[("gpurun_runs_finished_total", "outcome=succeeded")] == 5
    assert later[("gpurun_queue_length", "kind=cpu")] == 0
    assert later == scraped(server) | {key: later[key] for key in later if "silence" in key[0]}  # nothing twice


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = empty_database(Home(tmp_path / "home"))
    yield made
    made.close()


def report(database: Database, *devices: Device, agent: str = "lab", ago_s: float = 0) -> None:
    """An agent's heartbeat, of a while ago."""
    said = Report(agent_id=agent, host=agent, version="1", boot=boot_id(), devices=list(devices), holding=[])
    with database.write() as writing:
        remember(writing, said)
        writing.conn.exec_driver_sql("UPDATE agents SET heard_at = ? WHERE id = ?", (time.time() - ago_s, agent))


def test_gpus_by_use_and_agents_by_health(database: Database) -> None:
    card = Device(id="GPU-a", kind="gpu", index=0, util=87.0, memory_used_bytes=3, memory_total_bytes=80)
    taken = Device(id="GPU-b", kind="gpu", index=1, locked=True)  # by somebody outside the queue
    report(database, card, taken)
    report(database, Device(id="GPU-c", kind="gpu", index=0, util=5.0), agent="away", ago_s=100)
    metrics = QueueMetrics(database)
    assert metrics.register()
    try:
        assert not QueueMetrics(database).register()  # another in this process leaves it as it is
        now = samples(generate_latest(REGISTRY).decode())
    finally:
        metrics.unregister()
    assert now[("gpurun_device_utilization_ratio", "agent=lab", "device=gpu0")] == 0.87
    assert now[("gpurun_device_memory_used_bytes", "agent=lab", "device=gpu0")] == 3
    assert now[("gpurun_device_memory_total_bytes", "agent=lab", "device=gpu0")] == 80
    states = {key[3]: value for key, value in now.items() if key[:3] == ("gpurun_devices", "agent=lab", "kind=gpu")}
    assert states == {"state=busy": 0, "state=idle": 1, "state=foreign": 1}
    assert not any("agent=away" in key for key in now if key[0] != "gpurun_agent_silence_seconds")
    assert [now[("gpurun_agents", f"health={name}")] for name in ("healthy", "stale", "disconnected")] == [1, 0, 1]
    assert samples(generate_latest(REGISTRY).decode()) == {}
    assert metrics.register()  # as a server that is started anew in the same process
    metrics.unregister()


def test_an_outage_of_the_database_is_told_and_spares_jupyters_own_metrics(database: Database) -> None:
    metrics = QueueMetrics(database)
    Path(database.engine.url.database or "").unlink()
    database.close()
    Path(database.engine.url.database or "").mkdir()  # cannot be opened
    assert [(one.name, one.samples[0].value) for one in metrics.collect()] == [("gpurun_database_up", 0.0)]
