"""The combinations of a sweep's values, and how the values of one combination reach its run."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.runs import RunSpec

#: How many runs one sweep may have.
MOST_COMBINATIONS = 1000

_IN_BRACES = re.compile(r"\{([A-Za-z_][\w.-]*)\}")


def count(grid: Mapping[str, Any]) -> int:
    """How many combinations there are."""
    return math.prod(len(value) for value in grid.values() if isinstance(value, list))


def is_sweep(grid: Mapping[str, Any]) -> bool:
    """Whether any of the values is a list, so that there are runs to number."""
    return any(isinstance(value, list) for value in grid.values())


def combinations(grid: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every combination of the lists' items, the last list varying first; what is no list is in each.

    Raises InvalidRequest for an empty list, and for more combinations than a sweep may have.
    """
    for name, value in grid.items():
        if value == []:
            raise InvalidRequest(f"{name} has an empty list, so there is nothing to run.", "Give it a value.")
    if (many := count(grid)) > MOST_COMBINATIONS:
        raise InvalidRequest(
            f"The values have {many:,} combinations; a sweep has at most {MOST_COMBINATIONS:,}.",
            "Take some values away, or launch parts of it one after another.",
        )
    axes = [value if isinstance(value, list) else [value] for value in grid.values()]
    return [dict(zip(grid, chosen, strict=True)) for chosen in itertools.product(*axes)]


def arguments(args: Sequence[str], spec: RunSpec) -> list[str]:
    """The arguments of an entry point with the values in them that reach it so.

    A value takes the place of its name in braces; those that no argument names follow as `--name value`, or as
    `--name=value` where the value begins with a dash and would be taken for an option. True is `--name` alone, false
    and null are left out, as argparse and click have their flags.
    """
    values = spec.values if spec.passing == "args" else {}
    used: set[str] = set()

    def fill(found: re.Match[str]) -> str:
        if found[1] not in values:
            return found[0]
        used.add(found[1])
        return text_of(values[found[1]])

    filled = [_IN_BRACES.sub(fill, arg) for arg in args]
    for name, value in values.items():
        if name not in used and value is not None and value is not False:
            filled += [f"--{name}"] if value is True else _argument(name, text_of(value))
    return filled


def _argument(name: str, text: str) -> list[str]:
    return [f"--{name}={text}"] if text.startswith("-") else [f"--{name}", text]


def environment(spec: RunSpec) -> dict[str, str]:
    """The environment variables that a run asks for, with the values that reach it so; null is left out."""
    values = spec.values if spec.passing == "env" else {}
    return spec.env | {name: text_of(value) for name, value in values.items() if value is not None}


def variables(spec: RunSpec) -> dict[str, Any]:
    """The variables of a cell, or the parameters of a notebook, that its values are."""
    return spec.values if spec.passing == "variables" else {}


def text_of(value: Any) -> str:
    """A value as an argument: a text as it is, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)
