"""A value through a file and back."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from gpurun_jupyter.values import files
from gpurun_jupyter.values.refusals import Budget


def there_and_back(value: Any, *, pickle: bool = False, limit_bytes: int = 2**30) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "value"
        written = files.write(path, "x", value, Budget(limit_bytes), pickle=pickle)
        assert written.size_bytes == path.stat().st_size
        again = Path(folder) / "again"
        assert files.write(again, "x", value, Budget(limit_bytes), pickle=pickle).digest == written.digest
        return files.read(path, "x", pickle=pickle, digest=written.digest)


def same(one: Any, other: Any) -> bool:
    """Equal, of the same types all the way down, NaN equal to itself."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return one == other or (one != one and other != other)
    if isinstance(one, complex):
        return same(one.real, other.real) and same(one.imag, other.imag)
    if isinstance(one, dict):
        return len(one) == len(other) and all(
            same(*pair) for item in zip(one.items(), other.items(), strict=True) for pair in zip(*item, strict=True)
        )
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(same(*pair) for pair in zip(one, other, strict=True))
    if isinstance(one, (set, frozenset)):
        return _shown(one) == _shown(other)
    return bool(one == other)


def _shown(value: Any) -> str:
    """As repr, whatever order a set has."""
    if isinstance(value, (set, frozenset, tuple)):
        shown = [_shown(item) for item in value]
        return f"{type(value).__name__}({shown if isinstance(value, tuple) else sorted(shown)})"
    return repr(value)
