"""The entries of `GpurunApp.notices`: whom to tell of which runs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.lifecycle import Outcome, Word


class Occasion(Word):
    """What a notice is about: how a run ended, or that its agent is out of sight."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    LOST_AGENT = "lost_agent"

    @classmethod
    def of(cls, outcome: str | None) -> Occasion:
        """That of a line of the history: one without an outcome says that the run is lost."""
        return cls(outcome) if outcome else cls.LOST_AGENT


_UNASKED = (Occasion.SUCCEEDED, Occasion.FAILED, Occasion.TIMED_OUT, Occasion.LOST_AGENT)


class Entry(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One of them; `url` is apprise's and holds secrets. Without `projects` it is about all."""

    url: str
    on: Sequence[Occasion] = _UNASKED
    projects: Sequence[str] = ()
    owners: Sequence[str] = ()

    def __repr__(self) -> str:
        return f"Entry({self.on!r}, {self.projects!r}, {self.owners!r})"  # the URL never reaches a log

    @property
    def outcomes(self) -> list[str]:
        """Of the runs that it is about."""
        return [outcome.value for outcome in Outcome if outcome.value in {occasion.value for occasion in self.on}]

    @property
    def digest(self) -> str:
        """How servers that share a database know that they have the same entry, without writing down its secrets."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:16]


def read(number: int, setting: Any, owner: str) -> Entry:
    """An entry of the setting; one that names no owners is about `owner`'s runs. Raises InvalidRequest."""
    try:
        entry = msgspec.convert(setting, Entry)
    except msgspec.ValidationError as error:
        known = "url, on (succeeded, failed, cancelled, timed_out, lost_agent), projects and owners"
        raise InvalidRequest(f"GpurunApp.notices, entry {number}: {error}.", f"An entry has {known}.") from None
    return entry if entry.owners else msgspec.structs.replace(entry, owners=[owner])
