"""A value as a tree that JSON can hold, and back: plain data as it is, everything else as `{"$gpurun": kind, ...}`.

Kinds: what JSON has no word for (`tuple`, `set`, `dict` with other keys than strings, ...) here; the objects of a
library in the module that `_LIBRARIES` names, imported where a value is one of them. An object that occurs twice
comes back as two.
"""

from __future__ import annotations

import base64
import datetime as dt
import importlib
import json
import math
from collections import OrderedDict
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List, Optional

from gpurun_jupyter.values.parts import PartsReader, PartsWriter
from gpurun_jupyter.values.refusals import Refused, Unsafe, type_name

TAG = "$gpurun"
#: Bytes of this length and less stand in the tree itself.
SMALL_BYTES = 1024
#: Python refuses to write longer integers in decimal.
_LONG_INT_BITS = 8192

#: By the first part of a type's module, the module here that knows its objects.
_LIBRARIES = {
    "numpy": "gpurun_jupyter.values.arrays",
    "pandas": "gpurun_jupyter.values.frames",
    "pyarrow": "gpurun_jupyter.values.tables",
    "torch": "gpurun_jupyter.values.tensors",
}
_PICKLES = "gpurun_jupyter.values.pickles"
_MODULES = {**_LIBRARIES, "pickle": _PICKLES}


class Packing:
    """One variable on its way into a tree."""

    def __init__(self, name: str, parts: PartsWriter, pickle: bool = False) -> None:
        self.parts = parts
        self._name = name
        self._pickle = pickle
        self._place: List[str] = []
        self._above: List[int] = []

    def encode(self, value: Any) -> Any:
        """The value as a tree. Raises Refused."""
        library = type(value).__module__.partition(".")[0]
        # By the very type: a subclass would come back as something that it was not.
        encoder = _ENCODERS.get(type(value)) or (_of_library(library, "encode") if library in _LIBRARIES else None)
        try:
            if encoder is None:
                raise Unsafe("")
            return encoder(value, self)
        except Unsafe as error:
            return self._encode_unsafe(value, str(error))
        except ImportError:  # what the safe format needs is not installed
            if not self._pickle:
                raise
            return self._encode_unsafe(value, "")

    def item(self, place: str, value: Any) -> Any:
        """An element at `place`, such as `[0]`, of the value that is being encoded."""
        self._place.append(place)
        node = self.encode(value)
        self._place.pop()
        return node

    @contextmanager
    def inside(self, container: Any) -> Iterator[None]:
        """While the elements of a container are encoded. Raises Unsafe for one that holds itself."""
        if id(container) in self._above:  # by identity: to compare it would not end
            raise Unsafe("that holds itself")
        self._above.append(id(container))
        yield
        self._above.pop()

    def _encode_unsafe(self, value: Any, what: str) -> Any:
        if self._pickle:
            return importlib.import_module(_PICKLES).encode(value, self)
        place = f"{self._name}{''.join(self._place)}"
        hint = "Pass its state_dict() instead, or add" if hasattr(value, "load_state_dict") else "Add"
        raise Refused(
            f"The variable {place!r} is a {type_name(value)}{what and f' {what}'}, which no safe format takes.",
            f"{hint} --pickle to have it pickled: whoever reads a pickle runs code that is in it.",
        )


class Unpacking:
    """One variable on its way out of a tree; `pickle`: whether what is pickled may be read."""

    def __init__(self, name: str, parts: PartsReader, pickle: bool = False) -> None:
        self.name = name
        self.parts = parts
        self.pickle = pickle

    def decode(self, node: Any) -> Any:
        """The value that the tree stands for. Raises Refused."""
        if isinstance(node, list):
            return [self.decode(item) for item in node]
        if not isinstance(node, dict):
            return node
        if TAG not in node:
            return {key: self.decode(item) for key, item in node.items()}
        kind = str(node[TAG])
        decoder = _DECODERS.get(kind) or self._decoder(kind)
        try:
            return decoder(node, self)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise Refused(f"The variable {self.name!r} cannot be read: {error}.") from error

    def _decoder(self, kind: str) -> Callable[[Dict[str, Any], Unpacking], Any]:
        library = kind.partition(".")[0]
        try:
            decoder = _of_library(library, "decode")
        except ImportError as error:
            raise Refused(
                f"The variable {self.name!r} is a {kind}, and this environment has no {error.name}.", "Install it."
            ) from error
        if decoder is None:
            raise Refused(f"The variable {self.name!r} is a {kind}, which this version of gpurun does not know.")
        return decoder


def takes(value: Any) -> bool:
    """Whether there is a safe format for values of this type; what a container holds is not looked at."""
    kind = type(value)
    of_library = kind.__module__.partition(".")[0] in _LIBRARIES and not hasattr(value, "load_state_dict")
    return kind in _ENCODERS or of_library


def tagged(kind: str, **fields: Any) -> Dict[str, Any]:
    """A node that is not plain data."""
    return {TAG: kind, **fields}


def in_base64(data: bytes) -> str:
    """Bytes as text for the tree."""
    return base64.b64encode(data).decode("ascii")


