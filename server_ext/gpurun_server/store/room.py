"""Room on the disk of the state directory for what makes room there: a deletion has to be written, too."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa

from gpurun_jupyter.core.errors import StorageFull
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.system.reserve import Reserve
from gpurun_server.store.disk import refusal_in, refusal_of

#: What a deletion or a cancel writes is some pages of the database.
_RESERVE_BYTES = 256 * 1024
#: With less than so much left, what is deleted is not kept for a while.
_SHORT_BYTES = 4 * 2**20

T = TypeVar("T")


def reserve_of(home: Home) -> Reserve:
    """The reserve of a state directory."""
    return Reserve(home.path / "reserve", _RESERVE_BYTES)


def is_short(home: Home) -> bool:
    """Whether room is wanted more than a way back."""
    return shutil.disk_usage(home.path).free < _SHORT_BYTES


def with_reserve(home: Home, act: Callable[[], T]) -> T:
    """Do something; where the disk is full a second time, in the room of the reserve, which is then held anew."""
    try:
        return act()
    except (OSError, sa.exc.OperationalError) as error:
        if not _says_full(error):
            raise
    reserve = reserve_of(home)
    reserve.spend()
    try:
        return act()  # once more from its start: the first try was undone
    finally:
        reserve.keep()


def _says_full(error: OSError | sa.exc.OperationalError) -> bool:
    told = refusal_of(error) if isinstance(error, OSError) else refusal_in(str(error.orig))
    return isinstance(told, StorageFull)
