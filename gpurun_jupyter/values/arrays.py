"""NumPy: arrays as .npy without pickle, scalars in the tree itself."""

from __future__ import annotations

import base64
from typing import Any, Dict

import numpy as np

from gpurun_jupyter.values.refusals import Unsafe
from gpurun_jupyter.values.tree import TAG, Packing, Unpacking, in_base64, tagged

_NPY = np.lib.format


def encode(value: Any, packing: Packing) -> Any:
    """An array, a scalar or a dtype. Raises Unsafe for others, and for what holds Python objects."""
    # What `str` says of a dtype with fields has no fields.
    if isinstance(value, np.dtype) and not (value.hasobject or value.names):
        return tagged("numpy.dtype", dtype=value.str)
    if isinstance(value, np.generic) and type(value) is not np.void:
        return tagged("numpy.scalar", dtype=value.dtype.str, base64=in_base64(value.tobytes()))
    if type(value) not in (np.ndarray, np.memmap, np.void):  # a masked array would lose its mask
        raise Unsafe("")
    if value.dtype.hasobject:
        raise Unsafe("of Python objects")
    packing.parts.expect(value.nbytes)  # gigabytes are refused before they are written
    with packing.parts.add(".npy") as (part, file):
        try:
            _NPY.write_array(file, np.asarray(value), allow_pickle=False)
        except ValueError as error:
            raise Unsafe(f"of {value.dtype}") from error
    return tagged("numpy.void" if isinstance(value, np.void) else "numpy.ndarray", part=part)


def decode(node: Dict[str, Any], unpacking: Unpacking) -> Any:
    """What was encoded."""
    kind = node[TAG]
    if kind == "numpy.dtype":
        return np.dtype(node["dtype"])
    if kind == "numpy.scalar":
        return np.frombuffer(base64.b64decode(node["base64"]), np.dtype(node["dtype"]))[0]
    with unpacking.parts.open(node["part"]) as (file, _):
        array = _NPY.read_array(file, allow_pickle=False)
    return array[()] if kind == "numpy.void" else array  # an array of no dimension, as a scalar again
