"""How much a run may say, in one place: whoever asks for more is told which limit it met. docs/http.md lists them."""

from __future__ import annotations

from collections.abc import Sized
from typing import TYPE_CHECKING, Any

import msgspec

from gpurun_jupyter.core.errors import InvalidRequest, TooLarge
from gpurun_jupyter.core.units import format_size

if TYPE_CHECKING:
    from gpurun_jupyter.core.runs import RunSpec

#: Of a cell's code, characters.
CODE_CHARS = 16 * 2**20
#: Of everything else that a run says, as JSON.
SPEC_BYTES = 4 * 2**20
#: How many a run may have of each.
ITEMS = {"after": 1000, "tags": 100, "env": 1000, "values": 1000, "data": 100, "inputs": 1000, "outputs": 1000}
ARGUMENTS = 10_000
#: How deep lists and mappings may lie in one another in a value.
DEPTH = 32
#: Of any body that is JSON.
BODY_BYTES = 64 * 2**20
#: Of all fields of a form together, and how many parts it may have.
FORM_BYTES = 32 * 2**20
FORM_PARTS = 20_000
#: The largest whole number that a query may hold: what databases and files can count.
LARGEST = 2**63 - 1

_HINT = "docs/http.md lists the limits; ship what is big as files."


def check(spec: RunSpec) -> None:
    """Raises TooLarge, and InvalidRequest for what is nested too deep or no text."""
    for name, most in ITEMS.items():
        _check_items(name, getattr(spec, name), most)
    if spec.dir is not None:
        _check_items("args", spec.dir.args, ARGUMENTS)
    parameters = {} if spec.notebook is None else spec.notebook.parameters
    for name, values in (("values", spec.values), ("parameters", parameters)):
        _check_depth(name, values)
    _check_code(spec.code or "")
    _check_size(msgspec.structs.replace(spec, code=None))


def _check_items(name: str, items: Sized, most: int) -> None:
    """Raises TooLarge for more of something than a run may have."""
    if len(items) > most:
        raise TooLarge(f"There are {len(items):,} items in {name}; the limit is {most:,}.", _HINT)


def _check_code(code: str) -> None:
    """Raises TooLarge for a cell that is too long, InvalidRequest for one that is no text."""
    if len(code) > CODE_CHARS:
        raise TooLarge(f"The code has {len(code):,} characters; the limit is {CODE_CHARS:,}.", _HINT)
    if not code.isascii():  # only other text can hold half of a pair
        _size(code)


def _check_size(spec: msgspec.Struct) -> None:
    """Raises TooLarge for what says too much in all, InvalidRequest for texts that are none."""
    if (size_bytes := _size(spec)) > SPEC_BYTES:
        raise TooLarge(
            f"The run says {format_size(size_bytes)} beside its code; the limit is {format_size(SPEC_BYTES)}.", _HINT
        )


def _check_depth(name: str, value: Any) -> None:
    """Raises InvalidRequest for lists and mappings that lie too deep in one another."""
    level = [value]
    for _ in range(DEPTH):
        level = [item for one in level for item in _items(one)]
        if not level:
            return
    raise InvalidRequest(f"{name} is nested too deep; the limit is {DEPTH} levels.", "Make it flatter.")


def _size(value: Any) -> int:
    try:
        return len(msgspec.json.encode(value))
    except UnicodeEncodeError as error:  # YAML and Python can write it, UTF-8 cannot
        raise InvalidRequest("A text holds half of a surrogate pair.", "Write whole characters.") from error


def _items(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value.values()]
    return value if isinstance(value, list) else []
