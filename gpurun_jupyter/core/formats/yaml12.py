"""Plain scalars as the core schema of YAML 1.2 has them (yaml.org/spec/1.2.2, 10.3.2), for PyYAML, which knows 1.1.

There `1e-3` is a number; `NO`, `on`, `1:30`, `1_000` and dates are texts, and `017` is seventeen.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import yaml

TAG = "tag:yaml.org,2002:"
#: Raised for a text that is no YAML.
Unreadable = yaml.YAMLError
_MOST_BITS = 1024  # of a whole number; beyond some thousands, Python writes none as text

_SCALARS = (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),  # before float, which fits these too
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", "-+."),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
)


class Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Knows the plain scalars of the core schema, and no others."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - as PyYAML declares it


class Dumper(yaml.SafeDumper):  # type: ignore[misc]
    """Puts a text in quotes where either version of YAML would take it for something else."""


def whole(text: str) -> int:
    """The number. Raises ValueError for one that is too large."""
    number = int(text[2:], 8 if text[1] == "o" else 16) if text[:2] in ("0o", "0x") else int(text)
    if number.bit_length() > _MOST_BITS:
        raise ValueError("too large")
    return number


#: What a scalar of each kind is. Raise ValueError and KeyError.
CONSTRUCTED: dict[str, Callable[[str], Any]] = {
    "bool": lambda text: {"true": True, "false": False}[text.lower()],
    "int": whole,
    "float": lambda text: float(text.lower().replace(".inf", "inf").replace(".nan", "nan")),
    "null": lambda _: None,
}

for _kind, _make in CONSTRUCTED.items():
    Loader.add_constructor(TAG + _kind, lambda _, node, make=_make: make(node.value))
for _kind, _pattern, _first in _SCALARS:
    for _schema in (Loader, Dumper):
        # `$` would also fit before a last newline.
        _schema.add_implicit_resolver(TAG + _kind, re.compile(rf"^(?:{_pattern})\Z"), list(_first))
