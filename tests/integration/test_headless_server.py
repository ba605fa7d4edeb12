"""`gpurun server`: gpurun alone on a Jupyter server, used by a notebook of another one."""

from __future__ import annotations

import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import systemd
from notebooks import ServerKernel
from servers import BIN, JupyterServer, wait_until


class Headless(JupyterServer):
    """Started by the command line, with the token that it keeps."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        options = ["--port", str(self.port), "--ServerApp.port_retries=0", "--allow-root"]
        self._command = [str(BIN / "gpurun"), "server", *options]
        self.token = self.printed_token()
        self.http.headers["Authorization"] = f"token {self.token}"

    def printed_token(self) -> str:
        command = [str(BIN / "gpurun"), "server", "--print-token"]
        return subprocess.run(command, env=self.env, capture_output=True, text=True, check=True).stdout.strip()

    def said(self) -> str:
        return (self.folder / "server.log").read_text()


@pytest.fixture(scope="module")
def headless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Headless]:
    made = Headless(tmp_path_factory.mktemp("headless"))
    made.start()
    yield made
    made.close()


def test_it_says_how_it_is_reached_and_keeps_its_token_to_itself(headless: Headless) -> None:
    assert f"export GPURUN_URL=http://localhost:{headless.port}/\n" in headless.said()
    assert headless.token not in headless.said()
    assert stat.S_IMODE((headless.home / "token").stat().st_mode) == 0o600
    assert len(headless.token) == 48
    assert headless.printed_token() == headless.token
    assert httpx.get(f"{headless.url}gpurun/api/v1/status").status_code == 403
    asked = {"headers": {"Authorization": f"token {headless.token}"}, "follow_redirects": True}
    for page in ("lab", "tree", "terminals/1"):
        assert httpx.get(f"{headless.url}{page}", **asked).status_code == 404
    assert "gpurun_runs_finished_total" in httpx.get(f"{headless.url}metrics", **asked).text


def test_it_is_installed_as_a_service(headless: Headless) -> None:
    command = [BIN / "gpurun", "server", "--install", "--port", "9000", "--ServerApp.root_dir=/data/50% $HOME"]
    env = headless.env | {"HOME": str(headless.folder)}
    said = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    unit = headless.folder / ".config/systemd/user/gpurun-server.service"
    systemd.check(unit)
    assert "systemctl --user enable --now gpurun-server" in said.stdout + said.stderr
    assert f'Environment="GPURUN_HOME={headless.home}"' in unit.read_text()
    assert '"server" "--port" "9000" "--ServerApp.root_dir=/data/50%% $$HOME"\n' in unit.read_text()


def test_a_notebook_elsewhere_runs_its_cells_there(headless: Headless, server: JupyterServer) -> None:
    kernel = ServerKernel(server)
    try:
        where = f"os.environ |= {{'GPURUN_URL': {headless.url!r}, 'GPURUN_TOKEN': {headless.token!r}}}"
        kernel.execute(f"import os\n{where}\n%load_ext gpurun_jupyter")
        ran = kernel.execute("%%gpurun --name on-another-server --out answer\nprint('hello')\nanswer = 42")
        assert not ran.error, ran.error
        assert "application/vnd.jupyter.widget-view+json" in ran.bundles[0]  # fed by the kernel
        shown = [*ran.bundles, *ran.updates]
        assert not any(
            "application/vnd.gpurun.run+json" in bundle for bundle in shown
        )  # the page's server has no such run
        assert "on-another-server" in shown[-1]["text/html"]
        assert "started in a terminal" in kernel.execute("%gpurun server --port 0").failed
        assert "42" in kernel.execute("print(answer)").text
    finally:
        kernel.close()
    assert headless.run("on-another-server")["outcome"] == "succeeded"
    assert server.http.get("runs/on-another-server").status_code == 404


def test_started_anew_it_is_reached_as_before_and_ends_with_its_process(headless: Headless) -> None:
    headless.stop()
    with pytest.raises(httpx.TransportError):
        headless.http.get("status")
    headless.start()
    assert headless.run("on-another-server")["name"] == "on-another-server"
    wait_until(lambda: headless.said().count("export GPURUN_URL") == 2)


def test_an_empty_token_lets_nobody_in(tmp_path: Path) -> None:
    made = Headless(tmp_path)
    (made.home / "token").write_text("")
    for options in (["--print-token"], ["--port", "0", "--allow-root"]):
        command = [str(BIN / "gpurun"), "server", *options]
        done = subprocess.run(command, env=made.env, capture_output=True, text=True, timeout=30)
        assert done.returncode != 0
        assert "token is empty. Remove it" in done.stderr
        assert "Traceback" not in done.stderr
    made.http.close()
