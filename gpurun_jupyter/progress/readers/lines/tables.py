"""Tables that a training prints row by row, or a box of keys and values for each update.

epoch    train_loss    valid_loss   accuracy   time              fastai 2.8, skorch 1.3
0        0.693147      0.650231     0.612      00:03
E    #       LOSS TOK2VEC  LOSS NER  ENTS_F  SCORE                spaCy 3.8
      Iter       Train Loss   Remaining Time                      scikit-learn
| rollout/           |          |                                 stable-baselines3
|    ep_rew_mean     | 22.3     |

A header counts if one of its columns is counted in and another is measured by trainings.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gpurun_jupyter.progress.readers.lines import vocabulary, words
from gpurun_jupyter.progress.readers.lines.plans import Counted, Said
from gpurun_jupyter.progress.readers.lines.shapes import value_of

_CELL = re.compile(r"\S+(?: \S+)*")
_NUMBER = re.compile(
    r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+(?:,\d+)?)?\.?\d*(?<=\d)(?:\.|[eE][+-]?\d{1,3})?%?|[+-]?(?:nan|inf)", re.IGNORECASE
)
_COUNTS = re.compile(
    rf"(?P<epoch>{words.one_of(vocabulary.EPOCH)}|e)|(?P<step>{words.one_of(vocabulary.STEP)}|iters|steps|#|global_step)",
    re.IGNORECASE,
)
_RULE = re.compile(r"[\s|+:=\u2500-\u257f-]*[-─━═=]{3,}[\s|+:=\u2500-\u257f-]*")
_COMMA = re.compile(",")
_BAR = re.compile(r"[|│┃]")
_LEFT = re.compile(r"remaining(?: time)?|eta|time left", re.IGNORECASE)
_SPAN = re.compile(r"(\d+(?:\.\d+)?)([smh])")
_SPAN_S = {"s": 1.0, "m": 60.0, "h": 3600.0}
#: Names of groups in a box: `rollout/`.
_GROUP = re.compile(r"\w+/")
_COUNT = re.compile(r"(\d{1,15})(?:/(\d{1,15}))?")
#: Heads the results of a validation of detectors, of which the row of all classes counts.
_CLASS, _ALL_CLASSES = "Class", "all"
#: What a box counts by, and what else in it are counts.
_BOX_STEPS = ("total_timesteps", "timesteps", "step", "steps", "iterations", "epoch")
_BOX_COUNTS = frozenset((*_BOX_STEPS, "time_elapsed", "episodes"))
_MAX_ROWS = 200
#: Tables that are printed in turns, and lines between two rows after which they have ended.
_MAX_TABLES = 4
_MAX_BETWEEN = 50

#: A cell: its text, and where it begins and ends.
_Cell = tuple[str, int, int]


def may_begin(line: str) -> bool:
    """Whether a table may begin with this line: a quick look."""
    if line[:1] in ("|", "│", "┃"):
        return True
    parts = "  " in line or "\t" in line or "|" in line or ("," in line and " " not in line)
    return parts and words.may_speak_of_training(line)


class _Header(NamedTuple):
    """The columns of a table, and which of them its rows are counted in."""

    columns: list[_Cell]
    counts: dict[str, int]

    def row(self, line: str) -> Said | None:
        """What a line says as a row of this table; None where it is none."""
        cells = _under(self.columns, _spans(line))
        by = self._counted(cells)
        if by is None:
            return None
        values, left_s = {}, None
        for number, cell in cells.items():
            name = self.columns[number][0]
            if _LEFT.fullmatch(name):
                left_s = _seconds(cell)
            elif number not in self.counts.values() and not words.is_no_measurement(name) and _NUMBER.fullmatch(cell):
                values[name] = value_of(cell.rstrip("%"))
        return _said(values, by.get("epoch"), by.get("step"), left_s)

    def _counted(self, cells: dict[int, str]) -> dict[str, Counted] | None:
        """What the row counts by; None where it does not."""
        if not self.counts and cells.get(0) != _ALL_CLASSES:
            return None
        counted = {}
        for kind, at in self.counts.items():
            found = _COUNT.fullmatch(cells.get(at, ""))
            if not found:
                return None
            counted[kind] = Counted(self.columns[at][0], float(found[1]), float(found[2]) if found[2] else None)
        return counted


class Tables:
    """The tables of one stream: several may be printed in turns, each under a header that came once."""

    def __init__(self) -> None:
        self._headers: list[_Header] = []  # the newest first
        self._since_row = 0
        self._box: dict[str, float] = {}
        self._group = ""

    @property
    def open(self) -> bool:
        """Whether the lines that come may belong to a table."""
        return bool(self._headers or self._box or self._group)

    def read(self, line: str) -> Said | None:
        """What the line completes: a row, or the rule below a box."""
        if _RULE.fullmatch(line):
            return self._ruled()
        cells = _cells(line)
        if line.lstrip()[:1] in ("|", "│", "┃") and len(cells) < 3:
            self._boxed(line, cells)
        elif len(cells) >= 2 and not self._begins(line):
            return self._row(line)
        return None

    def _begins(self, line: str) -> bool:
        header = _header(line)
        if header:
            others = [one for one in self._headers if len(one.columns) != len(header.columns)]
            self._headers, self._since_row = [header, *others][:_MAX_TABLES], 0
        return header is not None

    def _row(self, line: str) -> Said | None:
        said = next((said for header in self._headers if (said := header.row(line))), None)
        self._since_row = 0 if said else self._since_row + 1
        if self._since_row > _MAX_BETWEEN:
            self._headers = []
        return said

    def _boxed(self, line: str, cells: list[str]) -> None:
        if len(cells) == 1 and _GROUP.fullmatch(cells[0]):
            self._group = cells[0]
        elif len(cells) == 2 and len(self._box) < _MAX_ROWS and _NUMBER.fullmatch(cells[1]):
            key, value = cells
            indented = re.match(r"\s*[|│┃]\s{2,}", line) is not None
            self._box[(self._group if indented else "") + key] = value_of(value.rstrip("%"))

    def _ruled(self) -> Said | None:
        box, self._box, self._group = self._box, {}, ""
        if not any(words.is_measured(name.rsplit("/", 1)[-1]) for name in box):
            return None
        named = {name.rsplit("/", 1)[-1]: value for name, value in box.items()}
        step = next((Counted(name, named[name], None) for name in _BOX_STEPS if name in named), None)
        values = {name: value for name, value in box.items() if name.rsplit("/", 1)[-1] not in _BOX_COUNTS}
        return _said(values, None, step)


def _header(line: str) -> _Header | None:
    """The header that the line is; None where it is none of a training's table."""
    columns = _spans(line)
    names = [name for name, _, _ in columns]
    counts: dict[str, int] = {}
    for number, name in enumerate(names):
        if found := _COUNTS.fullmatch(name):
            counts.setdefault(str(found.lastgroup), number)
    measured = any(map(words.is_measured, names)) or "gpu_mem" in line.lower()
    if not (counts or names[0] == _CLASS) or not measured or any(map(_NUMBER.fullmatch, names)):
        return None
    return _Header(columns, counts)


