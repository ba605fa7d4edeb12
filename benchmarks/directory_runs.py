"""How many runs of a directory that does nothing are carried out in a second, end to end and durably, against peers.

python benchmarks/directory_runs.py [--runs N]. Each is submitted over HTTP, claimed, carried out by a runner of its own
in a workspace of its own under a terminal, with a log and an exit record, and finished in the database. The server has
four CPU slots; four threads submit over connections that are kept alive. Nothing else should run on the machine.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import subprocess
import sys
import tempfile
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import psutil
from servers import TOKEN, JupyterServer, wait_until

SLOTS = 4


def packed() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("train.py", "pass\n")
    return content.getvalue()


def submit_all(server: JupyterServer, digest: str, runs: int) -> list[str]:
    """Submit from several threads; the ids."""

    def submit_some(count: int) -> list[str]:
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        body = json.dumps({"dir": {"manifest": digest, "entry": "train.py"}, "gpu": 0})
        ids = []
        for _ in range(count):
            connection.request(
                "POST", f"{server.base_url}gpurun/api/v1/runs", body, {"Authorization": f"token {TOKEN}"}
            )
            ids.append(json.load(connection.getresponse())["id"])
        return ids

    with ThreadPoolExecutor(SLOTS) as pool:
        return [run_id for ids in pool.map(submit_some, [runs // SLOTS] * SLOTS) for run_id in ids]


def measure(runs: int) -> dict[str, float]:
    """Submissions a second, and runs a second from the first submission to the last end."""
    with tempfile.TemporaryDirectory() as folder:
        server = JupyterServer(Path(folder))
        server.env["GPURUN_CPU_SLOTS"] = str(SLOTS)
        server.start()
        try:
            answer = server.http.post("runs/zip", files={"file": ("p.zip", packed())}, data={"entry": "train.py"})
            digest = server.wait(answer.json()["id"])["spec"]["dir"]["manifest"]
            time.sleep(5)  # the spare is made, the machine is quiet
            before, begun = used_s(server), time.perf_counter()
            ids = submit_all(server, digest, runs)
            submitted = time.perf_counter() - begun
            exits = [server.home / "runs" / run_id / "attempts" / "1" / "exit.json" for run_id in ids]
            wait_until(lambda: all(path.exists() for path in exits), 300)
            wait_until(lambda: all(server.run(run_id)["state"] == "finished" for run_id in ids[-2 * SLOTS :]), 60)
            took = time.perf_counter() - begun
            states = {(server.run(run_id)["outcome"]) for run_id in ids}
            assert states == {"succeeded"}, states
            cpu = {f"{who}, CPU ms a run": (s - before[who]) / len(ids) * 1000 for who, s in used_s(server).items()}
            return {"submissions a second": len(ids) / submitted, "runs a second": len(ids) / took} | cpu
        finally:
            server.close()


def used_s(server: JupyterServer) -> dict[str, float]:
    """CPU seconds used so far by the server, by the agent, and by runners with the interpreters that they started."""
    agent = server.agent()
    assert agent is not None
    parents = [
        child for child in agent.children() if "gpurun_jupyter.agent.warm.fork_parent_process" in child.cmdline()
    ]
    living = [runner for parent in parents for runner in parent.children()]
    ended = sum(times.children_user + times.children_system for times in (one.cpu_times() for one in parents))
    return {"server": own_s(psutil.Process(server.pid)), "agent": own_s(agent)} | {
        "runners": ended + sum(own_s(runner, with_ended=True) for runner in living)
    }


def own_s(process: psutil.Process, *, with_ended: bool = False) -> float:
    times = process.cpu_times()
    return times.user + times.system + (times.children_user + times.children_system if with_ended else 0.0)


def bare_interpreters(runs: int) -> float:
    """Interpreter starts a second, four at a time: what every system that starts one for each run cannot exceed."""

    def start(_: int) -> None:
        subprocess.run([sys.executable, "-c", "pass"], check=True)

    begun = time.perf_counter()
    with ThreadPoolExecutor(SLOTS) as pool:
        list(pool.map(start, range(runs)))
    return runs / (time.perf_counter() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    runs = parser.parse_args().runs
    rates = measure(runs)
    rates["peer: bare interpreter starts a second"] = bare_interpreters(runs)
    for name, rate in rates.items():
        print(f"{name:44}{rate:9.1f}")
    print(f"\nruns / bare starts: {rates['runs a second'] / rates['peer: bare interpreter starts a second']:.2f}")


if __name__ == "__main__":
    main()
