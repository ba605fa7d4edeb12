"""Tracking servers for tests: a small one in memory, and MLflow's own in an environment of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx
from foreign.environments import programs
from servers import free_port, wait_until

API = "/api/2.0/mlflow/"
PROXY = "/api/2.0/mlflow-artifacts/artifacts"
_PAGE = 2  # of points: as a real one has pages, only smaller


class Missing(Exception):
    """What a server answers with RESOURCE_DOES_NOT_EXIST."""


class SmallTracking:
    """As much of a tracking server as runs need. With an `authorization` it lets nobody else in."""

    def __init__(self, authorization: str | None = None) -> None:
        self.authorization = authorization
        self.experiments = {"0": "Default"}
        self.runs: dict[str, dict[str, Any]] = {}
        self.points: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.artifacts: dict[str, bytes] = {}
        self.asked: list[str] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"tracking": self}))
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def answer(self, method: str, route: str, asked: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(route)
        known: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "GET experiments/search": self._experiments,
            "GET experiments/get-by-name": self._experiment,
            "POST experiments/create": self._create_experiment,
            "POST runs/create": self._create_run,
            "POST runs/search": self._search,
            "GET runs/get": lambda asked: {"run": self._run(asked["run_id"])},
            "POST runs/update": self._update,
            "POST runs/delete": self._delete,
            "POST runs/log-batch": self._log,
            "GET metrics/get-history": self._history,
            "GET registered-models/search": lambda _: {},
            "GET model-versions/search": lambda _: {},
        }
        return known[f"{method} {route}"](asked)

    def listed(self, folder: str) -> dict[str, Any]:
        below = [path[len(folder) + 1 :] for path in self.artifacts if path.startswith(f"{folder}/")]
        names = {rest.partition("/")[0]: "/" in rest for rest in below}
        return {"files": [{"path": name, "is_dir": is_dir} for name, is_dir in sorted(names.items())]}

    def _experiments(self, asked: dict[str, Any]) -> dict[str, Any]:
        if asked.get("view_type") == "DELETED_ONLY":
            return {}
        return {"experiments": [{"experiment_id": one, "name": name} for one, name in self.experiments.items()]}

    def _experiment(self, asked: dict[str, Any]) -> dict[str, Any]:
        for one, name in self.experiments.items():
            if name == asked["experiment_name"]:
                return {"experiment": {"experiment_id": one, "name": name, "lifecycle_stage": "active"}}
        raise Missing

    def _create_experiment(self, asked: dict[str, Any]) -> dict[str, Any]:
        number = str(len(self.experiments))
        self.experiments[number] = asked["name"]
        return {"experiment_id": number}

    def _create_run(self, asked: dict[str, Any]) -> dict[str, Any]:
        run_id, experiment = uuid.uuid4().hex, asked["experiment_id"]
        info = {"run_id": run_id, "run_uuid": run_id, "experiment_id": experiment, "status": "RUNNING"}
        info |= {"run_name": asked.get("run_name", ""), "start_time": asked.get("start_time", 0)}
        info |= {"artifact_uri": f"mlflow-artifacts:/{experiment}/{run_id}/artifacts", "lifecycle_stage": "active"}
        self.runs[run_id] = {"info": info, "data": {"tags": asked.get("tags", []), "params": [], "metrics": []}}
        return {"run": self.runs[run_id]}

    def _search(self, asked: dict[str, Any]) -> dict[str, Any]:
        stage = "deleted" if asked.get("run_view_type") == "DELETED_ONLY" else "active"
        wanted = re.fullmatch(r"tags\.`(.*)` = '(.*)'", asked.get("filter", ""))
        pair = wanted and {"key": wanted[1], "value": wanted[2]}
        found = [
            run
            for run in self.runs.values()
            if run["info"]["experiment_id"] in asked["experiment_ids"] and run["info"]["lifecycle_stage"] == stage
        ]
        return {"runs": [run for run in found if pair is None or pair in run["data"]["tags"]]}

    def _run(self, run_id: str) -> dict[str, Any]:
        if run_id not in self.runs:
            raise Missing
        return self.runs[run_id]

    def _update(self, asked: dict[str, Any]) -> dict[str, Any]:
        info = self._run(asked["run_id"])["info"]
        info |= {name: asked[name] for name in ("status", "end_time") if name in asked}
        return {"run_info": info}

    def _delete(self, asked: dict[str, Any]) -> dict[str, Any]:
        self._run(asked["run_id"])["info"]["lifecycle_stage"] = "deleted"
        return {}

    def _log(self, asked: dict[str, Any]) -> dict[str, Any]:
        data = self._run(asked["run_id"])["data"]
        for kind in ("params", "tags"):
            data[kind] += asked.get(kind, [])
        for point in asked.get("metrics", []):
            self.points.setdefault((asked["run_id"], point["key"]), []).append(point)
            data["metrics"] = [one for one in data["metrics"] if one["key"] != point["key"]] + [point]
        return {}

    def _history(self, asked: dict[str, Any]) -> dict[str, Any]:
        begin = int(asked.get("page_token", 0))
        points = self.points[asked["run_id"], asked["metric_key"]]
        token = {"next_page_token": str(begin + _PAGE)} if begin + _PAGE < len(points) else {}
        return {"metrics": points[begin : begin + _PAGE], **token}


class _Handler(BaseHTTPRequestHandler):
    tracking: SmallTracking

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, dict(parse_qsl(urlsplit(self.path).query))
        if path == PROXY:
            self._send(200, json.dumps(self.tracking.listed(query["path"])).encode())
        elif path.startswith(PROXY):
            self._send(200, self.tracking.artifacts[unquote(path[len(PROXY) + 1 :])])
        else:
            self._answer("GET", path, query)

    def do_POST(self) -> None:
        self._answer("POST", self.path, json.loads(self._body()))

    def do_PUT(self) -> None:
        path, body = unquote(self.path[len(PROXY) + 1 :]), self._body()
        if "#" in path:
            self._send(400, b'{"error_code": "INVALID_PARAMETER_VALUE", "message": "Invalid path"}')
            return
        self.tracking.artifacts[path] = body
        self._send(200, b"{}")

    def _answer(self, method: str, path: str, asked: dict[str, Any]) -> None:
        if self.tracking.authorization not in (None, self.headers["Authorization"]):
            self._send(401, b"You are not authenticated.", "text/plain")
            return
        if not path.startswith(API):
            self._send(404, b"<h1>Not Found</h1>", "text/html")
            return
        try:
            self._send(200, json.dumps(self.tracking.answer(method, path[len(API) :], asked)).encode())
        except Missing:
            self._send(404, b'{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "There is none."}')

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"]))

    def _send(self, status: int, data: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


class RealTracking:
    """`mlflow server` with SQLite, and programs that use MLflow's own client."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder, self.url = folder, f"http://127.0.0.1:{free_port()}"
        # its jobs would be a dozen processes
        quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        self.env = os.environ | quiet | {"MLFLOW_TRACKING_URI": self.url}
        port = self.url.rpartition(":")[2]
        command = [programs("tracking") / "mlflow", "server", "--backend-store-uri", "sqlite:///mlflow.db"]
        command += ["--port", port, "--workers", "1", *options]
        with (folder / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=folder, env=self.env, stdout=log, stderr=log, start_new_session=True
            )
        try:
            wait_until(self._answers, 170, "for MLflow's server")
        except AssertionError:
            self.close()
            raise

    def python(self, code: str) -> str:
        """What a program prints."""
        command = [programs("tracking") / "python", "-c", code]
        done = subprocess.run(command, cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=170)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def close(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)  # its workers, too
        self._process.wait(30)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health").is_success
        except httpx.TransportError:
            return False


def started(kind: str, folder: Path) -> Iterator[SmallTracking | RealTracking]:
    """For a fixture: either."""
    made = SmallTracking() if kind == "small" else RealTracking(folder)
    yield made
    made.close()


def now_ms() -> int:
    return int(time.time() * 1000)
