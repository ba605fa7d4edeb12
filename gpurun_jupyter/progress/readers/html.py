"""HTML that a run displays, as far as it can be told as text: bars (`<progress>`), tables, lines.

    <div><progress value='12' max='24'></progress> [12/24 00:03 &lt; 00:04, Epoch 1.50/3]</div>

What is in one row, of a table or between blocks, belongs together: the words before a bar are its label, those behind
it say how far it is.
"""

from __future__ import annotations

import contextlib
import re
from html.parser import HTMLParser
from itertools import groupby
from typing import NamedTuple

#: Of longer HTML only the beginning and the last rows of its table are read.
MAX_CHARS = 64 * 1024
_HEAD_CHARS = MAX_CHARS // 4

#: What stands in these is not seen as text.
_UNSEEN = frozenset(
    ("script", "style", "svg", "audio", "video", "canvas", "iframe", "object", "template", "title", "progress")
)
#: Elements that show nothing by themselves: a page of only these, without text, is empty.
_FRAMES = frozenset(
    ("div", "span", "p", "pre", "br", "b", "i", "em", "strong", "code", "html", "body", "small", "center")
)
_DRAWN = re.compile(r"background|border|(?<!-)height|(?<!-)width")  # but line-height or max-width draw nothing
_INLINE = frozenset(
    ("a", "abbr", "b", "cite", "code", "em", "font", "i", "kbd", "label", "mark", "q", "s", "samp", "small", "span")
) | frozenset(("strong", "sub", "sup", "tt", "u", "var", "img", "input", "button", "time", "output", "data"))
_BLANKS = re.compile(r"[ \t\r\n\f]+")
_CELLS = ("td", "th")


class HtmlBar(NamedTuple):
    """A `<progress>` and the words in its row; `total` is None where it does not say how far it is."""

    done: float
    total: float | None
    before: str
    after: str


class Table(NamedTuple):
    """The texts of a table that has a header; `rows` are as long as that."""

    header: tuple[str, ...]
    rows: list[tuple[str, ...]]


class Page(NamedTuple):
    """What was read. `empty`: there is nothing to see, and nothing that changes how something else looks."""

    bars: list[HtmlBar]
    tables: list[Table]
    text: str
    empty: bool


class _Mark(NamedTuple):
    """The place of a bar in a row."""

    done: float
    total: float | None


_Cell = list["str | _Mark"]


class _Row:
    """A row of a table, or what stands between two blocks, which is one cell."""

    def __init__(self, table: int = 0) -> None:
        self.table = table  # from 1 on; 0 is none
        self.header = False
        self.begun = False  # its first cell has
        self.as_written = False  # blanks count
        self.cells: list[_Cell] = [[]]

    def texts(self) -> tuple[str, ...]:
        """Its cells as text: a bar is a count, unless the words of the row say that."""
        words = _words([piece for cell in self.cells for piece in [*cell, " "]])
        texts = ("".join(_shown(piece, words) for piece in cell) for cell in self.cells)
        return tuple(text.rstrip() if self.as_written else text.strip() for text in texts)

    def bars(self) -> list[HtmlBar]:
        """Each bar with the words around it, up to the next."""
        flat: _Cell = [piece for cell in self.cells for piece in [*cell, " "]]
        places = [place for place, piece in enumerate(flat) if isinstance(piece, _Mark)]
        found = []
        for before, place, after in zip([-1, *places], places, [*places[1:], len(flat)], strict=False):
            mark = flat[place]
            assert isinstance(mark, _Mark)
            words = "" if before >= 0 else _words(flat[:place])
            found.append(HtmlBar(mark.done, mark.total, words, _words(flat[place + 1 : after])))
        return found


