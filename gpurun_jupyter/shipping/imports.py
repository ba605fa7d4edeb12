"""The local modules that code imports, and those that they import: found by reading, nothing is run.

Local is what lies on the path of this interpreter, but neither among installed packages nor in the standard library.
"""

from __future__ import annotations

import ast
import importlib.machinery
import os
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from gpurun_jupyter.core.runs import SIZE_GUARD_BYTES
from gpurun_jupyter.shipping.collect import File, Shipment, check_size, collect
from gpurun_jupyter.shipping.reading import WentAway, pieces

_SUFFIXES = (*importlib.machinery.EXTENSION_SUFFIXES, *importlib.machinery.SOURCE_SUFFIXES)
_INSTALLED = ("site-packages", "dist-packages")
#: Every run can import `report`, whatever its environment.
_OURS = frozenset({"gpurun_jupyter", "gpurun_server"})

#: What IPython takes for itself: lines of magics, shell commands and questions.
_MAGIC = re.compile(r"^([ \t]*)(?:[%!].*|[^#'\"\n]*\?[ \t]*)$", re.MULTILINE)
_IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+(\w+)[\w.]*[ \t]+import\b|import[ \t]+([\w. \t,]+))", re.MULTILINE)


class _Module(NamedTuple):
    """A module or package: the folder of the path that it lies in, and its name in there."""

    folder: str
    name: str


def local_modules(
    code: str, path: Sequence[str] | None = None, limit_bytes: int | None = SIZE_GUARD_BYTES
) -> Shipment | None:
    """What has to be shipped so that `code` can import its local modules; None where it imports none.

    Raises InvalidRequest, SecretsFound, and TooLarge above `limit_bytes`.
    """
    names = imported(code)
    if not names:
        return None
    folders = _folders(tuple(sys.path if path is None else path), os.getcwd())  # noqa: PTH109 - asked for each cell
    files: dict[_Module, list[File]] = {}
    while new := [found for name in sorted(names) if (found := _find(name, folders)) and found not in files]:
        for module in new:
            files[module] = collect(module.folder, None, only={module.name}).files  # all together are measured below
        names = frozenset().union(*(_imported_by(files[module]) for module in new))
    if not files:
        return None
    shipment = Shipment(Path(next(iter(files)).folder), [file for found in files.values() for file in found])
    check_size("What the cell imports", shipment.files, limit_bytes)
    return shipment


def told(shipment: Shipment) -> str:
    """`with model.py, layers/: 4 files (12 KB)`."""
    tops = {name.partition("/")[0] + name.partition("/")[1]: None for name, _, _ in shipment.files}
    return f"with {', '.join(tops)}: {shipment.amount}"


@lru_cache(maxsize=64)
def imported(code: str) -> frozenset[str]:
    """The first parts of the names that code imports, without those of the standard library."""
    if "import" not in code:
        return frozenset()
    return frozenset(_names(code)) - sys.stdlib_module_names - _OURS


def _names(code: str) -> Iterator[str]:
    tree = _parsed(code) or _parsed(_MAGIC.sub(r"\1pass", code))  # most cells have no magics
    if tree is None:  # another language, or a mistake that the run will tell
        for one, several in _IMPORT.findall(code):
            yield from [one] if one else re.findall(r"(?:^|,)[ \t]*(\w+)", several)
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:  # a package is shipped as a whole
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.Call) and (name := _named_in_call(node)):
            yield name.partition(".")[0]


def _parsed(code: str) -> ast.Module | None:
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        return None


def _named_in_call(node: ast.Call) -> str:
    """`x` of `importlib.import_module("x")` and `__import__("x")`."""
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    first = node.args[0] if node.args else None
    if called in ("import_module", "__import__") and isinstance(first, ast.Constant) and isinstance(first.value, str):
        return first.value
    return ""


@lru_cache(maxsize=8)
def _folders(path: tuple[str, ...], cwd: str) -> tuple[tuple[str, bool], ...]:
    """The folders of the path in order, each with whether what lies in it is local."""
    standard = {os.path.realpath(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")}
    found = []
    for entry in path:
        folder = os.path.join(cwd, entry)  # noqa: PTH118 - paths are text here
        parts = Path(os.path.realpath(folder)).parts
        installed = any(part in _INSTALLED for part in parts) or any(
            str(parent) in standard for parent in (Path(*parts), *Path(*parts).parents)
        )
        found.append((folder.rstrip("/") or "/", not installed))  # "", the current directory, became "cwd/"
    return tuple(dict.fromkeys(found))


class _There(NamedTuple):
    """What a folder has for a name; `mere` is a folder without __init__.py, which counts only where nothing else is."""

    name: str
    mere: bool


def _find(name: str, folders: Iterable[tuple[str, bool]]) -> _Module | None:
    """Where Python would find the module, if that is local."""
    if not any(_there(folder, name) for folder, local in folders if local):
        return None  # so it is with nearly every name, and only local folders were looked into
    mere = None
    for folder, local in folders:
        there = _there(folder, name)
        # Python takes a folder without __init__.py only if nothing else on the whole path has the name.
        if there and not there.mere:
            return _Module(folder, there.name) if local else None
        if there and local and mere is None and _has_python(f"{folder}/{name}"):
            mere = _Module(folder, name)
    return mere


def _there(folder: str, name: str) -> _There | None:
    place = f"{folder}/{name}"
    is_folder = os.path.isdir(place)  # noqa: PTH112
    if is_folder and any(_is_file(f"{place}/__init__{suffix}") for suffix in _SUFFIXES):
        return _There(name, mere=False)
    file = next((name + suffix for suffix in _SUFFIXES if _is_file(place + suffix)), None)
    if file is not None:
        return _There(file, mere=False)
    return _There(name, mere=True) if is_folder else None


def _is_file(path: str) -> bool:
    return os.path.isfile(path)  # noqa: PTH113


def _has_python(folder: str) -> bool:
    """Whether a folder is one of modules rather than of data that happens to have the name."""
    try:
        names = os.listdir(folder)  # noqa: PTH208
    except OSError:  # nor can Python read it
        return False
    return any(name.endswith(_SUFFIXES) or _is_file(f"{folder}/{name}/__init__.py") for name in names)


#: What a file imports, with its size and time when it was read.
_seen: dict[str, tuple[tuple[int, int], frozenset[str]]] = {}


def _imported_by(files: list[File]) -> set[str]:
    names: set[str] = set()
    for file in files:
        if file.name.endswith(".py"):
            stamp = (file.found.st_size, file.found.st_mtime_ns)
            if _seen.get(file.path, (None,))[0] != stamp:
                _seen[file.path] = (stamp, imported(_text(file.path)))
            names |= _seen[file.path][1]
    return names


def _text(path: str) -> str:
    try:
        return b"".join(pieces(path)).decode("utf-8", "replace")
    except WentAway:
        return ""
