"""What stands before the names of metrics where a run has several files of a kind."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import PurePath


def names_before(paths: Collection[PurePath]) -> dict[PurePath, str]:
    """For each file its folder below the one that all have in common, `train/` and `validation/`; nothing for one."""
    folders = [path.parent.parts for path in paths]
    shared = 0
    while folders and all(len(parts) > shared and parts[shared] == folders[0][shared] for parts in folders):
        shared += 1
    return {path: "".join(f"{part}/" for part in path.parent.parts[shared:]) for path in paths}
