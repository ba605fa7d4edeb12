"""The values of secrets that are named without one: from this environment, else asked for."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Iterable, Mapping

from gpurun_jupyter.core.errors import InvalidRequest


def with_values(secrets: Mapping[str, str | None] | Iterable[str]) -> dict[str, str]:
    """Each secret with its value. Raises InvalidRequest where one has none and nobody can be asked."""
    if isinstance(secrets, str):  # each of its letters would be a name
        raise InvalidRequest("`secrets` is a list of names, or a mapping of names to values.", 'secrets=["NAME"]')
    given = secrets if isinstance(secrets, Mapping) else dict.fromkeys(secrets)
    return {name: _value(name) if value is None else value for name, value in given.items()}


def _value(name: str) -> str:
    """From the environment, else from who sits there."""
    if value := os.environ.get(name):
        return value
    if value := _asked(name):
        return value
    raise InvalidRequest(
        f"There is no value for the secret {name}.",
        f"Set the environment variable {name}, from which it is taken, or give it: --secret {name}=VALUE.",
    )


def _asked(name: str) -> str | None:
    """What somebody types, unseen; None where nobody can be asked: a program, or a notebook without a screen."""
    in_notebook = getpass.getpass.__module__ != "getpass"  # ipykernel puts its own there
    if not in_notebook and not (sys.stdin and sys.stdin.isatty()):
        return None
    try:
        return getpass.getpass(f"Value of the secret {name}: ")
    except (NotImplementedError, EOFError):  # a notebook that is executed without a front end
        return None
