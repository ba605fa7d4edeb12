"""Tables with a row for each step or epoch: of Lightning's and Keras' CSVLogger, ultralytics, pandas."""

from __future__ import annotations

import math
from typing import ClassVar

from gpurun_jupyter.progress.readers.files.columns import Header, cells_of, header_of
from gpurun_jupyter.progress.readers.files.found import Damaged, Found, Points, Reader
from gpurun_jupyter.progress.readers.files.pieces import Lines

#: In data, rows of one step follow one another; in a log they are few.
_MOST_ROWS_OF_A_STEP = 200


class Table(Reader):
    """Reads one table. It is broken as soon as it turns out to be no log, but data.

    Some write their table anew each time, or once they have another column (Lightning): as long as it begins with the
    same row, as many rows as were told are passed over.
    """

    by: ClassVar[str] = "files/table"

    def __init__(self) -> None:
        super().__init__()
        self._told = 0
        self._first = ""
        self.again()

    def again(self) -> None:
        """Begin with a header."""
        self.broken = False
        self._lines = Lines()
        self._header: Header | None = None
        self._heading = ""
        self._rows = 0  # of this header and those before it
        self._step, self._rows_of_step = -math.inf, 0

    def _take(self, data: bytes, found: list[Found]) -> None:
        self._read_lines(self._lines.of(data), found)

    def _finish(self, found: list[Found]) -> None:
        self._read_lines(self._lines.last(), found)

    def _read_lines(self, lines: list[bytes], found: list[Found]) -> None:
        texts = [line.decode("utf-8", "replace").rstrip("\r") for line in lines]
        if texts and self._header is None:
            self._heading = texts.pop(0)
            self._header = header_of(self._heading)
        if self._header is None:
            if lines:
                raise Damaged
            return
        for text in texts:
            if text == self._heading:  # another training goes on with the file
                self._step = -math.inf
            elif points := self._row(text, self._header):
                self._tell(points, found)

    def _row(self, text: str, header: Header) -> Points | None:
        """The values of a row; None if it is none or has none. Raises Damaged where the table is no log."""
        cells = cells_of(text, header.separator)
        if len(cells) != header.width or not cells[header.step].strip():
            return None
        step = float(cells[header.step])
        self._check_order(step)
        values, texts = {}, 0
        for at, name in header.metrics:
            cell = cells[at]
            if cell:
                try:
                    values[name] = float(cell)
                except ValueError:
                    texts += not cell.isspace()
        return Points(values, step) if len(values) > texts else None

    def _check_order(self, step: float) -> None:
        self._rows_of_step = self._rows_of_step + 1 if step == self._step else 0
        if not self._step <= step < math.inf or self._rows_of_step > _MOST_ROWS_OF_A_STEP:
            raise Damaged
        self._step = step

    def _tell(self, points: Points, found: list[Found]) -> None:
        """Tell a row, if it was not told before the table was written anew."""
        if self._rows == 0:
            first = repr(points)  # in which NaN equals NaN
            self._told = self._told if first == self._first else 0
            self._first = first
        self._rows += 1
        if self._rows > self._told:
            self._told = self._rows
            found.append(points)
