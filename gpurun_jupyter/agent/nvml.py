"""GPUs as NVML sees them. The only module that speaks to NVML; no driver means no GPUs, not an error."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, TypeVar

import psutil
import pynvml  # noqa: TID251 - this is the module that may

from gpurun_jupyter.agent.processes import ATTEMPT_VARIABLE
from gpurun_jupyter.core.devices import Device, DeviceProcess

T = TypeVar("T")


class Gpus:
    """The machine's GPUs; NVML is opened at the first reading and stays open."""

    def __init__(self) -> None:
        self._open = False

    def read(self) -> list[Device]:
        """Every GPU as it is now; a figure that the card does not give is None, a card that fell out is left out."""
        try:
            if not self._open:
                pynvml.nvmlInit()
                self._open = True
            count = pynvml.nvmlDeviceGetCount()
        except pynvml.NVMLError:
            return []
        found = (_asked(_read_gpu, index) for index in range(count))
        return [device for device in found if device is not None]

    def close(self) -> None:
        """Let NVML go."""
        if self._open:
            pynvml.nvmlShutdown()
            self._open = False


def _asked(question: Callable[..., T], *args: Any) -> T | None:
    """The answer, or None where the card, its driver or its age does not give one."""
    try:
        return question(*args)
    except pynvml.NVMLError:
        return None


def _read_gpu(index: int) -> Device:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    memory = _asked(pynvml.nvmlDeviceGetMemoryInfo, handle)
    rates = _asked(pynvml.nvmlDeviceGetUtilizationRates, handle)
    power_mw = _asked(pynvml.nvmlDeviceGetPowerUsage, handle)
    return Device(
        id=_text(pynvml.nvmlDeviceGetUUID(handle)),
        kind="gpu",
        index=index,
        name=_text(_asked(pynvml.nvmlDeviceGetName, handle) or ""),
        util=None if rates is None else float(rates.gpu),
        memory_used_bytes=None if memory is None else int(memory.used),
        memory_total_bytes=None if memory is None else int(memory.total),
        temperature=_asked(pynvml.nvmlDeviceGetTemperature, handle, pynvml.NVML_TEMPERATURE_GPU),
        power=None if power_mw is None else power_mw / 1000,
        processes=[_process(raw) for raw in _asked(pynvml.nvmlDeviceGetComputeRunningProcesses, handle) or []],
    )


def _process(raw: Any) -> DeviceProcess:
    found = DeviceProcess(pid=raw.pid, memory_bytes=raw.usedGpuMemory)
    with contextlib.suppress(psutil.Error, OSError):  # of another user or another container
        process = psutil.Process(raw.pid)
        found.user = process.username()
        found.ours = ATTEMPT_VARIABLE in process.environ()
    return found


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
