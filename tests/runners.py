"""Real runners without a server: an attempt's folder is all that a runner shares with anybody."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from servers import isolated_environment

from gpurun_jupyter.core import manifests
from gpurun_jupyter.core.devices import Device
from gpurun_jupyter.core.events import AnyEvent, End, Output, decode_line
from gpurun_jupyter.core.grants import Grant
from gpurun_jupyter.core.home import AttemptFolder, Home, write_json
from gpurun_jupyter.core.runs import RunSpec
from gpurun_jupyter.core.shipped import ShippedDir


class Attempt:
    """One attempt and its runner."""

    def __init__(self, folder: AttemptFolder, env: dict[str, str]) -> None:
        self.folder = folder
        self._env = env
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Attempt:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gpurun_jupyter.agent.runner", str(self.folder.path)],
            env=self._env,
            stdin=subprocess.DEVNULL,
            stderr=(self.folder.path / "runner.log").open("ab"),
            start_new_session=True,
        )
        return self

    def wait(self, timeout_s: float = 60.0) -> End:
        """The exit record, once the runner has ended."""
        if self.process is None:
            self.start()
        assert self.process is not None
        self.process.wait(timeout_s)
        assert self.folder.exit.exists(), (self.folder.path / "runner.log").read_text()
        return msgspec.json.decode(self.folder.exit.read_bytes(), type=End)

    def events(self) -> list[AnyEvent]:
        """What the log holds; every line must be whole."""
        data = self.folder.events.read_bytes()
        assert not data or data.endswith(b"\n")
        return [decode_line(line) for line in data.splitlines()]

    def printed(self) -> str:
        return "".join(event.text for event in self.events() if isinstance(event, Output))


class Runners:
    """Makes attempts in a state directory of their own."""

    def __init__(self, folder: Path, home: Path | None = None) -> None:
        self.home = Home(home or folder / "home")
        self.home.create()
        self.env = isolated_environment(folder) | {"GPURUN_LOCKS": str(folder / "locks")}

    def script(self, text: str, *, name: str = "main.py", **fields: Any) -> Attempt:
        """An attempt at a script that runs as a process."""
        return self.attempt({"dir": ShippedDir(manifest=self.ship({name: text}), entry=name)}, **fields)

    def ship(self, files: dict[str, str], executable: tuple[str, ...] = ()) -> str:
        """Blobs and their manifest; its digest."""
        kept = [manifests.Entry(name, self._blob(text.encode()), len(text.encode()), name in executable)
                for name, text in files.items()]  # fmt: skip
        return self._blob(manifests.encode(kept))

    def _blob(self, content: bytes) -> str:
        digest = manifests.digest_of(content)
        self.home.blob(digest).parent.mkdir(parents=True, exist_ok=True)
        self.home.blob(digest).write_bytes(content)
        return digest

    def cell(self, code: str, **fields: Any) -> Attempt:
        return self.attempt({"code": code}, **fields)

    def attempt(
        self, what: dict[str, Any], run_id: str = "r1", number: int = 1, devices: Iterable[Device] = (), **spec: Any
    ) -> Attempt:
        folder = self.home.attempt(run_id, number)
        folder.path.mkdir(parents=True)
        grant = Grant(
            run_id=run_id,
            name=run_id,
            project="default",
            attempt=number,
            token="t",
            devices=list(devices),
            spec=RunSpec(**what, **spec),
        )
        write_json(folder.grant, grant)
        return Attempt(folder, self.env | {"HOME": os.environ.get("HOME", "/")})
