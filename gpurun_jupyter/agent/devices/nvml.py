"""GPUs and MIG slices as NVML sees them. The only module that speaks to NVML; no driver means no GPUs, not an error."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Container, Iterator
from typing import Any, Literal, TypeVar

import psutil
import pynvml  # noqa: TID251 - this is the module that may

from gpurun_jupyter.agent.processes.marked import ATTEMPT_VARIABLE
from gpurun_jupyter.core.devices import Device, DeviceProcess

T = TypeVar("T")

log = logging.getLogger("gpurun.agent")

#: A graphics process counts from this much memory on. Below it is a desktop or a browser, which every workstation has
#: and which leaves its GPU to be used; above it is a renderer or a game, which does not.
GRAPHICS_MEMORY_BYTES = 2**30

#: After these a figure is not missing: the card, or all of NVML, is out of reach.
_OUT_OF_REACH = (pynvml.NVML_ERROR_GPU_IS_LOST, pynvml.NVML_ERROR_RESET_REQUIRED, pynvml.NVML_ERROR_UNINITIALIZED)


class Gpus:
    """The machine's GPUs; NVML is opened at the first reading, stays open, and is opened anew after it broke."""

    def __init__(self) -> None:
        self._open = False
        self._trouble = ""
        self._offered: dict[int, int] = {}  # how many devices each card was when it was last seen

    def read(self) -> list[Device]:
        """Every GPU as it is now, and the slices of a card instead of the card where MIG divides it.

        Numbers follow NVML's order. A figure that NVML does not give is None; a card that is lost is left out, its
        numbers are kept for it.
        """
        try:
            self._ensure_open()
            cards = [_seen(index) for index in range(pynvml.nvmlDeviceGetCount())]
        except pynvml.NVMLError as error:
            self._let_go(str(error))
            return []
        if cards and all(card is None for card in cards):  # then NVML itself may be broken, and is opened anew
            self._let_go("no card can be reached")
        else:
            self._trouble = ""
        return list(self._numbered(cards))

    def pids(self, ids: Container[str]) -> set[int]:
        """The processes that hold one of these GPUs; none of a card that is out of reach."""
        found: set[int] = set()
        with contextlib.suppress(pynvml.NVMLError):
            self._ensure_open()
            for number in range(pynvml.nvmlDeviceGetCount()):
                with contextlib.suppress(pynvml.NVMLError):
                    found.update(_pids(pynvml.nvmlDeviceGetHandleByIndex(number), ids))
        return found

    def driver(self) -> str:
        """The version of the driver; empty where there is none."""
        try:
            self._ensure_open()
            return _text(pynvml.nvmlSystemGetDriverVersion())
        except pynvml.NVMLError:
            return ""

    def close(self) -> None:
        """Let NVML go; a later reading opens it again."""
        if self._open:
            self._open = False
            with contextlib.suppress(pynvml.NVMLError):
                pynvml.nvmlShutdown()

    def _ensure_open(self) -> None:
        if not self._open:
            pynvml.nvmlInit()
            self._open = True

    def _let_go(self, trouble: str) -> None:
        if trouble != self._trouble:  # said once, not at every heartbeat
            log.info("no GPUs: %s", trouble)
            self._trouble = trouble
        self.close()

    def _numbered(self, cards: list[list[Device] | None]) -> Iterator[Device]:
        first = 0
        for number, card in enumerate(cards):
            if card is not None:
                self._offered[number] = max(1, len(card))
            for device in card or ():
                device.index += first
                yield device
            first += self._offered.get(number, 1)


def _seen(number: int) -> list[Device] | None:
    """What a card offers, numbered from 0; None where it is out of reach."""
    try:
        return _read_card(pynvml.nvmlDeviceGetHandleByIndex(number))
    except pynvml.NVMLError:
        return None


def _read_card(handle: Any) -> list[Device]:
    card = _read_device(handle, "gpu")
    mode = _asked(pynvml.nvmlDeviceGetMigMode, handle)  # now and after the next reset; None where there is no MIG
    if mode is None or mode[0] != pynvml.NVML_DEVICE_MIG_ENABLE:
        return [card]
    places = range(_asked(pynvml.nvmlDeviceGetMaxMigDeviceCount, handle) or 0)
    slices = [found for place in places if (found := _asked(_read_slice, handle, place, card))]
    for index, found in enumerate(slices):
        found.index = index
    return slices


