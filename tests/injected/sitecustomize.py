"""Faults from outside: Python imports this at its start where PYTHONPATH names this folder; see `faults.py`.

The functions named in `places` of that folder are wrapped when their module is imported. Such a wrapper raises when a
test has written `armed.json`, which names its place, at the call that it names, and leaves the file `fired`. The fork
parent and spares are at work before a test arms anything: so the file is looked at on each call, and not before.
Runs do not inherit GPURUN_FAULTS; their kernels do inherit the wrappers, which do nothing there.
"""

import asyncio
import errno
import functools
import importlib.abc
import importlib.util
import json
import os
import sys
from pathlib import Path

FOLDER = Path(os.environ.get("GPURUN_FAULTS", "/nowhere"))
ERRORS = {
    "RuntimeError": lambda: RuntimeError("injected"),
    "MemoryError": lambda: MemoryError("injected"),
    "UnicodeError": lambda: UnicodeEncodeError("utf-8", "\udcff", 0, 1, "injected"),
    "OSError": lambda: OSError(errno.EIO, "injected"),
    "KeyError": lambda: KeyError("injected \udcff"),
}
calls: dict[str, int] = {}


def process() -> str:
    """Which process this is, as far as tests tell them apart."""
    words = " ".join(sys.orig_argv[1:4])
    if "agent.warm.fork_parent_process" in words or "agent.runner" in words:
        return "runner"
    return "agent" if "gpurun_server agent" in words or "agent.remote" in words else "server"


def hit(place: str) -> None:
    """Raise, if it is this call's turn."""
    try:
        armed = json.loads((FOLDER / "armed.json").read_text())
    except (OSError, ValueError):
        return
    if armed["place"] != place or armed["process"] != process():
        return
    calls[armed["id"]] = number = calls.get(armed["id"], 0) + 1
    if number < armed["call"] or (not armed["always"] and (FOLDER / "fired").exists()):
        return
    (FOLDER / "fired").write_text(f"{os.getpid()} {armed['id']}")
    raise ERRORS[armed["error"]]()


def wrapped(function, place: str):
    if asyncio.iscoroutinefunction(function):

        @functools.wraps(function)
        async def raising(*args, **kwargs):
            hit(place)
            return await function(*args, **kwargs)

        return raising

    @functools.wraps(function)
    def plainly_raising(*args, **kwargs):
        hit(place)
        return function(*args, **kwargs)

    return plainly_raising


class Wrapping(importlib.abc.MetaPathFinder):
    """Finds the modules that have places, and has their functions wrapped after they were executed."""

    def __init__(self, places: list[str]) -> None:
        self._names: dict[str, list[str]] = {}
        for place in places:
            module, _, name = place.partition(":")
            self._names.setdefault(module, []).append(name)

    def find_spec(self, fullname, path=None, target=None):
        if fullname not in self._names:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        spec = next((found for one in others if (found := one.find_spec(fullname, path, target))), None)
        execute = spec.loader.exec_module

        def exec_module(module) -> None:
            execute(module)
            for name in self._names[fullname]:
                holder, _, attribute = name.rpartition(".")
                place = getattr(module, holder) if holder else module
                setattr(place, attribute, wrapped(vars(place)[attribute], f"{fullname}:{name}"))

        spec.loader.exec_module = exec_module
        return spec


if (FOLDER / "places").exists():
    sys.meta_path.insert(0, Wrapping((FOLDER / "places").read_text().split()))
