"""pyarrow: tables as Arrow IPC files (Feather version 2)."""

from __future__ import annotations

from typing import Any, Dict

import pyarrow as pa

from gpurun_jupyter.values.refusals import Unsafe
from gpurun_jupyter.values.tree import Packing, Unpacking, tagged


def encode(value: Any, packing: Packing) -> Any:
    """A table. Raises Unsafe for what is none."""
    if type(value) is not pa.Table:
        raise Unsafe("")
    return tagged("pyarrow.Table", part=write(value, packing))


def decode(node: Dict[str, Any], unpacking: Unpacking) -> Any:
    """The table."""
    return read(node["part"], unpacking)


def write(table: Any, packing: Packing) -> str:
    """A table as a part."""
    packing.parts.expect(table.nbytes)
    with packing.parts.add(".arrow") as (part, file), pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    return part


def read(part: str, unpacking: Unpacking) -> Any:
    """The table of a part, without copying its columns."""
    return pa.ipc.open_file(pa.py_buffer(unpacking.parts.read(part))).read_all()
