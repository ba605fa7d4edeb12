"""NVML for real: the fake library is loaded by the unmodified pynvml, in processes of their own."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import psutil
import pytest
from nvml.machine import GIB, Card, Machine, Process, build_library

from gpurun_jupyter.agent.devices.nvml import GRAPHICS_MEMORY_BYTES, Gpus
from gpurun_jupyter.core.devices import Device


def has_nvml() -> bool:
    try:
        ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return False
    return True


READ_ON_DEMAND = """
import sys, msgspec
from gpurun_jupyter.agent.devices.nvml import Gpus
gpus = Gpus()
for line in sys.stdin:
    print(msgspec.json.encode(gpus.read()).decode(), flush=True)
"""


class Reader:
    """A process that reads its GPUs when it is asked to, as an agent does; NVML stays open between."""

    def __init__(self, env: dict[str, str]) -> None:
        command = [sys.executable, "-c", READ_ON_DEMAND]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, env=os.environ | env, stdin=pipe, stdout=pipe, text=True)

    def read(self) -> list[Device]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return msgspec.json.decode(self._process.stdout.readline(), type=list[Device])

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture
def reading() -> Iterator[Callable[[Machine], Reader]]:
    made: list[Reader] = []

    def make(machine: Machine) -> Reader:
        made.append(Reader(machine.env))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def sleeper() -> Iterator[Callable[..., int]]:
    """Starts processes that do nothing, for GPUs to be used by."""
    started: list[subprocess.Popen[bytes]] = []

    def start(**options: object) -> int:
        started.append(subprocess.Popen(["sleep", "300"], **options))  # type: ignore[call-overload]
        return int(started[-1].pid)

    yield start
    for one in started:
        one.kill()
        one.wait()


def labels(devices: list[Device]) -> dict[str, str]:
    return {device.label: device.id for device in devices}


def test_every_figure_of_a_card(machine: Machine, reading: Callable[[Machine], Reader]) -> None:
    first = machine.cards[0]
    first.util, first.used, first.temperature, first.power = 87, 11 * GIB, 61, 287_500
    machine.write()
    devices = reading(machine).read()
    assert devices[0] == Device(
        id=first.uuid,
        kind="gpu",
        index=0,
        name="Pretend 80GB",
        util=87.0,
        memory_used_bytes=11 * GIB,
        memory_total_bytes=80 * GIB,
        temperature=61.0,
        power=287.5,
    )
    assert labels(devices) == {"gpu0": first.uuid, "gpu1": machine.cards[1].uuid}


def test_a_reading_follows_the_card(machine: Machine, reading: Callable[[Machine], Reader]) -> None:
    reader = reading(machine)
    assert [device.util for device in reader.read()] == [0, 0]
    machine.cards[1].util, machine.cards[1].used = 99, 3 * GIB
    machine.write()
    assert [(device.util, device.memory_used_bytes) for device in reader.read()] == [(0, 0), (99, 3 * GIB)]


def test_what_a_card_does_not_tell_is_none(machine: Machine, reading: Callable[[Machine], Reader]) -> None:
    machine.cards = [Card("GPU-old", util=None, total=None, temperature=None, power=None)]
    machine.write()
    assert reading(machine).read() == [Device(id="GPU-old", kind="gpu", index=0, name="Pretend 80GB")]


def test_no_driver_is_no_gpus_until_it_is_loaded(machine: Machine, reading: Callable[[Machine], Reader]) -> None:
    machine.unload_driver()
    reader = reading(machine)
    assert reader.read() == []
    machine.write()
    assert len(reader.read()) == 2


@pytest.mark.skipif(has_nvml(), reason="there is an NVIDIA driver here")
def test_no_library_is_no_gpus() -> None:
    assert Gpus().read() == []


def test_a_lost_card_is_left_out_and_comes_back(machine: Machine, reading: Callable[[Machine], Reader]) -> None:
    reader = reading(machine)
    before = labels(reader.read())
    machine.cards[0].lost = True
    machine.write()
    assert labels(reader.read()) == {"gpu1": before["gpu1"]}
    machine.cards[0].lost = False
    machine.write()
    assert labels(reader.read()) == before


def test_a_card_that_is_lost_from_the_start_keeps_its_number(
    machine: Machine, reading: Callable[[Machine], Reader]
) -> None:
    machine.cards[0].lost = True
    machine.write()
    assert list(labels(reading(machine).read())) == ["gpu1"]


@pytest.mark.parametrize("away", ["reloaded", "unloaded", "all lost"])
def test_nvml_is_opened_again_after_it_broke(machine: Machine, reading: Callable[[Machine], Reader], away: str) -> None:
    reader = reading(machine)
    before = reader.read()
    if away == "unloaded":
        machine.unload_driver()
    elif away == "reloaded":
        machine.reload_driver()
    else:
        for card in machine.cards:
            card.lost = True
        machine.write()
    assert reader.read() == []
    for card in machine.cards:
        card.lost = False
    machine.reload_driver()
    assert reader.read() == before


def test_mig_slices_stand_in_for_their_card(machine: Machine, reading: Callable[[Machine], Reader]) -> None:
    divided, whole = machine.cards
    divided.mig, whole.mig, divided.temperature = True, False, 55
    profile = "Pretend 80GB MIG 3g.40gb"
    divided.slices = [
        Card("MIG-a", profile, util=None, used=GIB, total=40 * GIB, temperature=None, power=None),
        None,  # where a slice was destroyed
        Card("MIG-b", util=None, total=10 * GIB, temperature=None, power=None, compute_slices=1),
    ]
    divided.slices[2].processes = [Process(os.getpid(), memory=None)]  # type: ignore[union-attr]
    machine.write()
    reader = reading(machine)
    a, b, last = reader.read()
    assert [(device.label, device.id, device.kind) for device in (a, b, last)] == [
        ("gpu0", "MIG-a", "mig"),
        ("gpu1", "MIG-b", "mig"),
        ("gpu2", whole.uuid, "gpu"),
    ]
    assert (a.name, b.name) == (profile, "Pretend 80GB MIG 1g")
    assert (a.memory_used_bytes, a.memory_total_bytes, a.util, a.power, a.temperature) == (
        GIB,
        40 * GIB,
        None,
        None,
        55.0,
    )
    assert [process.pid for process in b.processes] == [os.getpid()]
    assert a.processes == []

    divided.lost = True
    machine.write()
    assert labels(reader.read()) == {"gpu2": whole.uuid}

    divided.lost, divided.slices = False, []
    machine.write()
    assert labels(reader.read()) == {"gpu1": whole.uuid}, "a divided card without slices offers nothing"

    divided.mig = False
    machine.write()
    assert labels(reader.read()) == {"gpu0": divided.uuid, "gpu1": whole.uuid}


def test_processes_with_their_user_and_memory(
    machine: Machine, reading: Callable[[Machine], Reader], sleeper: Callable[..., int]
) -> None:
    foreign, ours = sleeper(), sleeper(env={"GPURUN_ATTEMPT": "abc/1"})
    machine.cards[0].processes = [Process(foreign, memory=None), Process(ours, memory=5 * GIB)]
    machine.write()
    first, second = reading(machine).read()[0].processes
    me = psutil.Process().username()
    assert (first.pid, first.user, first.memory_bytes, first.ours) == (foreign, me, None, False)
    assert (second.pid, second.user, second.memory_bytes, second.ours) == (ours, me, 5 * GIB, True)


@pytest.mark.skipif(os.getuid() != 0, reason="only root starts processes of others")
def test_a_process_of_another_user(
    machine: Machine, reading: Callable[[Machine], Reader], sleeper: Callable[..., int]
) -> None:
    machine.cards[0].processes = [Process(sleeper(user="nobody"))]
    machine.write()
    (process,) = reading(machine).read()[0].processes
    assert (process.user, process.ours) == ("nobody", False)


def test_a_process_of_another_container_is_foreign(
    machine: Machine, reading: Callable[[Machine], Reader], sleeper: Callable[..., int]
) -> None:
    beyond = 2**22 + 1  # Linux gives no such pid
    machine.cards[0].processes = [Process(beyond)]
    machine.write()
    (process,) = reading(machine).read()[0].processes
    assert (process.pid, process.user, process.ours) == (beyond, "", False)


def test_a_desktop_does_not_hold_a_gpu_but_a_renderer_does(
    machine: Machine, reading: Callable[[Machine], Reader]
) -> None:
    machine.cards[0].processes = [
        Process(11, memory=GRAPHICS_MEMORY_BYTES - 1, kind="graphics"),
        Process(12, memory=None, kind="graphics"),
        Process(13, memory=GRAPHICS_MEMORY_BYTES, kind="graphics"),
        Process(14, memory=2 * GIB),
        Process(14, memory=2 * GIB, kind="graphics"),  # many are both
    ]
    machine.write()
    assert [process.pid for process in reading(machine).read()[0].processes] == [14, 13]


def test_an_old_driver_tells_the_same(tmp_path: Path, reading: Callable[[Machine], Reader]) -> None:
    machine = Machine(tmp_path / "gpus.txt", build_library(tmp_path, "-DOLD_DRIVER"), cards=1)
    machine.cards[0].processes = [Process(os.getpid())]
    machine.write()
    (device,) = reading(machine).read()
    assert [process.pid for process in device.processes] == [os.getpid()]
    assert device.memory_used_bytes == 80 * GIB // 100  # with the driver's own reserve


def test_the_fake_answers_as_a_driver_does(machine: Machine) -> None:
    machine.cards[0].mig, machine.cards[0].slices = True, [Card("MIG-a", compute_slices=3)]
    machine.write()
    code = """
