"""One machine that works for two servers at once: workspaces apart, and its GPU is never given to both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from machines import Machine
from nvml.machine import Machine as Cards
from servers import JupyterServer, wait_until

STAYING = """
import os, time
print(os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
while not os.path.exists({release!r}): time.sleep(0.02)
"""


@pytest.fixture(scope="module")
def shared(
    far_server: JupyterServer,
    server: JupyterServer,
    tmp_path_factory: pytest.TempPathFactory,
    nvml_library: Path,
) -> Iterator[Machine]:
    """A machine with one GPU that has joined both, and is the agent of `server` by its `url`."""
    folder = tmp_path_factory.mktemp("shared")
    made = Machine(folder)
    made.env |= Cards(folder / "gpus.txt", nvml_library, cards=1).env
    made.join(far_server, "--name", "both", "--spares", "0")
    assert "both has joined" in made.said
    assert "; 1 GPU, 1 CPU slot." in made.said
    made.join(server, "--name", "both", "--spares", "0")
    yield made
    made.gpurun("agent", "stop", "--kill")
    for one in (far_server, server):
        assert one.http.post("agents/both/revoke").is_success


def test_a_gpu_that_one_uses_is_held_for_the_other_which_says_who_has_it(
    far_server: JupyterServer, server: JupyterServer, shared: Machine, tmp_path: Path
) -> None:
    release = tmp_path / "release"
    code = STAYING.format(release=str(release))
    first = far_server.submit(code, gpu=1, on="both")
    gpu = wait_until(lambda: far_server.log(first), what="for it to begin")
    second = server.submit(code, gpu=1, on="both")

    def why() -> str:
        return str((server.run(second).get("waiting") or {}).get("why", ""))

    wait_until(lambda: "pid " in why(), what="for the other server to say who has it")
    assert server.run(second)["state"] == "queued"
    assert not server.log(second)
    runs_beside_it(server)
    release.touch()
    ended = [server.wait(run_id) for server, run_id in ((far_server, first), (server, second))]
    assert [run["outcome"] for run in ended] == ["succeeded", "succeeded"]
    assert server.log(second) == gpu
    assert span(ended[1])[0] >= span(ended[0])[1]
    samples = [event["devices"] for event in far_server.events(first) if event["kind"] == "sample"]
    assert samples
    assert {device["label"] for devices in samples for device in devices} == {"gpu0"}


def test_their_workspaces_are_apart(far_server: JupyterServer, server: JupyterServer, shared: Machine) -> None:
    code = "import os; print(os.getcwd())"
    places = []
    for one in (far_server, server):
        run_id = one.submit(code, gpu=0, on="both")
        assert one.wait(run_id)["outcome"] == "succeeded"
        places.append(Path(one.log(run_id).strip()))
    folders = {place.parents[4] for place in places}
    assert len(folders) == 2
    assert {folder.parent for folder in folders} == {shared.folder / "home" / "agents"}
    assert shared.gpurun("agent", "status").stdout.count("at work, pid") == 2


def runs_beside_it(server: JupyterServer) -> None:
    """What needs no GPU does not wait."""
    assert server.wait(server.submit("1", gpu=0, on="both"))["outcome"] == "succeeded"


def span(run: dict[str, Any]) -> tuple[float, float]:
    return run["started_at"], run["finished_at"]
