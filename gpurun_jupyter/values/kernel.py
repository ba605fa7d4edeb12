"""The two ends of a run's variables inside its kernel, called by silent requests before and after the cell.

Nothing is raised, since it would look like a fault of the cell, and nothing is left in the namespace. What came of it
is an answer, a JSON file for the runner: `{"outputs": {...}}`, or `{"refused": sentence}`.
"""

from __future__ import annotations

import atexit
import json
import os
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List

from gpurun_jupyter.values import files
from gpurun_jupyter.values.refusals import Budget, Refused


def bring_in(answer: str, inputs: Dict[str, str], pickle: bool) -> None:
    """Put the values of files, by name, into the namespace: all of them or none."""

    def read() -> Dict[str, Any]:
        namespace = _namespace()
        # All are read before the first is set.
        namespace.update({name: files.read(Path(path), name, pickle=pickle) for name, path in inputs.items()})
        return {}

    _answer(answer, read)


def take_out(answer: str, folder: str, names: List[str], pickle: bool, limit_bytes: int) -> None:
    """Write the variables of these names to files in the folder, 0, 1, ...; the answer tells size, sha256 and type."""

    def write() -> Dict[str, Any]:
        namespace, budget = _namespace(), Budget(limit_bytes)
        missing = [repr(name) for name in names if name not in namespace]
        if missing:
            raise Refused(f"The cell did not define {' and '.join(missing)}.", "--out names variables of the cell.")
        Path(folder).mkdir(mode=0o700, exist_ok=True)
        outputs = {}
        for number, name in enumerate(names):
            written = files.write(Path(folder, str(number)), name, namespace[name], budget, pickle=pickle)
            outputs[name] = {"file": str(number), **written._asdict()}
        return {"outputs": outputs}

    _answer(answer, write)


def take_out_at_exit(answer: str, folder: str, names: List[str], pickle: bool, limit_bytes: int) -> None:
    """The same when Python has waited for its threads, before the exit handlers that are there now."""
    atexit.register(take_out, answer, folder, names, pickle, limit_bytes)


def _answer(path: str, act: Callable[[], Dict[str, Any]]) -> None:
    try:
        answer = act()
    except Refused as error:
        answer = {"refused": str(error)}
    except BaseException as error:  # noqa: BLE001 - an interrupt too: the runner knows what it was
        answer = {"refused": f"{type(error).__name__}: {error}".rstrip(": ")}
    beside = Path(f"{path}.{os.getpid()}")
    beside.touch(mode=0o600)
    beside.write_text(json.dumps(answer))
    beside.replace(path)


def _namespace() -> Dict[str, Any]:
    """Where the cells' variables are."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return sys.modules["__main__"].__dict__ if shell is None else shell.user_ns
