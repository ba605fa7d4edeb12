"""Samples: what a run uses of its GPUs and of the machine's memory, every few seconds, in a thread of its own.

In a thread, because a driver in trouble may keep whoever asks it waiting for ever; the run's output must not wait too.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator

import psutil

from gpurun_jupyter.core.devices import Device
from gpurun_jupyter.core.events import DeviceSample, Sample
from gpurun_jupyter.core.units import format_size

FIRST_S = 1.0
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

    def __init__(
        self, granted: Iterable[Device], write: Callable[[Sample], None], family: Family = descendants
    ) -> None:
        self._granted = {device.id: device for device in granted if device.kind != "cpu"}
        self._write = write
        self._family = family
        self._peaks: dict[str, tuple[int, int]] = {}  # device: bytes in use, of how many
        self._over = False

    @contextlib.asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Sample while this lasts, and once more at its end if it lasted a second."""
        sampler = _Sampler(self._pass_on, self._until, self._fail)
        beginning = asyncio.get_running_loop().call_later(FIRST_S, sampler.begin)
        try:
            yield
        finally:
            beginning.cancel()
            await sampler.end()
            self._over = True  # a reading that takes longer is nobody's

    @property
    def peak(self) -> str:
        """`gpu0 39.6 GB of 40.0 GB`, for each GPU; empty where nothing was seen."""
        named = sorted((self._granted[key].label, *peak) for key, peak in self._peaks.items())
        return ", ".join(f"{label} {format_size(used)} of {format_size(total)}" for label, used, total in named)

    def _pass_on(self, sample: Sample) -> None:
        if not self._over:
            self._write(sample)

    def _fail(self, error: Exception) -> None:
        """Raise it where faults are heard of, unless it came too late to matter."""
        if not self._over:
            raise error

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


class _Sampler:
    """The thread. A run that ends within the first second has none: starting one may cost it a millisecond."""

    def __init__(
        self,
        pass_on: Callable[[Sample], None],
        until: Callable[[threading.Event], Iterator[Sample]],
        fail: Callable[[Exception], None],
    ) -> None:
        self._pass_on, self._until, self._fail = pass_on, until, fail
        self._ended, self._through = threading.Event(), asyncio.Event()
        self._begun = False

    def begin(self) -> None:
        """Take the first sample."""
        self._begun = True
        # a daemon: a driver that does not answer must not keep the runner from leaving
        threading.Thread(target=self._go_on, args=[asyncio.get_running_loop()], daemon=True, name="samples").start()

    async def end(self) -> None:
        """Take the last one, and wait for it a little."""
        self._ended.set()
        if self._begun:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._through.wait(), _LAST_S)

    def _go_on(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            for sample in self._until(self._ended):
                loop.call_soon_threadsafe(self._pass_on, sample)  # only the loop's own thread writes the log
        except Exception as error:  # noqa: BLE001 - raised again where somebody hears of it
            self._call(loop, self._fail, error)
        self._call(loop, self._through.set)

    @staticmethod
    def _call(loop: asyncio.AbstractEventLoop, what: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: a reading took too long
            loop.call_soon_threadsafe(what, *arguments)


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
