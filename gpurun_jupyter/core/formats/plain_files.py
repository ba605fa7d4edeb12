"""Runs as plain files, as any tool writes and reads them: `RUN.csv` has the metrics, `RUN.yaml` the parameters.

The CSV has a header row. A column of steps and one of times are known by their names; every other column of numbers is
a metric, NaN and infinity among them. Between semicolons, numbers may have decimal commas. Other cells are left out.
"""

from __future__ import annotations

import codecs
import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

import msgspec

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.formats.encodings import text_of
from gpurun_jupyter.core.numbers import in_json

_STEP = ("step", "global_step", "iteration", "iter")
_TIME = ("time", "elapsed", "timestamp", "wall_time")
_RESERVED = {*_STEP, *_TIME}
#: Stands before the name of a metric that would be taken for something else.
_PREFIX = "metric."

_QUOTED = re.compile(r'"[^"]*"')
_DELIMITERS = ",;\t"
_LONGEST_RECORD_BYTES = 65_536
_MOST_VALUES = 10_000

#: What gpurun itself writes into the YAML, besides the parameters.
OWN_KEY = "gpurun"


class Row(NamedTuple):
    """Values that were measured together. `time` is seconds since the run began, or since the epoch; None: not said."""

    step: float | None
    time: float | None
    values: dict[str, float]


def whole_records(data: bytes, encoding: str = "utf-8") -> tuple[list[bytes], int]:
    """The records that have come to their end, and how many bytes they are.

    Those of a file in UTF-16 are told in UTF-8; others as they are, since only the header's letters matter.
    Raises UnicodeDecodeError for what is no UTF-16.
    """
    if encoding != "utf-8":
        text = codecs.getincrementaldecoder(encoding)().decode(data)  # the end may be half a letter still
        found, size = whole_records(text.encode("utf-8"))
        return found, len(text.encode("utf-8")[:size].decode("utf-8").encode(encoding))
    found, begin, end = [], 0, data.find(b"\n")
    while end >= 0:
        # A newline within quotes ends no record; a quote that is never closed must not hold back all the rest.
        if data.count(b'"', begin, end) % 2 == 0 or end - begin > _LONGEST_RECORD_BYTES:
            found.append(data[begin:end])
            begin = end + 1
        end = data.find(b"\n", end + 1)
    return found, begin


class Header:
    """What the columns of a CSV mean. Raises InvalidRequest for a first row that is none, or cannot be read."""

    def __init__(self, first: bytes) -> None:
        record = text_of(first)
        bare = _QUOTED.sub("", record)
        self._delimiter = max(_DELIMITERS, key=bare.count)
        names = self._cells(record)
        if all(self._number(name) is not None for name in names if name.strip()):
            raise InvalidRequest("Its first row does not name the columns.", "Write a header row such as step,loss.")
        self._step, self._time = _first(names, _STEP), _first(names, _TIME)
        self._metrics = [
            (place, name.removeprefix(_PREFIX))
            for place, name in enumerate(names)
            if name.strip() and place not in (self._step, self._time)
        ]

    def row(self, record: bytes) -> Row | None:
        """What a record says; None where that is no number."""
        cells = [self._number(cell) for cell in self._cells(record.decode("utf-8", "replace"))]
        found = {name: cells[place] for place, name in self._metrics if place < len(cells)}
        values = {name: value for name, value in found.items() if value is not None}
        return Row(_at(cells, self._step), _at(cells, self._time), values) if values else None

    def _number(self, cell: str) -> float | None:
        """The number in a cell; `1.234,5` only where commas separate no cells."""
        if self._delimiter == ";" and cell.count(",") == 1:
            cell = cell.replace(".", "").replace(",", ".")
        try:
            return float(cell)
        except ValueError:
            return None

    def _cells(self, record: str) -> list[str]:
        try:
            text = io.StringIO(record.removesuffix("\r"), newline="")
            return next(csv.reader(text, delimiter=self._delimiter, skipinitialspace=True), [])
        except csv.Error:
            return []


