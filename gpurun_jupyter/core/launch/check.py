"""From the text of a launch file to what it asks for, or to everything that is wrong with it, each at its place."""

from __future__ import annotations

import difflib
import math
import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import inspect

from gpurun_jupyter.core.errors import GpurunError, InvalidRequest
from gpurun_jupyter.core.launch import grid
from gpurun_jupyter.core.launch.file import LaunchFile
from gpurun_jupyter.core.launch.places import Document, Malformed, Path, Place, Problem, read
from gpurun_jupyter.core.launch.types import Unfit, bare, fit, what, what_it_is
from gpurun_jupyter.core.run_checks import check_run
from gpurun_jupyter.core.runs import PASSED, DataUse
from gpurun_jupyter.core.units import parse_duration_s, parse_size_bytes

#: What a launch file may name that it is about; exactly one.
KINDS = ("entry", "module", "notebook", "code")

#: Other words for what is meant, as other tools have them.
_MEANT = {
    "entry": ("script", "command", "program", "main"),
    "dir": ("directory", "folder"),
    "values": ("parameters", "params", "grid", "sweep", "hyperparameters"),
    "args": ("arguments",),
    "env": ("environment",),
    "gpu_mem": ("memory",),
    "data": ("datasets",),
}
_ANY = "0" * 64  # in place of digests that are known once files are shipped


@dataclass
class Checked:
    """A launch file that was looked at: `file` is there if nothing is wrong with it."""

    file: LaunchFile | None
    problems: list[Problem]
    _document: Document | None = None

    def place(self, *names: str) -> Place:
        """Where the first of these options that is in the file stands, else the file's beginning.

        `values.lr` is the option lr below values.
        """
        keys = self._document.keys if self._document else {}
        paths = [tuple(name.split(".", 1)) for name in names]
        return next((keys[path] for path in paths if path in keys), Place(1, 1))

    def refused(self, error: GpurunError, *names: str) -> Problem:
        """An error that is about these options, at the place of the first."""
        return Problem(*self.place(*names), error.message, error.hint)


def check(text: str) -> Checked:
    """Look at a launch file. Problems are in the order of their places."""
    try:
        document = read(text)
    except Malformed as error:
        return Checked(None, [error.problem])
    fields = _fields(document)
    file = LaunchFile(**fields)
    checked = Checked(file, document.problems, document)
    if not document.problems:
        _check_meaning(file, checked)
    checked.problems = sorted(set(checked.problems))  # what an alias repeats is told once
    checked.file = None if checked.problems else file
    return checked


def parse(text: str) -> LaunchFile:
    """The launch file of this text. Raises InvalidRequest, which names every problem's line and column."""
    checked = check(text)
    if checked.file is None:
        lines = [f"line {one.line}, column {one.column}: {one.message} {one.hint}".rstrip() for one in checked.problems]
        raise InvalidRequest("The launch file is not right.\n" + "\n".join(lines), "")
    return checked.file


def _fields(document: Document) -> dict[str, Any]:
    """The options that fit their types; the others become problems. One without a value counts as left out."""
    described = inspect.type_info(LaunchFile)
    assert isinstance(described, inspect.StructType)
    kinds = {field.name: field.type for field in described.fields}
    found = {}
    for name, value in document.value.items():
        if name not in kinds:
            _unknown(document, name)
        elif value is not None:
            found[name] = _fitted(document, kinds[name], (name,), value)
    return found


def _unknown(document: Document, name: str) -> None:
    names = LaunchFile.__struct_fields__
    close = next((meant for meant, words in _MEANT.items() if name.lower() in words), None)
    close = close or next(iter(difflib.get_close_matches(name.lower(), names, 1)), None)
    meant = f"Did you mean {close!r}? " if close else ""
    document.problem(
        document.keys[name,], f"A launch file has no option {name!r}.", f"{meant}There are {', '.join(names)}."
    )


def _fitted(document: Document, kind: inspect.Type, path: Path, value: Any) -> Any:
    """The value as its type has it; what does not fit becomes a problem at its own place, however deep."""
    kind = bare(kind)
    if isinstance(kind, inspect.ListType) and isinstance(value, list):
        return [_fitted(document, kind.item_type, (*path, number), item) for number, item in enumerate(value)]
    if isinstance(kind, inspect.DictType) and isinstance(value, dict):
        return {name: _fitted(document, kind.value_type, (*path, name), item) for name, item in value.items()}
    try:
        return fit(kind, value, document.sources.get(path))
    except Unfit:
        named = ".".join(str(part) if isinstance(part, str) else str(part + 1) for part in path)
        message = f"{named} has to be {what(kind)}, and this is {what_it_is(value)}."
        document.problem(document.values[path], message, _description(str(path[0])))
        return value


def _description(name: str) -> str:
    described = inspect.type_info(LaunchFile)
    assert isinstance(described, inspect.StructType)
    kind = next(field.type for field in described.fields if field.name == name)
    return str((kind.extra_json_schema or {}).get("description", "")) if isinstance(kind, inspect.Metadata) else ""


