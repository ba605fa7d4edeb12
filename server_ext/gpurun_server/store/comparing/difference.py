"""What differs between two runs: their code, their parameters, the packages that they found."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from gpurun_jupyter.core import manifests
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.parameters import told
from gpurun_jupyter.core.runs import RunSpec
from gpurun_server.store.comparing.environments import Environment

#: A longer file is not compared line by line, and neither are more files than these.
LONGEST_BYTES = 256 * 1024
MOST_FILES = 100

_CELL = "cell"


class CodeChange(msgspec.Struct):
    """A file's text in both runs; None where it is not in one of them. A cell's code is a file called `cell`."""

    path: str
    before: str | None
    after: str | None


class Differing(msgspec.Struct):
    """A value in both runs; None where one of them has none."""

    name: str
    before: str | None
    after: str | None


class LeftOut(msgspec.Struct):
    """A file that differs and is not shown, and why."""

    path: str
    why: str


class Difference(msgspec.Struct):
    """What differs from the run `before` to the run `after` (ids)."""

    before: str
    after: str
    code: list[CodeChange]
    left_out: list[LeftOut]
    parameters: list[Differing]
    packages: list[Differing]


class Side(msgspec.Struct):
    """One of the two runs."""

    id: str
    spec: RunSpec
    environment: Environment | None
    meta: dict[str, Any] = {}


#: Reads a file's bytes; None where they are not kept any more.
_Read = Callable[[], bytes | None]


class _File(msgspec.Struct):
    digest: str
    size_bytes: int
    read: _Read


def difference(home: Home, before: Side, after: Side) -> Difference:
    """Compare two runs. Reads files: for a thread."""
    code, left_out = _code(_files(home, before.spec), _files(home, after.spec))
    return Difference(
        before.id,
        after.id,
        code,
        left_out,
        _changes(told(before.spec, before.meta), told(after.spec, after.meta)),
        _changes(_packages(before.environment), _packages(after.environment)),
    )


def _files(home: Home, spec: RunSpec) -> dict[str, _File]:
    """The files of a run by path: the shipped ones, its notebook's cells, its cell."""
    found: dict[str, _File] = {}
    if spec.dir is not None and (data := _read(home, spec.dir.manifest)):
        for entry in manifests.decode(data).files:
            found[entry.path] = _File(entry.digest, entry.size_bytes, _reader(home, entry.digest))
    if spec.notebook is not None and (data := _read(home, spec.notebook.digest)):
        found[spec.notebook.name] = _text_file(cells_as_text(data))
    if spec.code is not None:
        found[_CELL] = _text_file(spec.code)
    return found


def cells_as_text(notebook: bytes) -> str:
    """A notebook's cells one after another, without outputs: what a person compares."""
    cells = json.loads(notebook).get("cells", [])
    sources = [(cell.get("cell_type", "code"), "".join(cell.get("source", ""))) for cell in cells]
    return "\n\n".join(source if kind == "code" else f"# [{kind}]\n{source}" for kind, source in sources) + "\n"


def _text_file(text: str) -> _File:
    data = text.encode()
    return _File(manifests.digest_of(data), len(data), lambda: data)


def _reader(home: Home, digest: str) -> _Read:
    return lambda: _read(home, digest)


def _read(home: Home, digest: str) -> bytes | None:
    try:
        return home.blob(digest).read_bytes()
    except FileNotFoundError:
        return None


def _code(before: Mapping[str, _File], after: Mapping[str, _File]) -> tuple[list[CodeChange], list[LeftOut]]:
    changes: list[CodeChange] = []
    left_out: list[LeftOut] = []
    for path in sorted({*before, *after}, key=lambda path: (path != _CELL, path)):
        one, other = before.get(path), after.get(path)
        if one is not None and other is not None and one.digest == other.digest:
            continue
        if why := _why_not_shown([one, other], len(changes)):
            left_out.append(LeftOut(path, why))
            continue
        try:
            changes.append(CodeChange(path, _text_of(one), _text_of(other)))
        except (UnicodeDecodeError, FileNotFoundError):
            left_out.append(LeftOut(path, "it is no text, or not kept any more"))
    return changes, left_out


def _why_not_shown(files: Iterable[_File | None], count: int) -> str:
    if count >= MOST_FILES:
        return f"{MOST_FILES} files are shown"
    longest = max(file.size_bytes for file in files if file is not None)
    return f"it is longer than {LONGEST_BYTES // 1024} KB" if longest > LONGEST_BYTES else ""


def _text_of(file: _File | None) -> str | None:
    """Raises UnicodeDecodeError and FileNotFoundError."""
    if file is None:
        return None
    data = file.read()
    if data is None:
        raise FileNotFoundError
    if b"\0" in data:
        raise UnicodeDecodeError("utf-8", data, data.index(b"\0"), data.index(b"\0") + 1, "a NUL character")
    return data.decode()


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Differing]:
    names = sorted({*before, *after}, key=str.lower)
    both = (Differing(name, before.get(name), after.get(name)) for name in names)
    return [change for change in both if change.before != change.after]


def _packages(environment: Environment | None) -> dict[str, str]:
    if environment is None:
        return {}
    return {**environment.packages, **({"python": environment.python} if environment.python else {})}
