"""Pickles, where somebody has said --pickle on this side and on the other.

cloudpickle is used where it is installed: it also takes functions and classes that a notebook has defined. What holds
PyTorch modules goes by torch.save, so that what was on a GPU can be read where there is none.
"""

from __future__ import annotations

import io
import pickle
import sys
from typing import Any, Dict

from gpurun_jupyter.values.refusals import Refused, type_name
from gpurun_jupyter.values.tree import Packing, Unpacking, tagged

_PROTOCOL = 5  # that of Python 3.8


def encode(value: Any, packing: Packing) -> Any:
    """The value as a pickle. Raises Refused for what not even pickle takes."""
    torch = sys.modules.get("torch")
    is_module = torch is not None and isinstance(value, torch.nn.Module)  # without torch there are none
    with packing.parts.add(".pt" if is_module else ".pickle") as (part, file):
        try:
            if is_module and torch is not None:
                torch.save(value, file, pickle_module=_pickler(), pickle_protocol=_PROTOCOL)
            else:
                _pickler().dump(value, file, protocol=_PROTOCOL)
        except Refused:  # over the budget
            raise
        except Exception as error:  # a pickle calls the value's own code
            raise Refused(f"A {type_name(value)} cannot be pickled: {error}.", _hint()) from error
    return tagged("pickle.torch" if is_module else "pickle", part=part, type=type_name(value))


def decode(node: Dict[str, Any], unpacking: Unpacking) -> Any:
    """What was pickled. Raises Refused where pickles are not to be read, or the classes in them are not here."""
    if not unpacking.pickle:
        raise Refused(
            f"The variable {unpacking.name!r} holds a pickled {node['type']}: reading it runs code that is in it.",
            "If you trust the run, say so with --pickle, in Python with result(pickle=True).",
        )
    data = unpacking.parts.read(node["part"])
    try:
        if node["$gpurun"] == "pickle":
            return pickle.loads(data)  # noqa: S301 - that is what was asked for
        import torch

        return torch.load(io.BytesIO(data), map_location="cpu", weights_only=False)  # classes too: that was asked for
    except Exception as error:
        raise Refused(f"The variable {unpacking.name!r}, a pickled {node['type']}, cannot be read: {error}.") from error


def _hint() -> str:
    return "" if _pickler() is not pickle else "With cloudpickle installed, what a notebook defines can be."


def _pickler() -> Any:
    try:
        import cloudpickle
    except ImportError:
        return pickle
    return cloudpickle
