"""Whether an agent's server takes its reports: kept in a file, for who starts the agent or asks after it."""

from __future__ import annotations

import os

import msgspec

from gpurun_jupyter.core.devices import Device
from gpurun_jupyter.core.home import Home, write_json

_FILE = "contact.json"


class Contact(msgspec.Struct):
    """What became of the last report of the agent with this pid: `trouble` is empty where the server took it."""

    pid: int
    gpus: int = 0
    cpus: int = 0
    trouble: str = ""

    @property
    def offers(self) -> str:
        """What the machine has, for people."""
        return f"{_counted(self.gpus, 'GPU')}, {_counted(self.cpus, 'CPU slot')}"


class ContactFile:
    """Keeps it, and writes only when it changes. `read` is for others."""

    def __init__(self, home: Home) -> None:
        self._path = home.path / _FILE
        self._last: Contact | None = None

    def keep(self, devices: list[Device], trouble: str = "") -> None:
        """A report was taken, or there was trouble."""
        cpus = sum(device.kind == "cpu" for device in devices)
        now = Contact(os.getpid(), len(devices) - cpus, cpus, trouble)
        if now != self._last:
            write_json(self._path, now)
            self._last = now

    def read(self, pid: int) -> Contact | None:
        """What the agent with this pid has kept; None where it has not come to that."""
        try:
            found = msgspec.json.decode(self._path.read_bytes(), type=Contact)
        except (FileNotFoundError, msgspec.DecodeError):
            return None
        return found if found.pid == pid else None


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