def _check_meaning(file: LaunchFile, checked: Checked) -> None:
    """What the types cannot say."""
    given = [kind for kind in KINDS if getattr(file, kind) is not None]
    if len(given) != 1:
        _check_kinds(given, checked)
        return
    for name, look in _LOOKS.items():
        try:
            look(file)
        except InvalidRequest as error:
            checked.problems.append(checked.refused(error, name))
    for name in file.values.keys() | file.env.keys():
        for option, look_at in (("values", _value), ("env", _variable)):
            try:
                look_at(file, name)
            except InvalidRequest as error:
                checked.problems.append(checked.refused(error, f"{option}.{name}"))
    if not checked.problems:
        try:
            manifest = _ANY if not file.in_kernel or file.dir is not None else None
            entry = None if file.entry is None else "entry"  # `_entry` has looked at it: here it may lead anywhere
            spec = file.spec(manifest, _ANY if file.notebook is not None else None, entry)
            spec.values = dict.fromkeys(file.values, 0)  # `_value` has looked at them: here the names count
            check_run(spec)
        except GpurunError as error:
            checked.problems.append(checked.refused(error, "session", "outputs", "values_as", *given))


def _check_kinds(given: list[str], checked: Checked) -> None:
    if not given:
        error = InvalidRequest("There is nothing to run.", "Say entry, module, notebook or code.")
        checked.problems.append(checked.refused(error, "dir"))
        return
    last = max(given, key=checked.place)
    others = " and ".join(name for name in given if name != last)
    error = InvalidRequest(f"The file says {last}, but {others} too.", "It runs one of them: remove the rest.")
    checked.problems.append(checked.refused(error, last))


def _args(file: LaunchFile) -> None:
    if file.args and file.in_kernel:
        raise InvalidRequest(
            "Only an entry point or a module has arguments.", "Give a notebook or a cell its values by `values`."
        )


def _session(file: LaunchFile) -> None:
    if file.session is not None and not file.in_kernel:
        raise InvalidRequest("A session runs cells, not entry points.", "Leave session out.")


def _outputs(file: LaunchFile) -> None:
    if file.outputs and not file.in_kernel:
        raise InvalidRequest("An entry point has no variables to keep.", "Let it write files.")


def _files_of(file: LaunchFile) -> None:
    if file.files_of is not None and file.dir is not None:
        raise InvalidRequest("The file says dir too, so there are two directories.", "Remove one of them.")


def _path(name: str) -> Callable[[LaunchFile], None]:
    def look(file: LaunchFile) -> None:
        if "\0" in (getattr(file, name) or ""):
            raise InvalidRequest("A path holds a NUL character.", "Remove it.")

    return look


def _entry(file: LaunchFile) -> None:
    _path("entry")(file)
    if file.dir is not None and posixpath.normpath(file.entry or "entry").split("/")[0] in (".", ".."):
        raise InvalidRequest(f"The entry point {file.entry!r} is outside the directory.", "Name a file inside it.")


def _module(file: LaunchFile) -> None:
    if file.module is not None and file.dir is None and file.files_of is None:
        raise InvalidRequest("A module is run in a directory, and none is said.", "Add `dir: .`.")


def _values(file: LaunchFile) -> None:
    if grid.count(file.values):  # an empty list makes it 0, and is told at its own name
        grid.combinations(file.values)


def _variable(file: LaunchFile, name: str) -> None:
    what_it_becomes, fits = PASSED["env"]
    if name in file.env and not fits(name):
        raise InvalidRequest(f"{name!r} cannot be the name of {what_it_becomes}.", "Write letters, digits and _.")


def _value(file: LaunchFile, name: str) -> None:
    if name not in file.values:
        return
    value = file.values[name]
    what_it_becomes, fits = PASSED[file.values_as or ("variables" if file.in_kernel else "args")]
    if not fits(name):
        raise InvalidRequest(f"{name!r} cannot be the name of {what_it_becomes}.", "Write letters, digits and _.")
    grid.combinations({name: value})
    if any(isinstance(one, float) and not math.isfinite(one) for one in _leaves(value)):
        raise InvalidRequest(f"A value of {name} is not a finite number.", "Write it as a text, in quotes.")


def _secrets(file: LaunchFile) -> None:
    _, fits = PASSED["env"]
    if not all(map(fits, file.secrets)):
        raise InvalidRequest(
            "A launch file has the names of secrets, not their values.",
            "Write `secrets: [NAME]`; the value is taken from the environment of who launches it, or asked for.",
        )
    if both := [name for name in file.secrets if name in file.env]:
        raise InvalidRequest(f"{both[0]} is both in env and a secret.", "Leave one of them out.")


def _name(file: LaunchFile) -> None:
    if file.name is not None and grid.is_sweep(file.values) and (len(file.name) > LONGEST_NAME or "/" in file.name):
        raise InvalidRequest(
            f"The name of a sweep has at most {LONGEST_NAME} characters and no slash.", "Its runs are NAME/1, NAME/2."
        )


#: The runs of a sweep are called by it and a number, and tagged by it.
LONGEST_NAME = 90

_LOOKS: Mapping[str, Callable[[LaunchFile], object]] = {
    "dir": _path("dir"),
    "notebook": _path("notebook"),
    "args": _args,
    "session": _session,
    "outputs": _outputs,
    "files_of": _files_of,
    "entry": _entry,
    "module": _module,
    "values": _values,
    "name": _name,
    "secrets": _secrets,
    "timeout": lambda file: file.timeout is None or parse_duration_s(file.timeout),
    "gpu_mem": lambda file: file.gpu_mem is None or parse_size_bytes(file.gpu_mem),
    "values_limit": lambda file: file.values_limit is None or parse_size_bytes(file.values_limit),
    "data": lambda file: [DataUse.parse(text).place for text in file.data],
}


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict | list):
        return [leaf for item in (value.values() if isinstance(value, dict) else value) for leaf in _leaves(item)]
    return [value]
