"""Makes other_programs.tar.xz: what programs that train nothing wrote, in which no metric and no epoch may be found.

`python make_other_programs.py [NAME...]`, as root in a Debian whose apt works; a name makes that log anew and keeps the
rest. other_programs/commands.txt has a command for each log, setup.sh makes the folder that they work in. A command
of a program that is not installed, or that says nothing, is skipped and named. They see a machine of their own: its
name, its processes. Tests read what is in the archive and need none of the programs.
"""

from __future__ import annotations

import io
import lzma
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
SOURCES = HERE / "other_programs"
ARCHIVE = HERE / "other_programs.tar.xz"
LIMIT_S, MOST_BYTES, LEAST_BYTES = 60, 60_000, 40
#: A member of its own namespaces of names and processes: `ps` shows what we started, and what stays is ended with it.
ALONE = ["unshare", "--uts", "--pid", "--fork", "--mount-proc", "--kill-child"]
#: They may write to devices but neither remove nor replace one; some take /dev/stdout for a file of theirs.
_PRELUDE = 'mount --rbind /dev /dev; mount -o remount,bind,ro /dev; hostname machine; exec bash -c "$1"'
ENVIRONMENT = {"LANG": "C.UTF-8", "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "24", "BASH_ENV": "functions.sh"}


def main() -> None:
    """Make the logs of the named commands, or of all, and pack them."""
    commands = _commands()
    names = sys.argv[1:] or list(commands)
    logs = _unpacked() if sys.argv[1:] else {}
    with tempfile.TemporaryDirectory(prefix="other", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch)
        folder.chmod(0o755)  # a database does not run as root
        shutil.copytree(SOURCES, folder, dirs_exist_ok=True)
        (folder / "home").mkdir()
        print(run("bash setup.sh", folder, 300).decode(errors="replace"))
        for name in names:
            logs.pop(name, None)
            text = cleaned(run(commands[name], folder, LIMIT_S), folder)
            if why := _unusable(text):
                print(f"skipped {name}: {why}", flush=True)
            else:
                logs[name] = text
    ARCHIVE.write_bytes(packed({name: text for name, text in logs.items() if name in commands}))
    print(f"{len(logs)} logs, {sum(map(len, logs.values()))} bytes, packed {ARCHIVE.stat().st_size}")


def _commands() -> dict[str, str]:
    lines = (SOURCES / "commands.txt").read_text().splitlines()
    rows = [line.partition(": ") for line in lines if line and not line.startswith("#")]
    assert len({name for name, *_ in rows}) == len(rows), "a name stands there twice"
    return {name: command for name, _, command in rows}


def run(command: str, folder: Path, limit_s: float) -> bytes:
    """What `command` wrote to both of its streams; after `limit_s` it is ended with all that it started."""
    env = os.environ | ENVIRONMENT | {"HOME": str(folder / "home"), "BASH_ENV": str(folder / "functions.sh")}
    alone = [*ALONE, "bash", "-c", _PRELUDE, "bash", command]
    # A pipe, not a file: a server that opens /dev/stdout anew would write over what others wrote.
    process = subprocess.Popen(
        alone, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        return process.communicate(timeout=limit_s)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0]


def cleaned(said: bytes, folder: Path) -> bytes:
    """The text without what is of this machine alone, and its head where it is long."""
    text = said.decode(errors="replace")
    for found, instead in _places(folder):
        text = text.replace(found, instead)
    for pattern, instead in _PATTERNS:
        text = re.sub(pattern, instead, text)
    head = text.encode()[:MOST_BYTES]
    return head if len(head) < MOST_BYTES else head[: head.rfind(b"\n") + 1] or head.decode(errors="ignore").encode()


def _places(folder: Path) -> list[tuple[str, str]]:
    """What stands for folders, names and addresses of this machine, the longest first."""
    here = {
        str(folder): "/home/anna/project",
        folder.name: "project",
        f"{Path.home()}/": "/home/anna/",
        platform.release(): "6.1.0-18-amd64",
    }
    addresses = subprocess.run(["hostname", "-I"], capture_output=True, text=True).stdout.split()
    here |= dict.fromkeys(addresses, "192.0.2.10")
    tools = {
        str(Path(place).parent): "/home/anna/tools" for place in os.environ["PATH"].split(":") if "/usr" not in place
    }
    tools.pop("/", None)
    rows = [(found, instead) for found, instead in (here | tools).items()]
    return sorted(rows, key=lambda row: -len(row[0]))


_PATTERNS = [
    (r"[\w.+-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}\b", "anna@example.org"),
    (r"(?<=Looking in links: )\S+", "/home/anna/wheels"),
    (r"\b(?:deb|security)\.debian\.org\b|\bpypi\.(?:python\.)?org\b|\bfiles\.pythonhosted\.org\b", "index.example"),
    (r"\bregistry\.(?:npmjs\.org|yarnpkg\.com)\b", "index.example"),
    (r"\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b", "02:00:00:00:00:01"),
    (r"/tmp/(?!work|build)(?:tmp|pip-|pytest-of-|npm-)[\w.-]+", "/tmp/work"),
    (r"Password: [0-9a-f]{16}", "Password: 0123456789abcdef"),
    (rf"(?<![\w/.-]){re.escape(str(Path.home()))}(?=\W)", "/home/anna"),
]


def _unusable(text: bytes) -> str | None:
    """Why this is no log: a program was not found, or it said next to nothing."""
    if missing := re.search(rb"line \d+: (?:exec: )?(\S+): (?:command )?not found", text):
        return f"{missing[1].decode()} is not installed"
    return "it said nothing" if len(text) < LEAST_BYTES else None


def packed(logs: dict[str, bytes]) -> bytes:
    """The logs as an archive that is the same for the same logs."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(logs):
            member = tarfile.TarInfo(f"{name}.txt")
            member.size = len(logs[name])
            archive.addfile(member, io.BytesIO(logs[name]))
    return lzma.compress(held.getvalue(), preset=9 | lzma.PRESET_EXTREME)


def _unpacked() -> dict[str, bytes]:
    if not ARCHIVE.exists():
        return {}
    with tarfile.open(ARCHIVE) as archive:
        return {member.name.removesuffix(".txt"): archive.extractfile(member).read() for member in archive}


if __name__ == "__main__":
    main()
