"""In which environments attempts ran, as their agents wrote it down."""

from __future__ import annotations

import hashlib

import msgspec

from gpurun_jupyter.core.environments import Interpreter, Recorded, RecordedDevice
from gpurun_jupyter.core.errors import WrongDigest
from gpurun_jupyter.core.home import AttemptFolder, Home, write_json, write_whole
from gpurun_jupyter.core.remote import Described
from gpurun_jupyter.core.system.records import read_record


class Environment(msgspec.Struct):
    """Where an attempt ran: the interpreter with its packages (none where it was no Python), the machine, its devices.

    `driver` is the GPUs' driver, `packages` the version of each package by its name.
    """

    python: str | None = None
    executable: str | None = None
    packages: dict[str, str] = {}
    platform: str = ""
    host: str = ""
    driver: str = ""
    devices: list[RecordedDevice] = []


def environment_of(home: Home, folder: AttemptFolder) -> Environment | None:
    """What is known of an attempt; None where its agent has not written it down."""
    recorded = read_record(folder.environment, Recorded)
    if recorded is None:
        return None
    found = Environment(
        platform=recorded.platform, host=recorded.host, driver=recorded.driver, devices=recorded.devices
    )
    listed = None if recorded.interpreter is None else home.environment(recorded.interpreter)
    if listed is not None and (interpreter := read_record(listed, Interpreter)) is not None:
        found.python, found.executable = interpreter.python, interpreter.executable
        found.packages = interpreter.packages
    return found


def keep(home: Home, folder: AttemptFolder, described: Described) -> bool:
    """Write down what an agent of another machine says; False where it has to say of the interpreter, too.

    Raises WrongDigest.
    """
    digest = described.recorded.interpreter
    if digest is not None and not (place := home.environment(digest)).exists():
        if described.interpreter is None:
            return False
        data = msgspec.json.encode(described.interpreter)
        if hashlib.sha256(data).hexdigest() != digest:
            raise WrongDigest(f"That is not the interpreter {digest}.")
        place.parent.mkdir(mode=0o700, exist_ok=True)
        write_whole(place, data)
    folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_json(folder.environment, described.recorded)  # last: it names what was written above
    return True
