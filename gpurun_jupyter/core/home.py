"""The state directory and the folders in it: the one place that knows file names.

GPURUN_HOME/
  gpurun.db  agent.json  agent.lock  agent.log  files.lock  bells/  blobs/ab/ab12...  data/ab12.../  report/
  sync_status.json  secrets/<run id>.json  sessions/  environments/<sha256>.json
  runs/<run id>/run.json  deleted.json
  runs/<run id>/attempts/<n>/grant.json events.jsonl runner.json runner.log stop.json exit.json lock report
                             reserve work/ data/ checkpoints/ inputs.json outputs.json outputs/ columns environment.json
                             appending children
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from gpurun_jupyter.core.errors import StorageUnusable

#: What anybody but the owner may do with a file.
_OTHERS = 0o077


def default_home() -> Path:
    """GPURUN_HOME, else `gpurun` in the Jupyter data directory."""
    if named := os.environ.get("GPURUN_HOME"):
        return Path(named).expanduser().absolute()
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "gpurun"


class Home:
    """The state directory. Making one of these touches nothing; `create` makes the folders (0700)."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).absolute()
        self.database = self.path / "gpurun.db"
        self.agent_record = self.path / "agent.json"
        self.agent_lock = self.path / "agent.lock"
        self.agent_log = self.path / "agent.log"
        self.sync_status = self.path / "sync_status.json"  # the answer of an agent of another machine to `agent sync`
        self.bells = self.path / "bells"
        self.blobs = self.path / "blobs"
        self.data = self.path / "data"  # a read-only copy of each data set that a run here has used
        self.runs = self.path / "runs"
        self.secrets = self.path / "secrets"  # the values of the secrets of each run that has not ended
        self.sessions = self.path / "sessions"
        self.environments = self.path / "environments"  # the packages of each interpreter at each time
        self.report = self.path / "report"  # what runs import `gpurun_jupyter.report` from

    def create(self) -> None:
        """Make the folders that are not there yet; they and the files in them are for this user alone.

        Raises StorageUnusable where that cannot be had.
        """
        for folder in (self.path, self.bells, self.blobs, self.runs):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_private(self.path)
        for path in self.path.iterdir():  # what was there before may be open to others
            tighten(path)

    def blob(self, digest: str) -> Path:
        """Where the blob with this sha256 lies."""
        return self.blobs / digest[:2] / digest

    def environment(self, digest: str) -> Path:
        """Where the description of an interpreter with this sha256 lies."""
        return self.environments / f"{digest}.json"

    def secrets_of(self, run_id: str) -> Path:
        """Where the values of a run's secrets lie until it has ended."""
        return self.secrets / f"{run_id}.json"

    def session(self, owner: str, name: str) -> SessionFolder:
        """The folder of a session; names from users never become paths."""
        return SessionFolder(self.sessions / hashlib.sha256(f"{owner}\0{name}".encode()).hexdigest()[:16])

    def run(self, run_id: str) -> RunFolder:
        """The folder of one run."""
        return RunFolder(self.runs / run_id)

    def attempt(self, run_id: str, number: int) -> AttemptFolder:
        """The folder of one attempt at a run."""
        return self.run(run_id).attempt(number)


class SessionFolder:
    """A session's folder, made by its holder. `path` marks the environment of what the session starts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record = path / "session.json"  # the holder's identity, and what it does
        self.orders = path / "orders"  # FIFO: attempts, restart, end
        self.log = path / "log"  # what is printed while no attempt is carried out


class RunFolder:
    """A run's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record = path / "run.json"  # spec and owner, written at acceptance
        self.deleted = path / "deleted.json"  # when it was deleted, while that can be taken back
        self.pruned = path / "pruned"  # an empty file, as old as the last time that old output and files were removed

    def attempt(self, number: int) -> AttemptFolder:
        """The folder of attempt `number`, from 1."""
        return AttemptFolder(self.path / "attempts" / str(number))

    def logged_after(self, number: int) -> int | None:
        """The next attempt that has a log; one that found its devices taken left none."""
        logged = (log.parent.name for log in (self.path / "attempts").glob("*/events.jsonl"))
        return min((int(name) for name in logged if is_number(name) and int(name) > number), default=None)