def _said(
    values: dict[str, float], epoch: Counted | None, step: Counted | None, left_s: float | None = None
) -> Said | None:
    return Said("table", values, epoch, step, left_s, heading=False, validation="") if values else None


def _seconds(text: str) -> float | None:
    found = _SPAN.fullmatch(text)
    return float(found[1]) * _SPAN_S[found[2]] if found else None


def _cells(line: str) -> list[str]:
    """The cells of a row, with lines or commas between them or at least two blanks."""
    if "," in line and " " not in line.strip():
        return line.strip().split(",")
    if _BAR.search(line):
        return [cell for cell in (part.strip() for part in _BAR.split(line.strip(" |│┃"))) if cell]
    return _CELL.findall(line.replace("\t", "  "))


def _spans(line: str) -> list[_Cell]:
    """The same with their places; in a row with lines between its cells these are counted."""
    between = _BAR if _BAR.search(line) else _COMMA if "," in line and " " not in line.strip() else None
    if between:
        return [(part.strip(), number, number + 1) for number, part in enumerate(between.split(line.strip(" |│┃")))]
    return [(found[0], *found.span()) for found in _CELL.finditer(line.expandtabs())]


def _under(columns: list[_Cell], cells: list[_Cell]) -> dict[int, str]:
    """Which cell stands below which column: in their order where none is empty, else by their places."""
    if len(cells) == len(columns):
        return {number: text for number, (text, _, _) in enumerate(cells)}
    under = {}
    for text, start, end in cells:
        overlap = [min(end, right) - max(start, left) for _, left, right in columns]
        best = max(range(len(columns)), key=overlap.__getitem__)
        if overlap[best] > 0:
            under[best] = text
    return under
