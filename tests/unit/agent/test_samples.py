from __future__ import annotations

import asyncio
import threading

import psutil
import pytest

from gpurun_jupyter.agent.runner import in_thread, samples
from gpurun_jupyter.agent.runner.samples import Samples, resident_bytes
from gpurun_jupyter.core.devices import Device
from gpurun_jupyter.core.events import DeviceSample, Sample

GIB = 2**30


@pytest.fixture(autouse=True)
def quick(monkeypatch) -> None:
    monkeypatch.setattr(in_thread, "FIRST_S", 0.01)
    monkeypatch.setattr(samples, "EVERY_S", 0.01)


def taken(granted: list[Device], count: int = 3) -> tuple[list[Sample], Samples]:
    """What is written until so many samples have come."""
    written: list[Sample] = []

    async def run() -> Samples:
        sampling = Samples(granted, written.append)
        async with sampling.going_on():
            while len(written) < count:
                await asyncio.sleep(0.005)
        return sampling

    return written, asyncio.run(run())


def test_granted_gpus_and_no_others(monkeypatch) -> None:
    readings = iter([30 * GIB, 39 * GIB, *[2 * GIB] * 1000])

    class Gpus:
        def read(self) -> list[Device]:
            used = next(readings)
            figures = {"util": 87.0, "memory_used_bytes": used, "memory_total_bytes": 40 * GIB}
            return [Device(id=f"GPU-{n}", kind="gpu", index=n, **figures) for n in range(2)]

        def close(self) -> None: ...

    monkeypatch.setattr("gpurun_jupyter.agent.devices.nvml.Gpus", Gpus)
    written, sampling = taken([Device(id="GPU-1", kind="gpu", index=1)])
    assert written[0].devices == [DeviceSample(id="GPU-1", util=87.0, mem=30 * GIB, total=40 * GIB, label="gpu1")]
    assert sampling.peak == "gpu1 39.0 GB of 40.0 GB"


def test_without_gpus_nvml_is_left_alone(monkeypatch) -> None:
    monkeypatch.setattr("gpurun_jupyter.agent.devices.nvml.Gpus", None)
    written, sampling = taken([Device(id="cpu0", kind="cpu", index=0)])
    assert written[0].devices == []
    assert sampling.peak == ""


def test_a_driver_that_does_not_answer_keeps_nothing_waiting(monkeypatch) -> None:
    hanging = threading.Event()

    class Gpus:
        def read(self) -> list[Device]:
            hanging.wait(30)
            return []

        def close(self) -> None: ...

    monkeypatch.setattr("gpurun_jupyter.agent.devices.nvml.Gpus", Gpus)
    monkeypatch.setattr(samples, "_LAST_S", 0.05)
    written: list[Sample] = []

    async def run() -> None:
        async with Samples([Device(id="GPU-1", kind="gpu", index=1)], written.append).going_on():
            await asyncio.sleep(0.05)
        hanging.set()
        await asyncio.sleep(0.05)

    asyncio.run(run())
    assert written == [], "what comes after the end is dropped"


def test_a_short_run_has_none(monkeypatch) -> None:
    monkeypatch.setattr(in_thread, "FIRST_S", 10.0)
    written: list[Sample] = []

    async def run() -> None:
        async with Samples([], written.append).going_on():
            pass

    asyncio.run(run())
    assert written == []


def test_memory_of_all_processes_together() -> None:
    one = psutil.Process()
    assert resident_bytes([one, one]) == pytest.approx(2 * one.memory_info().rss, rel=0.1)
    assert resident_bytes([]) == 0