def is_number(name: str) -> bool:
    """Whether a folder is called as an attempt is: a run may have made others beside it."""
    return re.fullmatch(r"[1-9][0-9]{0,8}", name) is not None


class AttemptFolder:
    """An attempt's folder; its runner is the only writer of `events`, `runner` and `exit`."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.grant = self.path / "grant.json"  # written by the agent before the runner starts
        self.secrets = self.path / "secrets.json"  # put there by the agent, taken away by the runner
        self.stop = self.path / "stop.json"  # written by the agent before it signals the runner
        self.events = self.path / "events.jsonl"
        self.appending = self.path / "appending"  # held by who appends to a log that no runner writes
        self.columns = self.path / "columns"  # metrics and samples; the server makes it from the log
        self.runner = self.path / "runner.json"  # the runner's identity
        self.runner_log = self.path / "runner.log"  # what the runner itself has to say
        self.exit = self.path / "exit.json"
        self.environment = self.path / "environment.json"  # where it runs; written by the agent
        self.lock = self.path / "lock"  # held by the runner for its whole life
        self.report = self.path / "report"  # FIFO that gpurun_jupyter.report writes to
        self.questions = self.path / "questions"  # to the server: core/questions.py
        self.answers = self.path / "answers"  # to these, under the same names
        self.inputs_answer = self.path / "inputs.json"  # the kernel's word that the variables are in
        self.outputs = self.path / "outputs"  # the values of variables: 0, 1, ...
        self.outputs_answer = self.path / "outputs.json"  # which is which, and the sha256 of each
        self.reserve = self.path / "reserve"  # room on the disk for the runner's last words
        self.work = self.path / "work"  # the workspace: current directory of the run
        self.children = self.path / "children"  # up to which place of the log children were taken out of it
        self.data = self.path / "data"  # copies of data sets for this attempt alone, while it goes on
        self.checkpoints = self.path / "checkpoints"

    @property
    def home(self) -> Home:
        """The state directory that this attempt lies in."""
        return Home(self.path.parents[3])


def _make_private(folder: Path) -> None:
    """Keep others out of a folder that may have been there before. Raises StorageUnusable."""
    found = folder.stat()
    if found.st_uid != os.geteuid():
        raise StorageUnusable(
            f"{folder} belongs to another user (uid {found.st_uid}), who could read what runs say there.",
            "Name a directory of your own with GPURUN_HOME, or give this one to yourself with chown.",
        )
    tighten(folder)
    if folder.stat().st_mode & _OTHERS:
        raise StorageUnusable(
            f"Other users can read {folder}, and that cannot be changed.",
            f"Try `chmod 700 {folder}`, or name a directory on another file system with GPURUN_HOME.",
        )


def tighten(path: Path) -> None:
    """Take away what other users may do with a file or a folder of this user; a link's target is left alone."""
    with contextlib.suppress(OSError):  # gone, somebody else's, or on a file system that cannot
        found = path.lstat()
        if found.st_mode & _OTHERS and not stat.S_ISLNK(found.st_mode):
            path.chmod(stat.S_IMODE(found.st_mode) & ~_OTHERS)


def open_log(path: Path) -> BinaryIO:
    """A file for what a program says, appended to, for this user alone whatever the umask is."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600), "ab")


def write_json(path: Path, value: Any) -> None:
    """Write a value as a file; see `write_whole`."""
    write_whole(path, msgspec.json.encode(value))


def write_whole(path: Path, data: bytes) -> None:
    """Write beside and rename, so that a reader sees the old content or the new, never a part."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")  # another process that writes now has its own
    # A run may have put a link or a FIFO there.
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with os.fdopen(os.open(beside, flags, 0o600), "wb") as file:
        os.fchmod(file.fileno(), 0o600)  # one that was left there is opened with the mode that it has
        file.write(data)
    beside.replace(path)
