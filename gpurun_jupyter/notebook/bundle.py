"""A run as a mime bundle: for our extension, for any browser, and for plain text."""

from __future__ import annotations

from html import escape
from typing import Any

import msgspec

from gpurun_jupyter.cli import words
from gpurun_jupyter.cli.screen import Table
from gpurun_jupyter.cli.tail import Tail, plain
from gpurun_jupyter.core.runs import Run as RunRecord

RUN_MIME = "application/vnd.gpurun.run+json"
WIDGET_MIME = "application/vnd.jupyter.widget-view+json"
_PLAIN_LINES = 50
_FONT = "font-family: var(--jp-ui-font-family, system-ui, sans-serif)"
_PRE = "max-height: 24em; overflow: auto; margin: 4px 0 0 1.2em; white-space: pre-wrap"
_CELL = "text-align: left; padding: 1px 16px 1px 0; white-space: nowrap"


def summary(record: RunRecord) -> dict[str, Any]:
    """The Run as JSON, without its spec: the code stands in the cell already."""
    built: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(record, spec=None))
    return built


def run_bundle(record: RunRecord, text: str = "", published: int = 0) -> dict[str, Any]:
    """What is shown of a run; `published` counts its displays, value and error that stand in the cell by themselves."""
    line, lines = words.state_line(record), plain(text).rstrip("\n")
    return {
        RUN_MIME: {"run_id": record.id, "summary": summary(record), "published": published},
        "text/html": _html(record, lines),
        "text/plain": "\n".join([line, *lines.split("\n")[-_PLAIN_LINES:]] if lines else [line]),
    }


def table_html(table: Table) -> str:
    """A small table with its title."""
    title = f"<b>{escape(table.title)}</b>" if table.title else ""
    if not table.rows:
        return f'<div style="{_FONT}">{title} {escape(table.empty)}</div>'
    head = _row("th", table.columns) if any(table.columns) else ""
    body = "".join(_row("td", row) for row in table.rows)
    return f'<div style="{_FONT}">{title}<table>{head}{body}</table></div>'


def text_of(tail: Tail) -> dict[str, Any]:
    """The tail as the widget takes it: the text as a terminal would get it, and how many lines there were in all."""
    return {"text": tail.text, "lines": tail.total_lines}


def _html(record: RunRecord, lines: str) -> str:
    line = f"{words.glyph(record)} <b>{escape(record.name)}</b> {escape(words.how(record))}"
    output = f'<pre style="{_PRE}">{escape(lines)}</pre>' if lines else ""
    return f'<div style="{_FONT}"><div>{line}</div>{output}</div>'


def _row(tag: str, cells: tuple[str, ...]) -> str:
    inside = "".join(f'<{tag} style="{_CELL}">{escape(cell)}</{tag}>' for cell in cells)
    return f"<tr>{inside}</tr>"
