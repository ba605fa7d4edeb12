"""Writing down in which environment an attempt runs, beside its start and never in its way.

The packages of an interpreter are listed once, by the interpreter itself, and again when something was installed: then
one of its folders has changed. Attempts name the list by its sha256.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from gpurun_jupyter.agent.background_tasks import in_background
from gpurun_jupyter.core.environments import Interpreter, Recorded, RecordedDevice
from gpurun_jupyter.core.grants import Grant
from gpurun_jupyter.core.home import AttemptFolder, Home, write_json, write_whole

log = logging.getLogger("gpurun.agent")

#: So long after a run was started its interpreter is asked, so as not to slow the start down. Seconds.
PAUSE_S = 0.5
_LONGEST_S = 60.0

#: Runs in the interpreter that is asked; any Python 3.8.
_LIST = """
import importlib.metadata, json, os, platform, sys
packages = {}
for found in importlib.metadata.distributions():
    name = found.metadata["Name"]
    if name:
        packages.setdefault(name, found.version)
folders = {path: os.stat(path).st_mtime_ns for path in sys.path if path.endswith("-packages") and os.path.isdir(path)}
print(json.dumps([platform.python_version(), packages, folders]))
"""

#: Runs in a process of its own: this one shall not keep Jupyter's libraries in memory.
_PYTHON_OF = """
import contextlib, sys
from gpurun_jupyter.agent.kernels.kernelspecs import python_of
from gpurun_jupyter.core.errors import GpurunError
with contextlib.suppress(GpurunError):
    print(python_of(sys.argv[1]))
"""


@dataclass
class _Known:
    digest: str
    folders: dict[str, int]

    def holds(self) -> bool:
        """Whether nothing was installed since."""
        with contextlib.suppress(OSError):
            return all(os.stat(path).st_mtime_ns == then for path, then in self.folders.items())  # noqa: PTH116
        return False


class Recorder:
    """Writes `environment.json` into attempts' folders. Lives in an event loop; `driver` says the GPUs' driver."""

    def __init__(self, home: Home, host: str, driver: Callable[[], str]) -> None:
        self._home = home
        self._host = host
        self._driver = driver
        self._platform = platform.platform()
        self._known: dict[str, _Known] = {}
        self._pythons: dict[str, str | None] = {}
        self._asking: dict[str, asyncio.Task[_Known | None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def record(self, folder: AttemptFolder, grant: Grant) -> asyncio.Task[None]:
        """Write it at once where the interpreter is known, else a moment later, when it has answered."""
        task = in_background(self._look_and_write(folder, grant))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def close(self) -> None:
        """Ask no more."""
        for task in (*self._tasks, *self._asking.values()):
            task.cancel()

    async def _python_for(self, grant: Grant) -> str | None:
        """The run's interpreter; None where it is not Python."""
        kernel = grant.spec.kernel
        if kernel is None:
            return sys.executable
        if kernel not in self._pythons:
            try:
                found = await _printed(sys.executable, _PYTHON_OF, kernel)
            except (OSError, asyncio.TimeoutError) as error:
                log.warning("kernel %s: which Python it has could not be found: %r", kernel, error)
                return None  # not remembered: the next run asks again
            self._pythons[kernel] = found.decode().strip() or None
        return self._pythons[kernel]

    def _write(self, folder: AttemptFolder, grant: Grant, known: _Known | None) -> None:
        gpus = [device for device in grant.devices if device.kind != "cpu"]
        devices = [
            RecordedDevice(device.id, device.label, device.name, device.memory_total_bytes) for device in grant.devices
        ]
        recorded = Recorded(
            interpreter=None if known is None else known.digest,
            platform=self._platform,
            host=self._host,
            driver=self._driver() if gpus else "",
            devices=devices,
        )
        with contextlib.suppress(OSError):  # the run was deleted, or the disk is full: the run itself goes on
            write_json(folder.environment, recorded)

    async def _look_and_write(self, folder: AttemptFolder, grant: Grant) -> None:
        if not self._is_known(grant):
            await asyncio.sleep(PAUSE_S)
        python = await self._python_for(grant)
        self._write(folder, grant, None if python is None else await self._look(python))

    def _is_known(self, grant: Grant) -> bool:
        """Whether nobody has to be asked."""
        kernel = grant.spec.kernel
        python = sys.executable if kernel is None else self._pythons.get(kernel)
        return python is not None and (known := self._known.get(python)) is not None and known.holds()

    async def _look(self, python: str) -> _Known | None:
        """What is known of an interpreter; of several that want to know it at once, one asks."""
        known = self._known.get(python)
        if known is not None and known.holds():
            return known
        if python not in self._asking:
            self._asking[python] = asyncio.create_task(self._ask(python))
        try:
            # others wait for it, too: one who is cancelled ends it for none
            return await asyncio.shield(self._asking[python])
        finally:
            self._asking.pop(python, None)

    async def _ask(self, python: str) -> _Known | None:
        """What the interpreter says of itself; None where it does not answer."""
        try:
            version, packages, folders = json.loads(await _printed(python, _LIST))
        except (OSError, ValueError, asyncio.TimeoutError) as error:
            log.warning("%s does not say what is installed: %r", python, error)
            return None
        data = msgspec.json.encode(Interpreter(version, python, packages))
        known = _Known(hashlib.sha256(data).hexdigest(), folders)
        try:
            self._keep(known.digest, data)
        except OSError as error:  # the run itself goes on
            log.warning("what %s has installed cannot be kept: %s", python, error)
            return None
        self._known[python] = known
        return known

    def _keep(self, digest: str, data: bytes) -> None:
        place = self._home.environment(digest)
        if not place.exists():
            place.parent.mkdir(mode=0o700, exist_ok=True)
            write_whole(place, data)


async def _printed(python: str, code: str, *arguments: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        python, "-c", code, *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
    )
    try:
        printed, _ = await asyncio.wait_for(process.communicate(), _LONGEST_S)
    except BaseException:  # cancelled, too: nobody else would end the process
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        raise
    return printed