def as_csv(rows: Iterable[Row]) -> Iterator[str]:
    """The same as a CSV, record by record."""
    rows = list(rows)
    names = list(dict.fromkeys(name for row in rows for name in row.values))
    names.sort(key=lambda name: name != "epoch")
    # Readers skip blanks before a cell without quotes, and take a carriage return in one for a line's end.
    yield _record(["step", "time", *map(_column, names)], csv.QUOTE_ALL if _has_blanks(names) else csv.QUOTE_MINIMAL)
    for row in rows:
        yield _record([_whole(row.step), row.time, *(row.values.get(name) for name in names)])


def parameters_in(text: str) -> dict[str, Any]:
    """The parameters in a YAML file; those in a group are named `group.name`. Raises InvalidRequest."""
    import yaml

    try:
        found = yaml.load(text, Loader=_loader()) or {}  # noqa: S506 - it is safe
        if not isinstance(found, dict):
            raise InvalidRequest("It is not a list of names with values.", "Write lines such as lr: 0.1.")
        _count(found, 0)  # before all that aliases repeat is written out
        # On the way through JSON keys become texts, and what it has no word for is refused.
        values = msgspec.json.decode(msgspec.json.encode({str(key): value for key, value in found.items()}))
    except (yaml.YAMLError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise InvalidRequest(f"It is not YAML that can be read: {' '.join(str(error).split())}") from error
    values.pop(OWN_KEY, None)
    return dict(_flat(values, ""))


def as_yaml(parameters: Mapping[str, str], own: Mapping[str, Any]) -> str:
    """Parameters as YAML, numbers as numbers, and under `gpurun` what else is known of the run."""
    import yaml

    from gpurun_jupyter.core.formats.yaml12 import Dumper

    told = {**{name: _typed(text) for name, text in parameters.items()}, OWN_KEY: dict(own)}
    return str(yaml.dump(told, Dumper=Dumper))


@cache
def _loader() -> Any:
    """As launch files are read; keys may be merged, and what JSON has no number for is a word."""
    from gpurun_jupyter.core.formats import yaml12

    class Loader(yaml12.Loader):
        pass

    Loader.add_implicit_resolver(f"{yaml12.TAG}merge", re.compile("^<<$"), ["<"])
    Loader.add_constructor(f"{yaml12.TAG}float", lambda _, node: in_json(yaml12.CONSTRUCTED["float"](node.value)))
    return Loader


def _first(names: list[str], wanted: tuple[str, ...]) -> int | None:
    return next((place for place, name in enumerate(names) if name.strip().casefold() in wanted), None)


def _at(cells: list[float | None], place: int | None) -> float | None:
    number = None if place is None or place >= len(cells) else cells[place]
    return number if number is not None and math.isfinite(number) else None


def _column(name: str) -> str:
    is_plain = name.strip() and name.strip().casefold() not in _RESERVED and not name.startswith((_PREFIX, "\ufeff"))
    return name if is_plain else _PREFIX + name


def _has_blanks(names: list[str]) -> bool:
    return any(name != name.strip() or "\r" in name for name in names)


def _whole(value: float | None) -> float | int | None:
    return int(value) if value is not None and value.is_integer() and abs(value) < 2**53 else value


def _record(cells: list[Any], quoting: Any = csv.QUOTE_MINIMAL) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, quoting=quoting, lineterminator="\n").writerow(cells)
    return out.getvalue()


def _typed(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def _flat(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _count(value: Any, before: int) -> int:
    """How many values there are; a few bytes of YAML can stand for millions."""
    if before > _MOST_VALUES:
        raise InvalidRequest(f"It holds more than {_MOST_VALUES:,} values.", "Keep the parameters in it.")
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in parts:
        before = _count(part, before)
    return before + 1