def _of_library(library: str, direction: str) -> Optional[Callable[..., Any]]:
    found: Optional[Callable[..., Any]] = None
    if library in _MODULES:
        found = getattr(importlib.import_module(_MODULES[library]), direction)
    return found


def _plain(value: Any, _: Packing) -> Any:
    return value


def _encode_int(value: int, _: Packing) -> Any:
    return value if value.bit_length() <= _LONG_INT_BITS else tagged("int", hex=hex(value))


def _encode_float(value: float, _: Packing) -> Any:
    return value if math.isfinite(value) else tagged("float", text=repr(value))


def _encode_complex(value: complex, packing: Packing) -> Any:
    return tagged("complex", real=packing.encode(value.real), imag=packing.encode(value.imag))


def _encode_bytes(value: Any, packing: Packing) -> Any:
    kind = type(value).__name__
    if len(value) <= SMALL_BYTES:
        return tagged(kind, base64=in_base64(bytes(value)))
    packing.parts.expect(len(value))
    with packing.parts.add(".bin") as (part, file):
        file.write(value)
    return tagged(kind, part=part)


def _decode_bytes(node: Dict[str, Any], unpacking: Unpacking) -> Any:
    data = base64.b64decode(node["base64"]) if "base64" in node else unpacking.parts.read(node["part"])
    return bytes(data) if node[TAG] == "bytes" else bytearray(data)


def _items(values: Any, packing: Packing) -> List[Any]:
    with packing.inside(values):
        return [packing.item(f"[{number}]", value) for number, value in enumerate(values)]


def _encode_sequence(value: Any, packing: Packing) -> Any:
    return tagged(type(value).__name__, items=_items(value, packing))


def _encode_set(value: Any, packing: Packing) -> Any:
    with packing.inside(value):
        items = [packing.item("{...}", item) for item in value]
    return tagged(type(value).__name__, items=sorted(items, key=json.dumps))  # equal sets, equal files


def _encode_dict(value: Dict[Any, Any], packing: Packing) -> Any:
    with packing.inside(value):
        if TAG not in value and all(type(key) is str for key in value):  # with the tag it would be read as a node
            return {key: packing.item(f"[{key!r}]", item) for key, item in value.items()}
    return _encode_pairs(value, packing)


def _encode_pairs(value: Dict[Any, Any], packing: Packing) -> Any:
    with packing.inside(value):
        items = [[packing.item("{...}", key), packing.item(f"[{key!r}]", item)] for key, item in value.items()]
    return tagged(type(value).__name__, items=items)


def _pairs(node: Dict[str, Any], unpacking: Unpacking) -> Iterator[Any]:
    return ((unpacking.decode(key), unpacking.decode(item)) for key, item in node["items"])


def _encode_moment(value: Any, _: Packing) -> Any:
    zone = getattr(value, "tzinfo", None)
    if zone is not None and type(zone) is not dt.timezone:
        raise Unsafe("with a time zone that is more than an offset")
    # `isoformat` does not tell which of two equal times it is when clocks are set back.
    return tagged(type(value).__name__, iso=value.isoformat(), fold=getattr(value, "fold", 0))


def _decode_datetime(node: Dict[str, Any], _: Unpacking) -> Any:
    return dt.datetime.fromisoformat(node["iso"]).replace(fold=node["fold"])


def _encode_timedelta(value: dt.timedelta, _: Packing) -> Any:
    return tagged("timedelta", args=[value.days, value.seconds, value.microseconds])


_ENCODERS: Dict[type, Callable[[Any, Packing], Any]] = {
    type(None): _plain,
    bool: _plain,
    str: _plain,
    int: _encode_int,
    float: _encode_float,
    complex: _encode_complex,
    bytes: _encode_bytes,
    bytearray: _encode_bytes,
    list: _items,
    tuple: _encode_sequence,
    set: _encode_set,
    frozenset: _encode_set,
    dict: _encode_dict,
    OrderedDict: _encode_pairs,
    dt.date: _encode_moment,
    dt.datetime: _encode_moment,
    dt.timedelta: _encode_timedelta,
}

_DECODERS: Dict[str, Callable[[Dict[str, Any], Unpacking], Any]] = {
    "int": lambda node, _: int(node["hex"], 16),
    "float": lambda node, _: float(node["text"]),
    "complex": lambda node, unpacking: complex(unpacking.decode(node["real"]), unpacking.decode(node["imag"])),
    "bytes": _decode_bytes,
    "bytearray": _decode_bytes,
    "tuple": lambda node, unpacking: tuple(unpacking.decode(node["items"])),
    "set": lambda node, unpacking: set(unpacking.decode(node["items"])),
    "frozenset": lambda node, unpacking: frozenset(unpacking.decode(node["items"])),
    "dict": lambda node, unpacking: dict(_pairs(node, unpacking)),
    "OrderedDict": lambda node, unpacking: OrderedDict(_pairs(node, unpacking)),
    "date": lambda node, _: dt.date.fromisoformat(node["iso"]),
    "datetime": _decode_datetime,
    "timedelta": lambda node, _: dt.timedelta(*node["args"]),
}
