"""MLflow's clients beside Jupyter, and the same asked of a real `mlflow server` on SQLite, in the same run.

Raw HTTP on connections that stay, by one client and by twenty at once; then MLflow's own client in Python.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import seeded
from figures import Figure, median, shown, times_ms
from foreign.environments import programs
from servers import TOKEN, JupyterServer, free_port, wait_until

API = "api/2.0/mlflow/"
MANY = 20  # clients
RUNS = 2000
VALUES = 10_000
FILTER = "metrics.acc > 0.5 and params.lr = '0.1'"
SESSION = """
import os, sys, time, mlflow
def ms(act, rounds):
    act()
    begun = time.perf_counter()
    for number in range(rounds):
        act()
    return 1000 * (time.perf_counter() - begun) / rounds
mlflow.set_experiment("by the client")
with mlflow.start_run():
    print(ms(lambda: mlflow.log_metric("loss", 0.5), 100))
    print(ms(lambda: mlflow.log_metrics({f"m{n}": 0.5 for n in range(10)}), 50))
def session():
    with mlflow.start_run():
        mlflow.log_params({"lr": 0.1, "layers": 3})
        for step in range(10):
            mlflow.log_metric("loss", 1 / (1 + step), step=step)
print(ms(session, 10))
"""


class Peer:
    """A server that answers MLflow's clients: its address, and how it is asked."""

    def __init__(self, port: int, below: str, headers: dict[str, str]) -> None:
        self.port = port
        self.below = below
        self.headers = headers

    def connected(self) -> Callable[..., dict[str, Any]]:
        """Asks on a connection of its own."""
        connection = HTTPConnection("127.0.0.1", self.port)

        def ask(method: str, path: str, body: Any = None) -> dict[str, Any]:
            sent = None if body is None else json.dumps(body).encode()
            headers = {**self.headers, "Content-Type": "application/json"}
            connection.request(method, f"{self.below}{API}{path}", sent, headers)
            answer = connection.getresponse()
            said = answer.read()
            assert answer.status == 200, said[:500]
            return json.loads(said)  # type: ignore[no-any-return]

        return ask

    def create(self, ask: Callable[..., dict[str, Any]], experiment: str = "0") -> str:
        made = ask("POST", "runs/create", {"experiment_id": experiment, "start_time": round(time.time() * 1000)})
        return str(made["run"]["info"]["run_id"])


def figures() -> list[Figure]:
    """Each as how many times faster it is than MLflow's own server."""
    with tempfile.TemporaryDirectory() as folder:
        server, theirs = JupyterServer(Path(folder) / "ours"), _Mlflow(Path(folder) / "theirs")
        try:
            server.start()
            theirs.wait()
            ours = Peer(server.port, "/gpurun/mlflow/", {"Authorization": f"token {TOKEN}"})
            compared = [*_logging(ours, theirs.peer), *_searching(ours, theirs.peer), *_history(ours, theirs.peer)]
            return [*compared, *_python(server, theirs), *_among_many(Path(folder))]
        finally:
            theirs.close()
            server.close()


class _Mlflow:
    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.port = free_port()
        command = [programs("tracking") / "mlflow", "server", f"--port={self.port}", "--host=127.0.0.1"]
        command += [f"--backend-store-uri=sqlite:///{folder}/mlflow.db", f"--artifacts-destination={folder}/artifacts"]
        env = {**os.environ, "MLFLOW_WORKERS": "2", "PATH": f"{programs('tracking')}{os.pathsep}{os.environ['PATH']}"}
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=folder, stdout=log, stderr=log, env=env, start_new_session=True
            )
        self.peer = Peer(self.port, "/", {})
        self._log = folder / "log"

    def wait(self) -> None:
        """It imports for a minute."""
        wait_until(self._answers, 400, f"for mlflow; see {self._log}")

    def _answers(self) -> bool:
        assert self._process.poll() is None
        try:
            self.peer.connected()("POST", "experiments/search", {"max_results": 1})
        except (OSError, AssertionError):
            return False
        return True

    def close(self) -> None:
        os.killpg(self._process.pid, 15)
        self._process.wait()


def _logging(ours: Peer, theirs: Peer) -> Iterator[Figure]:
    batch = [{"key": f"m{number}", "value": 0.5, "timestamp": 1, "step": 0} for number in range(500)]
    bodies: dict[str, Callable[[str, int], tuple[str, Any]]] = {
        "log_batch of 10 metrics": lambda run_id, step: ("runs/log-batch", _batch(run_id, batch[:10], step)),
        "log_batch of 500 metrics": lambda run_id, step: ("runs/log-batch", _batch(run_id, batch, step)),
        "log_param": lambda run_id, step: (
            "runs/log-parameter",
            {"run_id": run_id, "key": f"p{step}", "value": "0.1"},
        ),
        "create_run": lambda _, step: ("runs/create", {"experiment_id": "0", "start_time": step}),
    }
    for what, body in bodies.items():
        targets = (5, 20) if "batch" in what else (2, 5)
        for clients, rounds in ((1, 40), (MANY, 8)):
            taken = [_each_ms(peer, body, clients, rounds) for peer in (ours, theirs)]
            among = "1 client" if clients == 1 else f"{clients} clients"
            yield _times_faster(f"{what}, {among}", taken, targets)


def _batch(run_id: str, metrics: list[dict[str, Any]], step: int) -> dict[str, Any]:
    return {"run_id": run_id, "metrics": [{**one, "step": step, "timestamp": step} for one in metrics]}


