"""Parameters: those of any run as text, and those of a notebook as code.

As code they follow papermill's convention, in the languages where it is one line each.
"""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.runs import RunSpec

#: The tag of the cell with default values, and that of the cell that is put after it.
PARAMETERS, INJECTED = "parameters", "injected-parameters"

#: Among the facts about a run, the parameters that its code logged.
LOGGED = "parameters"
#: And those that MLflow's clients keep their own books with.
_OF_MLFLOW = "mlflow."
#: What the arguments that have no name are called where runs are compared.
ARGUMENTS = "arguments"

_LANGUAGES = ("python", "bash")

_NEGATIVE_NUMBER = re.compile(r"-(\d|\.\d|inf)")  # a value, as argparse takes it


def parameters_of(spec: RunSpec) -> dict[str, str]:
    """What a run was told: its environment, a notebook's parameters, an entry's arguments, the values of a sweep.

    Where two have one name the later of these counts, and of two arguments the last. A bare flag is "true".
    """
    found = dict(spec.env)
    if spec.notebook is not None:
        found |= {name: _as_text(value) for name, value in spec.notebook.parameters.items()}
    if spec.dir is not None:
        found |= dict(_of_arguments(spec.dir.args))
    return found | {name: _as_text(value) for name, value in spec.values.items()}


def logged_in(meta: Mapping[str, Any]) -> dict[str, str]:
    """The parameters that a run's own code logged, as the facts about the run have them."""
    found = meta.get(LOGGED)
    return {name: _as_text(value) for name, value in found.items()} if isinstance(found, dict) else {}


def facts_in(meta: Mapping[str, Any]) -> dict[str, Any]:
    """The facts about a run that are shown to people: no parameters, and nothing that MLflow notes for itself."""
    return {name: value for name, value in meta.items() if name != LOGGED and not name.startswith(_OF_MLFLOW)}


def told(spec: RunSpec, meta: Mapping[str, Any] = MappingProxyType({})) -> dict[str, str]:
    """What a run was told, to be compared: its parameters, and in one line the arguments that have no name.

    Those that its own code logged are among them; where both have a name, what it was told counts.
    """
    named = logged_in(meta) | parameters_of(spec)
    rest = [] if spec.dir is None else _unnamed(spec.dir.args)
    return named | ({ARGUMENTS: shlex.join(rest)} if rest and ARGUMENTS not in named else {})


def _unnamed(args: Sequence[str]) -> list[str]:
    """The arguments that are no `--key value`, `--key=value` or `--flag`; all from a bare `--` on."""
    found, place = list[str](), 0
    while place < len(args):
        arg = args[place]
        if arg == "--":
            return [*found, *args[place:]]
        if not _is_named(arg):
            found.append(arg)
        elif "=" not in arg and place + 1 < len(args) and not _is_option(args[place + 1]):
            place += 1  # its value
        place += 1
    return found


def _is_named(arg: str) -> bool:
    return arg.startswith("--") and arg.removeprefix("--").partition("=")[0] != ""


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _of_arguments(args: Sequence[str]) -> Iterator[tuple[str, str]]:
    """`--key value`, `--key=value` and `--flag`, up to a bare `--`."""
    for position, arg in enumerate(args):
        if arg == "--":
            return
        if not _is_named(arg):
            continue
        name, is_assigned, value = arg.removeprefix("--").partition("=")
        if not is_assigned:
            following = args[position + 1] if position + 1 < len(args) else "-"
            value = "true" if _is_option(following) else following
        yield name, value


def _is_option(arg: str) -> bool:
    return arg.startswith("-") and not _NEGATIVE_NUMBER.match(arg)


def as_code(parameters: Mapping[str, Any], language: str) -> str:
    """Assignments, one a line. Raises InvalidRequest for a language in which nobody has said how."""
    if language.lower() not in _LANGUAGES:
        raise InvalidRequest(
            f"Parameters are set in {' and '.join(_LANGUAGES)}, and this notebook is in {language}.",
            "Let it read environment variables, and set them with --env.",
        )
    if language.lower() == "python":
        lines = [f"{name} = {_in_python(value)}" for name, value in parameters.items()]
    else:
        lines = [f"{name}={_in_bash(value)}" for name, value in parameters.items()]
    return "\n".join(["# Parameters", *lines])


def _in_python(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return f"float('{value}')"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {_in_python(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_in_python, value)) + "]"
    return repr(value)


def _in_bash(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return shlex.quote(value if isinstance(value, str) else "" if value is None else json.dumps(value))
