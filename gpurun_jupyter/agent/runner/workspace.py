"""The workspace of an attempt: an empty folder, or what was shipped; and the checkpoints of the attempt before it."""

from __future__ import annotations

import shutil
from pathlib import Path

from gpurun_jupyter.agent.runner import copies, data_sets
from gpurun_jupyter.core.grants import Grant
from gpurun_jupyter.core.home import AttemptFolder
from gpurun_jupyter.report.checkpoints import OLD, PART, remove, special


def lay_out(folder: AttemptFolder, grant: Grant) -> list[str]:
    """Make the workspace and lay out in it what was shipped, and its data sets; returns what the user should know.

    Raises BadArchive, FileMissing and OSError.
    """
    _lay_out_checkpoints(folder, grant.attempt)
    folder.work.mkdir(exist_ok=True)
    spec, home = grant.spec, folder.home
    if spec.dir is not None:
        copies.lay_out(home, copies.manifest_of(home, spec.dir.manifest), folder.work)
    return [note for use in spec.data if (note := data_sets.show(folder, use))]


def _lay_out_checkpoints(folder: AttemptFolder, attempt: int) -> None:
    """A copy of what the newest earlier attempt left that had any; no byte is shared with that attempt.

    The directory gets its name when it is complete: an attempt that was killed before has none, and is passed over.
    """
    earlier = next((left for number in range(attempt - 1, 0, -1) if (left := _left_by(folder, number))), None)
    if earlier is None:
        folder.checkpoints.mkdir(exist_ok=True)
        return
    beside = folder.checkpoints.with_name(".checkpoints")
    shutil.rmtree(beside, ignore_errors=True)
    shutil.copytree(earlier, beside, symlinks=True, ignore=_unfinished)
    _put_back_replaced(beside)
    beside.rename(folder.checkpoints)


def _left_by(folder: AttemptFolder, number: int) -> Path | None:
    checkpoints = AttemptFolder(folder.path.with_name(str(number))).checkpoints
    is_folder = checkpoints.is_dir() and not checkpoints.is_symlink()  # which a run may have put there
    return checkpoints if is_folder and any(checkpoints.iterdir()) else None


def _unfinished(folder: str, names: list[str]) -> set[str]:
    """Checkpoints that `report.checkpoint` had not finished, and what is no file: sockets, FIFOs."""
    return {name for name in names if name.startswith(PART)} | special(folder, names)


def _put_back_replaced(checkpoints: Path) -> None:
    """What was about to be replaced by a newer one of its name; where that came, the old one goes."""
    for old in checkpoints.glob(f"{OLD}*"):
        name = checkpoints / old.name[len(OLD) :]
        if name.exists():
            remove(old)
        else:
            old.rename(name)