def _each_ms(peer: Peer, body: Callable[[str, int], tuple[str, Any]], clients: int, rounds: int) -> float:
    """Milliseconds that a request takes: the median of one client, of several how many are done in a time."""

    def one(_: int = 0) -> list[float]:
        ask = peer.connected()
        run_id, steps = peer.create(ask), iter(range(10**6))
        return times_ms(lambda: ask("POST", *body(run_id, next(steps))), rounds, warm_up=2)

    if clients == 1:
        return median(one())
    with ThreadPoolExecutor(clients) as threads:
        begun = time.perf_counter()
        list(threads.map(one, range(clients)))
        return 1000 * (time.perf_counter() - begun) / (clients * (rounds + 3))


def _times_faster(measure: str, taken: list[float], targets: tuple[float, float]) -> Figure:
    ours, theirs = taken
    beside = f"{shown(ours, 'ms')} beside {shown(theirs, 'ms')}"
    return Figure(measure, theirs / ours, "x", *targets, beside=beside, more_is_better=True)


def _searching(ours: Peer, theirs: Peer) -> Iterator[Figure]:
    experiments = [_filled(peer) for peer in (ours, theirs)]
    asked = {
        f"search_runs, 100 of {RUNS:,}": {},
        "the same by a metric and a parameter, ordered by the metric": {
            "filter": FILTER,
            "order_by": ["metrics.acc DESC"],
        },
    }
    for what, body in asked.items():
        taken = [
            _search_ms(peer, {"experiment_ids": [experiment], "max_results": 100, **body})
            for peer, experiment in zip((ours, theirs), experiments, strict=True)
        ]
        yield _times_faster(what, taken, (5, 20))


def _search_ms(peer: Peer, body: dict[str, Any]) -> float:
    ask = peer.connected()
    assert len(ask("POST", "runs/search", body)["runs"]) == 100
    return median(times_ms(lambda: ask("POST", "runs/search", body), 10))


def _filled(peer: Peer) -> str:
    """An experiment of many runs, each with metrics and parameters."""
    made = peer.connected()("POST", "experiments/create", {"name": "many"})
    experiment = str(made["experiment_id"])

    def fill(begin: int) -> None:
        ask = peer.connected()
        for number in range(begin, RUNS, 4):
            share = number * 7919 % RUNS / RUNS
            metrics = [{"key": key, "value": share, "timestamp": 1, "step": 1} for key in ("acc", "loss", "f1")]
            params = [{"key": "lr", "value": ("0.1", "0.01")[number % 2]}, {"key": "seed", "value": str(number)}]
            ask(
                "POST", "runs/log-batch", {"run_id": peer.create(ask, experiment), "metrics": metrics, "params": params}
            )

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(fill, range(4)))
    return experiment


def _history(ours: Peer, theirs: Peer) -> Iterator[Figure]:
    taken = []
    for peer in (ours, theirs):
        ask = peer.connected()
        run_id = peer.create(ask)
        for begin in range(0, VALUES, 1000):
            steps = range(begin, begin + 1000)
            points = [{"key": "loss", "value": 1 / (1 + step), "timestamp": step, "step": step} for step in steps]
            ask("POST", "runs/log-batch", {"run_id": run_id, "metrics": points})
        path = f"metrics/get-history?run_id={run_id}&metric_key=loss&max_results=25000"
        assert len(ask("GET", path)["metrics"]) == VALUES
        taken.append(median(times_ms(lambda: ask("GET", path), 10)))  # noqa: B023
    yield _times_faster(f"metric history of {VALUES:,} values", taken, (5, 20))


def _python(server: JupyterServer, theirs: _Mlflow) -> Iterator[Figure]:
    found = []
    for uri in (f"{server.url}gpurun/mlflow", f"http://127.0.0.1:{theirs.port}"):
        env = {**os.environ, "MLFLOW_TRACKING_URI": uri, "MLFLOW_TRACKING_TOKEN": TOKEN}
        command = [programs("tracking") / "python", "-c", SESSION]
        done = subprocess.run(command, env=env, cwd=server.folder, capture_output=True, text=True, check=True)
        found.append([float(line) for line in done.stdout.splitlines() if line.replace(".", "").isdecimal()])
    what = ("log_metric", "log_metrics of 10", "a run with 2 parameters and 10 values")
    for name, *taken in zip(what, *found, strict=True):
        beside = f"{shown(taken[1], 'ms')} with MLflow's own server"
        yield Figure(f"MLflow's client in Python: {name}", taken[0], "ms", beside=beside)


def _among_many(folder: Path) -> Iterator[Figure]:
    """Searches among many runs, of which a server of MLflow's would have to be filled for an hour."""
    server = JupyterServer(folder / "many")
    seeded.database_in(server.home)[1].close()
    server.start()
    try:
        peer = Peer(server.port, "/gpurun/mlflow/", {"Authorization": f"token {TOKEN}"})
        experiments = [
            one["experiment_id"] for one in peer.connected()("POST", "experiments/search", {})["experiments"]
        ]
        for what, body in {
            "search_runs, 100 of 100,000": {},
            "the same, newest start first, as MLflow's page asks": {"order_by": ["attributes.start_time DESC"]},
            "by `metrics.acc > 0.9`": {"filter": "metrics.acc > 0.9"},
            "by a metric and a parameter, ordered by the metric": {
                "filter": FILTER,
                "order_by": ["metrics.acc DESC"],
            },
            "by a tag that few have": {"filter": "tags.rare = 'yes'"},
        }.items():
            ask = peer.connected()
            wanted = {"experiment_ids": experiments, "max_results": 100, **body}
            taken = times_ms(lambda: ask("POST", "runs/search", wanted), 10)  # noqa: B023
            yield Figure(what, median(taken), "ms", 100, 50)
    finally:
        server.close()
