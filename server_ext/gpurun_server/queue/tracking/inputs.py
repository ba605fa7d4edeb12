"""What runs used and made: data sets, and models that were logged. Both are facts about the run."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from gpurun_jupyter.core.events import Meta
from gpurun_jupyter.tracking import requests as asked
from gpurun_jupyter.tracking.refusals import Refused
from gpurun_server.queue.tracking.run_changes import RunChanges
from gpurun_server.queue.tracking.run_messages import INPUT, OUTPUT

_LONGEST = 7000  # characters of one as JSON
_MOST = 100
_LONG_ONES = ("profile", "schema", "source")


class Inputs:
    """Logging them."""

    def __init__(self, changes: RunChanges) -> None:
        self._changes = changes

    def log_inputs(self, request: asked.LogInputs) -> dict[str, Any]:
        """Data sets; of a description that is too long to be kept, its longest parts are left out."""
        return self._log(request.run, {INPUT + _digest(one): _shortened(one) for one in request.datasets})

    def log_outputs(self, request: asked.LogOutputs) -> dict[str, Any]:
        """Models."""
        return self._log(request.run, {OUTPUT + str(one.get("model_id", ""))[:200]: one for one in request.models})

    def _log(self, run_id: str, told: dict[str, Any]) -> dict[str, Any]:
        if len(told) > _MOST:
            raise Refused(f"At most {_MOST} at once; send several requests.")
        values = {name: msgspec.json.encode(one).decode() for name, one in told.items()}
        if long := [name for name, text in values.items() if len(text) > _LONGEST]:
            raise Refused(f"What is said of {long[0]!r} is longer than {_LONGEST:,} characters; say less of it.")
        known = self._changes.writable(run_id)
        if values:
            self._changes.append(run_id, known, [Meta(values=values)])
        return {}


def _digest(one: dict[str, Any]) -> str:
    """The same data set is kept once, however often it is logged."""
    found = one.get("dataset")
    said = (found.get("name"), found.get("digest")) if isinstance(found, dict) else one
    return hashlib.sha256(msgspec.json.encode(said)).hexdigest()[:16]


def _shortened(one: dict[str, Any]) -> dict[str, Any]:
    found = one.get("dataset")
    for part in _LONG_ONES:
        if isinstance(found, dict) and len(msgspec.json.encode(one)) > _LONGEST and part in found:
            found = {**found, part: ""}
            one = {**one, "dataset": found}
    return one
