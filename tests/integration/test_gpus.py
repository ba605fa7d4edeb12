"""GPUs end to end: a real server whose agent's NVML, the real pynvml over a fake driver, is a text file."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from nvml.machine import GIB, Card, Machine, Process
from servers import JupyterServer, end_session, wait_until

FOLLOWS_S = 4.0  # from what a card does to the device list
Devices = dict[str, dict[str, Any]]
SHOW = "import os; print(os.environ['CUDA_VISIBLE_DEVICES'])"


class Lab:
    """A server on a machine of two GPUs, and how a test sees it."""

    def __init__(self, folder: Path, library: Path) -> None:
        self.machine = Machine(folder / "gpus.txt", library)
        self.server = JupyterServer(folder)
        self.server.env |= self.machine.env

    def devices(self) -> Devices:
        """GPUs and slices by their label."""
        (agent,) = self.server.http.get("devices").json()["agents"]
        named = {f"gpu{device['index']}": device for device in agent["devices"] if device["kind"] != "cpu"}
        assert len(named) == sum(device["kind"] != "cpu" for device in agent["devices"])
        return named

    def seen(self, condition: Callable[[Devices], bool], within_s: float = 15.0) -> Devices:
        """The devices once they are as they should be."""
        wait_until(lambda: condition(self.devices()), within_s, "for the devices to be seen")
        return self.devices()

    def result(self, run_id: str) -> str:
        """What a run that succeeded has printed."""
        run = self.server.wait(run_id)
        assert run["outcome"] == "succeeded", self.server.log(run_id)
        return self.server.log(run_id).strip()

    def busy(self, until: Path, **fields: Any) -> tuple[str, int]:
        """Start a run that stays until a file is there; returns its id and the pid of its kernel."""
        stay = f"while not os.path.exists({str(until)!r}): time.sleep(0.05)"
        code = f"import os, time; print(os.getpid(), flush=True)\n{stay}\n{SHOW}"
        run_id = self.server.submit(code, **fields)
        return run_id, int(wait_until(lambda: self.server.log(run_id).strip(), 30, "for the run's pid"))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, nvml_library: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("gpus"), nvml_library)
    lab.server.start()
    yield lab
    lab.server.close()


@pytest.fixture
def lab(shared: Lab) -> Iterator[Lab]:
    """The shared server; its cards are as they were at first again when the test is over."""
    first = [card.uuid for card in shared.machine.cards]
    yield shared
    shared.machine.cards = [Card(uuid) for uuid in first]
    shared.machine.write()
    shared.seen(lambda devices: [device["id"] for device in devices.values()] == first)


@pytest.fixture
def stranger() -> Iterator[psutil.Process]:
    """A process that no run started, of another user where this one may make such."""
    user = {"user": "nobody"} if os.getuid() == 0 else {}
    with subprocess.Popen(["sleep", "300"], **user) as process:  # type: ignore[call-overload]
        yield psutil.Process(process.pid)
        process.kill()


def test_load_and_memory_follow_the_card(lab: Lab) -> None:
    card = lab.machine.cards[1]
    for card.util, card.used in ((87, 11 * GIB), (3, GIB)):
        lab.machine.write()
        devices = lab.seen(lambda devices: devices["gpu1"]["util"] == card.util, FOLLOWS_S)
        assert devices["gpu1"]["memory_used_bytes"] == card.used
    assert lab.devices()["gpu1"] == {
        "id": card.uuid,
        "kind": "gpu",
        "index": 1,
        "name": "Pretend 80GB",
        "util": 3.0,
        "memory_used_bytes": GIB,
        "memory_total_bytes": 80 * GIB,
        "temperature": 40.0,
        "power": 60.0,
    }


def test_one_gpu_unless_told_otherwise(lab: Lab) -> None:
    by_default, on_cpu, both = lab.server.submit(SHOW), lab.server.submit(SHOW, gpu=0), lab.server.submit(SHOW, gpu=2)
    uuids = [card.uuid for card in lab.machine.cards]
    assert lab.result(by_default) in uuids
    assert lab.result(on_cpu) == ""
    assert lab.result(both) == ",".join(uuids)
    devices = {run_id: lab.server.run(run_id)["devices"] for run_id in (by_default, on_cpu, both)}
    assert devices[by_default] in (["gpu0"], ["gpu1"])
    assert devices[on_cpu] in (["cpu0"], ["cpu1"])
    assert devices[both] == ["gpu0", "gpu1"]


def test_two_runs_never_share_a_gpu_and_the_third_says_who_holds_them(lab: Lab, tmp_path: Path) -> None:
    release = tmp_path / "release"
    pids = dict(lab.busy(release, gpu=1, name=name) for name in ("bert", "resnet"))
    third = lab.server.submit(SHOW, gpu=1, name="late")
    held = [lab.server.run(run_id)["devices"] for run_id in pids]
    assert sorted(held) == [["gpu0"], ["gpu1"]]

    for (label,), pid in zip(held, pids.values(), strict=True):
        lab.machine.cards[int(label[-1])].processes = [Process(pid)]
    lab.machine.write()
    devices = lab.seen(lambda devices: all(device.get("processes") for device in devices.values()))
    assert [device["processes"][0]["ours"] for device in devices.values()] == [True, True]
    assert [devices[label]["run_name"] for (label,) in held] == ["bert", "resnet"]
    waiting = lab.server.run(third)["waiting"]
    assert waiting["position"] == 1
    assert waiting["why"] == "waits for 1 GPU: " + "gpu0 is held by «{}», gpu1 by «{}»".format(
        *(devices[label]["run_name"] for label in ("gpu0", "gpu1"))
    )

    for card in lab.machine.cards:
        card.processes = []
    lab.machine.write()
    release.touch()
    printed = [lab.result(run_id).splitlines()[-1] for run_id in pids]
    assert printed == [devices[label]["id"] for (label,) in held]
    assert lab.result(third) in printed


def test_a_gpu_with_a_foreign_process_is_not_used(lab: Lab, tmp_path: Path, stranger: psutil.Process) -> None:
    release = tmp_path / "release"
    lab.machine.cards[0].processes = [Process(stranger.pid, memory=3 * GIB)]
    lab.machine.write()
    lab.seen(lambda devices: bool(devices["gpu0"].get("processes")))
    held, _ = lab.busy(release, name="bert")
    assert lab.server.run(held)["devices"] == ["gpu1"]
    queued = lab.server.submit(SHOW)
    why = lab.server.run(queued)["waiting"]["why"]
    assert f"gpu0 is held by pid {stranger.pid} ({stranger.username()}" in why
    assert "gpu1 by «bert»" in why

    lab.machine.cards[0].processes = [Process(stranger.pid, memory=GIB // 4, kind="graphics")]
    lab.machine.write()
    assert lab.result(queued) == lab.machine.cards[0].uuid, "a desktop holds no GPU"
    release.touch()
    lab.server.wait(held)


def test_an_unplugged_card_is_not_offered(lab: Lab) -> None:
    first, second = lab.machine.cards
    first.lost = True
    lab.machine.write()
    assert list(lab.seen(lambda devices: len(devices) == 1)) == ["gpu1"]
    refused = lab.server.http.post("runs", json={"code": SHOW, "gpu": 2})
    assert refused.json()["error"]["code"] == "no_such_devices"
    assert "has 1 GPU" in refused.json()["error"]["message"]
    assert lab.result(lab.server.submit(SHOW)) == second.uuid


def test_a_mig_slice_is_a_device(lab: Lab) -> None:
    first, second = lab.machine.cards
    second.lost, first.mig = True, True
    first.slices = [Card("MIG-5f3a", "Pretend 80GB MIG 3g.40gb", util=None, total=40 * GIB)]
    lab.machine.write()
    devices = lab.seen(lambda devices: [device["id"] for device in devices.values()] == ["MIG-5f3a"])
    assert (devices["gpu0"]["kind"], devices["gpu0"]["memory_total_bytes"]) == ("mig", 40 * GIB)
    run_id = lab.server.submit(SHOW)
    assert lab.result(run_id) == "MIG-5f3a"
    assert lab.server.run(run_id)["devices"] == ["gpu0"]


def test_gpus_outlive_a_reload_of_their_driver(lab: Lab) -> None:
    lab.machine.unload_driver()
    lab.seen(lambda devices: devices == {})
    lab.machine.reload_driver()
    lab.seen(lambda devices: list(devices) == ["gpu0", "gpu1"])


def test_a_gpu_is_free_when_the_driver_has_freed_what_the_run_had(lab: Lab, tmp_path: Path) -> None:
    """A process that has ended is named for as long as its memory is in use."""
    run_id, pid = lab.busy(tmp_path / "go", gpu=1)
    held = next(device for device in lab.devices().values() if device.get("run_id") == run_id)["id"]
    card = next(card for card in lab.machine.cards if card.uuid == held)
    card.processes = [Process(pid)]
    lab.machine.write()
    (tmp_path / "go").touch()
    wait_until(lambda: not psutil.pid_exists(pid), what="for the run's kernel to end")
    attempt = lab.server.home / "runs" / run_id / "attempts" / "1"
    wait_until((attempt / "exit.json").exists, what="for the run to be over")
    time.sleep(1.0)  # in which nothing may happen
    assert lab.server.run(run_id)["state"] != "finished"
    card.processes = []
    lab.machine.write()
    assert lab.server.wait(run_id, timeout_s=4)["outcome"] == "succeeded"


def test_a_driver_that_does_not_free_a_gpu_is_not_waited_for_for_ever(lab: Lab, tmp_path: Path) -> None:
    run_id, pid = lab.busy(tmp_path / "go", gpu=2)
    for card in lab.machine.cards:
        card.processes = [Process(pid)]
    lab.machine.write()
    (tmp_path / "go").touch()
    assert lab.server.wait(run_id, timeout_s=30)["outcome"] == "succeeded"


def test_processes_outside_of_a_container_do_not_keep_a_session_waiting(lab: Lab) -> None:
    """Their pids are nobody's in here, as are those of processes that have ended."""
    first = lab.server.wait(lab.server.submit("1", gpu=1, session="contained"))
    card = lab.machine.cards[int(first["devices"][0].removeprefix("gpu"))]
    card.processes = [Process(2**22 - 1)]
    lab.machine.write()
    begun = time.monotonic()
    lab.server.wait(lab.server.submit("2", session="contained"))
    assert time.monotonic() - begun < 4
    end_session(lab.server, "contained")
