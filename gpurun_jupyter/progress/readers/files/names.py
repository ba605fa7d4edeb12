"""What metrics in files are called: where several files say the same name, the one that was first has it.

Another file of the same logger in another folder says it of something else, `validation/loss`; another logger says the
same once more, and so does a process of another rank: these are not believed.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import NamedTuple

#: The folder or file of a process of a distributed training that is not the first.
_OTHER_RANK = re.compile(r"(?:^|[/_.-])rank[_-]?[1-9]\d*(?=[/_.-]|$)", re.IGNORECASE)
_MAX_NAMES = 20_000


class _Owner(NamedTuple):
    by: str
    folder: PurePosixPath
    run: str


class Names:
    """Which file has which name."""

    def __init__(self) -> None:
        self._owners: dict[str, _Owner] = {}

    def called(self, name: str, by: str, path: PurePosixPath, run: str = "") -> str | None:
        """What a metric of a file is called; None where somebody else says it already."""
        own = _Owner(by, path.parent, run)
        owner = self._owners.get(name)
        if owner is None:
            if len(self._owners) < _MAX_NAMES:
                self._owners[name] = own
            return name
        if owner == own:
            return name
        if owner.by != by or _OTHER_RANK.search(path.as_posix()):
            return None
        before = _apart(owner, own)
        return self.called(f"{before}/{name}", by, path, run) if before else None


def _apart(owner: _Owner, own: _Owner) -> str:
    """What tells one from the other: its run, or its folder below the one that both are in."""
    if own.run != owner.run:
        return own.run
    parts, others = own.folder.parts, owner.folder.parts
    shared = 0
    while shared < min(len(parts), len(others)) and parts[shared] == others[shared]:
        shared += 1
    return "/".join(parts[shared:])
