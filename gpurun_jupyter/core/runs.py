"""What people ask for (RunSpec) and what they are shown of it (Run)."""

from __future__ import annotations

import re
from collections.abc import Callable
from keyword import iskeyword
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

import msgspec

from gpurun_jupyter.core.devices import Sync
from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.labels import On
from gpurun_jupyter.core.lifecycle import Outcome, Reason, State
from gpurun_jupyter.core.manifests import Digest
from gpurun_jupyter.core.names import Name, RunId, RunName, Text
from gpurun_jupyter.core.numbers import Number
from gpurun_jupyter.core.origins import Origin
from gpurun_jupyter.core.shipped import ShippedDir
from gpurun_jupyter.core.units import parse_duration_s, parse_size_bytes

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: How much the variables of a run may have in all, in each direction, unless told otherwise.
VALUES_LIMIT_BYTES = 512 * 2**20
#: The notebook, the client and the command line refuse a directory whose files sum up to more, unless told otherwise.
SIZE_GUARD_BYTES = 2**30


#: `files` is what another tool left, `logged` what a client of the tracking interface says.
Kind = Literal["cell", "dir", "notebook", "files", "logged"]
#: Kinds of runs that gpurun does not carry out, but only hears of. Each also stands for the agent of its runs.
FILES_KIND, LOGGED_KIND = HEARD_OF = ("files", "logged")


def is_variable(name: str) -> bool:
    """Whether this can be the name of a Python variable."""
    return name.isidentifier() and not iskeyword(name)


#: What the values of a run are called there, and which names do.
PASSED: dict[str, tuple[str, Callable[[str], object]]] = {
    "args": ("an argument", re.compile(r"[A-Za-z_][\w.-]*").fullmatch),
    "env": ("an environment variable", _ENV_NAME.fullmatch),
    "variables": ("a variable", is_variable),
}