class _Reader(HTMLParser):
    """Collects rows; what is nested in a table's cell is part of that cell."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.rows = [_Row()]
        self.empty = True
        self._unseen: list[str] = []
        self._pre = 0
        self._tables = 0  # how many have begun
        self._depth = 0  # in how many the text stands

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.empty = self.empty and tag in _FRAMES and "id" not in given and not _DRAWN.search(given.get("style") or "")
        if self._unseen == ["progress"] and tag not in _INLINE:
            self._unseen.clear()  # it was not closed
        if tag == "progress" and not self._unseen:
            self._put(_mark(given))
        if tag in _UNSEEN:
            self._unseen.append(tag)
        elif tag == "table":
            self._depth += 1
            self._tables += self._depth == 1
            self._begin_row()
        elif self._depth:
            self._in_table(tag)
        elif tag not in _INLINE:
            self._begin_row()
            if tag == "li":
                self._put("- ")
        self._pre += tag == "pre"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag in _UNSEEN or tag in ("pre", "table"):
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._unseen:
            while self._unseen.pop() != tag:  # with those in it that were never closed
                pass
        elif tag == "table" and self._depth > 1:
            self._depth -= 1
            self._put(" ")
        elif tag == "table" and self._depth:
            self._depth = 0
            self._begin_row()
        elif not self._depth and tag not in _INLINE:
            self._begin_row()
        self._pre = max(0, self._pre - (tag == "pre"))

    def handle_data(self, data: str) -> None:
        if self._unseen:
            return
        if not self._pre:
            self._put(_BLANKS.sub(" ", data))
            return
        for number, line in enumerate(data.split("\n")):
            if number:
                self._begin_row()
            self.rows[-1].as_written = True
            self._put(line)

    def _in_table(self, tag: str) -> None:
        row = self.rows[-1]
        if self._depth == 1 and tag == "tr":
            self._begin_row()
        elif self._depth == 1 and tag in _CELLS:
            if row.begun:
                row.cells.append([])
            row.header = (row.header or not row.begun) and tag == "th"
            row.begun = True
        elif tag not in _INLINE:
            self._put(" ")

    def _begin_row(self) -> None:
        if self._depth > 1:
            return
        table, last = self._tables if self._depth else 0, self.rows[-1]
        if last.begun or any(last.cells) or last.table != table:
            self.rows.append(_Row(table))

    def _put(self, piece: str | _Mark) -> None:
        if piece:
            self.rows[-1].cells[-1].append(piece)


def read(html: str) -> Page:
    """Read HTML, or what somebody took for it: nothing is an error."""
    reader = _Reader()
    with contextlib.suppress(AssertionError):  # what some malformed declarations are to the parser
        reader.feed(html if len(html) <= MAX_CHARS else _shortened(html))
        reader.close()
    bars = [bar for row in reader.rows for bar in row.bars()]
    text = _text(reader.rows)
    return Page(bars, _tables(reader.rows), text, reader.empty and not bars and not text)


def _mark(attrs: dict[str, str | None]) -> _Mark:
    done, total = _number(attrs.get("value")), _number(attrs.get("max", "1"))
    if done is None or not total:
        return _Mark(done or 0.0, None)
    return _Mark(min(done, total), total)


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None


def _words(pieces: _Cell) -> str:
    return _BLANKS.sub(" ", "".join(piece for piece in pieces if isinstance(piece, str))).strip()


def _shown(piece: str | _Mark, words: str) -> str:
    if isinstance(piece, str):
        return piece
    if piece.total is None:
        return ""
    count = f"{piece.done:g}/{piece.total:g}"
    return "" if count in words or "%" in words else count


def _text(rows: list[_Row]) -> str:
    """Lines without blank ones; the columns of a table stand below one another."""
    lines: list[str] = []
    for table, together in groupby(rows, key=lambda row: row.table):
        texts = [row.texts() for row in together]
        lines += _aligned(texts) if table else [text for row in texts for text in row]
    return "\n".join(line for line in lines if line.strip())


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    columns = max(len(row) for row in rows)
    widths = [max((len(row[place]) for row in rows if place < len(row)), default=0) for place in range(columns)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=False)).rstrip() for row in rows]


def _tables(rows: list[_Row]) -> list[Table]:
    """Tables whose first row is a header. A row in which a bar stands is no row of values."""
    found: list[Table] = []
    for table, together in groupby((row for row in rows if row.begun), key=lambda row: row.table):
        header, *rest = together
        if table and header.header:
            names = header.texts()
            values = [row.texts() for row in rest if len(row.cells) == len(names) and not row.bars()]
            found.append(Table(names, values))
    return found


def _shortened(html: str) -> str:
    """The beginning, and of a long table the last rows: others have been read when they were the last."""
    head, tail = html[:_HEAD_CHARS], html[_HEAD_CHARS - MAX_CHARS :]
    row = tail.find("<tr")
    end = max(head.rfind("</tr>"), head.rfind("</div>"), head.rfind("<p>"))
    if row < 0 or end < 0:
        return html[:MAX_CHARS]
    return f"{head[:end]}</tr><tr><td>\u2026</td></tr>{tail[row:]}"
