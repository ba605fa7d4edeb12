"""Faults injected into gpurun's own processes, from outside: see `injected/sitecustomize.py`."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

_HOOK = Path(__file__).parent / "injected"


class Faults:
    """What is to be raised in the processes that have this environment; one fault at a time."""

    def __init__(self, folder: Path, places: Iterable[str]) -> None:
        self._folder = folder
        folder.mkdir()
        (folder / "places").write_text("\n".join(places))

    def within(self, env: dict[str, str]) -> None:
        """Have the hook in every Python that is started with this environment."""
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_HOOK), env.get("PYTHONPATH", "")]))
        env["GPURUN_FAULTS"] = str(self._folder)

    def arm(self, process: str, place: str, error: str, *, call: int = 1, always: bool = False) -> None:
        """From now on, that process raises at this call of the place; with `always` at all that follow, too."""
        (self._folder / "fired").unlink(missing_ok=True)
        armed = {"id": secrets.token_hex(4), "place": place, "process": process, "error": error}
        beside = self._folder / ".armed"
        beside.write_text(json.dumps({**armed, "call": call, "always": always}))
        beside.replace(self._folder / "armed.json")

    def disarm(self) -> bool:
        """No more; whether it was raised."""
        (self._folder / "armed.json").unlink(missing_ok=True)
        return (self._folder / "fired").exists()
