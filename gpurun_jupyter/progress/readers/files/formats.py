"""Which file is whose: by its name, and its first bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath

from gpurun_jupyter.progress.readers.files.columns import header_of
from gpurun_jupyter.progress.readers.files.found import FileReader
from gpurun_jupyter.progress.readers.files.parameters import ParameterFile
from gpurun_jupyter.progress.readers.files.tables import Table
from gpurun_jupyter.progress.readers.files.tensorboard import TensorBoard
from gpurun_jupyter.progress.readers.files.trackio import Trackio
from gpurun_jupyter.progress.readers.files.trainer_state import Entry, TrainerState, home
from gpurun_jupyter.progress.readers.files.wandb import Wandb

#: So many of a file's first bytes are enough.
BEGINNING_BYTES = 4096
_EVENTS = ".tfevents."
_WANDB = b":W&B"
_ROW = b'{"v":'


#: What the states of each training have told, by its folder; kept by who follows the files of a run.
States = dict[PurePath, set[Entry]]


def reader_for(path: PurePath, beginning: bytes, states: States | None = None) -> FileReader | None:
    """Who reads the file; None for most files, and those that do not begin as they should. It may have no bytes yet.

    `path` is below the run's directory, so that no folder above it is taken for a logger's. With `states`, those of
    several checkpoints of a training tell nothing twice.
    """
    if _EVENTS in path.name:
        return TensorBoard()
    if path.name == "trainer_state.json":
        return TrainerState(states.setdefault(home(path), set()) if states is not None else None)
    choose = _BY_NAME.get(path.name) or _BY_SUFFIX.get(path.suffix)
    return choose(path, beginning) if choose else None


def _wandb(_: PurePath, beginning: bytes) -> FileReader | None:
    return Wandb() if beginning[: len(_WANDB)] == _WANDB[: len(beginning)] else None


def _table(_: PurePath, beginning: bytes) -> FileReader | None:
    first, newline, _rest = beginning.partition(b"\n")
    if not newline and len(beginning) < BEGINNING_BYTES:
        return Table()  # its header is not written yet
    is_log = not newline or header_of(first.decode("utf-8", "replace").rstrip("\r"))
    return Table() if is_log else None


def _trackio(path: PurePath, beginning: bytes) -> FileReader | None:
    return Trackio() if "inbox" in path.parts and beginning[: len(_ROW)] == _ROW[: len(beginning)] else None


def _hydra(path: PurePath, _: bytes) -> FileReader | None:
    return ParameterFile(".") if path.parent.name == ".hydra" else None


_Choice = Callable[[PurePath, bytes], FileReader | None]

_BY_SUFFIX: dict[str, _Choice] = {".wandb": _wandb, ".csv": _table, ".tsv": _table, ".jsonl": _trackio}
_BY_NAME: dict[str, _Choice] = {
    "hparams.yaml": lambda _path, _beginning: ParameterFile("/"),
    "args.yaml": lambda _path, _beginning: ParameterFile("/"),
    "config.yaml": _hydra,
}
