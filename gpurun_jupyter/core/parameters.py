"""Parameters of a notebook as code: papermill's convention, in the languages where it is one line each."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping
from typing import Any

from gpurun_jupyter.core.errors import InvalidRequest

#: The tag of the cell with default values, and that of the cell that is put after it.
PARAMETERS, INJECTED = "parameters", "injected-parameters"

_LANGUAGES = ("python", "bash")


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
