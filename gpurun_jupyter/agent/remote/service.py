"""The agent as a service of this user, that starts with the machine: a systemd unit, or a launchd property list."""

from __future__ import annotations

import plistlib
import sys
from pathlib import Path

from gpurun_jupyter.agent.remote.membership import read
from gpurun_jupyter.agent.remote.process import command
from gpurun_jupyter.core.home import Home, write_whole

#: The exit code of an agent whose key is revoked: to start it again is no use (EX_NOPERM of sysexits.h).
NOT_LET_IN = 77


def install(folder: Path, system: str = sys.platform) -> tuple[Path, str]:
    """Write the service of this state directory; returns its file, and what to type next."""
    name = f"gpurun-agent-{folder.name}"
    if system == "darwin":
        path = Path.home() / "Library" / "LaunchAgents" / f"{name}.plist"
        content, then = property_list(name, folder), f"launchctl load -w {path}"
    else:
        path = Path.home() / ".config" / "systemd" / "user" / f"{name}.service"
        content = unit(folder).encode()
        then = f"systemctl --user enable --now {name} && loginctl enable-linger"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content)
    return path, then


def unit(folder: Path) -> str:
    """A systemd unit. To stop it leaves runs alone: systemd would kill them with the agent."""
    line = " ".join(_quoted(word) for word in command(folder))
    return f"""[Unit]
Description=gpurun agent for {read(folder).url.replace("%", "%%")}

[Service]
ExecStart={line}
KillMode=process
Restart=on-failure
RestartSec=5
RestartPreventExitStatus={NOT_LET_IN}

[Install]
WantedBy=default.target
"""


def property_list(name: str, folder: Path) -> bytes:
    """The same for launchd."""
    log = str(Home(folder).agent_log)
    return plistlib.dumps(
        {
            "Label": name,
            "ProgramArguments": command(folder),
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "ThrottleInterval": 5,
            "AbandonProcessGroup": True,  # runs go on
            "StandardOutPath": log,
            "StandardErrorPath": log,
        }
    )


def _quoted(word: str) -> str:
    """As systemd reads it: `%` and `$` mean something there, and backslashes and quotes."""
    for mark, written in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$")):
        word = word.replace(mark, written)
    return f'"{word}"'
