"""The door for MLflow's clients beside Jupyter, as raw HTTP asks there."""

from __future__ import annotations

from typing import Any

import httpx
from servers import TOKEN, JupyterServer


class Door:
    """What a client says to `gpurun/mlflow`; answers are what JSON says, refusals fail but where they are wanted."""

    def __init__(self, server: JupyterServer, token: str = TOKEN) -> None:
        self.http = httpx.Client(
            base_url=f"{server.url}gpurun/mlflow/", headers={"Authorization": f"Bearer {token}"}, timeout=60
        )

    def ask(self, method: str, path: str, /, **asked: Any) -> httpx.Response:
        """A request for what follows `api/2.0/mlflow/`: of GET its query, of others a JSON body."""
        how = {"params": asked} if method == "GET" else {"json": asked}
        return self.http.request(method, f"api/2.0/mlflow/{path}", **how)  # type: ignore[arg-type]

    def get(self, path: str, /, **query: Any) -> dict[str, Any]:
        return _told(self.ask("GET", path, **query))

    def post(self, path: str, /, **body: Any) -> dict[str, Any]:
        return _told(self.ask("POST", path, **body))

    def patch(self, path: str, /, **body: Any) -> dict[str, Any]:
        return _told(self.ask("PATCH", path, **body))

    def delete(self, path: str, /, **body: Any) -> dict[str, Any]:
        return _told(self.ask("DELETE", path, **body))

    def refused(self, method: str, path: str, /, **asked: Any) -> tuple[int, str, str]:
        """Status, code and sentence of a refusal."""
        answer = self.ask(method, path, **asked)
        assert answer.status_code >= 400, answer.text
        said = answer.json()
        assert set(said) == {"error_code", "message"}, said
        return answer.status_code, said["error_code"], said["message"]

    def create(self, experiment: str = "0", **fields: Any) -> str:
        """A run; its id."""
        made = self.post("runs/create", experiment_id=experiment, **fields)["run"]
        return str(made["info"]["run_id"])

    def run(self, run_id: str) -> dict[str, Any]:
        """Its info with metrics, params and tags by their names."""
        run = self.get("runs/get", run_id=run_id)["run"]
        return {**run["info"], **{what: by_key(run["data"][what]) for what in ("params", "tags")}, "run": run}

    def search(self, *experiments: str, **asked: Any) -> list[str]:
        """The ids of the runs that fit."""
        found = self.post("runs/search", experiment_ids=experiments or ("0",), **asked)
        return [run["info"]["run_id"] for run in found["runs"]]

    def history(self, run_id: str, name: str, **asked: Any) -> list[tuple[Any, int, int]]:
        """Value, time and step of each value of a metric."""
        found = self.get("metrics/get-history", run_id=run_id, metric_key=name, **asked)["metrics"]
        return [(one["value"], one["timestamp"], one["step"]) for one in found]

    def artifact(self, method: str, address: str, **how: Any) -> httpx.Response:
        return self.http.request(method, f"api/2.0/mlflow-artifacts/artifacts/{address}", **how)

    def listed(self, address: str) -> dict[str, int | None]:
        """What a folder of artifacts holds, with the bytes of files."""
        answer = self.http.get("api/2.0/mlflow-artifacts/artifacts", params={"path": address})
        return {one["path"]: one.get("file_size") for one in _told(answer)["files"]}


def by_key(pairs: list[dict[str, str]]) -> dict[str, str]:
    return {one["key"]: one["value"] for one in pairs}


def _told(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found
