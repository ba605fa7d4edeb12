"""PyTorch: tensors in the format of safetensors, written by torch alone, so that no other package is needed.

The format is a length (8 bytes, little-endian), that many bytes of JSON which name dtype, shape and place, and the
bytes. What was on a GPU comes back on the CPU.
"""

from __future__ import annotations

import ctypes
import json
from typing import Any, Dict

import torch

from gpurun_jupyter.values.refusals import Unsafe
from gpurun_jupyter.values.tree import TAG, Packing, Unpacking, tagged

_WORDS = (
    *("F64 float64", "F32 float32", "F16 float16", "BF16 bfloat16", "C64 complex64"),
    *("F8_E4M3 float8_e4m3fn", "F8_E5M2 float8_e5m2", "BOOL bool"),
    *("I64 int64", "I32 int32", "I16 int16", "I8 int8"),
    *("U64 uint64", "U32 uint32", "U16 uint16", "U8 uint8"),
)
# Older versions of torch lack some.
_DTYPES = {name: getattr(torch, word) for name, word in (pair.split() for pair in _WORDS) if hasattr(torch, word)}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_PIECE_BYTES = 2**20
_NAME = "tensor"


def encode(value: Any, packing: Packing) -> Any:
    """A tensor or a parameter, a device, dtype or size. Raises Unsafe for others."""
    if isinstance(value, torch.Size):
        return tagged("torch.Size", items=list(value))
    if isinstance(value, (torch.dtype, torch.device)):
        return tagged(f"torch.{type(value).__name__}", text=str(value).rpartition("torch.")[2])
    if type(value) not in (torch.Tensor, torch.nn.Parameter):
        raise Unsafe("")
    if value.layout != torch.strided or value.is_quantized or value.is_meta or value.dtype not in _NAMES:
        raise Unsafe(f"of {value.dtype}, {value.layout}, on {value.device}")
    packing.parts.expect(value.numel() * value.element_size())
    with packing.parts.add(".safetensors") as (part, file):
        _write(value, file)
    kind = "torch.Parameter" if isinstance(value, torch.nn.Parameter) else "torch.Tensor"
    return tagged(kind, part=part, requires_grad=value.requires_grad and value.is_leaf)  # a result is only a value


def decode(node: Dict[str, Any], unpacking: Unpacking) -> Any:
    """What was encoded."""
    kind = node[TAG]
    if kind == "torch.Size":
        return torch.Size(node["items"])
    if kind == "torch.dtype":
        return {str(dtype): dtype for dtype in _DTYPES.values()}[f"torch.{node['text']}"]
    if kind == "torch.device":
        return torch.device(node["text"])
    tensor = _read(unpacking.parts.read(node["part"]))
    if kind == "torch.Parameter":
        return torch.nn.Parameter(tensor, requires_grad=node["requires_grad"])
    return tensor.requires_grad_(node["requires_grad"])


def _write(value: Any, file: Any) -> None:
    # Conjugates and negatives are only noted by torch: the memory has to have them.
    tensor = value.detach().cpu().resolve_conj().resolve_neg().contiguous()
    size_bytes = tensor.numel() * tensor.element_size()
    entry = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [0, size_bytes]}
    header = json.dumps({_NAME: entry}, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # numbers begin at a multiple of 8
    file.write(len(header).to_bytes(8, "little") + header)
    if size_bytes:  # without NumPy, which torch does not need
        data = memoryview((ctypes.c_char * size_bytes).from_address(tensor.data_ptr())).cast("B")
        for start in range(0, size_bytes, _PIECE_BYTES):
            file.write(data[start : start + _PIECE_BYTES])


def _read(data: bytearray) -> Any:
    start = 8 + int.from_bytes(data[:8], "little")
    entry = json.loads(bytes(data[8:start]))[_NAME]
    dtype, (begin, end) = _DTYPES[entry["dtype"]], entry["data_offsets"]
    if begin == end:  # `frombuffer` takes nothing empty
        return torch.empty(entry["shape"], dtype=dtype)
    flat = torch.frombuffer(data, dtype=torch.uint8, count=end - begin, offset=start + begin)
    return flat.view(dtype).reshape(entry["shape"])
