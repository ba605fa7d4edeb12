"""How long a cell takes from its submission over HTTP to its first output over the live connection, against peers.

python benchmarks/cells.py [--rounds N]. Starts a Jupyter server of its own; nothing else should run on the machine.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from servers import TOKEN, JupyterServer, wait_until

SHOW = "import time; print(time.time(), flush=True)"
#: After a cell the agent makes another spare; then the machine is quiet again. Seconds.
SPARE_READY_S = 2.0


class Submitter:
    """A connection that is kept alive, as a client's."""

    def __init__(self, server: JupyterServer) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port)
        self._headers = {"Authorization": f"token {TOKEN}"}
        self._base = f"{server.base_url}gpurun/api/v1"

    def first_output(self, **spec: str) -> dict[str, float]:
        """Run a cell; milliseconds from its submission to when it ran, was in the log, and was here."""
        begun = time.time()
        marks: dict[str, float] = {}
        for frame in self._frames({"code": SHOW, **spec}):
            marks.setdefault("accepted", time.time())
            for event in frame.get("events", ()):
                if event["kind"] == "start":
                    marks["runner"] = event["t"]
                if event["kind"] == "output" and "first output" not in marks:
                    ran = float(event["text"])
                    marks |= {"code runs": ran, "in the log": event["t"], "first output": time.time()}
                if event["kind"] == "end":
                    marks["end"] = time.time()
        return {name: (at - begun) * 1000 for name, at in marks.items()}

    def _frames(self, spec: dict[str, str]) -> Iterator[dict]:
        """Submit, and take the run's stream for an answer, as the client does."""
        headers = self._headers | {"Accept": "text/event-stream"}
        self._connection.request("POST", f"{self._base}/runs", json.dumps(spec), headers)
        answer = self._connection.getresponse()
        while line := answer.readline():
            if line.startswith(b"data: "):
                yield json.loads(line[6:])


def cold_kernel() -> float:
    """Milliseconds from starting an ipykernel, as a notebook does, to its first output."""
    from jupyter_client.manager import start_new_kernel

    begun = time.perf_counter()
    kernel, client = start_new_kernel(kernel_name="python3")
    took = _first_stream(client, begun)
    client.stop_channels()
    kernel.shutdown_kernel(now=True)
    return took


def warm_kernel(rounds: int) -> list[float]:
    """The same in an ipykernel that runs, without any of us between."""
    from jupyter_client.manager import start_new_kernel

    kernel, client = start_new_kernel(kernel_name="python3")
    took = [_first_stream(client, time.perf_counter()) for _ in range(rounds)]
    client.stop_channels()
    kernel.shutdown_kernel(now=True)
    return took


def _first_stream(client, begun: float) -> float:
    request = client.execute(SHOW, store_history=False)
    while True:
        message = client.get_iopub_msg(timeout=60)
        if message["msg_type"] == "stream" and message["parent_header"]["msg_id"] == request:
            took = (time.perf_counter() - begun) * 1000
            while message["content"].get("execution_state") != "idle":
                message = client.get_iopub_msg(timeout=60)
            return took


def px(rounds: int) -> list[float]:
    """What ipyparallel's %%px does, on one engine, until its first output is there. Empty where it is not installed."""
    try:
        import ipyparallel
    except ImportError:
        return []
    with ipyparallel.Cluster(n=1, log_level=40) as client:
        client.wait_for_engines(1)
        view = client[:]
        return [_px_output(view) for _ in range(rounds + 5)][5:]


def _px_output(view) -> float:
    begun = time.perf_counter()
    answer = view.execute(SHOW, silent=False, block=False)
    while not answer.stdout[0]:
        time.sleep(0.0002)
    took = (time.perf_counter() - begun) * 1000
    answer.get()
    return took


def ours(rounds: int) -> dict[str, list[dict[str, float]]]:
    """Plain cells with a spare ready, plain cells right after, cells in a session."""
    with tempfile.TemporaryDirectory() as folder:
        server = JupyterServer(Path(folder))
        server.env["GPURUN_CPU_SLOTS"] = "4"
        server.start()
        try:
            wait_until(server.agent, 30)
            return _ours(Submitter(server), rounds)
        finally:
            server.close()


def _ours(submitter: Submitter, rounds: int) -> dict[str, list[dict[str, float]]]:
    taken: dict[str, list[dict[str, float]]] = {"spare": [], "forked": [], "session": []}
    time.sleep(SPARE_READY_S * 2)
    for _ in range(rounds):
        taken["spare"].append(submitter.first_output())
        taken["forked"].append(submitter.first_output())
        time.sleep(SPARE_READY_S)
    for _ in range(10 * rounds):
        taken["session"].append(submitter.first_output(session="bench"))
    taken["session"] = taken["session"][5:]
    return taken


def table(rows: dict[str, list[float]]) -> None:
    """Median, fastest, 95th percentile of each row, milliseconds."""
    print(f"{'':44}{'median':>9}{'min':>9}{'p95':>9}   ms")
    for name, values in rows.items():
        if values:
            ordered = sorted(values)
            p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
            print(f"{name:44}{statistics.median(ordered):9.1f}{ordered[0]:9.1f}{p95:9.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    taken = ours(rounds)
    peers: dict[str, Callable[[], list[float]]] = {
        "peer: cold ipykernel": lambda: [cold_kernel() for _ in range(max(3, rounds // 4))],
        "peer: warm ipykernel, its own client": lambda: warm_kernel(rounds * 5),
        "peer: ipyparallel %%px": lambda: px(rounds * 5),
    }
    rows = {
        f"{kind}: {hop}": [marks[hop] for marks in of_kind if hop in marks]
        for kind, of_kind in taken.items()
        for hop in ("accepted", "runner", "code runs", "in the log", "first output", "end")
    }
    rows |= {name: measure() for name, measure in peers.items()}
    table(rows)
    middle = {name: statistics.median(values) for name, values in rows.items() if values}
    cold = middle["peer: cold ipykernel"]
    print(f"\nforked / cold ipykernel: {middle['forked: first output'] / cold:.3f}")
    for peer in ("peer: ipyparallel %%px", "peer: warm ipykernel, its own client"):
        if peer in middle:
            print(f"session / {peer[6:]}: {middle['session: first output'] / middle[peer]:.2f}")


if __name__ == "__main__":
    main()