class ShippedNotebook(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A notebook that was shipped: the sha256 of its .ipynb file, its name, and the values of its parameters."""

    digest: Digest
    name: Name = "notebook.ipynb"
    parameters: dict[str, Any] = {}

    def check(self) -> None:
        """Raises InvalidRequest for parameters that are no variables."""
        if bad := [name for name in self.parameters if not is_variable(name)]:
            raise InvalidRequest(f"{bad[0]!r} cannot be the name of a parameter.", "Write NAME=value.")


class DataUse(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A data set in a run, read-only: its name, and the folder of the workspace that shows it; by default its name.

    `manifest` is what the name meant when the run was accepted.
    """

    name: Name
    path: str | None = None
    manifest: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> DataUse:
        """What `NAME` or `NAME:PATH` means."""
        name, _, path = text.partition(":")
        return cls(name, path or None)

    @property
    def place(self) -> str:
        """The path in the workspace, with slashes. Raises InvalidRequest where that is outside it."""
        path = PurePosixPath(self.path or self.name)
        if path.is_absolute() or ".." in path.parts or "\0" in str(path) or str(path) == ".":
            raise InvalidRequest(f"The data set {self.name!r} cannot be at {self.path!r}.", "Name a folder in the run.")
        return str(path)


class RunSpec(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One execution that somebody asks for: `code` (a cell), `dir` with an entry point, or `code` inside `dir`."""

    code: str | None = None
    dir: ShippedDir | None = None
    notebook: ShippedNotebook | None = None
    gpu: Annotated[int, msgspec.Meta(ge=0, le=1024)] | None = None  # None: one where any agent has one, else a CPU slot
    gpu_mem: Annotated[int, msgspec.Meta(ge=1)] | str | None = None  # on each GPU, bytes or "10G"; None: all of it
    device: Name | None = None  # pin: HOST:INDEX or a device's id
    on: On | None = None  # an agent, or labels that it has to have, with commas between
    kernel: Name | None = None  # kernelspec; None: the agent's own Python
    session: Name | None = None  # a named warm kernel that keeps its variables and devices
    name: RunName | None = None
    project: Name = "default"
    tags: list[Name] = []
    priority: Annotated[int, msgspec.Meta(ge=-1000, le=1000)] = 0
    timeout: Annotated[float, msgspec.Meta(gt=0)] | str | None = None  # seconds, or "2h"
    retries: Annotated[int, msgspec.Meta(ge=0, le=100)] = 0  # attempts after the first, should it fail
    after: list[RunName] = []  # runs that must have finished first
    env: dict[str, str] = {}
    show_env: list[str] = []  # variables that are shown although they look like secrets
    secrets: dict[str, str] | list[str] = []  # variables that are never shown: with values on the way, else their names
    values: dict[str, Any] = {}  # parameters of the run, such as those of one combination of a sweep
    values_as: Literal["args", "env", "variables"] | None = None  # how it gets them; None: as fits its kind
    inputs: dict[str, Digest] = {}  # variables that are there in the cell, each by its blob
    outputs: list[str] = []  # variables of the cell that are kept, for who asks for the result
    pickle: bool = False  # where no safe format takes a variable, in both directions
    values_limit: Annotated[int, msgspec.Meta(ge=0)] | str | None = None  # of all outputs; bytes or "2G"
    data: list[DataUse] = []
    wait_for_device: bool = False
    origin: Origin | None = None  # which cell or script of the person's it is
    files: Text | None = None  # another tool's run: where it is, such as FILES of FILES.csv, or mlflow:ID
    logged: Text | None = None  # a run that nobody carries out for gpurun: the client that logs it, such as mlflow
    parent: RunId | None = None  # the run whose code logs it
    hold: bool = False  # create it, but queue it only when it is started

    @property
    def kind(self) -> Kind:
        """`cell` and `notebook` run in a kernel, `dir` is an entry point; of the others gpurun only hears."""
        if self.logged is not None:
            return "logged"
        return "cell" if self.code is not None else "notebook" if self.notebook else "dir" if self.dir else "files"

    @property
    def in_kernel(self) -> bool:
        """Whether it runs in a kernel."""
        return self.code is not None or self.notebook is not None

    @property
    def passing(self) -> Literal["args", "env", "variables"]:
        """How `values` reach the run: arguments of an entry point, variables of a cell, parameters of a notebook."""
        return self.values_as or ("variables" if self.in_kernel else "args")

    @property
    def timeout_s(self) -> float | None:
        """The time limit in seconds. Raises InvalidRequest."""
        return None if self.timeout is None else parse_duration_s(self.timeout)

    @property
    def gpu_mem_bytes(self) -> int | None:
        """The memory wanted on each GPU in bytes; None for all of it. Raises InvalidRequest."""
        return None if self.gpu_mem is None else parse_size_bytes(self.gpu_mem)

    @property
    def values_limit_bytes(self) -> int:
        """How many bytes the outputs may have in all. Raises InvalidRequest."""
        return VALUES_LIMIT_BYTES if self.values_limit is None else parse_size_bytes(self.values_limit)

    @property
    def origin_key(self) -> str | None:
        """What runs with the same origin have in common: their cell, their script, else the name they were given."""
        origin = self.origin or Origin()
        if self.kind == "cell" and origin.cell is not None:
            return _key("cell", origin.notebook or "", origin.cell)
        if self.notebook is not None:
            return _key("notebook", self.notebook.name)
        if self.kind == "dir" and self.dir is not None and origin.directory is not None:
            return _key("entry", origin.directory, " ".join(self.dir.what))
        if self.files is not None:
            return _key("files", self.files)
        return _key("name", self.project, self.name) if self.name is not None else None


def _key(*parts: str) -> str:
    return "\x1f".join(parts)


class Bar(msgspec.Struct, omit_defaults=True):
    """One progress bar as last seen; see events.Progress."""

    id: str
    label: str = ""
    done: float = 0.0
    total: float | None = None
    rate: float | None = None
    left_s: float | None = None
    parent: str | None = None


class Pace(msgspec.Struct):
    """What a run's time left is reckoned from: the leading bar, its share at `m` (see events), the bar that moved."""

    bar: str
    m: float
    fraction: float
    active: str


class RunProgress(msgspec.Struct, omit_defaults=True):
    """How far a run is: `fraction` of the whole (0 to 1), its time left, and the bars it showed last."""

    fraction: float | None = None
    left_s: float | None = None
    bars: list[Bar] = []
    pace: Pace | None = None


class MetricSummary(msgspec.Struct):
    """One metric over a run: its last value and the step of that, its smallest and largest finite values."""

    last: Number
    min: float | None
    max: float | None
    step: float | None = None


class Waiting(msgspec.Struct):
    """Why a queued run has not started: its place (from 1), a sentence, and in how many seconds it will, if known."""

    position: int
    why: str
    starts_in_s: float | None = None


class Run(msgspec.Struct, kw_only=True):
    """A run as the API shows it. Times are seconds since the epoch; `revision` grows with every change."""

    id: str
    name: str
    project: str
    owner: str
    kind: Kind
    state: State
    outcome: Outcome | None
    reason: Reason | None
    message: str
    tags: list[str]
    priority: int
    gpu: int
    attempt: int
    agent: str | None
    devices: list[str]  # labels such as gpu0
    created_at: float
    queued_at: float | None
    started_at: float | None
    finished_at: float | None
    progress: RunProgress | None
    metrics: dict[str, MetricSummary]  # in lists the first of them, and those asked for
    waiting: Waiting | None
    revision: int
    behind_s: float | None = None  # how far the log here is behind the one on another machine; 0: in step
    sync: Sync | None = None  # of a run at work on another machine: is the log here whole, on its way, or behind
    rerun_of: str | None = None  # the id of the run that was run again
    parent: str | None = None  # the id of the run whose code logs it
    more_metrics: int = 0  # how many a list leaves out beside the first; none where one run is asked for
    deleted: bool = False  # told once to those who watch; lists leave it out
    spec: RunSpec | None = None  # this and the rest only where one run is asked for
    meta: dict[str, Any] = {}  # facts that it told by VTM_RUN_META lines, such as an MLflow run id
    pruned_at: float | None = None  # when `gpurun prune` removed what it had printed and left

    @property
    def elapsed_s(self) -> float | None:
        """Seconds that a finished run took; None before."""
        return None if self.started_at is None or self.finished_at is None else self.finished_at - self.started_at
