"""pandas: the columns as an Arrow IPC file, labels and columns of Python objects in the tree, so that all dtypes stay.

A table's columns are named by number: labels may be of any type, and occur twice. Needs pyarrow on both sides.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List

import pandas as pd

from gpurun_jupyter.values.refusals import Unsafe
from gpurun_jupyter.values.tree import TAG, Packing, Unpacking, tagged


def encode(value: Any, packing: Packing) -> Any:
    """A DataFrame, Series, Index, Timestamp, Timedelta, NA or NaT. Raises Unsafe for others."""
    kind = type(value)
    if kind is pd.DataFrame:
        return _encode_frame(value, packing)
    if kind is pd.Series:
        return tagged("pandas.Series", frame=_encode_frame(value.to_frame(), packing), name=packing.encode(value.name))
    if isinstance(value, pd.Index):
        return _encode_index(value, packing)
    if value is pd.NA or value is pd.NaT:
        return tagged("pandas.NA" if value is pd.NA else "pandas.NaT")
    if kind in (pd.Timestamp, pd.Timedelta):
        return tagged(f"pandas.{kind.__name__}", index=_encode_index(pd.Index([value]), packing))
    raise Unsafe("")


def decode(node: Dict[str, Any], unpacking: Unpacking) -> Any:
    """What was encoded."""
    return _DECODERS[node[TAG]](node, unpacking)


def _encode_frame(frame: Any, packing: Packing) -> Any:
    node = tagged(
        "pandas.DataFrame",
        columns=_encode_index(frame.columns, packing),
        index=_encode_index(frame.index, packing),
        **_encode_columns(frame, packing),
    )
    return {**node, "attrs": packing.encode(frame.attrs)} if frame.attrs else node


def _encode_columns(frame: Any, packing: Packing) -> Dict[str, Any]:
    """The columns: those of Python objects as lists, the others as a table, categories beside it."""
    # Without its index, which travels once; by place, as a label may occur twice.
    columns = {str(place): frame.iloc[:, place].reset_index(drop=True) for place in range(frame.shape[1])}
    objects = {name: column for name, column in columns.items() if column.dtype == object}
    categories = {name: column for name, column in columns.items() if isinstance(column.dtype, pd.CategoricalDtype)}
    columns.update({name: column.cat.codes for name, column in categories.items()})
    fields: Dict[str, Any] = {
        "objects": {name: packing.item(f"[{name}]", column.tolist()) for name, column in objects.items()},
        "categories": {name: _encode_categories(column.cat, packing) for name, column in categories.items()},
    }
    rest = {name: column for name, column in columns.items() if name not in objects}
    return {**fields, "part": _write_table(pd.DataFrame(rest), packing)} if rest else fields


def _encode_categories(categorical: Any, packing: Packing) -> Any:
    return {"of": _encode_index(categorical.categories, packing), "ordered": bool(categorical.ordered)}


def _write_table(frame: Any, packing: Packing) -> str:
    import pyarrow as pa

    from gpurun_jupyter.values import tables

    try:
        table = pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise Unsafe(f"that Arrow does not take ({error})") from error
    # A table without rows tells at no cost which dtypes would come back.
    for (name, before), after in zip(frame.dtypes.items(), table.slice(0, 0).to_pandas().dtypes):
        if before != after:
            raise Unsafe(f"whose column number {name} is {before}")
    return tables.write(table, packing)


def _decode_columns(node: Dict[str, Any], unpacking: Unpacking) -> Dict[str, Any]:
    """The columns by number, in any order."""
    columns: Dict[str, Any] = {}
    if "part" in node:
        from gpurun_jupyter.values import tables

        columns = dict(tables.read(node["part"], unpacking).to_pandas().items())
    for name, values in node["objects"].items():
        columns[name] = pd.Series(_objects(unpacking.decode(values)), dtype=object)
    for name, known in node["categories"].items():
        codes, of = columns[name], unpacking.decode(known["of"])
        columns[name] = pd.Series(pd.Categorical.from_codes(codes, of, ordered=known["ordered"]))
    return columns


def _decode_frame(node: Dict[str, Any], unpacking: Unpacking) -> Any:
    index, labels = unpacking.decode(node["index"]), unpacking.decode(node["columns"])
    columns = _decode_columns(node, unpacking)
    # The index by number says how many rows there are, also where there is no column.
    frame = pd.DataFrame({place: columns[str(place)] for place in range(len(labels))}, index=range(len(index)))
    frame.index, frame.columns = index, labels  # afterwards: labels may occur twice
    if "attrs" in node:
        frame.attrs = unpacking.decode(node["attrs"])
    return frame


def _decode_series(node: Dict[str, Any], unpacking: Unpacking) -> Any:
    frame = unpacking.decode(node["frame"])
    series = frame.iloc[:, 0].rename(unpacking.decode(node["name"]))
    series.attrs = frame.attrs
    return series


def _encode_index(index: Any, packing: Packing) -> Any:
    if type(index) is pd.RangeIndex:
        span = [index.start, index.stop, index.step]
        return tagged("pandas.RangeIndex", span=[int(edge) for edge in span], name=packing.encode(index.name))
    if type(index) is pd.MultiIndex:
        levels = [_encode_index(index.get_level_values(level), packing) for level in range(index.nlevels)]
        return tagged("pandas.MultiIndex", levels=levels, names=packing.encode(list(index.names)))
    column = pd.DataFrame({0: index.array if index.dtype != object else _objects(index.tolist())})
    node = tagged("pandas.Index", name=packing.encode(index.name), **_encode_columns(column, packing))
    return {**node, "freq": index.freqstr} if getattr(index, "freq", None) is not None else node


def _decode_index(node: Dict[str, Any], unpacking: Unpacking) -> Any:
    column = _decode_columns(node, unpacking)["0"]
    index = pd.Index(column.array, dtype=column.dtype, tupleize_cols=False)  # tuples stay what they are
    if node.get("freq") and isinstance(index, (pd.DatetimeIndex, pd.TimedeltaIndex)):
        index.freq = node["freq"]  # a column has none
    return index.rename(unpacking.decode(node["name"]))


def _decode_range(node: Dict[str, Any], unpacking: Unpacking) -> Any:
    return pd.RangeIndex(*node["span"], name=unpacking.decode(node["name"]))


def _decode_multi(node: Dict[str, Any], unpacking: Unpacking) -> Any:
    levels = [unpacking.decode(level) for level in node["levels"]]
    return pd.MultiIndex.from_arrays(levels, names=unpacking.decode(node["names"]))


def _decode_scalar(node: Dict[str, Any], unpacking: Unpacking) -> Any:
    return unpacking.decode(node["index"])[0]


def _objects(values: List[Any]) -> Any:
    """Python objects as a column, each as it is: pandas would look into lists, and take None for a missing number."""
    return pd.Series(dict(enumerate(values)), dtype=object).to_numpy()


_DECODERS: Dict[str, Callable[[Dict[str, Any], Unpacking], Any]] = {
    "pandas.DataFrame": _decode_frame,
    "pandas.Series": _decode_series,
    "pandas.Index": _decode_index,
    "pandas.RangeIndex": _decode_range,
    "pandas.MultiIndex": _decode_multi,
    "pandas.Timestamp": _decode_scalar,
    "pandas.Timedelta": _decode_scalar,
    "pandas.NA": lambda _, __: pd.NA,
    "pandas.NaT": lambda _, __: pd.NaT,
}
