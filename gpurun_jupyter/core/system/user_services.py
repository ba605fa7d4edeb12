"""Programs as services of this user, that start with the machine: a systemd unit, or a launchd property list.

Sources: systemd.service(5), systemd.exec(5), launchd.plist(5).
"""

from __future__ import annotations

import plistlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gpurun_jupyter.core.home import write_whole


@dataclass(frozen=True)
class Service:
    """A program that is started with the machine and again when it fails, unless it ends with `final_code`.

    launchd knows no such code: there only a program that ends with 0 is not started again. To stop it leaves the
    processes alone that it has started: runs go on.
    """

    name: str
    description: str
    command: list[str]
    log: Path  # on macOS; systemd keeps a journal
    environment: Mapping[str, str] = field(default_factory=dict)
    final_code: int | None = None

    def install(self, system: str = sys.platform) -> tuple[Path, str]:
        """Write it for this user; returns its file, and what to type next. Raises OSError."""
        if system == "darwin":
            path = Path.home() / "Library" / "LaunchAgents" / f"{self.name}.plist"
            content, then = self.property_list(), f"launchctl load -w {path}"
        else:
            path = Path.home() / ".config" / "systemd" / "user" / f"{self.name}.service"
            content = self.unit().encode()
            # Without lingering, a user's services end with the last login and start with the first.
            then = f"systemctl --user enable --now {self.name} && loginctl enable-linger"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
        return path, then

    def unit(self) -> str:
        """For systemd, which would kill runs with the program if it were not told otherwise."""
        # In Environment= a dollar sign means itself, in ExecStart= it begins a variable.
        set_ = [f"Environment={_quoted(f'{name}={value}', '%')}\n" for name, value in self.environment.items()]
        final = f"RestartPreventExitStatus={self.final_code}\n" if self.final_code is not None else ""
        return f"""[Unit]
Description={self.description.replace("%", "%%")}

[Service]
{"".join(set_)}ExecStart={" ".join(_quoted(word, "%$") for word in self.command)}
KillMode=process
Restart=on-failure
RestartSec=5
{final}
[Install]
WantedBy=default.target
"""

    def property_list(self) -> bytes:
        """For launchd."""
        return plistlib.dumps(
            {
                "Label": self.name,
                "ProgramArguments": self.command,
                "EnvironmentVariables": dict(self.environment),
                "RunAtLoad": True,
                "KeepAlive": {"SuccessfulExit": False},
                "ThrottleInterval": 5,
                "AbandonProcessGroup": True,  # runs go on
                "StandardOutPath": str(self.log),
                "StandardErrorPath": str(self.log),
            }
        )


def _quoted(word: str, doubled: str) -> str:
    """As systemd reads it: backslashes and quotes mean something there, and what has to be doubled."""
    for mark in ("\\", '"'):
        word = word.replace(mark, f"\\{mark}")
    for mark in doubled:
        word = word.replace(mark, 2 * mark)
    return f'"{word}"'