import json
from pynvml import *
def error(ask, *args):
    try: ask(*args)
    except NVMLError as found: return type(found).__name__
answers = [error(nvmlDeviceGetCount)]
nvmlInit()
card = nvmlDeviceGetHandleByIndex(0)
part = nvmlDeviceGetMigDeviceHandleByIndex(card, 0)
parent = nvmlDeviceGetDeviceHandleFromMigDeviceHandle(part)
answers += [nvmlDeviceGetUUID(parent), nvmlDeviceGetUUID(part), nvmlDeviceIsMigDeviceHandle(part).value,
            nvmlDeviceGetGpuInstanceId(part), nvmlDeviceGetComputeInstanceId(part)]
answers += [error(nvmlDeviceGetHandleByIndex, 9), error(nvmlDeviceGetMigDeviceHandleByIndex, card, 1),
            error(nvmlDeviceGetFanSpeed, card), error(nvmlDeviceGetUtilizationRates, None)]
print(json.dumps(answers))
"""
    found = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | machine.env, capture_output=True, text=True, check=True
    )
    assert json.loads(found.stdout) == [
        "NVMLError_Uninitialized",
        machine.cards[0].uuid,
        "MIG-a",
        1,
        1,
        0,
        "NVMLError_InvalidArgument",
        "NVMLError_NotFound",
        "NVMLError_FunctionNotFound",
        "NVMLError_InvalidArgument",
    ]


@pytest.mark.gpu
@pytest.mark.skipif(not has_nvml(), reason="no NVIDIA driver here")
def test_a_real_card() -> None:
    gpus = Gpus()
    devices = gpus.read()
    assert devices, "NVML is here, but shows no GPU"
    for device in devices:
        assert device.id.startswith("MIG-" if device.kind == "mig" else "GPU-")
        assert device.name
        assert device.util is None or 0 <= device.util <= 100
        assert device.temperature is None or 0 < device.temperature < 120
        assert device.power is None or 0 < device.power < 3000
        if device.memory_total_bytes is not None:
            assert 0 <= (device.memory_used_bytes or 0) <= device.memory_total_bytes
            assert device.memory_total_bytes > GIB // 2
    assert len({device.label for device in devices}) == len(devices)
    assert [device.id for device in gpus.read()] == [device.id for device in devices]
    gpus.close()
    assert [device.label for device in gpus.read()] == [device.label for device in devices]
    gpus.close()


@pytest.mark.gpu
@pytest.mark.skipif(not has_nvml() or shutil.which("nvidia-smi") is None, reason="no NVIDIA driver here")
def test_a_real_card_is_what_nvidia_smi_says() -> None:
    asked = ["nvidia-smi", "--query-gpu=uuid,name,memory.total", "--format=csv,noheader,nounits"]
    lines = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()
    cards = [tuple(field.strip() for field in line.split(",")) for line in lines]
    whole = [device for device in Gpus().read() if device.kind == "gpu"]
    mib = 2**20
    seen = {(device.id, device.name, str((device.memory_total_bytes or 0) // mib)) for device in whole}
    assert seen <= set(cards)
