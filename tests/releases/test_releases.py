"""Every release there was: what it left is all there, and what it has at work goes on when this one is installed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from machines import install
from releases.make import OWNER, told, unpack
from servers import JupyterServer, wait_until

HERE = Path(__file__).parent
RELEASES = sorted(path.parent for path in HERE.glob("*/told.json"))
COUNTING = """
import itertools, os, time
for n in itertools.count():
    print(n, flush=True)
    if os.path.exists("enough"): break
    time.sleep(0.05)
print(len(os.environ["GPURUN_RUN_ID"]) > 3)
"""

MakeServer = Callable[..., JupyterServer]
of_each = pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)


@of_each
def test_its_state_directory_opens(make_server: MakeServer, release: Path) -> None:
    server = make_server(migrated=False)
    unpack(release / "home.tar.xz", server.folder)
    server.env["LOGNAME"] = OWNER
    server.start()
    before, now = json.loads((release / "told.json").read_text()), told(server)
    assert now["runs"].keys() == before["runs"].keys()
    assert _what_was_said(now, like=before) == before
    held = next(run for run in before["runs"].values() if run["name"] == "on hold")
    server.http.post(f"runs/{held['id']}/start", json={}).raise_for_status()
    assert server.wait(held["id"])["outcome"] == "succeeded"
    assert server.http.get("models/kept/1/files/weights.txt").text == "0.75"
    again = server.http.post("runs/variables/rerun", json={})
    assert server.wait(again.json()["id"])["outcome"] == "succeeded"


@of_each
def test_what_is_at_work_goes_on(make_server: MakeServer, release: Path, tmp_path: Path) -> None:
    server = make_server(migrated=False)
    packages = tmp_path / "own-packages"
    unpack(release / "packages.tar.xz", packages)
    server.env |= {"PYTHONPATH": str(packages), "GPURUN_CPU_SLOTS": "4"}
    server.start()
    (tmp_path / "count.py").write_text(COUNTING)
    kinds: list[dict[str, Any]] = [{}, {"session": "kept"}, {"kernel": "python3", "name": "of a kernelspec"}]
    at_work = [server.submit(COUNTING, **fields) for fields in kinds]
    for run_id in at_work:
        wait_until(lambda run_id=run_id: server.log(run_id).count("\n") > 5)
    behind = server.submit("print('behind')", after=at_work[:1])
    agent = server.agent()
    shutil.rmtree(packages)
    install(tmp_path, "9999")
    wait_until(lambda: _version_of_agent(server) == "9999", 60)
    server.stop()
    server.start()
    assert server.agent() == agent
    assert [server.run(run_id)["state"] for run_id in at_work] == ["running"] * len(at_work)
    for run_id in at_work:
        (server.home / "runs" / run_id / "attempts" / "1" / "work" / "enough").touch()
    for run_id in at_work:
        assert server.wait(run_id)["outcome"] == "succeeded"
        *numbers, last = server.log(run_id).split()
        assert (numbers, last) == ([str(n) for n in range(len(numbers))], "True")
    assert server.wait(behind)["outcome"] == "succeeded"
    kept = server.submit("print(n)", session="kept")
    assert server.wait(kept)["outcome"] == "succeeded"
    assert server.log(kept).strip().isdigit()


def _version_of_agent(server: JupyterServer) -> str:
    agents = server.http.get("devices").json()["agents"]
    return str(agents[0]["version"]) if agents else ""


def _what_was_said(now: Any, like: Any) -> Any:
    """As much of an answer as there was before: a newer server may say more."""
    if isinstance(like, dict) and isinstance(now, dict):
        return {key: _what_was_said(now.get(key), value) for key, value in like.items()}
    if isinstance(like, list) and isinstance(now, list) and len(like) == len(now):
        return [_what_was_said(one, other) for one, other in zip(now, like, strict=True)]
    return now
