"""Samples: what a run uses of its GPUs and of the machine's memory, every few seconds."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator

import psutil

from gpurun_jupyter.agent.runner.in_thread import InThread
from gpurun_jupyter.core.devices import Device
from gpurun_jupyter.core.events import DeviceSample, Event, Sample
from gpurun_jupyter.core.units import format_size

EVERY_S = 5.0
#: The end of a run waits this long for its last sample.
_LAST_S = 1.0

Family = Callable[[], Iterable[psutil.Process]]


def descendants() -> list[psutil.Process]:
    """Everything that this process has started, and what that has started."""
    with contextlib.suppress(psutil.Error):
        return list(psutil.Process().children(recursive=True))
    return []


class Samples:
    """Samples of one attempt, and the most memory that was seen in use on each of its GPUs."""

    def __init__(self, granted: Iterable[Device], write: Callable[[Event], None], family: Family = descendants) -> None:
        self._granted = {device.id: device for device in granted if device.kind != "cpu"}
        self._write = write
        self._family = family
        self._peaks: dict[str, tuple[int, int]] = {}  # device: bytes in use, of how many

    def going_on(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Sample while this lasts, and once more at its end if it lasted a second."""
        return InThread("samples", self._until, self._write, _LAST_S).going_on()

    @property
    def peak(self) -> str:
        """`gpu0 39.6 GB of 40.0 GB`, for each GPU; empty where nothing was seen."""
        named = sorted((self._granted[key].label, *peak) for key, peak in self._peaks.items())
        return ", ".join(f"{label} {format_size(used)} of {format_size(total)}" for label, used, total in named)

    def _until(self, ended: threading.Event) -> Iterator[Sample]:
        """One at once, then one every few seconds, and a last one."""
        with _gpus(bool(self._granted)) as read:
            over = False
            while True:
                yield self._taken(read())
                if over:
                    return
                over = ended.wait(EVERY_S)

    def _taken(self, devices: list[Device]) -> Sample:
        own = [device for device in devices if device.id in self._granted]
        for device in own:
            if device.memory_used_bytes is not None:
                used = max(device.memory_used_bytes, self._peaks.get(device.id, (0, 0))[0])
                self._peaks[device.id] = (used, device.memory_total_bytes or 0)
        return Sample(devices=[_sampled(device) for device in own], rss=resident_bytes(self._family()))


def _sampled(device: Device) -> DeviceSample:
    return DeviceSample(
        id=device.id,
        util=device.util,
        mem=device.memory_used_bytes,
        total=device.memory_total_bytes,
        label=device.label,
        name=device.name,
    )


def resident_bytes(processes: Iterable[psutil.Process]) -> int:
    """The memory of all these processes; what they share counts for each of them."""
    total = 0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            total += process.memory_info().rss
    return total


@contextlib.contextmanager
def _gpus(wanted: bool) -> Iterator[Callable[[], list[Device]]]:
    """How to read the GPUs; NVML is opened only where a run has some."""
    if not wanted:
        yield list
        return
    from gpurun_jupyter.agent.devices.nvml import Gpus

    gpus = Gpus()
    try:
        yield gpus.read
    finally:
        gpus.close()
