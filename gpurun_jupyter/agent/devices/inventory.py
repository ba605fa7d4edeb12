"""The devices that an agent offers: its GPUs, and CPU slots so that everything works without one."""

from __future__ import annotations

import asyncio
import platform
import time
from collections.abc import Iterable, Sequence

import psutil

from gpurun_jupyter.agent.devices.nvml import Gpus
from gpurun_jupyter.agent.devices.turns import Turns
from gpurun_jupyter.agent.processes.descendants import living
from gpurun_jupyter.core.devices import Device
from gpurun_jupyter.core.home import Home

#: A driver has this long to free the memory of a process that has ended, seconds.
_FREED_S = 5.0
_LOOK_S = 0.05


class Devices:
    """This machine's devices, read anew at each heartbeat."""

    def __init__(self, cpu_slots: int, home: Home) -> None:
        self._gpus = Gpus()
        self._turns = Turns(home)
        self._cpu_slots = cpu_slots
        self._cpu_name = platform.processor() or platform.machine()
        psutil.cpu_percent()  # the first reading has nothing to compare with

    def read(self, *, wanting: bool = False) -> list[Device]:
        """GPUs first, then CPU slots; a slot shows the load and the memory of the whole machine.

        `wanting`: runs are waiting, so a GPU that others hold is to be ours next.
        """
        gpus = self._gpus.read()
        self._turns.look(gpus, wanting=wanting)
        return gpus + self._read_cpu_slots()

    def ended_on(self, granted: Iterable[Device]) -> set[int]:
        """What the driver still names on these GPUs though no such process lives here: its memory is not free yet.

        In a container these may be processes outside of it, which have not ended at all.
        """
        gpus = {device.id for device in granted if device.kind != "cpu"}
        return {pid for pid in self._gpus.pids(gpus) if living(pid) is None} if gpus else set()

    async def freed(self, granted: Sequence[Device], before: set[int]) -> None:
        """Wait, not for ever, until the driver names none any more that has ended since it was asked `before`."""
        ended, give_up = self.ended_on(granted) - before, time.monotonic() + _FREED_S
        while ended and time.monotonic() < give_up:
            await asyncio.sleep(_LOOK_S)
            ended &= self.ended_on(granted)  # what ends from now on is not of this attempt

    def driver(self) -> str:
        """The version of the GPUs' driver; empty without one."""
        return self._gpus.driver()

    def close(self) -> None:
        """Let the hardware go."""
        self._turns.close()
        self._gpus.close()

    def _read_cpu_slots(self) -> list[Device]:
        util, memory = psutil.cpu_percent(), psutil.virtual_memory()
        return [
            Device(
                id=f"cpu{index}",
                kind="cpu",
                index=index,
                name=self._cpu_name,
                util=util,
                memory_used_bytes=memory.total - memory.available,
                memory_total_bytes=memory.total,
            )
            for index in range(self._cpu_slots)
        ]