def _read_slice(card_handle: Any, place: int, card: Device) -> Device:
    handle = pynvml.nvmlDeviceGetMigDeviceHandleByIndex(card_handle, place)
    found = _read_device(handle, "mig")
    if found.temperature is None:
        found.temperature = card.temperature  # NVML gives no slice its own, but there is only one
    if "MIG" not in found.name:
        attributes = _asked(pynvml.nvmlDeviceGetAttributes_v2, handle)
        profile = f" {attributes.gpuInstanceSliceCount}g" if attributes else ""
        found.name = f"{card.name} MIG{profile}"
    return found


def _read_device(handle: Any, kind: Literal["gpu", "mig"]) -> Device:
    memory = _memory(handle)
    rates = _asked(pynvml.nvmlDeviceGetUtilizationRates, handle)
    power_mw = _asked(pynvml.nvmlDeviceGetPowerUsage, handle)
    return Device(
        id=_text(pynvml.nvmlDeviceGetUUID(handle)),
        kind=kind,
        index=0,
        name=_text(_asked(pynvml.nvmlDeviceGetName, handle) or ""),
        util=None if rates is None else float(rates.gpu),
        memory_used_bytes=None if memory is None else int(memory.used),
        memory_total_bytes=None if memory is None else int(memory.total),
        temperature=_asked(pynvml.nvmlDeviceGetTemperature, handle, pynvml.NVML_TEMPERATURE_GPU),
        power=None if power_mw is None else power_mw / 1000,
        processes=_processes(handle),
    )


def _memory(handle: Any) -> Any:
    """Used and total bytes: as nvidia-smi has them, else (drivers before 510) with the driver's own reserve as used."""
    ask = pynvml.nvmlDeviceGetMemoryInfo
    return _asked(ask, handle, pynvml.nvmlMemory_v2) or _asked(ask, handle)


def _processes(handle: Any) -> list[DeviceProcess]:
    """Those that hold the GPU; none where NVML may not tell, as in many containers."""
    compute = _running(handle, "Compute")
    known = {raw.pid for raw in compute}
    graphics = [raw for raw in _running(handle, "Graphics") if raw.pid not in known]  # many are of both kinds
    heavy = [raw for raw in graphics if (raw.usedGpuMemory or 0) >= GRAPHICS_MEMORY_BYTES]
    return [_process(raw) for raw in compute + heavy]


def _pids(card: Any, ids: Container[str]) -> Iterator[int]:
    """Those of a card, or of its slices, if it or they are asked for."""
    places = range(_asked(pynvml.nvmlDeviceGetMaxMigDeviceCount, card) or 0)
    slices = [_asked(pynvml.nvmlDeviceGetMigDeviceHandleByIndex, card, place) for place in places]
    for handle in [card, *slices]:
        if handle is not None and _text(pynvml.nvmlDeviceGetUUID(handle)) in ids:
            yield from (process.pid for process in _processes(handle))


def _running(handle: Any, kind: Literal["Compute", "Graphics"]) -> list[Any]:
    for version in ("v3", "v2"):  # drivers before 510 know only the second, which says the same
        ask = getattr(pynvml, f"nvmlDeviceGet{kind}RunningProcesses_{version}", None)  # an older pynvml has one of them
        if ask is not None and (found := _asked(ask, handle)) is not None:
            return list(found)
    return []


def _process(raw: Any) -> DeviceProcess:
    found = DeviceProcess(pid=raw.pid, memory_bytes=raw.usedGpuMemory)  # None where the driver does not tell
    with contextlib.suppress(psutil.Error, OSError):  # of another user or another container
        process = psutil.Process(raw.pid)
        found.user = process.username()
        found.ours = ATTEMPT_VARIABLE in process.environ()
    return found


def _asked(question: Callable[..., T], *args: Any) -> T | None:
    """The answer, or None where the card, its driver's age or a permission denies one.

    Raises NVMLError where the card is out of reach.
    """
    try:
        return question(*args)
    except pynvml.NVMLError as error:
        if error.value in _OUT_OF_REACH:
            raise
        return None


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
